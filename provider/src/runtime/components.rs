//! Creates an engine from a configuration. Used by the service, `verify` and `inspect`.

use std::sync::Arc;

use countersign_core::name::SigningProfileVersion;
use countersign_registry::Observer;
use countersign_registry::Registries;

use super::active_engine::ActiveEngine;
use super::active_engine::Successor;
use super::aws::AwsSurvey;
use super::call_reports::CallReports;
use super::clouds::CloudServices;
use super::error::Cause;
use super::error::RuntimeError;
use super::external_services::ExternalServices;
use super::settings;
use super::tokens::TriedToken;
use super::trust_stores;
use super::trust_stores::TrustStores;
use crate::clock;
use crate::clock::system_clock;
use crate::config::Config;
use crate::config::RegistryFiles;
use crate::config::RegistryFinding;
use crate::engine::CountRequests;
use crate::engine::Engine;
use crate::evidence::EvidenceSource;
use crate::evidence::Fetcher;
use crate::evidence::SignerAccess;
use crate::policy_source::FetchedStores;
use crate::policy_source::LoadedPolicy;
use crate::policy_source::PolicyHandle;
use crate::policy_source::PolicySource;
use crate::policy_source::PolicySourceError;
use crate::telemetry::RequestTrace;
use crate::telemetry::metrics::Metrics;

/// What observes the requests of an engine.
pub(crate) struct Observers<'a> {
    pub(crate) metrics: &'a Arc<Metrics>,
    /// Requests to registries.
    pub(crate) registries: Arc<dyn Observer>,
    /// Shows all other requests.
    pub(crate) trace: Option<Arc<dyn RequestTrace>>,
}

impl<'a> Observers<'a> {
    /// Those that count in the metrics.
    fn counting(metrics: &'a Arc<Metrics>) -> Self {
        Self { metrics, registries: Arc::new(CountRequests::new(Arc::clone(metrics))), trace: None }
    }
}

/// The loaded components.
pub(crate) struct Components {
    pub(crate) engine: Engine,
    /// The source of the engine's evidence.
    pub(crate) evidence: Fetcher,
    /// Reads policy and stores again when they change.
    pub(super) policy_source: PolicySource,
    /// The first result of `policy_source`.
    pub(super) policy: Result<Arc<LoadedPolicy>, PolicySourceError>,
    /// The clients of clouds.
    pub(super) clouds: CloudServices,
    /// Fetches the trust stores that are not in files.
    pub(super) stores: TrustStores,
    /// The content of the files of the registries.
    pub(super) registry_files: RegistryFiles,
    /// How many certificate authorities the system has.
    pub(super) system_roots: usize,
}

impl Components {
    /// Loads the registries' files, fetches the trust stores that are not in files, and loads the trust policy. Mistakes in them are no failure: they disable the
    /// statements or registries concerned.
    ///
    /// # Errors
    /// The registry client cannot be set up; then the mistakes in the trust policy are named too.
    pub(crate) async fn load(config: &Config, observers: Observers<'_>) -> Result<Self, RuntimeError> {
        Self::load_observed(config, &ExternalServices::default(), observers).await
    }

    /// As [`Self::load`], with services that the caller provides.
    ///
    /// # Errors
    /// As there.
    pub(super) async fn load_with(
        config: &Config,
        metrics: &Arc<Metrics>,
        external: &ExternalServices,
    ) -> Result<Self, RuntimeError> {
        Self::load_observed(config, external, Observers::counting(metrics)).await
    }

    async fn load_observed(
        config: &Config,
        external: &ExternalServices,
        observers: Observers<'_>,
    ) -> Result<Self, RuntimeError> {
        let statements = config.verification.required_metadata.keys().cloned();
        let fetched = FetchedStores::new(&config.trust.stores);
        let mut policy_source =
            PolicySource::new(config.trust.location.clone(), statements).with_fetched(fetched.clone());
        let mut registry_files = config.registry_files(None);
        match engine(config, &mut registry_files, external, policy_source.handle(), observers) {
            Ok(Created { engine, evidence, clouds, stores, system_roots }) => {
                trust_stores::first(&fetched, &stores.fetcher(config, &registry_files, clouds.vaults())).await;
                let policy = policy_source.load(clock::now());
                Ok(Self { engine, evidence, policy_source, policy, clouds, stores, registry_files, system_roots })
            }
            Err(cause) => {
                let policy = policy_source.load(clock::now());
                Err(RuntimeError::new(policy_mistakes(&policy).map(Cause::Policy).into_iter().chain([cause])))
            }
        }
    }

    /// As [`Self::load`], for commands that need a policy: reports mistakes in the policy and the registries' files to
    /// `warn`.
    ///
    /// # Errors
    /// As [`Self::load`], and if no policy document can be used.
    pub(crate) async fn load_with_policy(
        config: &Config,
        metrics: &Arc<Metrics>,
        warn: impl Fn(String),
    ) -> Result<Self, RuntimeError> {
        Self::load_with_policy_observed(config, Observers::counting(metrics), warn).await
    }

    /// As [`Self::load_with_policy`], with other observers.
    ///
    /// # Errors
    /// As there.
    pub(crate) async fn load_with_policy_observed(
        config: &Config,
        observers: Observers<'_>,
        warn: impl Fn(String),
    ) -> Result<Self, RuntimeError> {
        let components = Self::load_observed(config, &ExternalServices::default(), observers).await?;
        if components.policy.is_err() {
            return Err(RuntimeError::new(components.mistakes()));
        }
        if let Some(error) = policy_mistakes(&components.policy) {
            warn(error.to_string());
        }
        components.registry_files.findings().map(RegistryFinding::effect).for_each(warn);
        Ok(components)
    }

    /// An engine as [`Self::engine`], with another source of evidence.
    ///
    /// # Errors
    /// The registry client cannot be set up.
    pub(crate) fn engine_with(
        &self,
        config: &Config,
        evidence: Arc<dyn EvidenceSource>,
    ) -> Result<Engine, RuntimeError> {
        let of_cause = |cause| RuntimeError::new([cause]);
        let registries = settings::registries(config, &self.registry_files).map_err(of_cause)?;
        let (policy, settings) = (self.policy_source.handle(), settings::engine(config));
        let engine = self.engine.successor(policy, registries, evidence, settings);
        engine.map_err(|source| of_cause(Cause::Registries { source }))
    }

    /// Tries the calls of AWS that `config` needs, about a signature by one of `profiles`; `None` if it needs none.
    pub(crate) async fn survey_aws(&self, config: &Config, profiles: &[SigningProfileVersion]) -> Option<AwsSurvey> {
        self.clouds.survey_aws(config, profiles).await
    }

    /// Requests a token for each registry of Azure that `config` has; `None` if it has none with tokens.
    pub(crate) async fn survey_azure(&self, config: &Config) -> Option<Vec<TriedToken>> {
        self.clouds.survey_azure(config).await
    }

    /// Requests a token for each registry of Google that `config` has; `None` if it has none with tokens.
    pub(crate) async fn survey_google(&self, config: &Config) -> Option<Vec<TriedToken>> {
        self.clouds.survey_google(config).await
    }

    /// The trust policy and stores; `None` if no policy document can be used.
    pub(crate) fn policy(&self) -> Option<&LoadedPolicy> {
        self.policy.as_deref().ok()
    }

    /// The trust stores that are fetched.
    pub(crate) fn fetched_stores(&self) -> &FetchedStores {
        self.policy_source.fetched()
    }

    /// All mistakes in the trust policy, the trust stores and the registries' files.
    pub(super) fn mistakes(&self) -> impl Iterator<Item = Cause> {
        let policy = policy_mistakes(&self.policy).map(Cause::Policy);
        policy.into_iter().chain(self.registry_files.error().map(Cause::RegistryFiles))
    }
}

fn policy_mistakes(policy: &Result<Arc<LoadedPolicy>, PolicySourceError>) -> Option<PolicySourceError> {
    match policy {
        Ok(policy) => policy.error(),
        Err(error) => Some(error.clone()),
    }
}

/// An engine with empty caches, and what it uses.
struct Created {
    engine: Engine,
    evidence: Fetcher,
    clouds: CloudServices,
    stores: TrustStores,
    system_roots: usize,
}

fn engine(
    config: &Config,
    files: &mut RegistryFiles,
    external: &ExternalServices,
    policy: Arc<PolicyHandle>,
    observers: Observers<'_>,
) -> Result<Created, Cause> {
    let settings = settings::registries(config, files)?;
    let Observers { metrics, registries: observer, trace } = observers;
    let registries = Registries::new(settings, observer).map_err(|source| Cause::Registries { source })?;
    let system_roots = registries.system_roots();
    let (limits, metrics) = (registries.shared_limits(), Arc::clone(metrics));
    metrics.reduced_hosts(limits.reduced_hosts());
    let stores = TrustStores::new(limits, trace.clone());
    // Completes the credentials that the registry client has already.
    let clouds = CloudServices::none(limits, &CallReports::new(&metrics, trace.clone())).successor(config, files)?;
    let settings = settings::evidence(config, files, signer(config, &clouds, external));
    let evidence = Fetcher::new(settings, limits, Arc::clone(&metrics), trace, system_clock());
    let evidence = evidence.map_err(|source| Cause::Evidence { source })?;
    let (source, settings) = (Arc::new(evidence.clone()), settings::engine(config));
    let engine = Engine::new(policy, registries, source, settings, metrics, system_clock());
    Ok(Created { engine, evidence, clouds, stores, system_roots })
}

/// AWS Signer: that of the caller of the library, otherwise that of AWS.
fn signer(config: &Config, clouds: &CloudServices, external: &ExternalServices) -> Option<SignerAccess> {
    external.signer.clone().or_else(|| clouds.signer(config))
}

/// The clients of clouds that follow those of `former`. Completes the credentials of `files`.
pub(super) fn clouds(
    former: &ActiveEngine,
    config: &Config,
    files: &mut RegistryFiles,
) -> Result<CloudServices, Cause> {
    former.clouds.successor(config, files)
}

/// The engine that follows `former` under a changed configuration or changed files, within the same limits. It uses the
/// evidence in memory and the services of `former`.
pub(super) fn successor(
    former: &ActiveEngine,
    config: &Config,
    files: &RegistryFiles,
    clouds: CloudServices,
    policy: Arc<PolicyHandle>,
) -> Result<Successor, Cause> {
    let registries = settings::registries(config, files)?;
    let evidence =
        former.evidence.successor(settings::evidence(config, files, signer(config, &clouds, &former.external)));
    let evidence = evidence.map_err(|source| Cause::Evidence { source })?;
    let successor = former.current.get().successor(policy, registries, Arc::new(evidence), settings::engine(config));
    let engine = successor.map_err(|source| Cause::Registries { source })?;
    Ok(Successor { engine, clouds })
}
