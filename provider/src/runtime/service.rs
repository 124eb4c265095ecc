//! The whole service: loads what the configuration names, binds the ports, serves, and stops.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use prometheus::Registry;
use tokio::task::JoinSet;

use super::active_engine::ActiveEngine;
use super::active_engine::SharedEngine;
use super::certificates::CertificateFiles;
use super::certificates::Certificates;
use super::components::Components;
use super::early_timer;
use super::error::Cause;
use super::error::RuntimeError;
use super::external_services::ExternalServices;
use super::proxy_environment;
use super::registry_files::LoadedRegistryFiles;
use super::reload::Configuration;
use super::reload::ReloadTask;
use super::reload::SharedPolicy;
use super::settings;
use super::status::PollStatus;
use super::status::ReloadStatus;
use crate::config::Config;
use crate::config::ConfigFile;
use crate::evidence::EvidenceSource as _;
use crate::server::Server;
use crate::server::ServerParts;
use crate::server::health::Readiness;
use crate::server::tls::LoadedTls;
use crate::server::tls::Tls;
use crate::telemetry::log::LevelHandle;
use crate::telemetry::log::LoggedFindings;
use crate::telemetry::metrics::Component;
use crate::telemetry::metrics::Metrics;

/// The service with its files loaded and its ports bound. What `countersign serve` runs; the demo runs it too.
pub struct Service {
    server: Server,
    pub(super) reload: ReloadTask,
}

impl Service {
    /// Loads everything that `config` names and binds the ports. Connections wait for [`Service::run`]. With a trust
    /// policy that cannot be used the service starts, is not ready and decides nothing until the policy is corrected.
    /// A file of a registry that cannot be used disables that registry.
    ///
    /// # Errors
    /// Every mistake in the certificates that `config` names, or a port that cannot be bound.
    pub async fn start(config: &Config) -> Result<Self, RuntimeError> {
        Self::start_with(config, ExternalServices::default()).await
    }

    /// As [`Self::start`], with services that the caller provides.
    ///
    /// # Errors
    /// As there.
    pub async fn start_with(config: &Config, external: ExternalServices) -> Result<Self, RuntimeError> {
        Self::load(config, Path::new("configuration"), LoggedFindings::default(), external).await
    }

    /// As [`Self::start`], for the configuration in the file `path`. The findings in `logged` are not logged again.
    ///
    /// # Errors
    /// As there.
    pub async fn start_after(config: &Config, path: &Path, logged: LoggedFindings) -> Result<Self, RuntimeError> {
        Self::load(config, path, logged, ExternalServices::default()).await
    }

    async fn load(
        config: &Config,
        path: &Path,
        logged: LoggedFindings,
        external: ExternalServices,
    ) -> Result<Self, RuntimeError> {
        let registry = Registry::new();
        let metrics = Arc::new(Metrics::new(&registry).map_err(Cause::Metrics)?);
        let (settings, tls_files) = settings::server(config)?;
        let readiness = Arc::new(Readiness::new());
        let files_seen = config.registry_files_digest();
        let certificates = CertificateFiles::load(tls_files).map_err(Cause::Tls);
        let components = Components::load_with(config, &metrics, &external).await;
        let ((files, loaded), components) = load(certificates, components)?;
        let status = || ReloadStatus::new(Arc::clone(&metrics), Arc::clone(&readiness), path, logged.clone());
        let (mut status, mut trust_status) = (status(), status());
        publish(config, (&mut status, &mut trust_status), &loaded, &components);
        let polls = PollStatus::new(Arc::clone(&metrics), Arc::clone(&readiness));
        for (variable, proxy) in proxy_environment::read(config).map_err(Cause::ProxyVariables)?.servers() {
            tracing::info!(variable, %proxy, "the proxy is used for the hosts in registries and for evidence; others \
                                              are reached directly");
        }
        let Components {
            engine,
            evidence,
            policy_source,
            policy: _,
            clouds,
            mut stores,
            registry_files,
            system_roots: _,
        } = components;
        stores.follow(policy_source.fetched(), &stores.fetcher(config, &registry_files, clouds.vaults()));
        let tls = Arc::new(Tls::new(loaded));
        // Starts to refresh evidence in the background.
        evidence.take_over();
        let policy = SharedPolicy::new(policy_source, trust_status, config);
        let (tokens, fetched) = (clouds.token_lines(), policy.fetched_lines());
        readiness.show_lines(move || tokens().into_iter().chain(fetched()).collect());
        clouds.request_tokens();
        engine.keep_connections();
        if !config.cache.images_at_start.is_empty() {
            engine.verify_at_start(config.cache.images_at_start.clone());
        }
        let verifier = Arc::new(engine.clone());
        let parts = ServerParts { verifier, tls: Arc::clone(&tls), readiness, metrics, registry };
        let server = Server::bind(settings, parts).await.map_err(Cause::Server)?;
        if let Ok((endpoints, health)) = server.addresses() {
            // `doors` is the former name of `endpoints`, for one release.
            tracing::info!(%endpoints, doors = %endpoints, %health, "listening");
        }
        let reload = ReloadTask {
            configuration: Configuration::new(config),
            policy,
            stores,
            certificates: Certificates::new(files, tls),
            registries: LoadedRegistryFiles::new(registry_files, files_seen),
            engine: ActiveEngine {
                server: server.reload_handle(),
                current: SharedEngine::new(engine),
                evidence,
                clouds,
                external,
            },
            status,
            polls,
        };
        Ok(Self { server, reload })
    }

    /// Follows the configuration in `file` as well while the service runs, and sets `level` to its value.
    #[must_use]
    pub fn following(mut self, file: ConfigFile, level: Option<LevelHandle>) -> Self {
        self.reload.configuration.follow(file, level);
        self
    }

    /// The address of the endpoints, with the port that the system has chosen for port 0.
    ///
    /// # Errors
    /// The system reports an error.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.server.address()
    }

    /// The address of probes and metrics.
    ///
    /// # Errors
    /// The system reports an error.
    pub fn health_address(&self) -> std::io::Result<SocketAddr> {
        self.server.health_address()
    }

    /// Serves until `stop` is ready and requests under way have finished or used up their grace.
    ///
    /// # Errors
    /// A listener or the reload task has ended.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<(), RuntimeError> {
        let Self { server, reload } = self;
        // Ends with this future.
        let mut timer = JoinSet::new();
        timer.spawn(early_timer::keep());
        tokio::select! {
            ended = server.run(stop) => {
                let cut_off = ended.map_err(Cause::Server)?;
                tracing::info!(cut_off, "stopped");
                Ok(())
            }
            // The task never ends. Without it the process exits, so that stale files are noticed.
            ended = reload.run() => Err(Cause::ReloadTask(ended).into()),
        }
    }
}

/// Certificates and components. Both are loaded before the failure of either is reported, so that the operator sees all
/// mistakes at once.
fn load<T>(
    certificates: Result<T, Cause>,
    components: Result<Components, RuntimeError>,
) -> Result<(T, Components), RuntimeError> {
    match (certificates, components) {
        (Ok(certificates), Ok(components)) => Ok((certificates, components)),
        (Ok(_), Err(error)) => Err(error),
        (Err(cause), Ok(components)) => Err(RuntimeError::new([cause].into_iter().chain(components.mistakes()))),
        (Err(cause), Err(error)) => Err(RuntimeError::new([cause].into_iter().chain(error.into_causes()))),
    }
}

/// The status of every component at the start.
fn publish(
    config: &Config,
    (status, trust_status): (&mut ReloadStatus, &mut ReloadStatus),
    certificates: &LoadedTls,
    components: &Components,
) {
    status.in_use(Component::Config);
    status.certificates_in_use(certificates);
    match &components.policy {
        Ok(policy) => trust_status.policy_in_use(policy, components.policy_source.location(), &config.aws),
        Err(error) => trust_status.no_policy(error, components.policy_source.location()),
    }
    trust_status.stores_fetched(components.policy_source.fetched());
    if components.system_roots == 0 {
        status.no_system_authorities();
    }
    status.configured(config, &components.registry_files);
}
