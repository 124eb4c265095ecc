//! The service under test, and the certificates of both sides.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use countersign::server::ConnectionTimes;
use countersign::server::Server;
use countersign::server::ServerError;
use countersign::server::ServerParts;
use countersign::server::ServerSettings;
use countersign::server::health::Condition;
use countersign::server::health::Readiness;
use countersign::server::tls::AllowedClients;
use countersign::server::tls::LoadedTls;
use countersign::server::tls::Tls;
use countersign::server::tls::TlsPem;
use countersign::telemetry::metrics::Metrics;
use countersign_core::time::UnixTime;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::Chain;
use prometheus::Registry;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::script::Script;

/// The name in Gatekeeper's certificate in a standard installation.
pub const GATEKEEPER: &str = "gatekeeper-webhook-service.gatekeeper-system.svc";

/// One authority for the server, one for its clients.
pub struct Certificates {
    pub servers: Authority,
    pub clients: Authority,
}

impl Certificates {
    pub fn issue() -> Self {
        let root = |name| Authority::root(CertSpec::root().common_name(name));
        Self { servers: root("servers"), clients: root("clients") }
    }

    /// Gatekeeper's own.
    pub fn gatekeeper(&self) -> Chain {
        self.clients.issue(CertSpec::tls_client(GATEKEEPER))
    }

    pub fn server_pem(&self) -> TlsPem {
        let server = self.servers.issue(CertSpec::tls_server(&["127.0.0.1", "localhost"]));
        TlsPem { certificate: server.pem().into(), key: server.key_pem().into(), client_ca: self.clients.pem().into() }
    }
}

pub fn now() -> UnixTime {
    UnixTime::from_rfc3339("2026-11-21T00:00:00Z").unwrap()
}

/// Short times where a test waits for one to pass, and long ones where none may.
pub fn settings() -> ServerSettings {
    let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
    ServerSettings {
        listen: anywhere.into(),
        health_listen: anywhere.into(),
        allowed_clients: AllowedClients::new(vec![GATEKEEPER.to_owned()]).unwrap(),
        verify_timeout: Duration::from_secs(30),
        mutate_timeout: Duration::from_secs(30),
        keep_tag: false,
        cached_verdicts_every: Duration::ZERO,
        stop_grace: Duration::from_secs(30),
        max_body_bytes: 1024 * 1024,
        max_keys: 1000,
        max_connections: 64,
        max_concurrent_keys_per_request: 32,
        connection_times: ConnectionTimes::default(),
    }
}

pub struct Service {
    pub address: SocketAddr,
    pub health: SocketAddr,
    pub script: Arc<Script>,
    pub tls: Arc<Tls>,
    pub readiness: Arc<Readiness>,
    pub registry: Registry,
    pub certificates: Certificates,
    stop: oneshot::Sender<()>,
    run: JoinHandle<Result<usize, ServerError>>,
}

impl Service {
    pub async fn start() -> Self {
        Self::with(settings()).await
    }

    pub async fn with(settings: ServerSettings) -> Self {
        Self::try_with(settings).await.unwrap()
    }

    pub async fn try_with(settings: ServerSettings) -> Result<Self, ServerError> {
        let certificates = Certificates::issue();
        let tls = Arc::new(Tls::new(LoadedTls::load(&certificates.server_pem(), now()).unwrap()));
        let registry = Registry::new();
        let script = Arc::new(Script::default());
        let readiness = Arc::new(Readiness::new());
        readiness.set_ready(Condition::Tls);
        readiness.set_ready(Condition::Trust);
        let parts = ServerParts {
            verifier: Arc::<Script>::clone(&script),
            tls: Arc::clone(&tls),
            readiness: Arc::clone(&readiness),
            metrics: Arc::new(Metrics::new(&registry).unwrap()),
            registry: registry.clone(),
        };
        let server = Server::bind(settings, parts).await?;
        let (address, health) = (server.address().unwrap(), server.health_address().unwrap());
        let (stop, stopped) = oneshot::channel();
        let run = tokio::spawn(server.run(async {
            let _ = stopped.await;
        }));
        Ok(Self { address, health, script, tls, readiness, registry, certificates, stop, run })
    }

    /// Asks it to stop, as a signal would.
    pub fn stop(self) -> JoinHandle<Result<usize, ServerError>> {
        self.stop.send(()).unwrap();
        self.run
    }

    /// The value of a series, written as in Prometheus's text.
    pub fn metric(&self, series: &str) -> f64 {
        let text = countersign::telemetry::metrics::encode_text(&self.registry).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("{series} is not in:\n{text}")).parse().unwrap()
    }
}
