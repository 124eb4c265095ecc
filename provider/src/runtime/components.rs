//! What the service and the command line have in common: from a configuration to an engine.

use std::sync::Arc;
use std::time::Duration;

use countersign_registry::Registries;
use countersign_registry::RegistrySettings;
use countersign_registry::SettingsError;

use super::Failure;
use super::proxies;
use crate::config::Config;
use crate::config::RegistryFiles;
use crate::engine::CountRequests;
use crate::engine::Engine;
use crate::engine::EngineSettings;
use crate::engine::system_clock;
use crate::policy_source::Trust;
use crate::policy_source::TrustError;
use crate::policy_source::TrustHandle;
use crate::policy_source::TrustSource;
use crate::telemetry::metrics::Metrics;

/// How long the work for one image may go on after everybody who asked has left: so long that a slow registry's answer
/// is there for the next request.
pub(crate) const FLIGHT_TIME: Duration = Duration::from_secs(30);

/// What is loaded and connected.
pub(crate) struct Parts {
    pub(crate) engine: Engine,
    /// Used when files are read again.
    pub(crate) source: TrustSource,
    /// The first of `source`, unless no policy document can be used.
    pub(crate) trust: Result<Arc<Trust>, TrustError>,
    /// What the files of the registries say.
    pub(crate) files: RegistryFiles,
    /// Certificate authorities of the system.
    pub(crate) system_roots: usize,
}

impl Parts {
    /// Loads the trust, then the registries' files. Mistakes in them are no failure: they disable what they are about.
    pub(crate) fn load(config: &Config, metrics: &Arc<Metrics>) -> Result<Self, Failure> {
        let statements = config.verification.required_metadata.keys().cloned();
        let mut source = TrustSource::new(config.trust.location.clone(), statements);
        let trust = source.load(system_clock()());
        let files = config.registry_files(None);
        match engine(config, &files, source.handle(), metrics) {
            Ok((engine, system_roots)) => Ok(Self { engine, source, trust, files, system_roots }),
            Err(error) => {
                let causes = mistakes(&trust).map(anyhow::Error::new).into_iter().chain([error]).collect();
                Err(Failure::mistakes(causes))
            }
        }
    }

    /// Everything that is wrong with the trust policy and the trust stores, and with the registries' files.
    pub(crate) fn mistakes(&self) -> impl Iterator<Item = anyhow::Error> {
        let trust = mistakes(&self.trust).map(anyhow::Error::new);
        trust.into_iter().chain(self.files.error().map(anyhow::Error::new))
    }

    /// As [`Self::load`], where it is a failure if no policy document can be used. Other mistakes go to standard error.
    pub(crate) fn load_with_trust(config: &Config, metrics: &Arc<Metrics>) -> Result<Self, Failure> {
        let parts = Self::load(config, metrics)?;
        if parts.trust.is_err() {
            return Err(Failure::mistakes(parts.mistakes().collect()));
        }
        if let Some(error) = mistakes(&parts.trust) {
            eprintln!("countersign: warning: {error}");
        }
        parts.files.findings().for_each(|finding| eprintln!("countersign: warning: {}", finding.effect()));
        Ok(parts)
    }
}

fn mistakes(trust: &Result<Arc<Trust>, TrustError>) -> Option<TrustError> {
    match trust {
        Ok(trust) => trust.error(),
        Err(error) => Some(error.clone()),
    }
}

/// An engine with nothing remembered, with what the registries' files say, and how many certificate authorities the
/// system has.
fn engine(
    config: &Config,
    files: &RegistryFiles,
    trust: Arc<TrustHandle>,
    metrics: &Arc<Metrics>,
) -> Result<(Engine, usize), anyhow::Error> {
    let observer = Arc::new(CountRequests::new(Arc::clone(metrics)));
    let registries = Registries::new(registry_settings(config, files)?, observer).map_err(unusable)?;
    let system_roots = registries.system_roots();
    let settings = engine_settings(config);
    Ok((Engine::new(trust, registries, settings, Arc::clone(metrics), system_clock()), system_roots))
}

/// The same to follow `former`, within the same limits.
pub(crate) fn successor(
    former: &Engine,
    config: &Config,
    files: &RegistryFiles,
    trust: Arc<TrustHandle>,
) -> Result<Engine, anyhow::Error> {
    former.successor(trust, registry_settings(config, files)?, engine_settings(config)).map_err(unusable)
}

fn unusable(error: SettingsError) -> anyhow::Error {
    anyhow::Error::new(error).context("registries cannot be used")
}

fn registry_settings(config: &Config, files: &RegistryFiles) -> Result<RegistrySettings, anyhow::Error> {
    Ok(RegistrySettings { proxies: proxies::environment(config)?, ..files.settings(config) })
}

fn engine_settings(config: &Config) -> EngineSettings {
    EngineSettings {
        max_signatures: config.verification.max_signatures,
        required_metadata: config.verification.required_metadata.clone(),
        verdict_bytes: config.cache.verdict_bytes,
        verdict_lifetime: config.cache.verdict_lifetime,
        rejected_lifetime: config.cache.rejected_lifetime,
        flight_time: FLIGHT_TIME,
        max_flights: config.server.max_concurrent_keys,
    }
}
