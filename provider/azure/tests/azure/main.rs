//! The clients of Azure against doubles of its services.

#![allow(clippy::unwrap_used)]

mod hostile;
mod refusals;
mod registry;
mod renewal;
mod secrets;
mod sources;
mod vault;

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use countersign_azure::AcrTokens;
use countersign_azure::Azure;
use countersign_azure::AzureClock;
use countersign_azure::AzureIdentity;
use countersign_azure::AzureSettings;
use countersign_azure::CallObserver;
use countersign_azure::Operation;
use countersign_azure::WorkloadEnvironment;
use countersign_azure::limits;
use countersign_core::name::Repository;
use countersign_core::time::UnixTime;
use countersign_credentials::CallResult;
use countersign_credentials::CredentialError;
use countersign_credentials::ExpiringIdentities;
use countersign_credentials::Identity;
use countersign_credentials::IdentityObserver;
use countersign_credentials::IdentitySource as _;
use countersign_credentials::RepositoryScope;
use countersign_http::LimitObserver;
use countersign_http::ProxyChoice;
use countersign_http::ProxyEnvironment;
use countersign_http::Resource;
use countersign_http::Resources;
use countersign_http::RootCertificates;
use countersign_http::Roots;
use countersign_http::SharedLimits;
use countersign_http::Unit;
use countersign_testkit::azure::Directory;
use countersign_testkit::azure::Role;
use countersign_testkit::azure::acr::Acr;
use countersign_testkit::azure::blob_store::BlobStore;
use countersign_testkit::azure::entra::Entra;
use countersign_testkit::azure::imds::Imds;
use countersign_testkit::cloud::Clock;
use countersign_testkit::cloud::Setup;
use countersign_testkit::cloud::service_account::ServiceAccountToken;
use countersign_testkit::cloud::service_account::TokenIssuer;
use countersign_testkit::folder::Folder;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::proxy::Proxy;
use time::OffsetDateTime;
use time::macros::datetime;
use tokio::time::Instant;

const NOW: OffsetDateTime = datetime!(2026-05-06 07:08:09 UTC);
const TENANT: &str = "11111111-2222-3333-4444-555555555555";
const CLIENT: &str = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee";
const HOST: &str = "shops.azurecr.io";
const STORE: &str = "shops.blob.core.windows.net";
const HOUR: Duration = Duration::from_secs(3600);

/// The names of the limits of requests to Azure.
const AZURE: Resources = Resources {
    requests: Resource::new("requests", "too many requests", Unit::Item, 64),
    responders: Resource::new("responders", "too many requests", Unit::Item, 64),
    bytes: Resource::new("bytes", "too many bytes", Unit::Byte, 8),
};

/// All services of one test: `shops.azurecr.io` with `app:v1`, and a pod that is the application [`CLIENT`].
struct World {
    setup: Setup,
    directory: Directory,
    issuer: TokenIssuer,
    entra: Entra,
    imds: Imds,
    acr: Acr,
    blobs: BlobStore,
    proxy: Proxy,
    root: Authority,
    folder: Folder,
    calls: Arc<Calls>,
}

/// The ends of calls, in order.
#[derive(Debug, Default)]
struct Calls(Mutex<Vec<(Operation, Result<(), CallResult>)>>);

impl CallObserver<Operation> for Calls {
    fn call(&self, operation: Operation, result: Result<(), CallResult>) {
        self.0.lock().unwrap().push((operation, result));
    }
}

impl IdentityObserver for Calls {
    fn fetched(&self, _: &str, _: Result<&Identity, &CredentialError>) {}
}

impl World {
    async fn start() -> Self {
        let (setup, directory) = (Setup::new(&Clock::at(NOW)), Directory::new(TENANT));
        directory.add_application(TENANT, CLIENT);
        let issuer = TokenIssuer::new("https://westeurope.oic.prod-aks.azure.com/testkit/");
        directory.federate(CLIENT, &issuer, "gatekeeper-system", "countersign");
        let entra = Entra::start(&setup, &directory).await;
        let imds = Imds::start(&setup, &directory).await;
        let root = Authority::root(CertSpec::root());
        let tls = setup.clone().tls(&root.issue(CertSpec::tls_server(&[HOST, STORE, "evil.example"])));
        let blobs = BlobStore::start(&tls).await;
        blobs.set_base(&format!("https://{STORE}"));
        let acr = Acr::start(&tls, &directory, &blobs, TENANT).await;
        acr.set_name(HOST);
        acr.push_image("app", "v1");
        directory.assign(CLIENT, Role::AcrPull, HOST);
        let proxy = Proxy::start().await;
        proxy.resolve(&format!("{HOST}:443"), acr.address());
        proxy.resolve(&format!("{STORE}:443"), blobs.address());
        let world = Self {
            setup,
            directory,
            issuer,
            entra,
            imds,
            acr,
            blobs,
            proxy,
            root,
            folder: Folder::new(),
            calls: Arc::default(),
        };
        world.write_token(&world.token());
        world
    }

    /// The token of the service account, of one hour.
    fn token(&self) -> ServiceAccountToken {
        let token = ServiceAccountToken::new("gatekeeper-system", "countersign", self.setup.clock().now());
        token.audience(ServiceAccountToken::ENTRA)
    }

    /// Writes the token as the kubelet does.
    fn write_token(&self, token: &ServiceAccountToken) {
        self.folder.write("token", self.issuer.token(token));
    }

    fn roots(&self) -> Roots {
        Roots::Only(RootCertificates::parse("ca.pem", self.root.pem().as_bytes()).unwrap())
    }

    fn through_proxy(&self) -> ProxyChoice {
        ProxyChoice::Server { server: self.proxy.url().parse().unwrap(), roots: Roots::System }
    }

    fn settings(&self) -> AzureSettings {
        AzureSettings {
            authority: None,
            metadata_endpoint: Some(self.imds.url().parse().unwrap()),
            workload: WorkloadEnvironment {
                client_id: Some(CLIENT.parse().unwrap()),
                tenant_id: Some(TENANT.parse().unwrap()),
                token_file: Some(self.folder.path().join("token")),
                authority_host: Some(self.entra.authority_host().parse().unwrap()),
            },
            connect_timeout: Duration::from_secs(5),
            attempt_timeout: Duration::from_secs(10),
            roots: self.roots(),
            proxy: self.through_proxy(),
            proxies: ProxyEnvironment::default(),
        }
    }

    fn azure_with(&self, settings: AzureSettings) -> Azure {
        let observer: Arc<dyn LimitObserver> = Arc::new(countersign_http::Unobserved);
        let limits = SharedLimits::new(limits::REQUESTS, limits::BODIES, &AZURE, &observer);
        let clock = self.setup.clock().clone();
        let clock: AzureClock = Arc::new(move || UnixTime::from_seconds(clock.now().unix_timestamp()).unwrap());
        let calls = Arc::clone(&self.calls);
        Azure::new(settings, &limits, clock, Arc::<Calls>::clone(&calls), calls).unwrap()
    }

    /// Tokens for an identity.
    fn tokens(&self, identity: AzureIdentity) -> ExpiringIdentities<AcrTokens> {
        ExpiringIdentities::new(AcrTokens::new(self.azure_with(self.settings()), identity))
    }

    /// What calls ended with, and forgets them.
    fn take_calls(&self) -> Vec<(Operation, Result<(), CallResult>)> {
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

/// Waits for what runs in the background.
async fn settle(done: impl Fn() -> bool) {
    for _ in 0..2000 {
        if done() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("the work in the background has not ended");
}

fn workload() -> AzureIdentity {
    AzureIdentity::Workload { tenant: None, client_id: None }
}

fn repository(host: &str) -> Repository {
    format!("{host}/app").parse().unwrap()
}

fn in_a_minute() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

/// The identity for the registry.
async fn identity(source: &ExpiringIdentities<AcrTokens>) -> Result<Identity, CredentialError> {
    identity_of(source, HOST).await
}

async fn identity_of(source: &ExpiringIdentities<AcrTokens>, host: &str) -> Result<Identity, CredentialError> {
    let repository = repository(host);
    source.identity(RepositoryScope::new(&repository), in_a_minute()).await
}

/// The message of a failure, without the addresses of doubles.
async fn failure(source: &ExpiringIdentities<AcrTokens>) -> String {
    let text = identity(source).await.unwrap_err().to_string();
    let Some((before, after)) = text.split_once("127.0.0.1:") else { return text };
    format!("{before}SERVICE{}", after.trim_start_matches(|c: char| c.is_ascii_digit()))
}
