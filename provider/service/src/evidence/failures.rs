//! Addresses that failed: not tried again for some seconds, with the time since when they fail.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use countersign_core::codec::text::Text;
use countersign_core::time::UnixTime;
use lru::LruCache;

use super::address::Address;
use super::request_error::Concerns;
use super::request_error::RequestError;
use super::target::Key;

/// Failures that are kept: far more than authorities have addresses. Each takes about 2 KiB at most.
const FAILURES: usize = 512;

/// A failure of an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) why: Text,
    /// The first of the failures without a success between them.
    pub(super) since: UnixTime,
    /// Not tried again before.
    pub(super) retry_at: UnixTime,
}

/// What failed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Subject {
    Host(Arc<str>),
    Evidence(Key),
}

/// The present failures.
pub(super) struct Failures(Mutex<LruCache<Subject, Failure>>);

impl Failures {
    pub(super) fn new() -> Self {
        Self(Mutex::new(LruCache::new(NonZeroUsize::new(FAILURES).unwrap_or(NonZeroUsize::MIN))))
    }

    /// The failure because of which the address is not tried at `now`.
    pub(super) fn current(&self, address: &Address, key: &Key, now: UnixTime, lifetime: Duration) -> Option<Failure> {
        let failures = self.lock();
        let of = |subject: &Subject| failures.peek(subject).filter(|failure| failure.applies(now, lifetime)).cloned();
        of(&Subject::Host(Arc::clone(address.host()))).or_else(|| of(&Subject::Evidence(key.clone())))
    }

    /// Notes a failure at `now`. Returns it, and whether it is the first.
    pub(super) fn failed(
        &self,
        address: &Address,
        key: &Key,
        error: &RequestError,
        now: UnixTime,
        lifetime: Duration,
    ) -> (Failure, bool) {
        let why = Text::of(error);
        let subject = match error.concerns() {
            Concerns::Host => Subject::Host(Arc::clone(address.host())),
            Concerns::Evidence => Subject::Evidence(key.clone()),
            Concerns::Nothing => return (Failure { why, since: now, retry_at: now }, false),
        };
        let mut failures = self.lock();
        let former = failures.peek(&subject).map(|failure| failure.since);
        let since = former.map_or(now, |since| since.min(now));
        let failure = Failure { why, since, retry_at: now.saturating_add(lifetime) };
        failures.put(subject, failure.clone());
        (failure, former.is_none())
    }

    /// Removes the failures of an address that works. Returns since when it failed, if it did.
    pub(super) fn succeeded(&self, address: &Address, key: &Key) -> Option<UnixTime> {
        let mut failures = self.lock();
        let host = failures.pop(&Subject::Host(Arc::clone(address.host())));
        let evidence = failures.pop(&Subject::Evidence(key.clone()));
        host.into_iter().chain(evidence).map(|failure| failure.since).min()
    }

    /// Removes all failures: other settings may permit what failed.
    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, LruCache<Subject, Failure>> {
        // No operation can panic while the map is inconsistent.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Failure {
    /// Whether the address is not tried at `now`. A clock that was set back ends it.
    fn applies(&self, now: UnixTime, lifetime: Duration) -> bool {
        now < self.retry_at && self.retry_at <= now.saturating_add(lifetime)
    }
}
