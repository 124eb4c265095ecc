//! All services, started from a configuration.
//!
//! ```json
//! {
//!   "directory": "/tmp/aws",
//!   "names": ["localhost", "data-signer.eu-central-1.amazonaws.com"],
//!   "partition": "aws", "region": "eu-central-1", "account": "111122223333",
//!   "listen": { "signer-data": "127.0.0.1:443" },
//!   "blobs": "https://bucket.s3.eu-central-1.amazonaws.com",
//!   "realm": "https://public.ecr.aws/token/", "publicBlobs": "https://d1234.cloudfront.net",
//!   "issuer": "https://oidc.eks.eu-central-1.amazonaws.com/id/TESTKIT",
//!   "namespace": "gatekeeper-system", "serviceAccount": "countersign", "role": "countersign", "webIdentityRole": "countersign",
//!   "crossAccountRole": "arn:aws:iam::444455556666:role/pull", "externalId": "shop",
//!   "otherRegion": "us-west-2"
//! }
//! ```
//!
//! Only `directory` is required; the values above are the others' defaults, except that each service listens on a free port, `names`
//! are `localhost` and `127.0.0.1`, and `blobs`, `realm` and `publicBlobs` are the servers' own addresses. Names of services: `signer-data`, `sts`, `ecr-api`,
//! `ecr-public-api`, `ecr-registry`, `blob-store`, `ecr-public-registry`, `public-blob-store` (all over HTTPS), `pod-identity`, `imds` (HTTP, as the real ones);
//! of the other region `other-signer-data`, `other-ecr-api`, `other-ecr-registry`, `other-blob-store` (`otherBlobs`).
//!
//! Files in the directory: `ca.pem` (of the HTTPS certificate), `signer-root.pem` (for a trust store), `web-identity-token` and
//! `pod-identity-token` of the service account.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Mutex;

use crate::aws::access_keys::AccessKey;
use crate::aws::blob_store::BlobStore;
use crate::aws::ecr_api::EcrApi;
use crate::aws::ecr_public_registry::EcrPublicRegistry;
use crate::aws::ecr_registry::EcrRegistry;
use crate::aws::ecr_tokens::EcrTokens;
use crate::aws::exchange::Exchange;
use crate::aws::imds::Imds;
use crate::aws::pod_identity::PodIdentity;
use crate::aws::process::region::OtherRegion;
use crate::aws::server::AwsServer;
use crate::aws::setup::Setup;
use crate::aws::signature::SignerPki;
use crate::aws::signer_data::SignerData;
use crate::aws::sts::Sts;
use crate::cloud::clock::Clock;
use crate::cloud::service_account::ServiceAccountToken;
use crate::cloud::service_account::TokenIssuer;
use crate::pki::Authority;
use crate::pki::CertSpec;
use crate::registry::Registry;
use serde_json::Value;
use serde_json::json;

/// All services.
pub(super) struct Services {
    pub(super) setup: Setup,
    pub(super) pki: SignerPki,
    pub(super) signer: SignerData,
    pub(super) sts: Sts,
    pub(super) pod_identity: PodIdentity,
    pub(super) imds: Imds,
    pub(super) tokens: EcrTokens,
    ecr_api: EcrApi,
    ecr_public_api: EcrApi,
    pub(super) registry: EcrRegistry,
    pub(super) public_registry: EcrPublicRegistry,
    other: OtherRegion,
    pub(super) region: String,
    /// The tokens of the service account that were written, with their kinds.
    account_tokens: Mutex<Vec<(&'static str, String)>>,
    public_blobs: BlobStore,
    pub(super) blobs: BlobStore,
    /// A user's.
    key: AccessKey,
    pub(super) role: String,
    pub(super) cross_account_role: String,
    issuer: TokenIssuer,
    namespace: String,
    service_account: String,
    directory: String,
}

/// The text of a key of the configuration.
fn text<'a>(config: &'a Value, key: &str, default: &'a str) -> Result<&'a str, String> {
    let value = &config[key];
    if value.is_null() {
        return Ok(default);
    }
    value.as_str().ok_or_else(|| format!("{key}: found {value}, expected a string"))
}

impl Services {
    pub(super) async fn start(config: &Value) -> Result<Self, String> {
        let directory = config["directory"].as_str().ok_or("directory: expected a path")?;
        let region = text(config, "region", "eu-central-1")?;
        let names = config["names"].as_array().map(|names| names.iter().filter_map(Value::as_str).collect());
        let names: Vec<&str> = names.unwrap_or_else(|| vec!["localhost", "127.0.0.1"]);
        let ca = Authority::root(CertSpec::root().common_name("AWS doubles"));
        let server = ca.issue(CertSpec::tls_server(&names));
        let setup = Setup::new(&Clock::system())
            .partition(text(config, "partition", "aws")?)
            .region(region)
            .account(text(config, "account", "111122223333")?)
            .tls(&server);
        let on = |name: &str| -> Result<Setup, String> {
            let address = text(&config["listen"], name, "127.0.0.1:0")?;
            let parsed: SocketAddr =
                address.parse().map_err(|_| format!("listen.{name}: found {address:?}, expected IP:PORT"))?;
            Ok(setup.clone().listen(parsed))
        };
        let default_issuer = format!("https://oidc.eks.{region}.amazonaws.com/id/TESTKIT");
        let issuer = TokenIssuer::new(text(config, "issuer", &default_issuer)?);
        let namespace = text(config, "namespace", "gatekeeper-system")?;
        let service_account = text(config, "serviceAccount", "countersign")?;
        let role = setup.role(text(config, "role", "countersign")?);
        let cross_account_role = text(config, "crossAccountRole", "arn:aws:iam::444455556666:role/pull")?.to_owned();
        let key = setup.keys().for_user("arn:aws:iam::111122223333:user/ci");

        let sts = Sts::start(&on("sts")?).await;
        // The role with EKS Pod Identity is another one where a cluster has both.
        let web_identity_role = setup.role(text(config, "webIdentityRole", text(config, "role", "countersign")?)?);
        sts.trust_web_identity(&web_identity_role, &issuer, namespace, service_account);
        sts.trust_principal(&cross_account_role, &web_identity_role, Some(text(config, "externalId", "shop")?));
        sts.trust_principal(&cross_account_role, &role, Some(text(config, "externalId", "shop")?));
        sts.trust_principal(&cross_account_role, &key.principal, Some(text(config, "externalId", "shop")?));
        let pod_identity = PodIdentity::start(&on("pod-identity")?.plain(), &issuer).await;
        pod_identity.associate(namespace, service_account, &role);
        let imds = Imds::start(&on("imds")?.plain()).await;
        imds.set_role(Some(&role));
        let tokens = EcrTokens::new();
        let blobs = BlobStore::start(&on("blob-store")?).await;
        if let Some(url) = config["blobs"].as_str() {
            blobs.set_base(url);
        }
        let public_blobs = BlobStore::start(&on("public-blob-store")?).await;
        let public = on("ecr-public-registry")?.region("us-east-1");
        let public_registry = EcrPublicRegistry::start(&public, &tokens, &public_blobs).await;
        if let Some(url) = config["realm"].as_str() {
            public_registry.set_realm(url);
        }
        if let Some(url) = config["publicBlobs"].as_str() {
            public_blobs.set_base(url);
        }
        let other = setup.clone().region(text(config, "otherRegion", "us-west-2")?);
        let other = OtherRegion::start(other, &on, &tokens, config["otherBlobs"].as_str()).await?;
        let services = Self {
            other,
            region: region.to_owned(),
            account_tokens: Mutex::default(),
            public_registry,
            public_blobs,
            signer: SignerData::start(&on("signer-data")?).await,
            ecr_api: EcrApi::start(&on("ecr-api")?, &tokens).await,
            ecr_public_api: EcrApi::start_public(&on("ecr-public-api")?.region("us-east-1"), &tokens).await,
            registry: EcrRegistry::start(&on("ecr-registry")?, &tokens, &blobs).await,
            pki: SignerPki::new(region),
            namespace: namespace.to_owned(),
            service_account: service_account.to_owned(),
            directory: directory.to_owned(),
            setup: setup.clone(),
            sts,
            pod_identity,
            imds,
            tokens,
            blobs,
            key,
            role,
            cross_account_role,
            issuer,
        };
        services.write("ca.pem", &ca.pem())?;
        services.write("signer-root.pem", &services.pki.root_pem())?;
        services.write_tokens(3600)?;
        Ok(services)
    }

    /// Writes a file in the directory.
    pub(super) fn write(&self, name: &str, content: &str) -> Result<(), String> {
        let path = Path::new(&self.directory).join(name);
        // Renamed, as the kubelet replaces files: a reader never sees a part of one.
        let new = path.with_extension("new");
        std::fs::write(&new, content)
            .and_then(|()| std::fs::rename(&new, &path))
            .map_err(|error| format!("{}: {error}", path.display()))
    }

    /// Writes new tokens of the service account, which last this many seconds.
    pub(super) fn write_tokens(&self, seconds: i64) -> Result<(), String> {
        let now = self.setup.clock().now();
        let end = now + time::Duration::seconds(seconds);
        // One that has ended has begun before.
        let start = now.min(end - time::Duration::SECOND);
        let content = ServiceAccountToken::new(&self.namespace, &self.service_account, start).expires_at(end);
        let other = content.clone().audience(ServiceAccountToken::POD_IDENTITY);
        for (name, content) in [("web-identity-token", content), ("pod-identity-token", other)] {
            let token = self.issuer.token(&content);
            self.write(name, &token)?;
            self.account_tokens.lock().expect("the lock is not poisoned").push((name, token));
        }
        Ok(())
    }

    /// All tokens of the service account that were written, with the names of their files.
    pub(super) fn account_tokens(&self) -> Vec<(&'static str, String)> {
        self.account_tokens.lock().expect("the lock is not poisoned").clone()
    }

    /// The services that answer calls, by name.
    pub(super) fn servers(&self) -> [(&'static str, &AwsServer); 11] {
        [
            ("other-signer-data", &self.other.signer),
            ("other-ecr-api", &self.other.api),
            ("other-blob-store", &self.other.blobs),
            ("signer-data", &self.signer),
            ("sts", &self.sts),
            ("ecr-api", &self.ecr_api),
            ("ecr-public-api", &self.ecr_public_api),
            ("blob-store", &self.blobs),
            ("public-blob-store", &self.public_blobs),
            ("pod-identity", &self.pod_identity),
            ("imds", &self.imds),
        ]
    }

    /// The registries, by name.
    pub(super) fn registries(&self) -> [(&'static str, &Registry); 3] {
        [
            ("ecr-registry", &self.registry),
            ("other-ecr-registry", &self.other.registry),
            ("ecr-public-registry", &self.public_registry),
        ]
    }

    /// The registry of this name.
    pub(super) fn registry(&self, name: &str) -> Option<&Registry> {
        self.registries().into_iter().find(|(known, _)| *known == name).map(|(_, registry)| registry)
    }

    /// The service of this name; a registry is none of them.
    pub(super) fn server(&self, name: &str) -> Option<&AwsServer> {
        self.servers().into_iter().find(|(known, _)| *known == name).map(|(_, server)| server)
    }

    pub(super) fn observe(&self, observer: impl Fn(&Exchange) + Clone + Send + Sync + 'static) {
        for (_, server) in self.servers() {
            server.observe(observer.clone());
        }
        self.registry.observe(observer.clone());
        self.other.registry.observe(observer.clone());
        self.public_registry.observe(observer);
    }

    /// Addresses and names.
    pub(super) fn describe(&self) -> Value {
        let addresses = self.servers().into_iter().map(|(name, server)| (name.to_owned(), json!(server.address())));
        let registries = self.registries().into_iter();
        let registries = registries.map(|(name, registry)| (name.to_owned(), json!(registry.address())));
        json!({
            "addresses": addresses.chain(registries).collect::<serde_json::Map<_, _>>(),
            "accessKeyId": self.key.id,
            "secretAccessKey": self.key.secret,
            "user": self.key.principal,
            "role": self.role,
            "crossAccountRole": self.cross_account_role,
            "registryHost": self.setup.ecr_host(),
        })
    }
}
