//! The running service: certificates, trust, registries, engine, ports; then it serves.

use std::net::SocketAddr;
use std::sync::Arc;

use prometheus::Registry;

use super::Failure;
use super::components::Parts;
use super::proxies;
use super::reload::Reloader;
use super::reload::Signs;
use super::reload::TlsSource;
use crate::config::Config;
use crate::config::ConfigFile;
use crate::config::LogLevel;
use crate::config::Server as ServerConfig;
use crate::server::ConnectionTimes;
use crate::server::Server;
use crate::server::ServerParts;
use crate::server::ServerSettings;
use crate::server::health::Readiness;
use crate::server::tls::AllowedClients;
use crate::server::tls::Tls;
use crate::server::tls::TlsFiles;
use crate::telemetry::log::LevelHandle;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::metrics::Reloaded;

/// The whole service, its files loaded and its ports bound. What `countersign serve` runs; the demo runs it too.
pub struct Service {
    server: Server,
    pub(super) reloader: Reloader,
}

impl Service {
    /// Loads and connects what `config` names. What connects from now on waits for [`Service::run`]. With a trust policy that
    /// cannot be used the service starts, is not ready and decides nothing until the policy is corrected. A file of a
    /// registry that cannot be used disables that registry.
    ///
    /// # Errors
    /// Every mistake in the certificates that `config` names, or a port that cannot be bound.
    pub async fn start(config: &Config) -> Result<Self, Failure> {
        let registry = Registry::new();
        let metrics = Arc::new(Metrics::new(&registry).map_err(Failure::trouble)?);
        let (settings, tls_files) = settings(config)?;
        let readiness = Arc::new(Readiness::new());
        // Both are loaded before either failure is reported, so that the operator sees all of it at once.
        let tls = TlsSource::load(tls_files);
        let registries = config.registry_files_digest();
        let parts = Parts::load(config, &metrics);
        let ((certificates, tls), parts) = match (tls, parts) {
            (Ok(tls), Ok(parts)) => (tls, parts),
            (tls, parts) => {
                let of_parts = match parts {
                    Ok(parts) => parts.mistakes().collect(),
                    Err(failure) => failure.causes,
                };
                let causes = tls.err().map(anyhow::Error::new).into_iter().chain(of_parts).collect();
                return Err(Failure::mistakes(causes));
            }
        };
        let mut signs = Signs::new(Arc::clone(&metrics), Arc::clone(&readiness));
        signs.in_use(Reloaded::Config);
        signs.certificates_in_use(&tls);
        let Parts { engine, source, trust, files, system_roots } = parts;
        match &trust {
            Ok(trust) => signs.trust_in_use(trust),
            Err(error) => signs.no_trust(error),
        }
        if system_roots == 0 {
            tracing::warn!(
                "this system has no certificate authorities: only registries with `ca` or `plainHttp` can be asked"
            );
        }
        signs.registries_in_use(&files);
        for (variable, proxy) in proxies::environment(config).map_err(Failure::usage)?.servers() {
            tracing::info!(variable, %proxy, "proxy for the hosts in registries; others are asked directly");
        }
        let tls = Arc::new(Tls::new(tls));
        let (verify, metrics_too) = (Arc::new(engine.clone()), Arc::clone(&metrics));
        let parts = ServerParts { verify, tls: Arc::clone(&tls), readiness, metrics: metrics_too, registry };
        let server = Server::bind(settings, parts).await.map_err(Failure::trouble)?;
        if let Ok((doors, health)) = server.addresses() {
            tracing::info!(%doors, %health, "listening");
        }
        let reloader = Reloader {
            live: server.live(),
            engine,
            config: config.clone(),
            started: config.clone(),
            file: None,
            level: None,
            trust: source,
            certificates,
            tls,
            files,
            registries,
            signs,
        };
        Ok(Self { server, reloader })
    }

    /// Looks at `file` as well while the service runs, and at the level of the log if it is given.
    #[must_use]
    pub fn following(mut self, file: ConfigFile, level: Option<LevelHandle>) -> Self {
        self.reloader.file = Some(file);
        self.reloader.level = level;
        self
    }

    /// Where the doors are, with the port that was chosen if it was left open.
    ///
    /// # Errors
    /// The system does not say.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.server.address()
    }

    /// Where probes and Prometheus look.
    ///
    /// # Errors
    /// The system does not say.
    pub fn health_address(&self) -> std::io::Result<SocketAddr> {
        self.server.health_address()
    }

    /// Serves until `stop` is ready and requests under way have finished or used up their grace.
    ///
    /// # Errors
    /// A listener is dead, or changed files are no longer looked at.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<(), Failure> {
        let Self { server, reloader } = self;
        tokio::select! {
            ended = server.run(stop) => {
                let cut_off = ended.map_err(Failure::trouble)?;
                tracing::info!(cut_off, "stopped");
                Ok(())
            }
            // This goes on for ever. Deaf to changes, the process must not pretend to be well.
            ended = reloader.run() => Err(Failure::trouble(ended)),
        }
    }
}

pub(super) fn settings(config: &Config) -> Result<(ServerSettings, TlsFiles), Failure> {
    let ServerConfig {
        listen,
        tls,
        allowed_clients,
        verify_timeout,
        mutate_timeout,
        stop_grace,
        max_body_bytes,
        max_keys,
        max_connections,
        max_concurrent_keys: _,
        max_concurrent_keys_per_request,
    } = config.server.clone();
    let tls = tls
        .ok_or_else(|| Failure::usage(anyhow::anyhow!("server.tls is missing: want certificate, key and clientCa")))?;
    let files = TlsFiles { certificate: tls.certificate, key: tls.key, client_ca: tls.client_ca };
    let settings = ServerSettings {
        listen,
        health_listen: config.health_listen.clone(),
        allowed_clients: AllowedClients::new(allowed_clients).map_err(Failure::usage)?,
        verify_timeout,
        mutate_timeout,
        stop_grace,
        max_body_bytes,
        max_keys,
        max_connections,
        max_concurrent_keys_per_request,
        connection_times: ConnectionTimes::default(),
    };
    Ok((settings, files))
}

pub(crate) fn level(level: LogLevel) -> tracing::Level {
    match level {
        LogLevel::Error => tracing::Level::ERROR,
        LogLevel::Warn => tracing::Level::WARN,
        LogLevel::Info => tracing::Level::INFO,
        LogLevel::Debug => tracing::Level::DEBUG,
        LogLevel::Trace => tracing::Level::TRACE,
    }
}
