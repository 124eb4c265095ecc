//! What is known about the hosts that requests are sent to: how long the head of a response takes, and whether the host has failed for some
//! time.
//!
//! While a host fails, few requests are sent to it, and the others fail at once: they would wait for it in vain, and with their permits
//! hold up those that come after its return. Requests in place of probes look whether it has returned, one each [`limits::PROBE_FAST`] if
//! failures come at once, and each [`limits::PROBE_SLOW`] if the host does not respond. The first response ends this. So the
//! state lasts for less than a second after the host has returned, and no verdict is kept because of it.
//!
//! A host may fail for some of its parts only, as a registry does with a repository whose storage does not respond. So a request about a part
//! that had none of the last ones is sent too, for a few parts at a time. If it has a response, the host does not fail.
//!
//! The state is one of a host on behalf of another: failures of a store of blobs that one registry leads to say nothing about it as a
//! store of another registry, whose content may be elsewhere.

use std::hash::BuildHasher as _;
use std::hash::RandomState;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use countersign_core::codec::text::Text;
use lru::LruCache;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::error::FetchError;
use crate::hop::Hop;
use crate::limits;

/// The state of hosts. Hosts of the settings and others are kept apart, so that the latter cannot evict the former. Clones share it.
#[derive(Clone)]
pub(crate) struct Health {
    /// The number of a pair of hosts is its hash under a random key. Two pairs with the same number are improbable, and share their state.
    numbers: Arc<RandomState>,
    /// The locks are never held across an await.
    hosts: Arc<[Mutex<LruCache<u64, State>>; 2]>,
}

#[derive(Default)]
struct State {
    /// About the longest time until the head of a response, of recent ones.
    head: Option<Duration>,
    /// Without a response between them.
    failures: u32,
    /// The first of them.
    since: Option<Instant>,
    open: Option<Box<Failing>>,
    /// The parts of the host that it responded about last, and when it did.
    answered: [Option<(u64, Instant)>; limits::ANSWERED_PARTS],
}

impl State {
    /// Notes a response about `part`.
    fn answered(&mut self, part: u64, now: Instant) {
        let own = self.answered.iter().position(|known| known.is_some_and(|(known, _)| known == part));
        let oldest = || (0..self.answered.len()).min_by_key(|place| self.answered[*place].map(|(_, at)| at));
        if let Some(known) = own.or_else(oldest).and_then(|place| self.answered.get_mut(place)) {
            *known = Some((part, now));
        }
    }
}

/// A host that fails.
struct Failing {
    /// The last failure, and when it was.
    last: Text,
    at: Instant,
    /// When the next request is sent.
    next_probe: Instant,
    last_probe: Instant,
    /// Until then one of them waits for the host as long as any request may.
    patient_until: Instant,
    /// Until then one of them waits for it as long as its callers do.
    waiting_until: Instant,
    /// The parts of the host that the last requests were about, and when these were sent.
    parts: [Option<(u64, Instant)>; limits::PROBE_PARTS],
    /// Changes when a probe has ended; the number of those that failed.
    ended: watch::Sender<u64>,
}

impl Failing {
    /// Notes that a request about `part` is sent, if there is room for it.
    fn sent(&mut self, part: u64, now: Instant) {
        let is_of = |known: &&mut Option<(u64, Instant)>| known.is_some_and(|(known, _)| known == part);
        let place = match self.parts.iter_mut().find(is_of) {
            Some(own) => Some(own),
            None => self.parts.iter_mut().find(|known| !is_recent(**known, now)),
        };
        if let Some(place) = place {
            *place = Some((part, now));
        }
    }

    /// Whether a request about `part` may be sent because there was none for some time, and there were few about others.
    fn may_try(&self, part: u64, now: Instant) -> bool {
        let is_recent = |known: &Option<(u64, Instant)>| is_recent(*known, now);
        let own = self.parts.iter().find(|known| known.is_some_and(|(known, _)| known == part));
        own.map_or_else(|| !self.parts.iter().all(is_recent), |own| !is_recent(own))
    }
}

/// Whether a request may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admitted {
    /// The host is not known to fail.
    Usual,
    /// The request looks whether the host has returned.
    Probe,
}

/// Whether a request about a part was sent not long before `now`.
fn is_recent(part: Option<(u64, Instant)>, now: Instant) -> bool {
    part.is_some_and(|(_, at)| now < at + limits::PROBE_PATIENT)
}

impl Health {
    pub(crate) fn new() -> Self {
        let hosts = || Mutex::new(LruCache::new(NonZeroUsize::new(limits::HEALTH_HOSTS).unwrap_or(NonZeroUsize::MIN)));
        Self { numbers: Arc::default(), hosts: Arc::new([hosts(), hosts()]) }
    }

    /// Waits for the end of a probe, if one ends soon or is sent soon.
    ///
    /// # Errors
    /// The host fails, and no probe has found within twice [`limits::PROBE_WAIT`] that it has returned.
    pub(crate) async fn admit(&self, hop: Hop<'_>, deadline: Instant) -> Result<Admitted, FetchError> {
        let (began, part) = (Instant::now(), self.part(hop));
        let mut seen = None;
        loop {
            let (until, mut ended) = {
                let mut hosts = self.lock(hop);
                let Some(State { failures, open: Some(failing), .. }) = hosts.get_mut(&self.number(hop)) else {
                    return Ok(Admitted::Usual);
                };
                let now = Instant::now();
                if now >= failing.next_probe {
                    failing.last_probe = now;
                    failing.next_probe = now + limits::PROBE_SLOW;
                    failing.sent(part, now);
                    return Ok(Admitted::Probe);
                }
                if failing.may_try(part, now) {
                    failing.sent(part, now);
                    return Ok(Admitted::Probe);
                }
                // That of a probe in progress, or of the next one.
                let result = failing.last_probe + limits::PROBE_WAIT;
                let until = if result > now { result.min(failing.next_probe) } else { failing.next_probe };
                let failed = *failing.ended.borrow();
                let had_result = *seen.get_or_insert(failed) != failed;
                let is_soon = until <= now + limits::PROBE_WAIT && until <= began + 2 * limits::PROBE_WAIT;
                if had_result || !is_soon || until >= deadline {
                    let ago = now.saturating_duration_since(failing.at);
                    let (host, failures, last) = (hop.host.to_owned(), *failures, failing.last.clone());
                    return Err(FetchError::Failing { host, failures, ago, last });
                }
                (until, failing.ended.subscribe())
            };
            // Both results are the end of the wait.
            let _ = tokio::time::timeout_at(until, ended.changed()).await;
        }
    }

    /// Whether the host is known to fail.
    pub(crate) fn is_failing(&self, hop: Hop<'_>) -> bool {
        self.lock(hop).peek(&self.number(hop)).is_some_and(|state| state.open.is_some())
    }

    /// Whether recent responses of the host took longer than `time`, so that it says nothing about the host if one has not come by then.
    pub(crate) fn may_take(&self, hop: Hop<'_>, time: Duration) -> bool {
        self.lock(hop).peek(&self.number(hop)).and_then(|state| state.head).is_some_and(|usual| time < usual)
    }

    /// The head of a response has come, after this time.
    pub(crate) fn succeeded(&self, hop: Hop<'_>, after: Duration) {
        let mut hosts = self.lock(hop);
        let state = hosts.get_or_insert_mut(self.number(hop), State::default);
        let (former, answered) = (state.head.unwrap_or_default(), state.answered);
        // The drop of the sender wakes those that wait.
        *state = State { head: Some(after.max(former * 7 / 8)), answered, ..State::default() };
        state.answered(self.part(hop), Instant::now());
    }

    /// Whether the host has responded lately about the same part. If it has, a request without a response tells about its load; otherwise that
    /// part of the host may be what fails. Only few parts are known: of requests that have no response because of the load, some are about one.
    pub(crate) fn has_answered(&self, hop: Hop<'_>) -> bool {
        let (now, part) = (Instant::now(), self.part(hop));
        let answered = |(known, at): &(u64, Instant)| *known == part && now < *at + limits::ANSWERED;
        let hosts = self.lock(hop);
        hosts.peek(&self.number(hop)).is_some_and(|state| state.answered.iter().flatten().any(answered))
    }

    /// There was no response to a request, which took this time, or the response says that the host fails.
    pub(crate) fn failed(&self, hop: Hop<'_>, why: Text, after: Duration) {
        let mut hosts = self.lock(hop);
        let state = hosts.get_or_insert_mut(self.number(hop), State::default);
        let now = Instant::now();
        let since = *state.since.get_or_insert(now);
        state.failures = state.failures.saturating_add(1);
        let pause = if after < limits::PROBE_FAST { limits::PROBE_FAST } else { limits::PROBE_SLOW };
        match &mut state.open {
            Some(failing) => {
                (failing.last, failing.at) = (shortened(&why), now);
                failing.next_probe = failing.next_probe.min(failing.last_probe + pause);
                failing.ended.send_modify(|failed| *failed += 1);
            }
            None if state.failures >= limits::FAILURES && now - since >= limits::FAILURES_TIME => {
                let (next_probe, ended) = (now + pause, watch::Sender::new(0));
                let mut parts = [None; limits::PROBE_PARTS];
                parts[0] = Some((self.part(hop), now));
                state.open = Some(Box::new(Failing {
                    last: shortened(&why),
                    at: now,
                    next_probe,
                    last_probe: now,
                    patient_until: now,
                    waiting_until: now,
                    parts,
                    ended,
                }));
            }
            None => {}
        }
    }

    /// The host took longer than this for the head of a response twice, and may be slow from now on.
    pub(crate) fn was_slow(&self, hop: Hop<'_>, time: Duration) {
        let mut hosts = self.lock(hop);
        let state = hosts.get_or_insert_mut(self.number(hop), State::default);
        if state.open.is_none() {
            state.head = state.head.map(|head| head.max(time / 2));
        }
    }

    /// How long the head of a response may take, if its callers wait for it until `until`: half of that time, or longer if the host usually
    /// takes longer. `None` if nothing is known about the host.
    ///
    /// While the host fails, one probe at a time may take all of that time, and one in each [`limits::PROBE_PATIENT`] the time of its request
    /// (`None`): they find a host that responds again, but slowly. The other probes have [`limits::HEAD_LEAST`]: with more time, probes would
    /// use up the permits of the host, and a request that waits for a permit is not told that the host fails.
    pub(crate) fn head_time(&self, hop: Hop<'_>, until: Instant) -> Option<Duration> {
        let mut hosts = self.lock(hop);
        let State { head, open, .. } = hosts.get_mut(&self.number(hop))?;
        let (now, usual) = (Instant::now(), (*head)?);
        let left = until.saturating_duration_since(now);
        let time = match open {
            None => left / 2,
            Some(failing) if failing.patient_until <= now => {
                failing.patient_until = now + limits::PROBE_PATIENT;
                return None;
            }
            Some(failing) if failing.waiting_until <= now => {
                failing.waiting_until = until;
                left
            }
            Some(_) => Duration::ZERO,
        };
        Some(time.max(usual * limits::HEAD_TIMES).max(limits::HEAD_LEAST))
    }

    fn number(&self, hop: Hop<'_>) -> u64 {
        self.numbers.hash_one((hop.home, hop.host))
    }

    fn part(&self, hop: Hop<'_>) -> u64 {
        self.numbers.hash_one(hop.about)
    }

    fn lock(&self, hop: Hop<'_>) -> MutexGuard<'_, LruCache<u64, State>> {
        let [listed, others] = &*self.hosts;
        // No operation can panic while the map is inconsistent.
        (if hop.listed { listed } else { others }).lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn shortened(why: &Text) -> Text {
    Text::at_most(limits::FAILURE_TEXT_BYTES, why)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
