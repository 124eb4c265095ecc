//! Cache of verdicts.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use countersign_core::name::ImageRef;
use countersign_core::time::UnixTime;
use countersign_core::verdict::ImageVerdict;
use countersign_core::verdict::VerdictKind;
use countersign_core::verdict::Verified;
use countersign_http::Renewal;
use tokio::time::Instant;

use super::verdict_key::VerdictKey;
use crate::cache::LruTtlCache;
use crate::cache::ShardedCache;
use crate::clock::Moment;
use crate::telemetry::metrics::CacheSize;
use crate::telemetry::metrics::CachedVerdicts;

/// A verdict in memory.
pub(super) struct Kept {
    pub(super) verdict: Arc<ImageVerdict>,
    /// When it ends regardless of its lifetime.
    good_until: Option<UnixTime>,
    since: Instant,
    until: Instant,
    renewal: Renewal,
}

impl Kept {
    /// Whether it is "verified" with all checks, and good at that time.
    fn is_checked(&self, at: Moment) -> bool {
        let is_good = self.good_until.is_none_or(|end| at.shown() < end);
        is_good && matches!(&*self.verdict, ImageVerdict::Verified(verified) if !is_unchecked(verified))
    }

    /// How long ago it was decided.
    pub(super) fn age(&self) -> Duration {
        self.since.elapsed()
    }

    /// Whether it has not ended, and its renewal is not due.
    pub(super) fn stands(&self, now: UnixTime) -> bool {
        let instant = Instant::now();
        instant < self.until && self.good_until.is_none_or(|end| now < end) && !self.renewal.is_due(instant)
    }

    /// See [`Renewal::is_due`].
    pub(super) fn is_due(&self) -> bool {
        self.renewal.is_due(Instant::now())
    }

    /// See [`Renewal::claim`].
    pub(super) fn claim_renewal(&self) -> bool {
        self.renewal.claim(Instant::now())
    }
}

type Entry = Arc<Kept>;

/// Bounded in bytes. Inconclusive verdicts are never cached.
///
/// Rejections have a part of their own: they may be large (all failed signatures of an image) and anybody who may create pods can cause
/// them, so that they must not evict the verdicts of good images.
pub(super) struct VerdictCache {
    verified: ShardedCache<VerdictKey, Entry>,
    rejected: ShardedCache<VerdictKey, Entry>,
    /// The images that were verified last, by the keys of their verdicts, each with its digest. In one part, as their order is of use, and
    /// only a new verdict needs it.
    lately: LruTtlCache<VerdictKey, Arc<ImageRef>>,
    verified_lifetime: Duration,
    rejected_lifetime: Duration,
}

/// The result of storing a verdict.
pub(super) enum Stored {
    /// Stored; so many others were evicted.
    Yes { evicted: usize },
    /// Verdicts of this kind are not cached, or it is larger than the cache.
    No,
}

impl VerdictCache {
    pub(super) fn new(bytes: usize, verified_lifetime: Duration, rejected_lifetime: Duration) -> Self {
        // A rejection lasts for some seconds only. The images are some hundred.
        let (beside, lately) = (bytes / 8, bytes / 64);
        Self {
            verified: ShardedCache::new(bytes - beside),
            rejected: ShardedCache::new(beside - lately),
            lately: LruTtlCache::new(lately),
            verified_lifetime,
            rejected_lifetime,
        }
    }

    /// The verdict, if it is still valid at `now`.
    pub(super) fn get(&self, key: &VerdictKey, now: UnixTime) -> Option<Arc<Kept>> {
        let instant = Instant::now().into_std();
        let kept = self.verified.get(key, instant).or_else(|| self.rejected.get(key, instant))?;
        kept.good_until.is_none_or(|end| now < end).then_some(kept)
    }

    /// Stores a verdict of work that began at `begun`. It ends when its evidence does, by the clock and by the time that passes: the
    /// clock may be set back.
    pub(super) fn put(&self, key: VerdictKey, verdict: &Arc<ImageVerdict>, begun: Moment) -> Stored {
        let (own, other) = (&self.verified, &self.rejected);
        let (entries, former, lifetime, good_until) = match &**verdict {
            ImageVerdict::Verified(verified) if is_unchecked(verified) => {
                (own, other, self.verified_lifetime.min(self.rejected_lifetime), verified.good_until())
            }
            ImageVerdict::Verified(verified) => (own, other, self.verified_lifetime, verified.good_until()),
            ImageVerdict::Rejected(_) => (other, own, self.rejected_lifetime, None),
            ImageVerdict::Skipped(_) | ImageVerdict::Inconclusive(_) => return Stored::No,
        };
        let (bytes, now) = (weight(verdict), Instant::now());
        // An outage during a renewal does not shorten what was checked.
        let is_outage = matches!(&**verdict, ImageVerdict::Verified(verified) if is_unchecked(verified));
        if is_outage && own.get(&key, now.into_std()).is_some_and(|kept| kept.is_checked(begun)) {
            return Stored::No;
        }
        let lifetime_end = now + lifetime;
        let evidence_end = good_until.and_then(|end| begun.instant_of(end));
        let until = evidence_end.map_or(lifetime_end, |end| end.min(lifetime_end));
        // Evidence that ends is renewed by its source, and the verdict with the next request. Rejections and verdicts
        // without a check are short on purpose.
        let renewal = if until == lifetime_end && lifetime == self.verified_lifetime {
            Renewal::within(lifetime, now)
        } else {
            Renewal::never()
        };
        // The last verdict is the one that counts.
        former.remove(&key);
        let kept = Arc::new(Kept { verdict: Arc::clone(verdict), good_until, since: now, until, renewal });
        match entries.put(key, kept, bytes, Some(until.into_std())) {
            Some(evicted) => Stored::Yes { evicted },
            None => Stored::No,
        }
    }

    /// Keeps the image of a verdict under `key`, if that is in memory and "verified".
    pub(super) fn put_image(&self, key: VerdictKey, image: Arc<ImageRef>) {
        let end = Instant::now() + self.verified_lifetime;
        // A reference has its text, and that of its parts.
        let bytes = 4 * image.written().len() + size_of::<ImageRef>();
        let bytes = bytes + LruTtlCache::<VerdictKey, Arc<ImageRef>>::ENTRY_OVERHEAD;
        self.lately.put(key, image, bytes, Some(end.into_std()));
    }

    /// The images that were verified last, each once, the last one first; at most `most`.
    pub(super) fn lately(&self, most: usize) -> Vec<Arc<ImageRef>> {
        let mut seen = HashSet::new();
        let images = self.lately.latest(Instant::now().into_std()).into_iter();
        // A large cache has many more than are taken.
        images.filter(|image| seen.insert(image.to_string())).take(most).collect()
    }

    /// What is in the cache, ended verdicts included until they are asked for or evicted.
    pub(super) fn sizes(&self) -> [(CachedVerdicts, CacheSize); 2] {
        let size = |entries: &ShardedCache<VerdictKey, Entry>| {
            let (entries, bytes) = entries.size();
            CacheSize { entries, bytes }
        };
        [(CachedVerdicts::Verified, size(&self.verified)), (CachedVerdicts::Rejected, size(&self.rejected))]
    }

    /// Empties the cache.
    pub(super) fn disable(&self) {
        self.verified.limit_to(0);
        self.rejected.limit_to(0);
        self.lately.limit_to(0);
    }
}

/// Whether a check could not be made and the statement only logs that: an outage, which is not remembered for long.
fn is_unchecked(verified: &Verified) -> bool {
    verified.warnings().any(|(_, reason)| reason.code.kind() == VerdictKind::Inconclusive)
}

/// The size of an entry in memory, in bytes: key, verdict, and the overhead of the cache.
fn weight(verdict: &ImageVerdict) -> usize {
    // The links and the slot of the entry in the cache's map, the counts of the shared verdict, and what an allocator
    // adds to each.
    const AROUND: usize = 192;
    AROUND + VerdictKey::BYTES + size_of::<Entry>() + size_of::<Kept>() + verdict.bytes()
}
