//! `--trace`: the calls of clouds for tokens and trust stores, and none of their secrets.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_test_support::binary;
use countersign_testkit::aws::Clock;
use countersign_testkit::aws::Setup;
use countersign_testkit::aws::ecr_api::EcrApi;
use countersign_testkit::aws::ecr_registry::EcrRegistry;
use countersign_testkit::aws::ecr_tokens::EcrTokens;
use countersign_testkit::aws::signature::SignerPki;
use countersign_testkit::aws::signature::SignerSignature;
use countersign_testkit::aws::signer_data::SignerData;
use countersign_testkit::aws::sts::Sts;
use countersign_testkit::azure::Role;
use countersign_testkit::azure::acr::Acr;
use countersign_testkit::azure::blob_store::BlobStore;
use countersign_testkit::azure::vault_site::VaultSite;
use countersign_testkit::cloud;
use countersign_testkit::folder::Folder;
use countersign_testkit::google::Accounts;
use countersign_testkit::google::artifact_registry::ArtifactRegistry;
use countersign_testkit::google::metadata::Metadata;
use countersign_testkit::notation;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::proxy::Proxy;
use countersign_testkit::registry::RecordedRequest;
use countersign_testkit::registry::Reply;
use serde_json::Value;
use serde_json::json;

/// The standard output of `inspect --trace` for this image, as text and as JSON, with the log of both.
async fn trace(folder: &Folder, environment: &[(&'static str, String)], image: &str) -> (String, Value, String) {
    let config = folder.path().join("c.yaml").display().to_string();
    let (environment, image) = (environment.to_vec(), image.to_owned());
    let run = move |output: &str| {
        let environment: Vec<_> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let mut command = binary::command(env!("CARGO_BIN_EXE_countersign"), &environment);
        let output = command.args(["inspect", "--config", &config, "--trace", "-o", output, &image]).output().unwrap();
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    // The services run on this thread.
    let work = move || {
        let ((page, log), (document, more)) = (run("text"), run("json"));
        let parsed = serde_json::from_str(&document).unwrap_or_else(|error| panic!("{error}: {document}{more}"));
        (page.clone(), parsed, format!("{page}{log}{document}{more}"))
    };
    tokio::task::spawn_blocking(work).await.unwrap()
}

fn steps(document: &Value) -> &[Value] {
    document["trace"]["requests"].as_array().unwrap()
}

/// The steps of these calls: name, method, host, status and result.
fn calls(document: &Value, of: &[&str]) -> Vec<String> {
    let is_call = |step: &&Value| of.contains(&step["stage"].as_str().unwrap());
    let found: Vec<&Value> = steps(document).iter().filter(is_call).collect();
    for step in &found {
        assert!(step["path"].is_null() && step["credential"].is_null() && step["entry"].is_null(), "{step}");
        assert!(step["tookMilliseconds"].is_u64() && step["afterMilliseconds"].is_u64(), "{step}");
    }
    let text = |step: &Value, member: &str| step[member].as_str().unwrap().to_owned();
    let shown = |step: &&Value| {
        let [call, method, host, result] = ["stage", "method", "host", "result"].map(|member| text(step, member));
        format!("{call} {method} {host} {} {result}", step["status"])
    };
    found.iter().map(shown).collect()
}

/// Values of an answer that are secrets.
const SECRET_MEMBERS: [&str; 6] =
    ["access_token", "refresh_token", "id_token", "authorizationToken", "SecretAccessKey", "SessionToken"];

/// What these requests and their answers had that is secret: credentials of headers, secrets of forms, and issued tokens.
fn secrets(requests: &[RecordedRequest]) -> Vec<String> {
    let mut secrets = Vec::new();
    for request in requests {
        secrets.extend(
            request.authorization().and_then(|header| header.split_once(' ')).map(|(_, value)| value.to_owned()),
        );
        let body = String::from_utf8_lossy(&request.body).into_owned();
        let form = url::form_urlencoded::parse(body.as_bytes()).into_owned();
        let names = ["client_assertion", "client_secret", "access_token", "refresh_token"];
        secrets.extend(form.filter(|(name, _)| names.contains(&name.as_str())).map(|(_, value)| value));
        if let Ok(answer) = serde_json::from_slice::<Value>(&request.answer_body()) {
            secrets.extend(SECRET_MEMBERS.iter().filter_map(|name| answer[name].as_str().map(str::to_owned)));
        }
    }
    secrets
}

/// Fails if `shown` has one of these secrets, encoded or decoded, or the signature of a token.
fn assert_without(shown: &str, secrets: &[String]) {
    assert!(secrets.len() > 3, "{secrets:?}");
    for secret in secrets {
        let mut forms = vec![secret.clone(), STANDARD.encode(secret), URL_SAFE_NO_PAD.encode(secret)];
        forms.extend(STANDARD.decode(secret).ok().and_then(|bytes| String::from_utf8(bytes).ok()));
        forms.extend(secret.split('.').nth(2).map(str::to_owned));
        for form in forms.iter().filter(|form| form.len() >= 8) {
            assert!(!shown.contains(form.as_str()), "{form} in {shown}");
        }
    }
}

const ACR: &str = "shops.azurecr.io";
const ACR_STORE: &str = "shops.blob.core.windows.net";
const AZURE_CALLS: [&str; 6] = [
    "entra-token",
    "managed-identity-token",
    "acr-exchange",
    "key-vault-versions",
    "key-vault-certificate",
    "key-vault-secret",
];

/// A vault that fills the store, and a registry of Azure.
struct Aks {
    site: VaultSite,
    acr: Acr,
    folder: Folder,
    _blobs: BlobStore,
}

impl Aks {
    async fn start() -> Self {
        let (site, folder) = (VaultSite::start().await, Folder::new());
        let (chain, _) = site.add_self_signed("shop");
        let (acr, blobs) = site.add_registry(ACR, ACR_STORE).await;
        notation::sign_image(&acr, "app", &acr.push_image("app", "v1"), &chain);
        folder.write("trust/trustpolicy.json", policy("ca:shop", "*"));
        site.write_files(&folder);
        let proxy = site.proxy.url();
        let config = format!(
            "trust: {{directory: trust, stores: [{}]}}
{}
unlistedRegistries: refuse
registries:
- {{host: {ACR}, ca: azure.pem, proxy: '{proxy}', credentials: {{acr: {{{}}}}}}}
- {{host: {ACR_STORE}, ca: azure.pem, proxy: '{proxy}'}}
",
            VaultSite::store("ca:shop", "", ", secret: false"),
            site.section(),
            VaultSite::identity()
        );
        folder.write("c.yaml", config);
        Self { site, acr, folder, _blobs: blobs }
    }

    async fn trace(&self) -> (String, Value, String) {
        trace(&self.folder, &[], &format!("{ACR}/app:v1")).await
    }
}

fn policy(store: &str, identity: &str) -> String {
    json!({"version": "1.0", "trustPolicies": [
        {"name": "app", "registryScopes": ["*"],
         "signatureVerification": {"level": "strict"}, "trustStores": [store], "trustedIdentities": [identity]},
    ]})
    .to_string()
}

#[tokio::test]
async fn the_calls_of_azure_for_the_store_and_the_token_are_steps() {
    let aks = Aks::start().await;
    let (page, document, all) = aks.trace().await;
    assert_eq!(document["image"]["verdict"], "verified", "{document}");
    let entra = aks.site.entra.authority_host();
    let entra = entra.trim_start_matches("http://").trim_end_matches('/');
    let vault = VaultSite::VAULT;
    assert_eq!(
        calls(&document, &AZURE_CALLS),
        [
            format!("entra-token POST {entra} 200 ok"),
            format!("key-vault-versions GET {vault} 200 ok"),
            format!("key-vault-certificate GET {vault} 200 ok"),
            format!("entra-token POST {entra} 200 ok"),
            format!("acr-exchange POST {ACR} 200 ok"),
        ]
    );
    // The store is filled before the image is begun. The registry demands a token, which the exchange is for.
    let stages: Vec<_> = steps(&document).iter().map(|step| step["stage"].as_str().unwrap()).collect();
    let of_registry = ["acr-exchange", "manifest", "token", "manifest", "referrers"];
    assert_eq!(stages[4..9], of_registry, "{stages:?}");
    let line = page.lines().find(|line| line.contains("acr-exchange")).unwrap();
    assert!(line.contains(&format!(" ms: acr-exchange: POST {ACR}: 200 ok, ")) && line.ends_with(" bytes"), "{line}");
    let mut secret = secrets(&aks.site.entra.requests());
    secret.extend(secrets(&aks.acr.requests()));
    secret.extend(secrets(&aks.site.vault.requests()));
    secret.push(VaultSite::SECRET.to_owned());
    assert_without(&all, &secret);
}

#[tokio::test]
async fn a_refused_call_and_each_attempt_of_a_failed_one_are_steps_with_their_results() {
    let aks = Aks::start().await;
    aks.acr.when_path("/oauth2/exchange").reply(Reply::status(503));
    let (_, document, all) = aks.trace().await;
    assert_eq!(document["image"]["verdict"], "inconclusive", "{document}");
    let found = calls(&document, &["acr-exchange"]);
    assert!(
        found.len() > 1 && found.iter().all(|call| *call == format!("acr-exchange POST {ACR} 503 failed")),
        "{found:?}"
    );
    assert_without(&all, &secrets(&aks.acr.requests()));
    let aks = Aks::start().await;
    aks.site.directory.unassign(VaultSite::CLIENT, Role::KeyVaultCertificateUser, VaultSite::VAULT);
    let (_, document, _) = aks.trace().await;
    let vault = format!("key-vault-versions GET {} 403 refused", VaultSite::VAULT);
    assert_eq!(calls(&document, &["key-vault-versions", "key-vault-certificate"]), [vault]);
}

#[tokio::test]
async fn the_call_of_the_metadata_server_of_google_is_a_step() {
    const HOST: &str = "europe-west1-docker.pkg.dev";
    const ACCOUNT: &str = "countersign@shop-project.iam.gserviceaccount.com";
    let (setup, accounts) = (cloud::Setup::new(&cloud::Clock::system()), Accounts::new());
    let metadata = Metadata::start(&setup, &accounts, "shop-project").await;
    metadata.set_account(Some(ACCOUNT));
    let root = Authority::root(CertSpec::root());
    let tls = setup.clone().tls(&root.issue(CertSpec::tls_server(&[HOST])));
    let registry = ArtifactRegistry::start(&tls, &accounts).await;
    registry.set_name(HOST);
    notation::sign_image(
        &registry,
        "shop-project/images/app",
        &registry.push_image("shop-project/images/app", "v1"),
        &root.issue(CertSpec::leaf()),
    );
    accounts.grant(ACCOUNT, "shop-project/images");
    let (proxy, folder) = (Proxy::start().await, Folder::new());
    proxy.resolve(&format!("{HOST}:443"), registry.address());
    folder.write("ca.pem", root.pem());
    folder.write("trust/trustpolicy.json", policy("ca:shop", "*"));
    folder.write("trust/truststore/x509/ca/shop/root.pem", root.pem());
    let config = format!(
        "trust: {{directory: trust}}
unlistedRegistries: refuse
registries:
- {{host: {HOST}, ca: ca.pem, proxy: '{}', credentials: {{google: {{}}}}}}
",
        proxy.url()
    );
    folder.write("c.yaml", config);
    let host = metadata.address().to_string();
    let image = format!("{HOST}/shop-project/images/app:v1");
    let (_, document, all) = trace(&folder, &[("GCE_METADATA_HOST", host.clone())], &image).await;
    assert_eq!(document["image"]["verdict"], "verified", "{document}");
    assert_eq!(calls(&document, &["metadata-token"]), [format!("metadata-token GET {host} 200 ok")]);
    let mut secret = secrets(&metadata.requests());
    secret.extend(secrets(&registry.requests()));
    assert_without(&all, &secret);
    // A failure without an answer.
    drop(metadata);
    metadata_is_gone(&folder, &host, &image).await;
}

/// The server has ended: the step has no status.
async fn metadata_is_gone(folder: &Folder, host: &str, image: &str) {
    let (page, document, _) = trace(folder, &[("GCE_METADATA_HOST", host.to_owned())], image).await;
    let found = calls(&document, &["metadata-token"]);
    let expected = format!("metadata-token GET {host} null unreachable");
    assert!(!found.is_empty() && found.iter().all(|call| *call == expected), "{found:?}");
    assert!(page.lines().any(|line| line.ends_with(&format!("metadata-token: GET {host}: unreachable"))), "{page}");
}

#[tokio::test]
async fn the_calls_of_sts_ecr_and_aws_signer_are_steps() {
    const USER: &str = "arn:aws:iam::111122223333:user/ci";
    const HOST: &str = "111122223333.dkr.ecr.eu-central-1.amazonaws.com";
    const STORE: &str = "prod-eu-central-1-starport-layer-bucket.s3.eu-central-1.amazonaws.com";
    const PROFILE: &str = "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci";
    let root = Authority::root(CertSpec::root().common_name("AWS"));
    let setup = Setup::new(&Clock::system());
    let tls = setup.clone().tls(&root.issue(CertSpec::tls_server(&[HOST, STORE])));
    let (tokens, proxy, folder) = (EcrTokens::new(), Proxy::start().await, Folder::new());
    let (key, role) = (setup.keys().for_user(USER), setup.role("puller"));
    let (sts, api) = (Sts::start(&setup).await, EcrApi::start(&setup, &tokens).await);
    sts.trust_principal(&role, USER, None);
    let signer = SignerData::start(&setup).await;
    let (registry, _blobs) = EcrRegistry::start_behind(&proxy, &tls, &tokens, [HOST, STORE]).await;
    let pki = SignerPki::new("eu-central-1");
    SignerSignature::new(&pki, &registry.push_image("app", "v1")).attach(&registry, "app");
    folder.write("aws.pem", root.pem());
    folder.write("trust/trustpolicy.json", policy("signingAuthority:aws", PROFILE));
    folder.write("trust/truststore/x509/signingAuthority/aws/root.pem", pki.root_pem());
    let proxy_url = proxy.url();
    let config = format!(
        "trust: {{directory: trust}}
aws: {{region: eu-central-1, signer: {{enabled: true, endpoint: '{}'}}}}
unlistedRegistries: refuse
registries:
- {{host: {HOST}, ca: aws.pem, proxy: '{proxy_url}', credentials: {{ecr: {{endpoint: '{}', roleArn: '{role}'}}}}}}
- {{host: {STORE}, ca: aws.pem, proxy: '{proxy_url}'}}
",
        signer.url(),
        api.url()
    );
    folder.write("c.yaml", config);
    let environment = [
        ("AWS_ACCESS_KEY_ID", key.id.clone()),
        ("AWS_SECRET_ACCESS_KEY", key.secret.clone()),
        ("AWS_ENDPOINT_URL_STS", sts.url()),
    ];
    let (_, document, all) = trace(&folder, &environment, &format!("{HOST}/app:v1")).await;
    assert_eq!(document["image"]["verdict"], "verified", "{document}");
    assert_eq!(
        calls(&document, &["credentials", "assume-role", "ecr-token", "ecr-public-token", "signer-status"]),
        [
            format!("assume-role POST {} 200 ok", sts.host()),
            format!("ecr-token POST {} 200 ok", api.host()),
            format!("signer-status GET {} 200 ok", signer.host()),
        ]
    );
    // The tokens of the registry, the key of the user, and those of the session of the role.
    let mut secret = secrets(&registry.requests());
    secret.push(key.secret);
    for exchange in api.journal() {
        let session = setup.keys().get(exchange.access_key_id.as_deref().unwrap()).unwrap();
        secret.extend([Some(session.secret), session.session_token].into_iter().flatten());
    }
    assert_without(&all, &secret);
}
