//! The doubles, the images and the running service.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use countersign::config::ConfigFile;
use countersign::config::Purpose;
use countersign::runtime::RuntimeError;
use countersign::runtime::Service;
use countersign_test_support::client::body;
use countersign_test_support::mounted::Client;
use countersign_test_support::mounted::GATEKEEPER;
use countersign_test_support::mounted::client;
use countersign_testkit::Descriptor;
use countersign_testkit::alone_with;
use countersign_testkit::aws::Clock;
use countersign_testkit::aws::Setup;
use countersign_testkit::aws::blob_store::BlobStore;
use countersign_testkit::aws::ecr_api::EcrApi;
use countersign_testkit::aws::ecr_registry::EcrRegistry;
use countersign_testkit::aws::ecr_tokens::EcrTokens;
use countersign_testkit::aws::signature::SignerPki;
use countersign_testkit::aws::signature::SignerSignature;
use countersign_testkit::aws::signer_data::SignerData;
use countersign_testkit::aws::sts::Sts;
use countersign_testkit::aws::web_identity::ServiceAccountToken;
use countersign_testkit::aws::web_identity::TokenIssuer;
use countersign_testkit::folder::Folder;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::proxy::Proxy;
use serde_json::json;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub(super) const HOST: &str = "111122223333.dkr.ecr.eu-central-1.amazonaws.com";
pub(super) const STORE: &str = "prod-eu-central-1-starport-layer-bucket.s3.eu-central-1.amazonaws.com";
pub(super) const ALIAS: &str = "arn:aws:signer:::/aliases/release";
const ROLE: &str = "arn:aws:iam::111122223333:role/countersign";

/// Time limit of a wait, for a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// AWS Signer with the defaults.
const SIGNER: &str = "signer: {enabled: true}";

/// The variable with the file of the service account's token, as the webhook of EKS sets it.
const TOKEN_FILE: &str = "AWS_WEB_IDENTITY_TOKEN_FILE";

/// What is running. Names lead to the doubles through the proxy.
pub(super) struct Eks {
    pub(super) sts: Sts,
    pub(super) signer: SignerData,
    pub(super) api: EcrApi,
    pub(super) registry: EcrRegistry,
    pub(super) blobs: BlobStore,
    pki: SignerPki,
    proxy: Proxy,
    folder: Folder,
    client: Client,
    health: String,
    /// How many were written after the first one.
    configurations: AtomicUsize,
    stop: oneshot::Sender<()>,
    run: JoinHandle<Result<(), RuntimeError>>,
}

/// All of it, in a process with the environment of a pod whose service account has a role (IRSA). None in the process that
/// starts that one, after the test has ended there.
pub(super) async fn in_pod(name: &str) -> Option<Eks> {
    let folder = Folder::new();
    let token = folder.file("token");
    let variables = [("AWS_ROLE_ARN", ROLE), (TOKEN_FILE, token.as_str()), ("AWS_REGION", "eu-central-1")];
    if alone_with(name, &variables) { Some(Eks::start().await) } else { None }
}

impl Eks {
    async fn start() -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let (folder, root) = (Folder::new(), Authority::root(CertSpec::root()));
        let names = [
            HOST,
            STORE,
            "sts.eu-central-1.amazonaws.com",
            "data-signer.eu-central-1.amazonaws.com",
            "api.ecr.eu-central-1.amazonaws.com",
        ];
        let setup = Setup::new(&Clock::system()).tls(&root.issue(CertSpec::tls_server(&names)));
        let (tokens, proxy) = (EcrTokens::new(), Proxy::start().await);
        let (sts, signer, api) =
            (Sts::start(&setup).await, SignerData::start(&setup).await, EcrApi::start(&setup, &tokens).await);
        let blobs = BlobStore::start(&setup).await;
        blobs.set_base(&format!("https://{STORE}"));
        let registry = EcrRegistry::start(&setup, &tokens, &blobs).await;
        let addresses = [registry.address(), blobs.address(), sts.address(), signer.address(), api.address()];
        names.iter().zip(addresses).for_each(|(name, address)| proxy.resolve(&format!("{name}:443"), address));
        let issuer = TokenIssuer::new("https://oidc.eks.eu-central-1.amazonaws.com/id/0123456789ABCDEF");
        sts.trust_web_identity(ROLE, &issuer, "countersign", "countersign");
        let account = ServiceAccountToken::new("countersign", "countersign", setup.clock().now());
        std::fs::write(std::env::var(TOKEN_FILE).unwrap(), issuer.token(&account)).unwrap();

        let pki = SignerPki::new("eu-central-1");
        let (server, gatekeeper) =
            (root.issue(CertSpec::tls_server(&["127.0.0.1"])), root.issue(CertSpec::tls_client(GATEKEEPER)));
        folder.write("tls.crt", server.pem());
        folder.write("tls.key", server.key_pem());
        folder.write("ca.pem", root.pem());
        folder.write("trust/trustpolicy.json", policy());
        folder.write("trust/truststore/x509/signingAuthority/aws-signer-ts/root.pem", pki.root_pem());
        folder.write("c.yaml", config(&proxy.url(), SIGNER, "none.example"));
        let (file, read) = ConfigFile::load(&folder.path().join("c.yaml"), Purpose::Serve).unwrap();
        let service = Service::start(&read).await.unwrap().following(file, None);
        let client = Client::new(client(&root, Some(&gatekeeper)), service.address().unwrap());
        let health = format!("http://{}", service.health_address().unwrap());
        let (stop, stopped) = oneshot::channel::<()>();
        let run = tokio::spawn(service.run(async { drop(stopped.await) }));
        Self {
            sts,
            signer,
            api,
            registry,
            blobs,
            pki,
            proxy,
            folder,
            client,
            health,
            configurations: AtomicUsize::new(0),
            stop,
            run,
        }
    }

    /// An image of its own.
    pub(super) fn push(&self, repository: &str, tag: &str) -> Descriptor {
        self.registry.push_image(repository, tag)
    }

    /// An image with a signature of AWS Signer.
    pub(super) fn sign(
        &self,
        repository: &str,
        tag: &str,
        change: impl FnOnce(SignerSignature) -> SignerSignature,
    ) -> SignerSignature {
        let image = self.push(repository, tag);
        let signature = change(SignerSignature::new(&self.pki, &image));
        signature.attach(&self.registry, repository);
        signature
    }

    /// The verdict with its code and its warnings, or the reason why there is none.
    pub(super) async fn verdict(&self, repository: &str, tag: &str) -> String {
        let image = format!("{HOST}/{repository}:{tag}");
        let response = self.client.post("/v1/verify", body(&[&image])).await.unwrap();
        if let Some(why) = response["systemError"].as_str().filter(|why| !why.is_empty()) {
            return why.to_owned();
        }
        let value = &response["items"][0]["value"];
        let mut parts: Vec<_> =
            [&value["verdict"], &value["code"]].into_iter().filter_map(|part| part.as_str()).collect();
        parts.dedup();
        let warnings = value["warnings"].as_array().into_iter().flatten();
        parts.extend(
            warnings.flat_map(|warning| [&warning["code"], &warning["message"]]).filter_map(|part| part.as_str()),
        );
        parts.join(" ")
    }

    async fn metrics(&self) -> String {
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
        client.get(format!("{}/metrics", self.health)).send().await.unwrap().text().await.unwrap()
    }

    /// The value of a series.
    pub(super) async fn metric(&self, series: &str) -> Option<f64> {
        let text = self.metrics().await;
        let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.map(|value| value.parse().unwrap())
    }

    /// Takes a configuration with these keys of `aws` into use.
    pub(super) async fn reconfigure(&self, aws: &str) {
        // An entry of its own, whose series show that it is in use.
        let marker = format!("in-use-{}.example", self.configurations.fetch_add(1, Ordering::Relaxed));
        self.folder.write("c.yaml", config(&self.proxy.url(), aws, &marker));
        let in_use = async {
            while !self.metrics().await.contains(&marker) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        assert!(tokio::time::timeout(PATIENCE, in_use).await.is_ok(), "the configuration is not taken into use: {aws}");
    }

    pub(super) async fn stop(self) {
        self.stop.send(()).unwrap();
        self.run.await.unwrap().unwrap();
    }
}

/// Statements for three repositories, which enforce, log and skip revocation.
fn policy() -> String {
    let identities = json!([
        "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci",
        "arn:aws:signer:eu-west-1:111122223333:/signing-profiles/ci",
        ALIAS
    ]);
    let statement = |repository: &str, verification: serde_json::Value| {
        json!({
            "name": repository, "registryScopes": [format!("{HOST}/{repository}")], "signatureVerification": verification,
            "trustStores": ["signingAuthority:aws-signer-ts"], "trustedIdentities": identities,
        })
    };
    json!({
        "version": "1.0",
        "trustPolicies": [
            statement("app", json!({"level": "strict"})),
            statement("log", json!({"level": "strict", "override": {"revocation": "log"}})),
            statement("skip", json!({"level": "strict", "override": {"revocation": "skip"}})),
        ],
    })
    .to_string()
}

fn config(proxy: &str, aws: &str, marker: &str) -> String {
    format!(
        "server: {{listen: '127.0.0.1:0', verifyTimeout: 20s, tls: {{certificate: tls.crt, key: tls.key, clientCa: ca.pem}}}}
health: {{listen: '127.0.0.1:0'}}
trust: {{directory: trust, reloadInterval: 100ms}}
cache: {{tagLifetime: 50ms, rejectedLifetime: 50ms, verdictLifetime: 50ms}}
aws: {{proxy: '{proxy}', ca: ca.pem, {aws}}}
unlistedRegistries: refuse
registries:
- {{host: {HOST}, ca: ca.pem, proxy: '{proxy}', credentials: {{ecr: {{}}}}}}
- {{host: {STORE}, ca: ca.pem, proxy: '{proxy}'}}
- {{host: {marker}}}
"
    )
}
