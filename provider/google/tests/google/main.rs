//! The client of Google Cloud against doubles of its services.

#![allow(clippy::unwrap_used)]

mod hostile;
mod refusals;
mod registry;
mod renewal;

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use countersign_core::name::Repository;
use countersign_credentials::CallResult;
use countersign_credentials::CredentialError;
use countersign_credentials::ExpiringIdentities;
use countersign_credentials::Identity;
use countersign_credentials::IdentitySource as _;
use countersign_credentials::RepositoryScope;
use countersign_google::CallObserver;
use countersign_google::Google;
use countersign_google::GoogleSettings;
use countersign_google::GoogleTokens;
use countersign_google::MetadataServer;
use countersign_google::Operation;
use countersign_google::limits;
use countersign_http::LimitObserver;
use countersign_http::ProxyChoice;
use countersign_http::Resource;
use countersign_http::Resources;
use countersign_http::RootCertificates;
use countersign_http::Roots;
use countersign_http::SharedLimits;
use countersign_http::Unit;
use countersign_testkit::cloud::Clock;
use countersign_testkit::cloud::Setup;
use countersign_testkit::google::Accounts;
use countersign_testkit::google::artifact_registry::ArtifactRegistry;
use countersign_testkit::google::metadata::Metadata;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::proxy::Proxy;
use countersign_testkit::registry::Registry;
use time::OffsetDateTime;
use time::macros::datetime;
use tokio::time::Instant;

const NOW: OffsetDateTime = datetime!(2026-05-06 07:08:09 UTC);
const PROJECT: &str = "shop-project";
const ACCOUNT: &str = "countersign@shop-project.iam.gserviceaccount.com";
const HOST: &str = "europe-west1-docker.pkg.dev";
const APP: &str = "shop-project/images/app";
const MINUTE: Duration = Duration::from_secs(60);

/// The names of the limits of requests to Google Cloud.
const GOOGLE: Resources = Resources {
    requests: Resource::new("requests", "too many requests", Unit::Item, 64),
    responders: Resource::new("responders", "too many requests", Unit::Item, 64),
    bytes: Resource::new("bytes", "too many bytes", Unit::Byte, 8),
};

/// All services of one test: [`HOST`] with `app:v1`, a pod that is the account [`ACCOUNT`], and another registry.
struct World {
    setup: Setup,
    accounts: Accounts,
    metadata: Metadata,
    registry: ArtifactRegistry,
    other: Registry,
    proxy: Proxy,
    root: Authority,
    calls: Arc<Calls>,
}

/// The ends of calls, in order.
#[derive(Debug, Default)]
struct Calls(Mutex<Vec<Result<(), CallResult>>>);

impl CallObserver<Operation> for Calls {
    fn call(&self, operation: Operation, result: Result<(), CallResult>) {
        assert_eq!(operation, Operation::MetadataToken);
        self.0.lock().unwrap().push(result);
    }
}

impl World {
    async fn start() -> Self {
        let (setup, accounts) = (Setup::new(&Clock::at(NOW)), Accounts::new());
        let metadata = Metadata::start(&setup, &accounts, PROJECT).await;
        metadata.set_account(Some(ACCOUNT));
        let root = Authority::root(CertSpec::root());
        let tls = root.issue(CertSpec::tls_server(&[HOST, "evil.example", "europe-west4-docker.pkg.dev", "gcr.io"]));
        let registry = ArtifactRegistry::start(&setup.clone().tls(&tls), &accounts).await;
        registry.set_name(HOST);
        registry.push_image(APP, "v1");
        accounts.grant(ACCOUNT, "shop-project/images");
        let other = Registry::start_tls(&tls).await;
        let proxy = Proxy::start().await;
        proxy.resolve(&format!("{HOST}:443"), registry.address());
        Self { setup, accounts, metadata, registry, other, proxy, root, calls: Arc::default() }
    }

    fn roots(&self) -> Roots {
        Roots::Only(RootCertificates::parse("ca.pem", self.root.pem().as_bytes()).unwrap())
    }

    fn through_proxy(&self) -> ProxyChoice {
        ProxyChoice::Server { server: self.proxy.url().parse().unwrap(), roots: Roots::System }
    }

    fn settings(&self) -> GoogleSettings {
        GoogleSettings {
            metadata_server: self.metadata.address().to_string().parse().unwrap(),
            connect_timeout: Duration::from_secs(5),
            attempt_timeout: Duration::from_secs(10),
        }
    }

    fn tokens(&self) -> ExpiringIdentities<GoogleTokens> {
        self.tokens_with(self.settings())
    }

    fn tokens_with(&self, settings: GoogleSettings) -> ExpiringIdentities<GoogleTokens> {
        let observer: Arc<dyn LimitObserver> = Arc::new(countersign_http::Unobserved);
        let limits = SharedLimits::new(limits::REQUESTS, limits::BODIES, &GOOGLE, &observer);
        let google = Google::new(settings, &limits, Arc::<Calls>::clone(&self.calls)).unwrap();
        ExpiringIdentities::new(GoogleTokens::new(google))
    }

    /// What calls ended with, and forgets them.
    fn take_calls(&self) -> Vec<Result<(), CallResult>> {
        std::mem::take(&mut *self.calls.0.lock().unwrap())
    }

    /// Moves the clock of the services and that of timers.
    async fn advance(&self, by: Duration) {
        self.setup.clock().advance(by);
        tokio::time::pause();
        tokio::time::advance(by).await;
        tokio::time::resume();
    }
}

fn repository(host: &str) -> Repository {
    format!("{host}/{APP}").parse().unwrap()
}

fn in_a_minute() -> Instant {
    Instant::now() + MINUTE
}

/// The identity for the registry.
async fn identity(source: &ExpiringIdentities<GoogleTokens>) -> Result<Identity, CredentialError> {
    identity_of(source, HOST).await
}

async fn identity_of(source: &ExpiringIdentities<GoogleTokens>, host: &str) -> Result<Identity, CredentialError> {
    let repository = repository(host);
    source.identity(RepositoryScope::new(&repository), in_a_minute()).await
}

/// The message of a failure, without the addresses of doubles.
async fn failure(source: &ExpiringIdentities<GoogleTokens>) -> String {
    let text = identity(source).await.unwrap_err().to_string();
    let Some((before, after)) = text.split_once("127.0.0.1:") else { return text };
    format!("{before}SERVICE{}", after.trim_start_matches(|c: char| c.is_ascii_digit()))
}

/// The password of an identity.
fn password(identity: &Identity) -> String {
    let countersign_credentials::AuthMethod::Basic { user, password } = identity.method() else {
        panic!("{identity:?}")
    };
    assert_eq!(user, "oauth2accesstoken");
    String::from_utf8(password.expose().to_vec()).unwrap()
}

#[tokio::test]
async fn a_token_is_requested_as_the_metadata_server_demands_without_a_proxy() {
    let world = World::start().await;
    let source = world.tokens();
    let found = identity(&source).await.unwrap();
    assert!(password(&found).starts_with("ya29."), "the token of the double");
    let life = found.expires().unwrap() - Instant::now();
    assert!((3590..=3600).contains(&life.as_secs()), "{life:?}");
    assert_eq!(&**found.origin().unwrap(), "credentials.google, for the service account of the pod");
    let [request] = &world.metadata.requests()[..] else { panic!("{:?}", world.metadata.journal()) };
    assert_eq!(
        (request.method.as_str(), request.path.as_str()),
        ("GET", "/computeMetadata/v1/instance/service-accounts/default/token")
    );
    assert_eq!(request.header("metadata-flavor"), Some("Google"));
    assert_eq!((request.header("x-forwarded-for"), request.authorization()), (None, None));
    assert_eq!(world.proxy.targets(), Vec::<String>::new());
    assert_eq!(world.take_calls(), [Ok(())]);
    let shown = format!("{found:?} {source:?}");
    assert!(!shown.contains("ya29."), "{shown}");
}

#[tokio::test]
async fn one_token_serves_all_hosts_of_google() {
    let world = World::start().await;
    let source = world.tokens();
    let first = password(&identity(&source).await.unwrap());
    for host in ["us-docker.pkg.dev", "asia-southeast1-docker.pkg.dev", "gcr.io", "eu.gcr.io"] {
        assert_eq!(password(&identity_of(&source, host).await.unwrap()), first, "{host}");
    }
    assert_eq!(world.accounts.issued(), 1);
}

#[test]
fn the_default_is_the_address_of_every_cloud() {
    assert_eq!(MetadataServer::default().to_string(), "169.254.169.254");
}
