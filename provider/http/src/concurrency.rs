//! How many requests a host gets at the same time, by how it has responded to the last ones: additive increase, multiplicative decrease, as
//! for the congestion window of TCP ([RFC 5681](https://www.rfc-editor.org/rfc/rfc5681#section-3.1)).
//!
//! A host begins at the limit of the settings. A request that it refuses because of their number, or does not answer in time, halves the
//! number that was in use, unless it may be that only the repository that it was about does not respond
//! ([`Health::has_answered`](crate::health::Health::has_answered)). Requests that were sent before the last reduction do not halve it again, as
//! they met the same overload. Each round of responses to requests for which the limit was the reason to wait raises it by one. Other
//! responses do not show that the host can serve more.
//!
//! Time ends a reduction too, as responses alone would not: a host with few requests would keep for days what was measured once. It ends at
//! once and not in steps, [`limits::REDUCED_FOR`] after the end of the pause that the host requested, or after more requests were wanted than
//! the limit allows. So it does not end while the limit is in effect, and requests that wait need no timer that ends it. And a load that
//! comes again each few seconds does not find a higher limit each time, which the host would refuse.

use std::hash::BuildHasher as _;
use std::hash::RandomState;
use std::num::NonZeroUsize;

use lru::LruCache;
use tokio::time::Instant;

use crate::limits;
use crate::resource::Overload;
use crate::share::Claim;
use crate::share::Scope;

/// The hosts whose limit is reduced. Hosts of the settings and others are kept apart, so that the latter cannot evict the former.
pub(crate) struct Concurrency {
    /// The number of a host is its hash under a random key. Two hosts with the same number are improbable, and share their state.
    numbers: RandomState,
    listed: LruCache<u64, HostLimit>,
    others: LruCache<u64, HostLimit>,
    /// Of all hosts, so that it also grows when the state of a host is evicted.
    reductions: u64,
}

/// The limit of a host that is reduced.
struct HostLimit {
    limit: usize,
    why: Overload,
    /// The number of the last reduction.
    number: u64,
    /// The responses since the limit was last changed.
    responses: usize,
    /// When time begins to end the reduction.
    since: Instant,
}

/// The requests to a host that were in flight when one was sent.
#[derive(Clone, Copy, Debug, Default)]
pub struct InFlight {
    /// That one included.
    requests: usize,
    /// The reductions before.
    reductions: u64,
    /// Whether a reduced limit allowed no further request.
    is_limit: bool,
}

/// A reduction, or why there was none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reduction {
    /// The limit is lower than before.
    Made,
    /// The request was sent before the last reduction, or the limit is 1.
    None,
}

impl HostLimit {
    /// The end of the reduction is not before that of a pause, or the last time that the limit was in effect.
    fn lasts_from(&mut self, at: Instant) {
        self.since = self.since.max(at);
    }

    fn has_ended(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.since) >= limits::REDUCED_FOR
    }
}

impl Concurrency {
    pub(crate) fn new() -> Self {
        let hosts = || LruCache::new(NonZeroUsize::new(limits::REDUCED_HOSTS).unwrap_or(NonZeroUsize::MIN));
        Self { numbers: RandomState::new(), listed: hosts(), others: hosts(), reductions: 0 }
    }

    /// The limit of the claim's host and the reason, if it is below that of the claim.
    pub(crate) fn limit(&self, claim: &Claim) -> Option<(usize, Overload)> {
        let hosts = if claim.listed { &self.listed } else { &self.others };
        if claim.exempt || hosts.is_empty() {
            return None;
        }
        let HostLimit { limit, why, .. } = hosts.peek(&self.number(&claim.group))?;
        (*limit < claim.group_limit).then_some((*limit, *why))
    }

    /// Notes that a request is sent as one of `requests`. `is_limit`: a reduced limit allows no further one.
    pub(crate) fn sent(&mut self, claim: &Claim, requests: usize, is_limit: bool) -> InFlight {
        if is_limit && let Some(host) = self.host(claim) {
            host.lasts_from(Instant::now());
        }
        InFlight { requests, reductions: self.reductions, is_limit }
    }

    /// A request was refused or had no response in time. `in_flight` is that of the request, `in_use` how many are in flight now, `full` the
    /// limit of the settings. No request is sent to the host before `pause`.
    pub(crate) fn reduce(
        &mut self,
        claim: &Claim,
        in_flight: InFlight,
        (in_use, full): (usize, usize),
        why: Overload,
        pause: Instant,
    ) -> Reduction {
        let number = self.reductions + 1;
        let requests = in_use.max(in_flight.requests);
        let host = self.host(claim);
        let current = host.as_ref().map_or(full, |host| host.limit.min(full));
        let limit = (current.min(requests) / 2).max(1);
        match host {
            Some(host) if in_flight.reductions < host.number || limit == current => {
                host.lasts_from(pause);
                return Reduction::None;
            }
            None if limit == current => return Reduction::None,
            Some(host) => *host = HostLimit { limit, why, number, responses: 0, since: host.since.max(pause) },
            None => {
                let host = HostLimit { limit, why, number, responses: 0, since: pause };
                let key = self.number(&claim.group);
                self.hosts(claim).put(key, host);
            }
        }
        self.reductions = number;
        Reduction::Made
    }

    /// The host has responded to a request. Returns whether the limit was raised. At `full`, the limit of the settings, it is forgotten.
    pub(crate) fn responded(&mut self, claim: &Claim, in_flight: InFlight, full: usize) -> bool {
        if !in_flight.is_limit {
            return false;
        }
        let Some(host) = self.host(claim).filter(|host| in_flight.reductions >= host.number) else { return false };
        host.responses += 1;
        if host.responses < host.limit {
            return false;
        }
        (host.limit, host.responses) = (host.limit + 1, 0);
        if host.limit >= full {
            self.forget(claim);
        }
        true
    }

    /// Forgets the reduction of the claim's host if it has ended. Not while requests wait, as nothing would tell them.
    pub(crate) fn forget_ended(&mut self, claim: &Claim, now: Instant) {
        if self.host(claim).is_some_and(|host| host.has_ended(now)) {
            self.forget(claim);
        }
    }

    /// The number of hosts whose limit is reduced: those for which requests wait, and those whose reduction has not ended by time.
    pub(crate) fn count<'a>(&self, waiting: impl Iterator<Item = &'a Scope>, now: Instant) -> usize {
        let waiting: Vec<u64> = waiting.map(|host| self.number(host)).collect();
        let all = self.listed.iter().chain(self.others.iter());
        all.filter(|(number, host)| !host.has_ended(now) || waiting.contains(number)).count()
    }

    fn forget(&mut self, claim: &Claim) {
        let number = self.number(&claim.group);
        self.hosts(claim).pop(&number);
    }

    fn host(&mut self, claim: &Claim) -> Option<&mut HostLimit> {
        let number = self.number(&claim.group);
        self.hosts(claim).get_mut(&number)
    }

    fn hosts(&mut self, claim: &Claim) -> &mut LruCache<u64, HostLimit> {
        if claim.listed { &mut self.listed } else { &mut self.others }
    }

    fn number(&self, host: &Scope) -> u64 {
        self.numbers.hash_one(host)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
