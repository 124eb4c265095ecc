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
use countersign_testkit::registry::Registry;
use serde_json::json;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub(super) const HOST: &str = "111122223333.dkr.ecr.eu-central-1.amazonaws.com";
pub(super) const STORE: &str = "prod-eu-central-1-starport-layer-bucket.s3.eu-central-1.amazonaws.com";
pub(super) const ALIAS: &str = "arn:aws:signer:::/aliases/release";
/// An entry of a registry of Amazon ECR that requests tokens.
const ECR: &str = "credentials: {ecr: {}}";

/// One without credentials.
const ANONYMOUS: &str = "credentials: {anonymous: true}";

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
    /// A registry that needs no credentials.
    pub(super) plain: Registry,
    pki: SignerPki,
    _proxy: Proxy,
    config: Configuration,
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
    if is_in_pod(name) { Some(Eks::start(ECR, Token::Valid).await) } else { None }
}

/// As [`in_pod`], without tokens of Amazon ECR: the registries need no credentials.
pub(super) async fn in_pod_without_ecr(name: &str) -> Option<Eks> {
    if is_in_pod(name) { Some(Eks::start(ANONYMOUS, Token::Valid).await) } else { None }
}

/// As [`in_pod_without_ecr`], and the file with the token of the service account does not exist.
pub(super) async fn in_pod_without_token(name: &str) -> Option<Eks> {
    if is_in_pod(name) { Some(Eks::start(ANONYMOUS, Token::Missing).await) } else { None }
}

/// The token of the service account.
enum Token {
    Valid,
    Missing,
}

fn is_in_pod(name: &str) -> bool {
    let folder = Folder::new();
    let token = folder.file("token");
    alone_with(name, &[("AWS_ROLE_ARN", ROLE), (TOKEN_FILE, token.as_str()), ("AWS_REGION", "eu-central-1")])
}

impl Eks {
    /// `ecr` are keys of the entry of the registry of Amazon ECR.
    async fn start(ecr: &'static str, token: Token) -> Self {
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
        match token {
            Token::Valid => std::fs::write(std::env::var(TOKEN_FILE).unwrap(), issuer.token(&account)).unwrap(),
            Token::Missing => {}
        }
        let plain = Registry::start().await;

        let pki = SignerPki::new("eu-central-1");
        let (server, gatekeeper) =
            (root.issue(CertSpec::tls_server(&["127.0.0.1"])), root.issue(CertSpec::tls_client(GATEKEEPER)));
        folder.write("tls.crt", server.pem());
        folder.write("tls.key", server.key_pem());
        folder.write("ca.pem", root.pem());
        folder.write("trust/trustpolicy.json", policy(&plain.host()));
        folder.write("trust/truststore/x509/signingAuthority/aws-signer-ts/root.pem", pki.root_pem());
        let config = Configuration { proxy: proxy.url(), ecr, plain: plain.host() };
        folder.write("c.yaml", config.text(SIGNER, "none.example"));
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
            plain,
            pki,
            _proxy: proxy,
            config,
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
        self.verdict_of(&format!("{HOST}/{repository}:{tag}")).await
    }

    /// The same for an image of any registry.
    pub(super) async fn verdict_of(&self, image: &str) -> String {
        let response = self.client.post("/v1/verify", body(&[image])).await.unwrap();
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

    /// The value of the item of an image of the registry.
    pub(super) async fn value(&self, repository: &str, tag: &str) -> serde_json::Value {
        let mut response =
            self.client.post("/v1/verify", body(&[&format!("{HOST}/{repository}:{tag}")])).await.unwrap();
        response["items"][0]["value"].take()
    }

    async fn health(&self, path: &str) -> String {
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
        client.get(format!("{}{path}", self.health)).send().await.unwrap().text().await.unwrap()
    }

    async fn metrics(&self) -> String {
        self.health("/metrics").await
    }

    /// All lines of `/readyz?verbose`.
    pub(super) async fn status(&self) -> String {
        self.health("/readyz?verbose").await
    }

    /// The line of `/readyz?verbose` that contains `part`, as soon as there is one.
    pub(super) async fn status_line(&self, part: &str) -> String {
        let shown = async {
            loop {
                let text = self.status().await;
                if let Some(line) = text.lines().find(|line| line.contains(part)) {
                    return line.to_owned();
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, shown).await.unwrap_or_else(|_| panic!("no line with {part}"))
    }

    /// A signature of AWS Signer for an image of the registry that needs no credentials. The image.
    pub(super) fn sign_plain(&self, tag: &str) -> String {
        let image = self.plain.push_image("app", tag);
        SignerSignature::new(&self.pki, &image).attach(&self.plain, "app");
        format!("{}/app:{tag}", self.plain.host())
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
        self.folder.write("c.yaml", self.config.text(aws, &marker));
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
fn policy(plain: &str) -> String {
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
            {
                "name": "plain", "registryScopes": [format!("{plain}/app")], "signatureVerification": {"level": "strict"},
                "trustStores": ["signingAuthority:aws-signer-ts"], "trustedIdentities": identities,
            },
            statement("log", json!({"level": "strict", "override": {"revocation": "log"}})),
            statement("skip", json!({"level": "strict", "override": {"revocation": "skip"}})),
        ],
    })
    .to_string()
}

/// What all configurations of a test have in common.
struct Configuration {
    proxy: String,
    /// Keys of the entry of the registry of Amazon ECR.
    ecr: &'static str,
    plain: String,
}

impl Configuration {
    /// With these keys of `aws`, and an entry of its own.
    fn text(&self, aws: &str, marker: &str) -> String {
        let Self { proxy, ecr, plain } = self;
        format!(
            "server: {{listen: '127.0.0.1:0', verifyTimeout: 20s, tls: {{certificate: tls.crt, key: tls.key, clientCa: ca.pem}}}}
health: {{listen: '127.0.0.1:0'}}
trust: {{directory: trust, reloadInterval: 100ms}}
cache: {{tagLifetime: 50ms, rejectedLifetime: 50ms, verdictLifetime: 50ms, verifyAgain: 0}}
aws: {{proxy: '{proxy}', ca: ca.pem, {aws}}}
unlistedRegistries: refuse
registries:
- {{host: {HOST}, ca: ca.pem, proxy: '{proxy}', {ecr}}}
- {{host: {STORE}, ca: ca.pem, proxy: '{proxy}'}}
- {{host: '{plain}', plainHttp: true, proxy: none}}
- {{host: {marker}}}
"
        )
    }
}
