//! The HTTP server: endpoints for Gatekeeper, a port for probes and Prometheus, and how both start and stop.
//!
//! Start reading at `routes`, the table of endpoints, and `handler`, one request. Nothing here knows signatures,
//! registries or files other than the certificates.

mod body;
mod connection_limit;
mod connections;
mod handler;
pub mod health;
mod keys;
mod listen;
pub mod memory;
mod request_id;
mod response_body;
mod routes;
pub mod tls;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use prometheus::Registry;
use tokio::sync::watch;

use crate::config::ListenAddress;
use crate::engine::Verifier;
use crate::telemetry::metrics::Metrics;
use connections::Connections;
use handler::Handler;
use health::Condition;
use health::Health;
use health::Readiness;
use listen::ConnectionContext;
use listen::Listeners;
use listen::bind_cause;
use tls::AllowedClients;
use tls::Tls;

pub use routes::Endpoint;

/// The settings of the server. Defaults are those of the configuration.
#[derive(Clone, Debug)]
pub struct ServerSettings {
    /// The address of the endpoints.
    pub listen: ListenAddress,
    /// The address of probes and metrics.
    pub health_listen: ListenAddress,
    /// Names of the allowed clients.
    pub allowed_clients: AllowedClients,
    /// From a request's head to its response. Must be below the Provider's `spec.timeout`; otherwise Gatekeeper has
    /// stopped waiting.
    pub verify_timeout: Duration,
    /// The same for mutation. Gatekeeper's mutating webhook has one second by default.
    pub mutate_timeout: Duration,
    /// Whether mutation keeps the tag before the digest.
    pub keep_tag: bool,
    /// The shortest time between two events of the log about the same cached verdict. Zero: every event is written.
    pub cached_verdicts_every: Duration,
    /// For requests under way when the service stops.
    pub stop_grace: Duration,
    /// Largest request body.
    pub max_body_bytes: usize,
    /// Maximum number of distinct keys in a request.
    pub max_keys: usize,
    /// Maximum number of open connections with an accepted client certificate.
    pub max_connections: usize,
    /// Keys worked on at the same time in one request. Its hosts have equal shares, each at least one key, so that a
    /// slow host does not delay the keys of another.
    pub max_concurrent_keys_per_request: usize,
    pub connection_times: ConnectionTimes,
}

/// Time limits of connections. Only tests change them.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionTimes {
    /// For the handshake. The default is the whole time of Gatekeeper's call.
    pub handshake: Duration,
    /// For a permit among the open connections.
    pub permit: Duration,
    /// From the handshake to the end of the first request's head.
    pub first_request: Duration,
    /// From one request to the end of the next one's head. Above the 90 seconds for which Gatekeeper keeps a
    /// connection: the client must close first; otherwise a request may arrive on a closing connection.
    pub idle: Duration,
    /// For another request on an idle connection when the service stops: closing at once could lose a request in
    /// transit. At most half of [`ServerSettings::stop_grace`].
    pub linger: Duration,
    /// From a response to its last byte. Gatekeeper's calls end within seconds, so the client has left by then.
    pub write: Duration,
    /// For what is left to write once the connection is to be closed.
    pub close: Duration,
}

impl Default for ConnectionTimes {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(3),
            permit: Duration::from_secs(1),
            first_request: Duration::from_secs(10),
            idle: Duration::from_secs(120),
            linger: Duration::from_secs(1),
            write: Duration::from_secs(10),
            close: Duration::from_secs(5),
        }
    }
}

/// The parts of the server.
pub struct ServerParts {
    pub verifier: Arc<dyn Verifier>,
    pub tls: Arc<Tls>,
    pub readiness: Arc<Readiness>,
    pub metrics: Arc<Metrics>,
    /// Where `metrics` and whatever else `/metrics` shows is registered.
    pub registry: Registry,
}

/// Why the service cannot start, or has ended.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// `key` is the one of the configuration.
    #[error("cannot listen on {address} ({key}, for {what}): {}", bind_cause(error))]
    Listen { what: &'static str, key: &'static str, address: ListenAddress, error: io::Error },
    #[error("{0}; {1}")]
    Both(Box<Self>, Box<Self>),
    #[error("the listener for {what} has stopped")]
    Stopped { what: &'static str, source: io::Error },
}

/// The service with its ports bound and nothing served yet.
pub struct Server {
    listeners: Listeners,
    health_listeners: Listeners,
    context: Arc<ConnectionContext>,
    health: Arc<Health>,
}

/// Changes the configuration of a running server.
#[derive(Clone)]
pub struct ReloadHandle(Arc<ConnectionContext>);

impl ReloadHandle {
    /// New requests use `settings` and `verifier`; running requests keep theirs. The ports,
    /// [`ServerSettings::max_connections`] and [`ServerSettings::connection_times`] stay what they were at the start.
    /// If the allowed clients change, every open connection closes after its next response.
    pub fn swap(&self, settings: ServerSettings, verifier: Arc<dyn Verifier>) {
        let successor = self.0.handler.load().successor(settings, verifier);
        self.0.handler.store(Arc::new(successor));
    }

    /// Identifies the configuration: another value after each [`Self::swap`].
    #[must_use]
    pub fn handler_address(&self) -> usize {
        Arc::as_ptr(&self.0.handler.load_full()).addr()
    }
}

impl Server {
    /// Binds both ports. Connections wait for [`Server::run`].
    ///
    /// # Errors
    /// One port or both cannot be bound.
    pub async fn bind(settings: ServerSettings, parts: ServerParts) -> Result<Self, ServerError> {
        let ServerParts { verifier, tls, readiness, metrics, registry } = parts;
        let endpoints = bind("the endpoints", "server.listen", &settings.listen).await;
        let health = bind("probes and metrics", "health.listen", &settings.health_listen).await;
        let (listeners, health_listeners) = match (endpoints, health) {
            (Ok(endpoints), Ok(health)) => (endpoints, health),
            (Err(one), Err(other)) => return Err(ServerError::Both(Box::new(one), Box::new(other))),
            (Err(error), Ok(_)) | (Ok(_), Err(error)) => return Err(error),
        };
        let context = ConnectionContext {
            tls,
            times: settings.connection_times,
            connections: Arc::new(Connections::new(settings.max_connections)),
            metrics: Arc::clone(&metrics),
            refusals: listen::refusals(),
            handler: ArcSwap::from_pointee(Handler::new(settings, verifier, metrics)),
        };
        let health = Health::new(registry, readiness);
        Ok(Self { listeners, health_listeners, context: Arc::new(context), health: Arc::new(health) })
    }

    /// To change the configuration while [`Server::run`] runs.
    #[must_use]
    pub fn reload_handle(&self) -> ReloadHandle {
        ReloadHandle(Arc::clone(&self.context))
    }

    /// The address of the endpoints, with the port that the system has chosen for port 0. Of several addresses of a
    /// name the first.
    ///
    /// # Errors
    /// The system reports an error.
    pub fn address(&self) -> io::Result<SocketAddr> {
        first(&self.listeners)
    }

    /// The address of probes and metrics; as [`Self::address`].
    ///
    /// # Errors
    /// The system reports an error.
    pub fn health_address(&self) -> io::Result<SocketAddr> {
        first(&self.health_listeners)
    }

    /// All addresses of the endpoints and of health, for people.
    ///
    /// # Errors
    /// The system reports an error.
    pub fn addresses(&self) -> io::Result<(String, String)> {
        let text = |listeners: &Listeners| {
            Ok::<_, io::Error>(listeners.addresses()?.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
        };
        Ok((text(&self.listeners)?, text(&self.health_listeners)?))
    }

    /// Serves until `stop` is ready. Then nothing more is accepted, readiness ends, and requests under way have the grace
    /// to finish; how many connections were cut off after that is returned. Dropping the future ends everything at once.
    ///
    /// # Errors
    /// A listener has ended. The process must exit, as it accepts no connections.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<usize, ServerError> {
        let Self { listeners, health_listeners, context, health } = self;
        let readiness = Arc::clone(&health.readiness);
        let (stopping, stopped) = watch::channel(false);
        let stop = async {
            stop.await;
            readiness.set_not_ready(Condition::Endpoints, "closing");
            // The receiver lives in the other future.
            let _ = stopping.send(true);
            // Stops when the endpoints stop.
            std::future::pending::<()>().await;
        };
        readiness.set_ready(Condition::Endpoints);
        let ended = tokio::select! {
            ended = listen::serve(listeners, context, stopped) => {
                ended.map_err(|source| ServerError::Stopped { what: "the endpoints", source })
            }
            Err(source) = health::serve(health_listeners, health) => {
                Err(ServerError::Stopped { what: "health", source })
            }
            () = stop => Ok(0),
        };
        readiness.set_not_ready(Condition::Endpoints, "closed");
        ended
    }
}

fn first(listeners: &Listeners) -> io::Result<SocketAddr> {
    listeners.addresses()?.first().copied().ok_or_else(|| io::ErrorKind::NotConnected.into())
}

async fn bind(what: &'static str, key: &'static str, address: &ListenAddress) -> Result<Listeners, ServerError> {
    let failed = |error| ServerError::Listen { what, key, address: address.clone(), error };
    Listeners::bind(address).await.map_err(failed)
}
