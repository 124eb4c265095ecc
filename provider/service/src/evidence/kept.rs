//! Evidence in memory: verified OCSP responses and CRLs, bounded in bytes.

use std::hash::BuildHasher as _;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use countersign_core::time::UnixTime;
use lru::LruCache;

use super::fetched::Fetched;
use super::settings::FetchSettings;
use super::target::Key;
use super::target::Target;
use crate::clock::Moment;
use crate::telemetry::metrics::EvidenceKind;
use crate::telemetry::metrics::KeptEvidence;

/// Evidence that was not used for this time is not refreshed any more.
const IN_USE: Duration = Duration::from_secs(24 * 3600);

/// How often a complete CRL is fetched again that is older than its delta CRL needs.
const BEHIND_DELTA: Duration = Duration::from_secs(60);

/// The cache. The least recently used evidence is evicted.
pub(super) struct Kept(Mutex<Inner>);

struct Inner {
    entries: LruCache<Key, Entry>,
    bytes: usize,
    max_bytes: usize,
}

struct Entry {
    fetched: Fetched,
    target: Target,
    bytes: usize,
    /// When it was stored.
    stored: Moment,
    refresh_at: UnixTime,
    used: UnixTime,
    /// Whether the last refresh failed.
    failed: bool,
}

/// The result of a look-up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Current(Fetched),
    /// Usable, and to be refreshed.
    Due(Fetched),
    Nothing,
}

/// The result of storing evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stored {
    /// Stored; so many others were evicted.
    Yes { evicted: usize },
    /// Older than what is kept and still valid. `is_first` unless the last refresh had the same result or failed.
    Older { kept: Fetched, is_first: bool },
    /// Larger than the whole cache.
    TooLarge { bytes: usize },
    /// Its use has ended already.
    Ended,
}

impl Kept {
    pub(super) fn new(max_bytes: usize) -> Self {
        Self(Mutex::new(Inner { entries: LruCache::unbounded(), bytes: 0, max_bytes }))
    }

    /// Sets the limit, and evicts what does not fit.
    pub(super) fn set_limit(&self, max_bytes: usize) {
        let mut inner = self.lock();
        inner.max_bytes = max_bytes;
        inner.evict();
    }

    /// The evidence for `key` at `now`, which counts as a use.
    pub(super) fn get(&self, key: &Key, now: UnixTime, settings: &FetchSettings) -> Found {
        let mut inner = self.lock();
        let Some(entry) = inner.entries.get_mut(key) else { return Found::Nothing };
        if !entry.is_kept(now, settings) {
            inner.remove(key);
            return Found::Nothing;
        }
        entry.used = now;
        if entry.is_due(now) { Found::Due(entry.fetched_at(now)) } else { Found::Current(entry.fetched_at(now)) }
    }

    /// As [`Self::get`], without counting as a use.
    pub(super) fn current(&self, key: &Key, now: UnixTime, settings: &FetchSettings) -> Option<Fetched> {
        let inner = self.lock();
        let entry = inner.entries.peek(key)?;
        let is_current = !entry.is_due(now) && entry.is_kept(now, settings);
        is_current.then(|| entry.fetched_at(now))
    }

    pub(super) fn put(
        &self,
        key: Key,
        target: Target,
        fetched: Fetched,
        now: UnixTime,
        settings: &FetchSettings,
    ) -> Stored {
        if fetched.kept_until(settings) <= now {
            return Stored::Ended;
        }
        let bytes = fetched.bytes() + target.bytes() + key.bytes() + size_of::<Entry>();
        let mut inner = self.lock();
        if let Some(entry) = inner.entries.peek_mut(&key)
            && fetched.is_older_than(&entry.fetched)
            && entry.stored.latest(now) < entry.fetched.until(settings)
        {
            let is_first = !entry.failed;
            entry.fail(now, settings);
            return Stored::Older { kept: entry.fetched_at(now), is_first };
        }
        if bytes > inner.max_bytes {
            inner.remove(&key);
            return Stored::TooLarge { bytes };
        }
        let mut refresh_at = refresh_at(&fetched, settings);
        for (other, entry) in inner.entries.iter_mut().filter(|(other, _)| other.has_issuer_of(&key)) {
            if fetched.needs_newer_than(&entry.fetched) && !entry.failed {
                entry.refresh_at = entry.refresh_at.min(now);
            }
            if *other != key && entry.fetched.needs_newer_than(&fetched) {
                refresh_at = refresh_at.min(now.saturating_add(BEHIND_DELTA));
            }
        }
        let used = inner.entries.peek(&key).map_or(now, |entry| entry.used);
        let entry = Entry { fetched, target, bytes, stored: Moment::new(now), refresh_at, used, failed: false };
        if let Some(former) = inner.entries.put(key, entry) {
            inner.bytes -= former.bytes;
        }
        inner.bytes += bytes;
        Stored::Yes { evicted: inner.evict() }
    }

    /// The refresh of `key` failed at `now`: it is not due again for some time.
    pub(super) fn refresh_failed(&self, key: &Key, now: UnixTime, settings: &FetchSettings) {
        if let Some(entry) = self.lock().entries.peek_mut(key) {
            entry.fail(now, settings);
        }
    }

    /// Removes what has ended. Returns what is due and was used recently.
    pub(super) fn due(&self, now: UnixTime, settings: &FetchSettings) -> Vec<(Key, Target)> {
        let mut inner = self.lock();
        let ended = inner.entries.iter().filter(|(_, entry)| !entry.is_kept(now, settings));
        let ended: Vec<Key> = ended.map(|(key, _)| key.clone()).collect();
        ended.iter().for_each(|key| inner.remove(key));
        // An answer without a status is asked for again only when it is needed.
        let is_in_use = |entry: &Entry| entry.used.saturating_add(IN_USE) > now && entry.fetched.has_status();
        let due = inner.entries.iter().filter(|(_, entry)| entry.is_due(now) && is_in_use(entry));
        due.map(|(key, entry)| (key.clone(), entry.target.clone())).collect()
    }

    /// What is kept of a kind.
    pub(super) fn summary(&self, kind: EvidenceKind, now: UnixTime, settings: &FetchSettings) -> KeptEvidence {
        let inner = self.lock();
        let mut kept = KeptEvidence::default();
        let earliest = |a: &mut Option<UnixTime>, b: UnixTime| *a = Some(a.map_or(b, |a| a.min(b)));
        for (_, entry) in inner.entries.iter().filter(|(key, _)| key.kind() == kind) {
            kept.entries += 1;
            kept.bytes += entry.bytes;
            earliest(&mut kept.oldest, entry.fetched.at());
            if entry.used.saturating_add(IN_USE) > now {
                earliest(&mut kept.next_refresh, entry.refresh_at);
                if entry.failed {
                    earliest(&mut kept.end_without_refresh, entry.fetched.until(settings));
                }
            }
        }
        kept
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // No operation can panic while the members are inconsistent.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    /// Whether it is kept at `now`. Time that has passed counts although the clock was set back, here and below.
    fn is_kept(&self, now: UnixTime, settings: &FetchSettings) -> bool {
        self.stored.latest(now) < self.fetched.kept_until(settings)
    }

    fn is_due(&self, now: UnixTime) -> bool {
        self.refresh_at <= self.stored.latest(now)
    }

    /// The evidence, whose use ends so much earlier as the clock, which shows `now`, was set back.
    fn fetched_at(&self, now: UnixTime) -> Fetched {
        self.fetched.clone().after_setting_back(self.stored.set_back(now))
    }

    fn fail(&mut self, now: UnixTime, settings: &FetchSettings) {
        self.failed = true;
        let retry_at = self.stored.latest(now).saturating_add(settings.negative_lifetime);
        self.refresh_at = self.refresh_at.max(retry_at);
    }
}

impl Found {
    /// The newer evidence of two addresses; of equally new evidence that which is not due.
    pub(super) fn newer(self, other: Self) -> Self {
        match (self, other) {
            (Self::Nothing, found) | (found, Self::Nothing) => found,
            (Self::Due(one), Self::Current(other)) if !other.is_older_than(&one) => Self::Current(other),
            (one @ (Self::Current(_) | Self::Due(_)), other @ (Self::Current(_) | Self::Due(_))) => {
                if one.is_older_than(&other) { other } else { one }
            }
        }
    }

    fn is_older_than(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Current(one) | Self::Due(one), Self::Current(other) | Self::Due(other)) => one.is_older_than(other),
            (Self::Nothing, _) | (_, Self::Nothing) => false,
        }
    }
}

impl Inner {
    fn evict(&mut self) -> usize {
        let mut evicted = 0;
        while self.bytes > self.max_bytes {
            let Some((_, entry)) = self.entries.pop_lru() else { break };
            self.bytes -= entry.bytes;
            evicted += 1;
        }
        evicted
    }

    fn remove(&mut self, key: &Key) {
        if let Some(entry) = self.entries.pop(key) {
            self.bytes -= entry.bytes;
        }
    }
}

/// When evidence is fetched again: after the interval, or when three quarters of its use are over if that is earlier; and
/// up to a tenth earlier at random, so that replicas and entries do not refresh together. What has ended, or has no status, is
/// fetched again after seconds.
fn refresh_at(fetched: &Fetched, settings: &FetchSettings) -> UnixTime {
    let at = fetched.at();
    let lifetime = u64::try_from(fetched.until(settings).seconds() - at.seconds()).unwrap_or(0);
    let after = if lifetime == 0 || !fetched.has_status() {
        settings.short_lifetime().as_secs()
    } else {
        settings.refresh_interval.as_secs().min(lifetime / 4 * 3)
    };
    let random = std::hash::RandomState::new().hash_one(0_u8);
    at.saturating_add(Duration::from_secs(after - random % (after / 10 + 1)))
}
