//! `--online`: the calls of AWS that the configuration needs, once each, against doubles of its services.

use countersign_testkit::aws::AccessKey;
use countersign_testkit::aws::Clock;
use countersign_testkit::aws::Setup;
use countersign_testkit::aws::ecr_api;
use countersign_testkit::aws::ecr_api::EcrApi;
use countersign_testkit::aws::ecr_tokens::EcrTokens;
use countersign_testkit::aws::signer_data;
use countersign_testkit::aws::signer_data::SignerData;
use countersign_testkit::folder::Folder;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use serde_json::Value;
use serde_json::json;
use time::Duration;

use crate::commands::check::check_in;
use crate::commands::check::policy;
use crate::commands::check::sound;
use crate::commands::check::statement;

const USER: &str = "arn:aws:iam::111122223333:user/ci";
const HOST: &str = "111122223333.dkr.ecr.eu-central-1.amazonaws.com";
const PROFILE: &str = "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci";

struct Services {
    setup: Setup,
    key: AccessKey,
    api: EcrApi,
    signer: SignerData,
}

impl Services {
    async fn start(clock: &Clock) -> Self {
        let setup = Setup::new(clock);
        let key = setup.keys().for_user(USER);
        let api = EcrApi::start(&setup, &EcrTokens::new()).await;
        let signer = SignerData::start(&setup).await;
        Self { setup, key, api, signer }
    }

    /// A configuration whose AWS is these services, with this `aws.region`.
    fn folder(&self, region: &str) -> Folder {
        let (api, signer) = (self.api.url(), self.signer.url());
        let folder = sound();
        let config = format!(
            "trust: {{directory: trust}}
aws: {{{region}signer: {{enabled: true, endpoint: '{signer}'}}}}
unlistedRegistries: refuse
registries:
- {{host: {HOST}, credentials: {{ecr: {{endpoint: '{api}'}}}}}}
- {{host: '*.dkr.ecr.us-west-2.amazonaws.com', credentials: {{ecr: {{endpoint: '{api}', region: eu-central-1}}}}}}
"
        );
        folder.write("c.yaml", config);
        let root = Authority::root(CertSpec::root());
        folder.write("trust/truststore/x509/signingAuthority/aws/root.pem", root.pem());
        let mut signed = statement("app", &format!("{HOST}/app"));
        signed["trustStores"] = json!(["signingAuthority:aws"]);
        signed["trustedIdentities"] = json!([PROFILE]);
        folder.write("trust/trustpolicy.json", policy(&[signed]));
        folder
    }

    /// The document and the page.
    async fn check(&self, folder: Folder, online: bool) -> (Value, String) {
        let environment =
            vec![("AWS_ACCESS_KEY_ID", self.key.id.clone()), ("AWS_SECRET_ACCESS_KEY", self.key.secret.clone())];
        self.check_in(folder, online, environment).await
    }

    /// The same with the credentials of this environment.
    async fn check_in(
        &self,
        folder: Folder,
        online: bool,
        environment: Vec<(&'static str, String)>,
    ) -> (Value, String) {
        let secret = self.key.secret.clone();
        let work = move || {
            let environment: Vec<_> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let mut arguments = vec!["--for", "verify"];
            arguments.extend(online.then_some("--online"));
            let page = check_in(&folder, &arguments, &environment).1;
            arguments.extend(["-o", "json"]);
            let (code, text) = check_in(&folder, &arguments, &environment);
            assert_eq!(code, Some(0), "{text}");
            assert!(!text.contains(&secret) && !page.contains(&secret));
            (serde_json::from_str(&text).unwrap(), page)
        };
        // The services run on this thread.
        tokio::task::spawn_blocking(work).await.unwrap()
    }
}

fn warnings(document: &Value) -> Vec<(&str, &str)> {
    let list = document["warnings"].as_array().unwrap().iter();
    let shown = list.map(|one| (one["warning"].as_str().unwrap(), one["message"].as_str().unwrap()));
    shown.filter(|(kind, _)| *kind != "aws-signer-root-unknown").collect()
}

#[tokio::test]
async fn one_token_for_each_entry_and_one_status_are_requested() {
    let services = Services::start(&Clock::system()).await;
    let (document, page) = services.check(services.folder("region: eu-central-1, "), true).await;
    assert_eq!(warnings(&document), []);
    let aws = &document["aws"];
    assert_eq!(aws["podCredentials"], "the keys of the environment");
    let tokens = aws["tokens"].as_array().unwrap();
    let shown = |token: &Value| (token["registry"].clone(), token["role"].clone(), token["problem"].clone());
    let pod = json!("the role of the pod");
    assert_eq!(
        tokens.iter().map(shown).collect::<Vec<_>>(),
        [(json!(HOST), pod.clone(), Value::Null), (json!("*.dkr.ecr.us-west-2.amazonaws.com"), pod, Value::Null)]
    );
    assert!(tokens.iter().all(|token| token["usableUntil"].is_string()), "{aws}");
    let version = format!("{PROFILE}/0000000000");
    let address = services.signer.url();
    let signer =
        json!({"region": "eu-central-1", "address": address, "profile": version, "refusal": null, "problem": null});
    assert_eq!(aws["signer"], json!([signer]));
    assert!(aws["clockDifferenceSeconds"].as_i64().unwrap().abs() < 60, "{aws}");
    // By the page and by the document.
    assert_eq!((services.api.count(), services.signer.count()), (4, 2));
    let asked = services.signer.journal();
    assert_eq!(asked[0].parameter("profileVersionArn"), Some(&*version));
    assert!(page.contains(&format!("\ntoken         for {HOST}, the role of the pod\n  issued      until ")), "{page}");
    let signer = format!(
        "\npod           credentials from the keys of the environment\nAWS Signer    {address}, eu-central-1\n  answered    the permission signer:GetRevocationStatus is there\n  profile     {version}\n"
    );
    assert!(page.contains(&signer), "{page}");
    let section =
        "\nsection       aws\n  region                eu-central-1\n  partitions            aws,aws-us-gov,aws-cn\n";
    assert!(page.contains(section) && page.contains("\n  signer.revokedLifetime  24h\n"), "{page}");
}

#[tokio::test]
async fn a_missing_permission_is_a_warning_that_names_the_action() {
    let services = Services::start(&Clock::system()).await;
    services.setup.keys().deny(USER, ecr_api::ACTION);
    services.setup.keys().deny(USER, signer_data::ACTION);
    let (document, page) = services.check(services.folder("region: eu-central-1, "), true).await;
    let found = warnings(&document);
    let kinds: Vec<_> = found.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, ["ecr-token-not-issued", "ecr-token-not-issued", "aws-signer-unusable"]);
    let denied = |action: &str| {
        format!(
            "User: {USER} is not authorized to perform: {action} because no identity-based policy allows the {action} action; allow {action} to the role of the pod"
        )
    };
    assert_eq!(
        found[0].1,
        format!(
            "registry {HOST}, token for the role of the pod: ECR GetAuthorizationToken failed at {}: found status 400 \
             AccessDeniedException, expected 200: {}",
            services.api.host(),
            denied(ecr_api::ACTION)
        )
    );
    assert_eq!(
        found[2].1,
        format!(
            "AWS Signer in eu-central-1 ({}): AWS Signer GetRevocationStatus failed: found status 403 AccessDeniedException, expected 200: {}",
            services.signer.url(),
            denied(signer_data::ACTION)
        )
    );
    let why = format!("ECR GetAuthorizationToken failed at {}: found status 400", services.api.host());
    assert!(page.contains(&format!("\n  not issued  {why}")), "{page}");
}

#[tokio::test]
async fn a_token_file_that_is_missing_is_named_with_variable_path_and_error() {
    let services = Services::start(&Clock::system()).await;
    for (variable, other) in [
        ("AWS_WEB_IDENTITY_TOKEN_FILE", ("AWS_ROLE_ARN", "arn:aws:iam::111122223333:role/countersign")),
        (
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.23/v1/credentials"),
        ),
    ] {
        let environment = vec![(variable, "/nonexistent/token".to_owned()), (other.0, other.1.to_owned())];
        let folder = services.folder("region: eu-central-1, ");
        let (document, page) = services.check_in(folder, true, environment).await;
        let missing = format!(
            "AWS credentials failed: {variable}: found the file /nonexistent/token, which cannot be read (No such file or \
             directory (os error 2)), expected the token of the service account; check the volume with the token"
        );
        let mut found = warnings(&document);
        // Without a request too.
        found.retain(|(kind, _)| *kind != "aws-credentials");
        let kinds: Vec<_> = found.iter().map(|(kind, _)| *kind).collect();
        assert_eq!(kinds, ["ecr-token-not-issued", "ecr-token-not-issued", "aws-signer-unusable"]);
        assert!(found.iter().all(|(_, message)| message.contains(&missing)), "{found:?}");
        assert!(page.contains(&format!("\n  not issued  {missing}")), "{page}");
    }
    assert_eq!((services.api.count(), services.signer.count()), (0, 0));
}

#[tokio::test]
async fn a_service_that_refuses_the_made_up_signature_was_reached() {
    let services = Services::start(&Clock::system()).await;
    services.signer.fail(countersign_testkit::aws::ServiceError::new(400, "ValidationException", "no such profile"));
    let (document, page) = services.check(services.folder("region: eu-central-1, "), true).await;
    assert_eq!(warnings(&document), []);
    let signer = &document["aws"]["signer"][0];
    assert_eq!(signer["problem"], Value::Null);
    let refusal = "found status 400 ValidationException, expected 200: no such profile";
    assert_eq!(signer["refusal"], refusal);
    let shown =
        format!("\n  reached     it refuses a signature that does not exist, and not the permission: {refusal}\n");
    assert!(page.contains(&shown) && !page.contains("aws.signer.regions"), "{page}");
}

#[tokio::test]
async fn the_partitions_of_the_signing_profiles_are_asked_and_those_that_are_not_called_are_named() {
    let services = Services::start(&Clock::system()).await;
    let profile =
        |partition: &str, region: &str| format!("arn:{partition}:signer:{region}:111122223333:/signing-profiles/ci");
    let with = |partitions: &str| {
        let folder = services.folder(&format!("region: eu-central-1, {partitions}"));
        let mut signed = statement("app", &format!("{HOST}/app"));
        signed["trustStores"] = json!(["signingAuthority:aws"]);
        signed["trustedIdentities"] = json!([profile("aws-us-gov", "us-gov-west-1"), profile("aws-cn", "cn-north-1")]);
        folder.write("trust/trustpolicy.json", policy(&[signed]));
        folder
    };
    let (document, page) = services.check(with("partitions: [aws, aws-us-gov], "), true).await;
    let shown = |one: &Value| (one["region"].clone(), one["profile"].clone());
    let signer = document["aws"]["signer"].as_array().unwrap();
    let version = format!("{}/0000000000", profile("aws-us-gov", "us-gov-west-1"));
    assert_eq!(
        signer.iter().map(shown).collect::<Vec<_>>(),
        [
            (json!("cn-north-1"), Value::Null),
            (json!("eu-central-1"), Value::Null),
            (json!("us-gov-west-1"), json!(version))
        ]
    );
    let why = "it was not asked: the trust policy names a signing profile in the partition aws-cn, expected one of \
               aws.partitions: aws, aws-us-gov; add it if its services may be called";
    assert_eq!(signer[0]["problem"], why);
    let (kind, message) = warnings(&document)[0];
    assert_eq!((kind, message), ("aws-signer-unusable", &*format!("AWS Signer in cn-north-1 (AWS Signer): {why}")));
    let made_up = "\n  profile     a made-up one, as the trust policy names none that is asked here\n";
    assert!(page.contains(made_up), "{page}");
}

#[tokio::test]
async fn a_clock_that_is_wrong_is_a_warning_beside_the_calls_that_are_refused_for_it() {
    for (minutes, direction) in [(20, "behind"), (-20, "ahead of")] {
        let other = Clock::at(time::OffsetDateTime::now_utc() + Duration::minutes(minutes));
        let services = Services::start(&other).await;
        let (document, page) = services.check(services.folder("region: eu-central-1, "), true).await;
        let refused = warnings(&document).into_iter().filter(|(kind, message)| {
            ["ecr-token-not-issued", "aws-signer-unusable"].contains(kind)
                && message.contains("check the clock of the node")
        });
        assert_eq!(refused.count(), 3, "{document}");
        assert!(!page.contains("  issued "), "{page}");
        let clock: Vec<_> = warnings(&document).into_iter().filter(|(kind, _)| *kind == "aws-clock").collect();
        let [(_, message)] = clock[..] else { panic!("{document}") };
        let start = "the clock of this machine is 1";
        assert!(message.starts_with(start) && message.contains(&format!(" s {direction} that of AWS")), "{message}");
        let line = page.lines().find(|line| line.trim_start().starts_with("clock ")).unwrap_or_default();
        assert!(line.ends_with(&format!(" s {direction} that of AWS")) && !line.contains('-'), "{page}");
    }
}

#[tokio::test]
async fn without_a_region_the_one_of_the_signing_profiles_is_asked() {
    let services = Services::start(&Clock::system()).await;
    let (document, _) = services.check(services.folder(""), true).await;
    assert_eq!(document["aws"]["signer"][0]["region"], "eu-central-1", "{document}");
}

#[tokio::test]
async fn nothing_is_requested_without_the_option() {
    let services = Services::start(&Clock::system()).await;
    let (document, _) = services.check(services.folder("region: eu-central-1, "), false).await;
    assert_eq!(document.get("aws"), None);
    assert_eq!((services.api.count(), services.signer.count()), (0, 0));
}
