//! The engine: trust and registries, joined. One request for one image goes through here from top to bottom.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use countersign_core::limits;
use countersign_core::name::Digest;
use countersign_core::name::ImageRef;
use countersign_core::name::Repository;
use countersign_core::name::Selector;
use countersign_core::oci::Descriptor;
use countersign_core::policy::Decision;
use countersign_core::policy::NotationRequirement;
use countersign_core::policy::Requirement;
use countersign_core::time::UnixTime;
use countersign_core::verdict;
use countersign_core::verdict::Code;
use countersign_core::verdict::FailedSignatures;
use countersign_core::verdict::ImageVerdict;
use countersign_core::verdict::Reason;
use countersign_core::verdict::Skipped;
use countersign_core::verdict::Verified;
use countersign_http::Limiter;
use countersign_http::Share;
use countersign_http::ShareLimits;
use countersign_registry::Incomplete;
use countersign_registry::Pinned;
use countersign_registry::Referrers;
use countersign_registry::Registries;
use countersign_registry::RegistrySettings;
use countersign_registry::SettingsError;
use futures_util::FutureExt as _;
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;

use super::CountRequests;
use super::Deadline;
use super::ImageResult;
use super::Verify;
use super::error_mapping;
use super::signatures;
use super::signatures::Asked;
use super::signatures::Judged;
use crate::cache::FlightError;
use crate::cache::LruTtlCache;
use crate::cache::Progress;
use crate::cache::SingleFlight;
use crate::clock::Clock;
use crate::evidence::EvidenceSource;
use crate::evidence::Unavailable;
use crate::policy_source::Applicable;
use crate::policy_source::StatementState;
use crate::policy_source::Trust;
use crate::policy_source::TrustHandle;
use crate::policy_source::UsableStatement;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::metrics::VERIFICATIONS;

/// How many further signatures of an image are fetched at a time, once the first has not counted.
pub(super) const FETCHED_AHEAD: usize = 4;

/// What an operator may choose about the engine.
#[derive(Clone, Debug)]
pub struct EngineSettings {
    /// Signatures tried per image.
    pub max_signatures: usize,
    /// By name of the statement: annotations that a signed payload must have.
    pub required_metadata: BTreeMap<String, BTreeMap<String, String>>,
    /// How much memory verdicts may take, in bytes. Zero remembers none.
    pub verdict_bytes: usize,
    /// How long a "verified" is remembered, at most.
    pub verdict_lifetime: Duration,
    /// How long a "rejected" is remembered. Short: somebody may be signing the image right now.
    pub rejected_lifetime: Duration,
    /// How long the work for one image may go on, whoever waits for it.
    pub flight_time: Duration,
    /// How many images may be in work at a time, of all hosts together; each has its share.
    pub max_flights: usize,
}

/// See the module.
#[derive(Clone)]
pub struct Engine(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) trust: Arc<TrustHandle>,
    pub(super) registries: Registries,
    pub(super) settings: EngineSettings,
    pub(super) evidence: Arc<dyn EvidenceSource>,
    metrics: Arc<Metrics>,
    pub(super) clock: Clock,
    /// Shared by pins and verifications: an image is in one of them at a time.
    work: Limiter,
    pins: SingleFlight<(Repository, Selector), Result<Pinned, Reason>>,
    verifications: SingleFlight<Key, Arc<ImageVerdict>>,
    verdicts: LruTtlCache<Key, Remembrance>,
}

/// What a verdict is about: never a tag, and never across a change of trust.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    repository: Repository,
    digest: Digest,
    rule: Arc<str>,
    generation: u64,
}

/// A verdict, and when it has to be made anew whatever its lifetime.
type Remembrance = (Arc<ImageVerdict>, Option<UnixTime>);

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("settings", &self.0.settings).finish_non_exhaustive()
    }
}

impl Engine {
    #[must_use]
    pub fn new(
        trust: Arc<TrustHandle>,
        registries: Registries,
        settings: EngineSettings,
        metrics: Arc<Metrics>,
        clock: Clock,
    ) -> Self {
        let observer = Arc::new(CountRequests::new(Arc::clone(&metrics)));
        let work = Limiter::new(VERIFICATIONS, ShareLimits::of(settings.max_flights), observer);
        Self::within(work, trust, registries, settings, metrics, clock)
    }

    /// An engine under another configuration, with nothing remembered, within the same limits: work that is under way here
    /// counts there, and the other way round. Numbers of limits in the settings apply after [`Self::take_over`].
    ///
    /// # Errors
    /// A mistake in the settings of the registries.
    pub fn successor(
        &self,
        trust: Arc<TrustHandle>,
        registries: RegistrySettings,
        settings: EngineSettings,
    ) -> Result<Self, SettingsError> {
        let Inner { work, registries: former, metrics, clock, .. } = &*self.0;
        let registries = former.successor(registries)?;
        Ok(Self::within(work.clone(), trust, registries, settings, Arc::clone(metrics), Arc::clone(clock)))
    }

    /// The numbers of limits are those of this engine from now on, for work that is under way elsewhere, too. What `former`
    /// remembers is forgotten: it serves the requests under way, and no others.
    pub fn take_over(&self, former: &Self) {
        self.0.work.set_limits(ShareLimits::of(self.0.settings.max_flights));
        self.0.registries.take_over(&former.0.registries);
        former.0.verdicts.limit_to(0);
    }

    fn within(
        work: Limiter,
        trust: Arc<TrustHandle>,
        registries: Registries,
        settings: EngineSettings,
        metrics: Arc<Metrics>,
        clock: Clock,
    ) -> Self {
        Self(Arc::new(Inner {
            work,
            pins: SingleFlight::default(),
            verifications: SingleFlight::default(),
            verdicts: LruTtlCache::new(settings.verdict_bytes),
            trust,
            registries,
            evidence: Arc::new(Unavailable),
            settings,
            metrics,
            clock,
        }))
    }
}

impl Verify for Engine {
    fn of_request(self: Arc<Self>) -> Arc<dyn Verify> {
        Arc::new(Snapshot { trust: self.0.trust.current(), inner: Arc::clone(&self.0) })
    }

    fn verify(&self, image: Arc<ImageRef>, deadline: Deadline) -> BoxFuture<'static, ImageResult> {
        let (inner, trust) = (Arc::clone(&self.0), self.0.trust.current());
        async move { inner.verify(&image, deadline, trust).await }.boxed()
    }

    fn resolve(&self, image: Arc<ImageRef>, deadline: Deadline) -> BoxFuture<'static, Result<Digest, Reason>> {
        let inner = Arc::clone(&self.0);
        async move {
            match image.selector() {
                Selector::Digest(digest) => Ok(digest.clone()),
                Selector::Tag(_) => inner.pin(&image, deadline).await.map(|pinned| pinned.descriptor().digest.clone()),
            }
        }
        .boxed()
    }
}

/// The engine with the trust of one moment. A change of trust counts for the next request, not for half of this one.
struct Snapshot {
    inner: Arc<Inner>,
    trust: Option<Arc<Trust>>,
}

impl Verify for Snapshot {
    fn of_request(self: Arc<Self>) -> Arc<dyn Verify> {
        self
    }

    fn verify(&self, image: Arc<ImageRef>, deadline: Deadline) -> BoxFuture<'static, ImageResult> {
        let (inner, trust) = (Arc::clone(&self.inner), self.trust.clone());
        async move { inner.verify(&image, deadline, trust).await }.boxed()
    }

    fn resolve(&self, image: Arc<ImageRef>, deadline: Deadline) -> BoxFuture<'static, Result<Digest, Reason>> {
        Engine(Arc::clone(&self.inner)).resolve(image, deadline)
    }
}

impl Inner {
    async fn verify(self: &Arc<Self>, image: &ImageRef, deadline: Deadline, trust: Option<Arc<Trust>>) -> ImageResult {
        let written = match image.selector() {
            Selector::Digest(digest) => Some(digest.clone()),
            Selector::Tag(_) => None,
        };
        let decided =
            |verdict: ImageVerdict| ImageResult { digest: written.clone(), verdict: verdict.into(), cached: false };
        let Some(trust) = trust else {
            let reason = Reason::new(Code::NotReady, "there is no trust policy document that can be used: want one");
            return decided(ImageVerdict::from_reason(None, reason));
        };
        // Before a statement is chosen: one that skips asks no registry.
        if let Err(error) = self.registries.check_spelling(image.repository()) {
            return decided(ImageVerdict::from_reason(None, error_mapping::reason(&error)));
        }
        if let Some(verdict) = self.scope_with_port(&trust, image.repository()) {
            return decided(verdict);
        }
        let statement = match trust.applicable(image.repository()) {
            Applicable::Usable(statement) => Arc::clone(statement),
            Applicable::Disabled(statement, claim) => return decided(error_mapping::of_disabled(statement, claim)),
            Applicable::Nothing => {
                let detail = format_args!(
                    "no statement of the trust policy has the registry scope {}: want one that has",
                    image.repository()
                );
                return decided(ImageVerdict::from_reason(None, Reason::new(Code::NoApplicableRule, detail)));
            }
        };
        let rule = statement.shared_name();
        let requirement = match statement.decision() {
            // Nothing is fetched for a repository that is not verified.
            Decision::Skip => return decided(ImageVerdict::Skipped(Skipped { rule })),
            Decision::Verify(Requirement::Notation(requirement)) => Arc::clone(requirement),
        };
        let pinned = match self.pin(image, deadline).await {
            Ok(pinned) => pinned,
            Err(reason) => return decided(ImageVerdict::from_reason(Some(rule), reason)),
        };
        let digest = pinned.descriptor().digest.clone();
        let key = Key {
            repository: pinned.repository().clone(),
            digest: digest.clone(),
            rule: Arc::clone(&rule),
            generation: trust.generation(),
        };
        if let Some(verdict) = self.remembered(&key) {
            return ImageResult { digest: Some(digest), verdict, cached: true };
        }
        let (this, flight_key) = (Arc::clone(self), key.clone());
        let share = self.registries.share(pinned.repository());
        let turn = || self.work.queue(&share);
        let work = move |progress| {
            // Before anything is held: what waits for its turn takes nothing from others.
            let turn = turn();
            async move {
                let _permit = match turn {
                    Ok(turn) => turn.granted().await,
                    Err(reached) => {
                        let reason = error_mapping::overloaded(&reached);
                        return Arc::new(ImageVerdict::from_reason(Some(flight_key.rule), reason));
                    }
                };
                // In a box, so that what waits for its turn is small.
                let verdict = Arc::new(Box::pin(this.look(statement, requirement, pinned, &progress)).await);
                this.remember(flight_key, &verdict);
                verdict
            }
        };
        let verdict = match self.verifications.join_or_start(key, deadline.instant().into(), work).await {
            Ok(verdict) => verdict,
            Err(error) => Arc::new(ImageVerdict::from_reason(Some(rule), self.of_flight(error, &share))),
        };
        ImageResult { digest: Some(digest), verdict, cached: false }
    }

    /// The verdict if a scope names the repository with a port that no reference to it may write, as its registry is plain
    /// HTTP without one: with 80 it is the same place under another name, and with 443 another place under an equal one.
    /// So it is not known which statement is meant.
    pub(super) fn scope_with_port(&self, trust: &Trust, repository: &Repository) -> Option<ImageVerdict> {
        let with_port = self.registries.with_plain_port(repository)?;
        let writes_port = |(scope, _): &(&Repository, &StatementState)| scope.host().written_port().is_some();
        let (scope, statement) =
            trust.scope_of(&with_port).or_else(|| trust.scope_of(repository).filter(writes_port))?;
        let detail = format_args!(
            "statement {:?} of the trust policy has the scope {scope}, and registries has {} over plain HTTP without a port: \
             expected the scope without a port",
            statement.name(),
            repository.host()
        );
        Some(ImageVerdict::from_reason(Some(statement.shared_name()), Reason::new(Code::StatementDisabled, detail)))
    }

    /// From reference to digest; shared by all who ask for the same reference meanwhile.
    pub(super) async fn pin(self: &Arc<Self>, image: &ImageRef, deadline: Deadline) -> Result<Pinned, Reason> {
        // Before others that ask about an equal repository are joined.
        self.registries.check_spelling(image.repository()).map_err(|error| error_mapping::reason(&error))?;
        if let Some(pinned) = self.registries.remembered_pin(image) {
            return Ok(pinned);
        }
        let key = (image.repository().clone(), image.selector().clone());
        let share = self.registries.share(image.repository());
        let turn = || self.work.queue(&share);
        let (this, image) = (Arc::clone(self), image.clone());
        let work = move |progress: Progress| {
            let turn = turn();
            async move {
                let _permit = turn.map_err(|reached| error_mapping::overloaded(&reached))?.granted().await;
                progress.enter("the image's manifest was fetched");
                let until = Instant::now() + this.settings.flight_time;
                // In a box, so that what waits for its turn is small.
                Box::pin(this.registries.pin(&image, until.into())).await.map_err(|error| error_mapping::reason(&error))
            }
        };
        let pinned = self.pins.join_or_start(key, deadline.instant().into(), work).await;
        pinned.map_err(|error| self.of_flight(error, &share))?
    }

    /// The reason when shared work gave no answer.
    fn of_flight(&self, error: FlightError, share: &Share) -> Reason {
        match error {
            FlightError::Deadline { stage: Some(stage) } => error_mapping::late(stage),
            FlightError::Deadline { stage: None } => error_mapping::overloaded(&self.work.refusal(share)),
            FlightError::Panicked => error_mapping::panicked(),
        }
    }

    /// Fetches the signatures and judges them until one counts.
    async fn look(
        &self,
        statement: Arc<UsableStatement>,
        requirement: Arc<NotationRequirement>,
        pinned: Pinned,
        progress: &Progress,
    ) -> ImageVerdict {
        let name = statement.shared_name();
        let rule = || Arc::clone(&name);
        let required_metadata = self.settings.required_metadata.get(statement.name()).cloned().unwrap_or_default();
        let asked = Arc::new(Asked { pinned, statement, requirement, required_metadata, now: (self.clock)() });
        let until = (Instant::now() + self.settings.flight_time).into();

        progress.enter("the list of signatures was fetched");
        let mut referrers = match self.registries.referrers(&asked.pinned, signatures::SIGNATURE, until).await {
            Ok(referrers) => referrers,
            Err(error) => return ImageVerdict::from_reason(Some(rule()), error_mapping::reason(&error)),
        };
        signatures::order(&mut referrers.entries, &signatures::trusted(&asked.statement.stores()));
        let most = self.settings.max_signatures;
        let unseen = unseen(&referrers, most);
        signatures::shorten(&mut referrers, most);

        progress.enter("its signatures were fetched and verified");
        let judge = |entry: &'_ Descriptor| {
            let (entry, asked) = (entry.clone(), &asked);
            async move {
                let judged =
                    signatures::judge(&self.registries, &*self.evidence, &self.metrics, asked, &entry, until).await;
                (entry.digest, judged)
            }
        };
        let mut entries = referrers.entries.iter();
        let mut failed = FailedSignatures::default();
        // One alone first: it mostly counts, and then nothing else is fetched.
        let mut waiting = futures_util::stream::iter(entries.next().map(judge)).buffered(1).boxed();
        let mut rest = Some(entries);
        loop {
            match waiting.next().await {
                Some((manifest, Judged::Verified(signature))) => {
                    return ImageVerdict::Verified(Verified { rule: rule(), manifest, signature, others: failed });
                }
                Some((_, Judged::Failed(failure))) => failed.push(failure),
                Some((_, Judged::OtherType)) => {}
                None => match rest.take() {
                    Some(entries) => {
                        waiting = futures_util::stream::iter(entries.map(judge)).buffered(FETCHED_AHEAD).boxed()
                    }
                    None if failed.total() == 0 && unseen.is_none() => {
                        return ImageVerdict::from_reason(Some(rule()), verdict::unsigned(referrers.untyped));
                    }
                    None => return ImageVerdict::none_verified(rule(), failed, unseen),
                },
            }
        }
    }

    fn remembered(&self, key: &Key) -> Option<Arc<ImageVerdict>> {
        let found = self.verdicts.get(key, Instant::now());
        let alive = found.filter(|(_, good_until)| good_until.is_none_or(|end| (self.clock)() < end));
        self.metrics.cache_event(if alive.is_some() { "verdict-hit" } else { "verdict-miss" });
        alive.map(|(verdict, _)| verdict)
    }

    /// What could not be looked at is never remembered.
    fn remember(&self, key: Key, verdict: &Arc<ImageVerdict>) {
        let (lifetime, good_until) = match &**verdict {
            ImageVerdict::Verified(verified) => (self.settings.verdict_lifetime, verified.signature.good_until()),
            ImageVerdict::Rejected(_) => (self.settings.rejected_lifetime, None),
            ImageVerdict::Skipped(_) | ImageVerdict::Inconclusive(_) => return,
        };
        let bytes = weight(&key, verdict);
        let evicted = self.verdicts.put(key, (Arc::clone(verdict), good_until), bytes, Some(Instant::now() + lifetime));
        self.metrics.cache_event("verdict-stored");
        for _ in 0..evicted {
            self.metrics.cache_event("verdict-evicted");
        }
    }
}

/// Why "none of them counts" would be too much to say: some signatures were not looked at.
pub(super) fn unseen(referrers: &Referrers, most: usize) -> Option<Reason> {
    if let Some(Incomplete::Failed(error)) = &referrers.incomplete {
        return Some(error_mapping::reason(error));
    }
    let found = referrers.entries.len();
    if found > most {
        let detail = format_args!("none of the first {most} of {found} or more signatures counts: want one that does");
        return Some(Reason::new(Code::TooManySignatures, detail));
    }
    unread(referrers)
}

/// Why the list of signatures may not be all of them, although the registry gave it.
pub(super) fn unread(referrers: &Referrers) -> Option<Reason> {
    match &referrers.incomplete {
        None => {}
        Some(Incomplete::Failed(error)) => return Some(error_mapping::reason(error)),
        Some(Incomplete::Limit) => {
            let detail = format_args!(
                "the list of referrers was not read to its end: found more than {} entries or {} pages, expected fewer",
                limits::REFERRERS_ENTRIES,
                limits::REFERRERS_PAGES
            );
            return Some(Reason::new(Code::TooManySignatures, detail));
        }
    }
    (referrers.broken > 0).then(|| {
        let broken = referrers.broken;
        let detail = format_args!("the list of signatures has {broken} entries that cannot be read: want descriptors");
        Reason::new(Code::RegistryAnswerInvalid, detail)
    })
}

/// What an entry occupies, in bytes: key, verdict, and what the cache puts around them.
fn weight(key: &Key, verdict: &ImageVerdict) -> usize {
    // The links and the slot of the entry in the cache's map, the counts of the shared verdict, and what an allocator
    // adds to each.
    const AROUND: usize = 192;
    let names = key.repository.host().as_str().len() + key.repository.path().len() + key.digest.as_str().len();
    AROUND + size_of::<Key>() + size_of::<Remembrance>() + names + verdict.bytes()
}
