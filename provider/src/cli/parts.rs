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
use crate::trust_source::TrustHandle;
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
        let statements = config.verification.required_metadata.keys().cloned();
        let mut source = TrustSource::new(config.trust.location.clone(), statements);
        let trust = source.load().map_err(anyhow::Error::new);
        match (trust, engine(config, source.handle(), metrics)) {
            (Ok(trust), Ok((engine, system_roots))) => Ok(Self { engine, source, trust, system_roots }),
            (trust, engine) => {
                let causes = trust.err().into_iter().chain(engine.err()).collect();
                Err(Failure { exit: Exit::Usage, causes })
            }
        }
    }
}

/// An engine with nothing remembered, over the registries' files as they are now, and how many certificate authorities
/// the system has.
pub(super) fn engine(
    config: &Config,
    trust: Arc<TrustHandle>,
    metrics: &Arc<Metrics>,
) -> Result<(Engine, usize), anyhow::Error> {
    let observer = Arc::new(CountRequests::new(Arc::clone(metrics)));
    let registries = Registries::new(config.registry_settings()?, observer)
        .map_err(|error| anyhow::Error::new(error).context("registries cannot be used"))?;
    let system_roots = registries.system_roots();
    let settings = EngineSettings {
        max_signatures: config.verification.max_signatures,
        required_metadata: config.verification.required_metadata.clone(),
        verdict_bytes: config.cache.verdict_bytes,
        verdict_lifetime: config.cache.verdict_lifetime,
        rejected_lifetime: config.cache.rejected_lifetime,
        flight_time: FLIGHT_TIME,
        max_flights: config.server.max_concurrent_keys,
    };
    Ok((Engine::new(trust, registries, settings, Arc::clone(metrics), system_clock()), system_roots))
}
