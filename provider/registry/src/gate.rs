//! Per-host concurrency limits and back-off, shared by the whole process.
//!
//! A request counts twice: for the host whose image it is about, from its beginning to the end of its body, whoever
//! answers; and for the host that answers, which after a redirect or for a token is another one. A request that follows a
//! redirect gives up the second before it waits for the next one, so that two hosts that redirect to each other do not
//! wait for each other.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use lru::LruCache;
use tokio::time::Instant;

use crate::error::Cause;
use crate::process::Pauses;
use crate::process::Process;
use crate::process::request_limits;
use crate::settings::RegistrySettings;
use countersign_http::Claim;
use countersign_http::Limiter;
use countersign_http::Permit;
use countersign_http::Share;
use countersign_http::ShareLimits;

/// The limits on requests, and which hosts have asked for a pause.
pub(crate) struct Gates {
    limits: ShareLimits,
    requests: Limiter,
    answers: Limiter,
    pauses: Pauses,
}

/// The host that a request goes to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hop<'a> {
    /// Name and port as in the URL.
    pub(crate) host: &'a str,
    /// Whether it is the registry of the image.
    pub(crate) own: bool,
    /// Whether the settings have an entry for it.
    pub(crate) listed: bool,
}

/// A request's permits; the next one may begin when it is dropped.
pub(crate) struct Place {
    request: Permit,
    _answer: Permit,
}

impl Gates {
    pub(crate) fn new(settings: &RegistrySettings, process: &Process) -> Self {
        Self {
            limits: request_limits(settings),
            requests: process.requests.clone(),
            answers: process.answers.clone(),
            pauses: Arc::clone(&process.pauses),
        }
    }

    /// Waits until the host may be asked on behalf of `share` and there is room for the request.
    ///
    /// # Errors
    /// At once if the host asked for a pause that ends after `deadline`; at `deadline` if there was no room.
    pub(crate) async fn enter(&self, share: &Share, hop: Hop<'_>, deadline: Instant) -> Result<Place, Cause> {
        loop {
            self.pause(hop, deadline).await?;
            let request = self.requests.acquire(share, deadline).await?;
            let answer = self.answers.acquire_for(self.claim(share, hop), deadline).await?;
            // Another request may have been told to wait while this one queued.
            if self.remaining(hop).is_none() {
                return Ok(Place { request, _answer: answer });
            }
        }
    }

    /// The same for a request that is under way and is sent on to another host.
    ///
    /// # Errors
    /// As [`Self::enter`].
    pub(crate) async fn follow(
        &self,
        place: Place,
        share: &Share,
        hop: Hop<'_>,
        deadline: Instant,
    ) -> Result<Place, Cause> {
        let Place { request, .. } = place;
        loop {
            self.pause(hop, deadline).await?;
            let answer = self.answers.acquire_for(self.claim(share, hop), deadline).await?;
            if self.remaining(hop).is_none() {
                return Ok(Place { request, _answer: answer });
            }
        }
    }

    /// Nothing is asked of the host for `pause`, or longer if it already asked for longer.
    pub(crate) fn close(&self, hop: Hop<'_>, pause: Duration) {
        let until = Instant::now() + pause;
        let mut pauses = self.pauses_of(hop).lock().unwrap_or_else(PoisonError::into_inner);
        let earlier = pauses.get(hop.host).copied();
        pauses.put(hop.host.to_owned(), earlier.map_or(until, |earlier| earlier.max(until)));
    }

    fn claim(&self, share: &Share, hop: Hop<'_>) -> Claim {
        Claim::at(hop.host.into(), share, hop.own, hop.listed, &self.limits)
    }

    fn pauses_of(&self, hop: Hop<'_>) -> &Mutex<LruCache<String, Instant>> {
        let [listed, others] = &*self.pauses;
        if hop.listed { listed } else { others }
    }

    fn remaining(&self, hop: Hop<'_>) -> Option<Duration> {
        let mut pauses = self.pauses_of(hop).lock().unwrap_or_else(PoisonError::into_inner);
        let wait = pauses.get(hop.host)?.saturating_duration_since(Instant::now());
        if wait.is_zero() {
            pauses.pop(hop.host);
            return None;
        }
        Some(wait)
    }

    async fn pause(&self, hop: Hop<'_>, deadline: Instant) -> Result<(), Cause> {
        while let Some(wait) = self.remaining(hop) {
            if Instant::now() + wait >= deadline {
                return Err(Cause::Throttled { host: hop.host.to_owned(), wait });
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
    use crate::observer::Unobserved;
    use countersign_http::Class;
    use countersign_http::LimitReached;
    use countersign_http::Resource;
    use countersign_http::Scope;

    const SECOND: Duration = Duration::from_secs(1);

    fn gates(requests_per_host: usize, requests: usize) -> Gates {
        let settings = RegistrySettings { requests_per_host, requests, ..RegistrySettings::default() };
        Gates::new(&settings, &Process::new(&settings, Arc::new(Unobserved)))
    }

    fn own(host: &str) -> (Share, Hop<'_>) {
        (Share::new(host, Class::Listed), Hop { host, own: true, listed: true })
    }

    async fn enter(gates: &Gates, host: &str, deadline: Instant) -> Result<Place, Cause> {
        let (share, hop) = own(host);
        gates.enter(&share, hop, deadline).await
    }

    fn full(resource: Resource, scope: Scope, limit: usize) -> Option<Cause> {
        Some(Cause::Limit(LimitReached { resource, scope, at: None, found: limit, limit }))
    }

    #[tokio::test(start_paused = true)]
    async fn a_paused_host_fails_at_once_if_the_pause_ends_too_late_and_is_waited_for_otherwise() {
        let gates = gates(1, 1);
        gates.close(own("a").1, 10 * SECOND);
        gates.close(own("a").1, SECOND);
        let start = Instant::now();
        assert_eq!(
            enter(&gates, "a", start + 10 * SECOND).await.err(),
            Some(Cause::Throttled { host: "a".to_owned(), wait: 10 * SECOND })
        );
        assert_eq!(start.elapsed(), Duration::ZERO);
        drop(enter(&gates, "b", start + SECOND).await.unwrap());
        enter(&gates, "a", start + 11 * SECOND).await.unwrap();
        assert!(start.elapsed() >= 10 * SECOND && start.elapsed() < 11 * SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn requests_are_counted_per_host_and_in_all() {
        let gates = gates(1, 2);
        let soon = || Instant::now() + SECOND;
        let a = enter(&gates, "a", soon()).await.unwrap();
        let of_a = full(Resource::Requests, Scope::Host("a".into()), 1);
        assert_eq!(enter(&gates, "a", soon()).await.err(), of_a);
        let _b = enter(&gates, "b", soon()).await.unwrap();
        assert_eq!(enter(&gates, "c", soon()).await.err(), full(Resource::Requests, Scope::Process, 2));
        drop(a);
        enter(&gates, "c", soon()).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn who_queued_while_the_pause_began_waits_for_it() {
        let gates = Arc::new(gates(1, 1));
        let start = Instant::now();
        let first = enter(&gates, "a", start + SECOND).await.unwrap();
        let second = tokio::spawn({
            let gates = Arc::clone(&gates);
            async move { enter(&gates, "a", start + 20 * SECOND).await.map(|_| Instant::now()) }
        });
        tokio::task::yield_now().await;
        gates.close(own("a").1, 5 * SECOND);
        drop(first);
        assert!(second.await.unwrap().unwrap() >= start + 5 * SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn hosts_that_redirect_to_each_other_do_not_wait_for_each_other() {
        let gates = gates(2, 64);
        let soon = || Instant::now() + SECOND;
        let mut places = Vec::new();
        for host in ["a", "b"] {
            for _ in 0..2 {
                places.push((host, enter(&gates, host, soon()).await.unwrap()));
            }
        }
        let before = Instant::now();
        for (host, place) in places {
            let other = if host == "a" { "b" } else { "a" };
            let hop = Hop { own: false, ..own(other).1 };
            let _done = gates.follow(place, &own(host).0, hop, soon()).await;
        }
        // Those that came first waited for the own requests of the other one, which came to an end.
        assert!(before.elapsed() <= 2 * SECOND);
        let (a, b) = (enter(&gates, "a", soon()).await, enter(&gates, "b", soon()).await);
        assert!(a.is_ok() && b.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_redirect_counts_for_the_host_that_was_asked_and_for_the_one_that_answers() {
        let gates = gates(2, 64);
        let soon = || Instant::now() + SECOND;
        let place = enter(&gates, "a", soon()).await.unwrap();
        let there = Hop { own: false, ..own("b").1 };
        let place = gates.follow(place, &own("a").0, there, soon()).await.unwrap();
        // One of two for a, and half of what b may answer.
        let _second = enter(&gates, "a", soon()).await.unwrap();
        assert_eq!(enter(&gates, "a", soon()).await.err(), full(Resource::Requests, Scope::Host("a".into()), 2));
        let _b = enter(&gates, "b", soon()).await.unwrap();
        assert_eq!(enter(&gates, "b", soon()).await.err(), full(Resource::Answers, Scope::Host("b".into()), 2));
        drop(place);
        enter(&gates, "b", soon()).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_redirect_waits_for_the_pause_of_the_host_it_leads_to() {
        let gates = gates(2, 64);
        let soon = Instant::now() + SECOND;
        let there = Hop { host: "b", own: false, listed: false };
        gates.close(there, 10 * SECOND);
        let place = enter(&gates, "a", soon).await.unwrap();
        assert_eq!(
            gates.follow(place, &own("a").0, there, soon).await.err(),
            Some(Cause::Throttled { host: "b".to_owned(), wait: 10 * SECOND })
        );
    }
}
