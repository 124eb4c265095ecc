//! Per-host concurrency limits and back-off, shared by the whole process.
//!
//! A request has two permits: one of the host on whose behalf it is made, until the end of its body; and one of the
//! host that responds, which differs after a redirect. A request that follows a redirect releases the second permit
//! before it waits for the next one, so that two hosts that redirect to each other do not block each other.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use lru::LruCache;
use tokio::time::Instant;

use crate::error::FetchError;
use crate::limiter::Limiter;
use crate::limiter::Permit;
use crate::limits;
use crate::share::Claim;
use crate::share::Share;
use crate::share::ShareLimits;

/// Limits on concurrent requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestLimits {
    /// To one host.
    pub per_host: usize,
    /// To all hosts.
    pub total: usize,
}

/// Pauses that hosts requested. Configured and other hosts are kept apart, so that the latter cannot evict the
/// former. Clones share the state.
#[derive(Clone)]
pub(crate) struct Pauses(Arc<[Mutex<LruCache<String, Instant>>; 2]>);

/// Limits the requests to each host, and stores the pauses that hosts requested.
pub(crate) struct HostLimiter {
    limits: ShareLimits,
    requests: Limiter,
    responders: Limiter,
    pauses: Pauses,
}

/// The host that a request goes to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hop<'a> {
    /// Host and port as in the URL.
    pub(crate) host: &'a str,
    /// Whether the request is made on behalf of this host.
    pub(crate) own: bool,
    /// Whether the settings have an entry for it.
    pub(crate) listed: bool,
}

/// The permits of a request, released on drop.
#[must_use]
pub struct RequestPermit {
    request: Permit,
    _responder: Permit,
}

impl RequestLimits {
    /// The shares of requests. An unlisted host gets a quarter of that of a listed one.
    pub(crate) fn shares(self) -> ShareLimits {
        ShareLimits { host: self.per_host, unlisted_host: self.per_host / 4, ..ShareLimits::of(self.total) }
    }

    /// The shares by the host that responds. The total is that of the requests.
    pub(crate) fn responder_shares(self) -> ShareLimits {
        ShareLimits { total: usize::MAX, ..self.shares() }
    }
}

impl Pauses {
    pub(crate) fn new() -> Self {
        let hosts = || Mutex::new(LruCache::new(NonZeroUsize::new(limits::HOSTS).unwrap_or(NonZeroUsize::MIN)));
        Self(Arc::new([hosts(), hosts()]))
    }

    fn of(&self, hop: Hop<'_>) -> &Mutex<LruCache<String, Instant>> {
        let [listed, others] = &*self.0;
        if hop.listed { listed } else { others }
    }
}

impl HostLimiter {
    /// `requests` and `responders` are the limits of the process, `limits` the shares of a host.
    pub(crate) fn new(limits: ShareLimits, requests: Limiter, responders: Limiter, pauses: Pauses) -> Self {
        Self { limits, requests, responders, pauses }
    }

    /// Waits until the pause of the host has ended and the limits allow another request on behalf of `share`.
    ///
    /// # Errors
    /// Immediately if the host requested a pause that ends after `deadline`; at `deadline` if a limit was reached
    /// until then.
    pub(crate) async fn acquire(
        &self,
        share: &Share,
        hop: Hop<'_>,
        deadline: Instant,
    ) -> Result<RequestPermit, FetchError> {
        loop {
            self.wait_for_pause(hop, deadline).await?;
            let request = self.requests.acquire(share, deadline).await?;
            let responder = self.responders.acquire_for(self.claim(share, hop), deadline).await?;
            // The host may have requested a pause while this request was queued.
            if self.remaining_pause(hop).is_none() {
                return Ok(RequestPermit { request, _responder: responder });
            }
        }
    }

    /// Exchanges the permit of a request that is redirected to another host for one there.
    ///
    /// # Errors
    /// As [`Self::acquire`].
    pub(crate) async fn follow(
        &self,
        permit: RequestPermit,
        share: &Share,
        hop: Hop<'_>,
        deadline: Instant,
    ) -> Result<RequestPermit, FetchError> {
        let RequestPermit { request, .. } = permit;
        loop {
            self.wait_for_pause(hop, deadline).await?;
            let responder = self.responders.acquire_for(self.claim(share, hop), deadline).await?;
            if self.remaining_pause(hop).is_none() {
                return Ok(RequestPermit { request, _responder: responder });
            }
        }
    }

    /// Pauses requests to the host for `pause`, or for the rest of an earlier pause if that is longer.
    pub(crate) fn pause(&self, hop: Hop<'_>, pause: Duration) {
        let until = Instant::now() + pause;
        let mut pauses = self.pauses.of(hop).lock().unwrap_or_else(PoisonError::into_inner);
        let earlier = pauses.get(hop.host).copied();
        pauses.put(hop.host.to_owned(), earlier.map_or(until, |earlier| earlier.max(until)));
    }

    fn claim(&self, share: &Share, hop: Hop<'_>) -> Claim {
        Claim::at(hop.host.into(), share, hop.own, hop.listed, &self.limits)
    }

    fn remaining_pause(&self, hop: Hop<'_>) -> Option<Duration> {
        let mut pauses = self.pauses.of(hop).lock().unwrap_or_else(PoisonError::into_inner);
        let wait = pauses.get(hop.host)?.saturating_duration_since(Instant::now());
        if wait.is_zero() {
            pauses.pop(hop.host);
            return None;
        }
        Some(wait)
    }

    async fn wait_for_pause(&self, hop: Hop<'_>, deadline: Instant) -> Result<(), FetchError> {
        while let Some(wait) = self.remaining_pause(hop) {
            if Instant::now() + wait >= deadline {
                return Err(FetchError::Throttled { host: hop.host.to_owned(), wait });
            }
            tokio::time::sleep(wait).await;
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::resource::LimitReached;
    use crate::resource::Resource;
    use crate::resource::Unit;
    use crate::resource::Unobserved;
    use crate::share::Class;
    use crate::share::Scope;

    const SECOND: Duration = Duration::from_secs(1);

    const REQUESTS: Resource = Resource::new("requests", "too many requests", Unit::Item, 64);
    const RESPONDERS: Resource = Resource::new("answers", "too many requests", Unit::Item, 64);

    fn hosts(per_host: usize, total: usize) -> HostLimiter {
        let limits = RequestLimits { per_host, total };
        let limiter = |resource, limits| Limiter::new(resource, limits, Arc::new(Unobserved));
        let (requests, responders) =
            (limiter(REQUESTS, limits.shares()), limiter(RESPONDERS, limits.responder_shares()));
        HostLimiter::new(limits.shares(), requests, responders, Pauses::new())
    }

    fn own(host: &str) -> (Share, Hop<'_>) {
        (Share::new(host, Class::Listed), Hop { host, own: true, listed: true })
    }

    async fn acquire(hosts: &HostLimiter, host: &str, deadline: Instant) -> Result<RequestPermit, FetchError> {
        let (share, hop) = own(host);
        hosts.acquire(&share, hop, deadline).await
    }

    fn full(resource: Resource, scope: Scope, limit: usize) -> Option<FetchError> {
        Some(FetchError::Limit(LimitReached { resource, scope, at: None, found: limit, limit }))
    }

    #[tokio::test(start_paused = true)]
    async fn a_paused_host_fails_at_once_if_the_pause_ends_too_late_and_is_waited_for_otherwise() {
        let hosts = hosts(1, 1);
        hosts.pause(own("a").1, 10 * SECOND);
        hosts.pause(own("a").1, SECOND);
        let start = Instant::now();
        assert_eq!(
            acquire(&hosts, "a", start + 10 * SECOND).await.err(),
            Some(FetchError::Throttled { host: "a".to_owned(), wait: 10 * SECOND })
        );
        assert_eq!(start.elapsed(), Duration::ZERO);
        drop(acquire(&hosts, "b", start + SECOND).await.unwrap());
        let _permit = acquire(&hosts, "a", start + 11 * SECOND).await.unwrap();
        assert!(start.elapsed() >= 10 * SECOND && start.elapsed() < 11 * SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn requests_are_counted_per_host_and_in_all() {
        let hosts = hosts(1, 2);
        let soon = || Instant::now() + SECOND;
        let a = acquire(&hosts, "a", soon()).await.unwrap();
        let of_a = full(REQUESTS, Scope::Host("a".into()), 1);
        assert_eq!(acquire(&hosts, "a", soon()).await.err(), of_a);
        let _b = acquire(&hosts, "b", soon()).await.unwrap();
        assert_eq!(acquire(&hosts, "c", soon()).await.err(), full(REQUESTS, Scope::Process, 2));
        drop(a);
        let _c = acquire(&hosts, "c", soon()).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_was_queued_when_the_pause_began_waits_for_it() {
        let hosts = Arc::new(hosts(1, 1));
        let start = Instant::now();
        let first = acquire(&hosts, "a", start + SECOND).await.unwrap();
        let second = tokio::spawn({
            let hosts = Arc::clone(&hosts);
            async move { acquire(&hosts, "a", start + 20 * SECOND).await.map(|_| Instant::now()) }
        });
        tokio::task::yield_now().await;
        hosts.pause(own("a").1, 5 * SECOND);
        drop(first);
        assert!(second.await.unwrap().unwrap() >= start + 5 * SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn hosts_that_redirect_to_each_other_do_not_block_each_other() {
        let hosts = hosts(2, 64);
        let soon = || Instant::now() + SECOND;
        let mut permits = Vec::new();
        for host in ["a", "b"] {
            for _ in 0..2 {
                permits.push((host, acquire(&hosts, host, soon()).await.unwrap()));
            }
        }
        let before = Instant::now();
        for (host, permit) in permits {
            let other = if host == "a" { "b" } else { "a" };
            let hop = Hop { own: false, ..own(other).1 };
            let _done = hosts.follow(permit, &own(host).0, hop, soon()).await;
        }
        // The first requests waited for those of the other host, which ended.
        assert!(before.elapsed() <= 2 * SECOND);
        let (a, b) = (acquire(&hosts, "a", soon()).await, acquire(&hosts, "b", soon()).await);
        assert!(a.is_ok() && b.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_redirect_counts_for_the_requested_host_and_for_the_target() {
        let hosts = hosts(2, 64);
        let soon = || Instant::now() + SECOND;
        let permit = acquire(&hosts, "a", soon()).await.unwrap();
        let there = Hop { own: false, ..own("b").1 };
        let permit = hosts.follow(permit, &own("a").0, there, soon()).await.unwrap();
        // One of two permits of `a`, and half of the responder permits of `b`.
        let _second = acquire(&hosts, "a", soon()).await.unwrap();
        assert_eq!(acquire(&hosts, "a", soon()).await.err(), full(REQUESTS, Scope::Host("a".into()), 2));
        let _b = acquire(&hosts, "b", soon()).await.unwrap();
        assert_eq!(acquire(&hosts, "b", soon()).await.err(), full(RESPONDERS, Scope::Host("b".into()), 2));
        drop(permit);
        let _permit = acquire(&hosts, "b", soon()).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_redirect_waits_for_the_pause_of_its_target() {
        let hosts = hosts(2, 64);
        let soon = Instant::now() + SECOND;
        let there = Hop { host: "b", own: false, listed: false };
        hosts.pause(there, 10 * SECOND);
        let permit = acquire(&hosts, "a", soon).await.unwrap();
        assert_eq!(
            hosts.follow(permit, &own("a").0, there, soon).await.err(),
            Some(FetchError::Throttled { host: "b".to_owned(), wait: 10 * SECOND })
        );
    }
}
