//! Amazon ECR with the role of the pod (IRSA): what `check --online` says, in `tests/golden/ecr_setups.txt`.

use std::time::Duration;

use countersign_testkit::aws::Clock;
use countersign_testkit::aws::Setup;
use countersign_testkit::aws::blob_store::BlobStore;
use countersign_testkit::aws::ecr_api;
use countersign_testkit::aws::ecr_api::EcrApi;
use countersign_testkit::aws::ecr_registry::EcrRegistry;
use countersign_testkit::aws::ecr_tokens::EcrTokens;
use countersign_testkit::aws::sts::Sts;
use countersign_testkit::aws::web_identity::ServiceAccountToken;
use countersign_testkit::aws::web_identity::TokenIssuer;
use countersign_testkit::folder::Folder;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::proxy::Proxy;
use serde_json::Value;

use super::assert_golden;
use super::warnings;
use crate::commands::check::check_online;
use crate::commands::check::policy;
use crate::commands::check::sound;
use crate::commands::check::statement;

const HOST: &str = "111122223333.dkr.ecr.eu-central-1.amazonaws.com";
const STORE: &str = "prod-eu-central-1-starport-layer-bucket.s3.eu-central-1.amazonaws.com";
const STS: &str = "sts.eu-central-1.amazonaws.com";
const API: &str = "api.ecr.eu-central-1.amazonaws.com";
const ROLE: &str = "arn:aws:iam::111122223333:role/countersign";

/// A pod whose service account has a role, and a registry of Amazon ECR with `app:v1`.
struct Eks {
    setup: Setup,
    issuer: TokenIssuer,
    proxy: Proxy,
    folder: Folder,
    /// The variables of the pod.
    environment: Vec<(&'static str, String)>,
    _services: (Sts, EcrApi, EcrRegistry, BlobStore),
}

impl Eks {
    async fn start() -> Self {
        let root = Authority::root(CertSpec::root().common_name("AWS"));
        let setup = Setup::new(&Clock::system()).tls(&root.issue(CertSpec::tls_server(&[HOST, STORE, STS, API])));
        let tokens = EcrTokens::new();
        let (sts, api, proxy) = (Sts::start(&setup).await, EcrApi::start(&setup, &tokens).await, Proxy::start().await);
        let (registry, blobs) = EcrRegistry::start_behind(&proxy, &setup, &tokens, [HOST, STORE]).await;
        let _ = registry.push_image("app", "v1");
        let issuer = TokenIssuer::new("https://oidc.eks.eu-central-1.amazonaws.com/id/0123456789ABCDEF");
        sts.trust_web_identity(ROLE, &issuer, "countersign", "countersign");
        proxy.resolve(&format!("{STS}:443"), sts.address());
        proxy.resolve(&format!("{API}:443"), api.address());
        let folder = sound();
        folder.write("aws.pem", root.pem());
        folder.write("trust/trustpolicy.json", policy(&[statement("app", &format!("{HOST}/app"))]));
        let environment = vec![
            ("AWS_ROLE_ARN", ROLE.to_owned()),
            ("AWS_WEB_IDENTITY_TOKEN_FILE", folder.path().join("token").display().to_string()),
            ("AWS_REGION", "eu-central-1".to_owned()),
        ];
        let eks = Self { setup, issuer, proxy, folder, environment, _services: (sts, api, registry, blobs) };
        eks.write_token(&eks.token("countersign"));
        eks.configure(&eks.proxy.url(), "aws.pem");
        eks
    }

    /// The token of this service account, of one hour.
    fn token(&self, name: &str) -> ServiceAccountToken {
        ServiceAccountToken::new("countersign", name, self.setup.clock().now())
    }

    fn write_token(&self, token: &ServiceAccountToken) {
        self.folder.write("token", self.issuer.token(token));
    }

    /// A configuration whose requests to AWS go through this proxy, and trust these authorities.
    fn configure(&self, aws_proxy: &str, ca: &str) {
        let proxy = self.proxy.url();
        let config = format!(
            "trust: {{directory: trust}}
aws: {{proxy: '{aws_proxy}', ca: {ca}, instanceMetadata: false}}
unlistedRegistries: refuse
registries:
- {{host: {HOST}, ca: aws.pem, proxy: '{proxy}', credentials: {{ecr: {{}}}}}}
- {{host: {STORE}, ca: aws.pem, proxy: '{proxy}'}}
"
        );
        self.folder.write("c.yaml", config);
    }

    fn set(&mut self, variable: &str, value: &str) {
        let (_, found) = self.environment.iter_mut().find(|(name, _)| *name == variable).unwrap();
        value.clone_into(found);
    }

    async fn check(&self) -> Value {
        let image = format!("--image={HOST}/app:v1");
        check_online(&self.folder, Some(&image), &self.environment, &["eyJ", "QVdT"]).await.0
    }
}

fn problems(document: &Value) -> Vec<String> {
    warnings(document, &["ecr-token-not-issued", "image-unreadable", "aws-clock"])
}

#[tokio::test]
async fn what_a_right_set_up_says_is_nothing() {
    let document = Eks::start().await.check().await;
    assert_eq!(problems(&document), Vec::<String>::new());
    assert!(document["triedImages"][0]["blob"]["digest"].is_string(), "{document}");
}

#[tokio::test]
async fn what_a_wrong_set_up_says_is_that_of_the_golden_file() {
    let mut cases = Vec::new();
    for (name, eks) in setups().await {
        cases.push((name, problems(&eks.check().await)));
    }
    assert_golden("ecr_setups.txt", &cases);
}

async fn setups() -> Vec<(&'static str, Eks)> {
    let mut no_role = Eks::start().await;
    no_role.environment.retain(|(name, _)| *name == "AWS_REGION");

    let mut tenant = Eks::start().await;
    tenant.set("AWS_ROLE_ARN", "arn:aws:iam::444455556666:role/countersign");

    let other = Eks::start().await;
    other.write_token(&other.token("default"));

    let scope = Eks::start().await;
    scope.setup.keys().deny(ROLE, ecr_api::ACTION);

    let repository = Eks::start().await;
    repository.setup.keys().deny(ROLE, "ecr:BatchGetImage");

    let clock = Eks::start().await;
    clock.setup.clock().advance(Duration::from_secs(4200));

    let proxy = Eks::start().await;
    let ended = Proxy::start().await;
    proxy.configure(&ended.url(), "aws.pem");
    drop(ended);

    let inspected = Eks::start().await;
    inspected.folder.write("other.pem", Authority::root(CertSpec::root().common_name("Company")).pem());
    inspected.configure(&inspected.proxy.url(), "other.pem");

    let audience = Eks::start().await;
    audience.write_token(&audience.token("countersign").audience("api://AzureADTokenExchange"));

    let mut keys = Eks::start().await;
    let key = keys.setup.keys().for_user("arn:aws:iam::111122223333:user/ci");
    keys.environment = vec![
        ("AWS_ACCESS_KEY_ID", key.id),
        ("AWS_SECRET_ACCESS_KEY", key.secret),
        ("AWS_REGION", "eu-central-1".to_owned()),
    ];
    keys.setup.clock().advance(Duration::from_secs(3600));

    vec![
        ("The pod has no role", no_role),
        ("The role is one of another account, which does not trust the cluster", tenant),
        ("The role trusts another service account", other),
        ("The role has no permission for tokens, which have no other scope", scope),
        ("The role has no permission for the repository", repository),
        ("The clock of the cluster is more than an hour behind, and the pod has a role", clock),
        ("The clock of the cluster is an hour behind, and the pod has keys", keys),
        ("A proxy that is not there", proxy),
        ("A proxy that presents certificates of its own authority", inspected),
        ("The token of the service account has another audience", audience),
    ]
}
