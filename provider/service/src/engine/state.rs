//! The engine: combines policy, registries and evidence.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use countersign_core::evidence::EvidenceSettings;
use countersign_core::name::ImageRef;
use countersign_core::verdict::ImageVerdict;
use countersign_core::verdict::Reason;
use countersign_http::Limiter;
use countersign_http::Share;
use countersign_http::ShareLimits;
use countersign_registry::Registries;
use countersign_registry::RegistrySettings;
use countersign_registry::SettingsError;
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;

use super::CountRequests;
use super::error_mapping;
use super::request::Conditions;
use super::request::CredentialSelection;
use super::request::Deadline;
use super::request::PolicySelection;
use super::request::PolicySnapshot;
use super::request::VerificationRequest;
use super::resolved::PinKey;
use super::resolved::Resolved;
use super::undecided::AtStart;
use super::verdict_cache::VerdictCache;
use super::verdict_key::MetadataRequirements;
use super::verdict_key::VerdictKey;
use crate::cache::FlightError;
use crate::cache::SingleFlight;
use crate::clock::Clock;
use crate::evidence::EvidenceSource;
use crate::policy_source::PolicyHandle;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::metrics::VERIFICATIONS;

/// The settings of the engine.
#[derive(Clone, Debug)]
pub struct EngineSettings {
    /// Signatures tried per image.
    pub max_signatures: usize,
    /// By name of the statement: annotations that a signed payload must have.
    pub required_metadata: BTreeMap<String, BTreeMap<String, String>>,
    /// Settings for the evidence that judgements need; the source reads it with the same.
    pub evidence: EvidenceSettings,
    /// Memory for cached verdicts, in bytes. Zero disables the cache.
    pub verdict_bytes: usize,
    /// Longest lifetime of a cached "verified".
    pub verdict_lifetime: Duration,
    /// Lifetime of a cached "rejected". Short, because the image may be signed at any moment.
    pub rejected_lifetime: Duration,
    /// Time limit for the work on one image, whether or not callers wait.
    pub flight_time: Duration,
    /// How long a verification continues that no request waits for.
    pub ahead_time: Duration,
    /// Whether the verification of an image that mutation has resolved is started.
    pub verify_ahead: bool,
    /// How many images that were verified last are verified again after a change.
    pub verify_again: usize,
    /// Maximum number of images in progress at the same time; each host has a share.
    pub max_flights: usize,
}

/// Processes [`VerificationRequest`]s. Clones share one engine.
#[derive(Clone)]
pub struct Engine(pub(super) Arc<Inner>);

pub(super) struct Inner {
    policy: Arc<PolicyHandle>,
    pub(super) registries: Registries,
    pub(super) settings: EngineSettings,
    /// From the settings.
    pub(super) requirements: MetadataRequirements,
    pub(super) evidence: Arc<dyn EvidenceSource>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) clock: Clock,
    /// Shared by pins and verifications: an image is in one of them at a time.
    pub(super) work: Limiter,
    pub(super) pins: SingleFlight<PinKey, Result<Resolved, Reason>>,
    pub(super) verifications: SingleFlight<VerdictKey, Arc<ImageVerdict>>,
    pub(super) verdicts: VerdictCache,
    /// Limits the work that no request waits for to a quarter of all.
    pub(super) ahead: Arc<Semaphore>,
    /// Ends the verification before anybody asks. Never locked across an await.
    pub(super) early: Mutex<Option<AbortHandle>>,
    /// Never locked across an await.
    pub(super) at_start: Mutex<Option<AtStart>>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("settings", &self.0.settings).finish_non_exhaustive()
    }
}

impl Engine {
    /// An engine with empty caches. `evidence` fetches the evidence that judgements need.
    #[must_use]
    pub fn new(
        policy: Arc<PolicyHandle>,
        registries: Registries,
        evidence: Arc<dyn EvidenceSource>,
        settings: EngineSettings,
        metrics: Arc<Metrics>,
        clock: Clock,
    ) -> Self {
        let observer = Arc::new(CountRequests::new(Arc::clone(&metrics)));
        let work = Limiter::new(VERIFICATIONS, ShareLimits::of(settings.max_flights), observer);
        Self::within(work, policy, registries, evidence, settings, metrics, clock)
    }

    /// An engine under another configuration, with empty caches and the same limits: work in progress counts for both.
    /// Numbers of limits in the settings apply after [`Self::take_over`].
    ///
    /// # Errors
    /// A mistake in the settings of the registries.
    pub fn successor(
        &self,
        policy: Arc<PolicyHandle>,
        registries: RegistrySettings,
        evidence: Arc<dyn EvidenceSource>,
        settings: EngineSettings,
    ) -> Result<Self, SettingsError> {
        let Inner { work, registries: former, metrics, clock, .. } = &*self.0;
        let registries = former.successor(registries)?;
        Ok(Self::within(work.clone(), policy, registries, evidence, settings, Arc::clone(metrics), Arc::clone(clock)))
    }

    /// Applies the limits of this engine to all work in progress, and empties the caches of `former`, which only
    /// finishes its running requests and begins nothing that was not asked for.
    pub fn take_over(&self, former: &Self) {
        self.0.work.set_limits(ShareLimits::of(self.0.settings.max_flights));
        self.0.registries.take_over(&former.0.registries);
        self.0.evidence.take_over();
        former.end_early();
        former.0.verdicts.disable();
        self.0.show_cached_verdicts();
        self.continue_at_start(former);
    }

    /// Keeps connections to registries open in the background, as configured. Within a runtime.
    pub fn keep_connections(&self) {
        self.0.registries.keep_connections();
    }

    fn within(
        work: Limiter,
        policy: Arc<PolicyHandle>,
        registries: Registries,
        evidence: Arc<dyn EvidenceSource>,
        settings: EngineSettings,
        metrics: Arc<Metrics>,
        clock: Clock,
    ) -> Self {
        let EngineSettings { verdict_bytes, verdict_lifetime, rejected_lifetime, .. } = settings;
        Self(Arc::new(Inner {
            work,
            pins: SingleFlight::default(),
            ahead: Arc::new(Semaphore::new((settings.max_flights / 4).max(1))),
            verifications: SingleFlight::default(),
            early: Mutex::default(),
            at_start: Mutex::default(),
            verdicts: VerdictCache::new(verdict_bytes, verdict_lifetime, rejected_lifetime),
            policy,
            registries,
            evidence,
            requirements: MetadataRequirements::new(&settings.required_metadata, settings.max_signatures),
            settings,
            metrics,
            clock,
        }))
    }

    /// The policy in use now.
    #[must_use]
    pub fn snapshot(&self) -> PolicySnapshot {
        PolicySnapshot::new(self.0.policy.current())
    }

    /// A request about `image` under the present configuration and policy.
    #[must_use]
    pub fn request(&self, image: Arc<ImageRef>, deadline: Deadline) -> VerificationRequest {
        VerificationRequest {
            image,
            namespace: None,
            policy: PolicySelection::ByRepository,
            credentials: CredentialSelection::Configured,
            conditions: Conditions {},
            deadline,
            snapshot: self.snapshot(),
        }
    }
}

impl Inner {
    /// Shows how many verdicts are in memory.
    pub(super) fn show_cached_verdicts(&self) {
        for (which, size) in self.verdicts.sizes() {
            self.metrics.cached_verdicts(which, size);
        }
    }

    /// The reason if shared work ended without a result.
    pub(super) fn reason_of_flight_error(&self, error: FlightError, share: &Share) -> Reason {
        match error {
            FlightError::Deadline { stage: Some(stage), awaited } => error_mapping::late(stage, &awaited),
            // It has no permit yet, so it waits for no host.
            FlightError::Deadline { stage: None, awaited: _ } => error_mapping::overloaded(&self.work.refusal(share)),
            FlightError::Panicked => error_mapping::panicked(),
        }
    }
}
