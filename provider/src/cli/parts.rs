//! What `serve` and `verify` have in common: from a configuration to an engine.

use std::sync::Arc;
use std::time::Duration;

use countersign_registry::Registries;

use super::Exit;
use super::Failure;
use crate::config::Config;
use crate::engine::CountRequests;
use crate::engine::Engine;
use crate::engine::EngineSettings;
use crate::engine::system_clock;
use crate::telemetry::metrics::Metrics;
use crate::trust_source::Trust;
use crate::trust_source::TrustSource;

/// How long the work for one image may go on after everybody who asked has left: so long that a slow registry's answer
/// is there for the next request.
pub(super) const FLIGHT_TIME: Duration = Duration::from_secs(30);

/// What is loaded and connected.
pub(super) struct Parts {
    pub(super) engine: Engine,
    /// For looking again.
    pub(super) source: TrustSource,
    /// The first of `source`.
    pub(super) trust: Arc<Trust>,
    /// Certificate authorities of the system.
    pub(super) system_roots: usize,
}

impl Parts {
    /// Loads the trust, then the registries' files, and reports the mistakes of both at once.
    pub(super) fn load(config: &Config, metrics: &Arc<Metrics>) -> Result<Self, Failure> {
        let required_metadata = &config.verification.required_metadata;
        let mut source = TrustSource::new(config.trust.location.clone(), required_metadata.keys().cloned());
        let trust = source.load().map_err(anyhow::Error::new);
        let registries = config.registry_settings().map_err(anyhow::Error::new).and_then(|settings| {
            let observer = Arc::new(CountRequests::new(Arc::clone(metrics)));
            Registries::new(settings, observer).map_err(|error| anyhow::Error::new(error).context("registries"))
        });
        let (trust, registries) = match (trust, registries) {
            (Ok(trust), Ok(registries)) => (trust, registries),
            (trust, registries) => {
                let causes = trust.err().into_iter().chain(registries.err()).collect();
                return Err(Failure { exit: Exit::Usage, causes });
            }
        };
        let system_roots = registries.system_roots();
        let settings = EngineSettings {
            max_signatures: config.verification.max_signatures,
            required_metadata: required_metadata.clone(),
            verdict_bytes: config.cache.verdict_bytes,
            verdict_lifetime: config.cache.verdict_lifetime,
            rejected_lifetime: config.cache.rejected_lifetime,
            flight_time: FLIGHT_TIME,
            max_flights: config.server.max_concurrent_keys,
        };
        let engine = Engine::new(source.handle(), registries, settings, Arc::clone(metrics), system_clock());
        Ok(Self { engine, source, trust, system_roots })
    }
}
