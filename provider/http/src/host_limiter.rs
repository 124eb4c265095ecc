//! Per-host concurrency limits and back-off, shared by the whole process.
//!
//! A request has two permits: one of the host on whose behalf it is made, until the end of its body; and one of the
//! host that responds, which differs after a redirect. A request that follows a redirect releases the second permit
//! before it waits for the next one, so that two hosts that redirect to each other do not block each other.
//!
//! The limit of the second permit is reduced for hosts that are overloaded (`concurrency`).

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use lru::LruCache;
use tokio::time::Instant;

use crate::concurrency::InFlight;
use crate::error::FetchError;
use crate::health::Admitted;
use crate::health::Health;
use crate::hop::Hop;
use crate::limiter::Limiter;
use crate::limiter::Permit;
use crate::limits;
use crate::progress;
use crate::progress::HostPause;
use crate::resource::LimitReached;
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
    /// `None` if requests are sent to hosts that fail as to others.
    health: Option<Health>,
}

/// The permits of a request, released on drop.
#[must_use]
pub struct RequestPermit {
    _request: Permit,
    /// `None` while a request that is redirected waits for the next one.
    responder: Option<Permit>,
}

impl RequestPermit {
    fn new(request: Permit, responder: Permit) -> Self {
        Self { _request: request, responder: Some(responder) }
    }

    /// The requests to the host that responds that were in flight when this one was sent.
    pub(crate) fn in_flight(&self) -> InFlight {
        self.responder.as_ref().map(Permit::in_flight).unwrap_or_default()
    }

    /// The host has responded, and neither refused the request because of the number of requests, nor failed.
    pub(crate) fn had_response(&self) {
        if let Some(responder) = &self.responder {
            responder.had_response();
        }
    }

    /// The host has not responded in time.
    pub(crate) fn was_late(&self) {
        if let Some(responder) = &self.responder {
            responder.was_late();
        }
    }
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
    pub(crate) fn new(
        limits: ShareLimits,
        requests: Limiter,
        responders: Limiter,
        pauses: Pauses,
        health: Option<Health>,
    ) -> Self {
        Self { limits, requests, responders, pauses, health }
    }

    /// The state of the hosts, if it is kept.
    pub(crate) fn health(&self) -> Option<&Health> {
        self.health.as_ref()
    }

    /// Waits until the pause of the host has ended and the limits allow another request on behalf of `share`.
    ///
    /// # Errors
    /// Immediately if the host requested a pause that ends after `deadline`, or fails; at `deadline` if a limit was reached
    /// until then.
    pub(crate) async fn acquire(
        &self,
        share: &Share,
        hop: Hop<'_>,
        deadline: Instant,
    ) -> Result<RequestPermit, FetchError> {
        loop {
            self.wait_for_pause(hop, deadline).await?;
            let admitted = self.admit(hop, deadline).await?;
            let permit = self.permits(share, self.claim(share, hop, admitted), deadline).await?;
            // The host may have requested a pause, or failed, while this request was queued.
            if self.remaining_pause(hop).is_none() && self.may_send(hop, admitted) {
                return Ok(permit);
            }
        }
    }

    /// Both permits. While the limit of the host is reduced, a request waits for it without the permit of `share`, which would be one less
    /// for requests to other hosts.
    ///
    /// With the permit of the host it does not wait for that of `share`: requests that follow a redirect wait in the other order, and both
    /// together would wait for each other. So if that one is not available, it begins again in the usual order.
    async fn permits(&self, share: &Share, claim: Claim, deadline: Instant) -> Result<RequestPermit, LimitReached> {
        if !self.responders.is_reduced(&claim) {
            let request = self.requests.acquire(share, deadline).await?;
            if let Some(responder) = self.responders.available_for(claim.clone()) {
                return Ok(RequestPermit::new(request, responder));
            }
            // It may have been reduced meanwhile.
            if !self.responders.is_reduced(&claim) {
                let responder = self.responders.acquire_for(claim, deadline).await?;
                return Ok(RequestPermit::new(request, responder));
            }
        }
        let responder = self.responders.acquire_for(claim.clone(), deadline).await?;
        if let Some(request) = self.requests.available(share) {
            return Ok(RequestPermit::new(request, responder));
        }
        drop(responder);
        let request = self.requests.acquire(share, deadline).await?;
        let responder = self.responders.acquire_for(claim, deadline).await?;
        Ok(RequestPermit::new(request, responder))
    }

    /// Exchanges the permit of a request that is redirected to another host for one there.
    ///
    /// # Errors
    /// As [`Self::acquire`].
    pub(crate) async fn follow(
        &self,
        permit: &mut RequestPermit,
        share: &Share,
        hop: Hop<'_>,
        deadline: Instant,
    ) -> Result<(), FetchError> {
        drop(permit.responder.take());
        loop {
            self.wait_for_pause(hop, deadline).await?;
            let admitted = self.admit(hop, deadline).await?;
            let responder = self.responders.acquire_for(self.claim(share, hop, admitted), deadline).await?;
            if self.remaining_pause(hop).is_none() && self.may_send(hop, admitted) {
                permit.responder = Some(responder);
                return Ok(());
            }
        }
    }

    /// The host has refused a request because of their number: pauses requests to it for `pause`, or for the rest of an earlier pause if that
    /// is longer, and then sends fewer at the same time.
    pub(crate) fn refused(&self, permit: &RequestPermit, hop: Hop<'_>, pause: Duration) {
        self.pause(hop, pause);
        if let Some(responder) = &permit.responder {
            responder.was_refused(pause);
        }
    }

    /// As [`Self::refused`], for a request of `share` whose permit was released.
    pub(crate) fn refused_before(&self, share: &Share, in_flight: InFlight, hop: Hop<'_>, pause: Duration) {
        self.pause(hop, pause);
        self.responders.refused(&self.claim(share, hop, Admitted::Usual), in_flight, pause);
    }

    fn pause(&self, hop: Hop<'_>, pause: Duration) {
        let until = Instant::now() + pause;
        let mut pauses = self.pauses.of(hop).lock().unwrap_or_else(PoisonError::into_inner);
        let earlier = pauses.get(hop.host).copied();
        pauses.put(hop.host.to_owned(), earlier.map_or(until, |earlier| earlier.max(until)));
    }

    /// Whether the host neither requested a pause nor is known to fail.
    pub(crate) fn is_usual(&self, hop: Hop<'_>) -> bool {
        self.remaining_pause(hop).is_none() && self.may_send(hop, Admitted::Usual)
    }

    async fn admit(&self, hop: Hop<'_>, deadline: Instant) -> Result<Admitted, FetchError> {
        match &self.health {
            Some(health) => health.admit(hop, deadline).await,
            None => Ok(Admitted::Usual),
        }
    }

    fn may_send(&self, hop: Hop<'_>, admitted: Admitted) -> bool {
        match (&self.health, admitted) {
            (Some(health), Admitted::Usual) => !health.is_failing(hop),
            (None, _) | (Some(_), Admitted::Probe) => true,
        }
    }

    fn claim(&self, share: &Share, hop: Hop<'_>, admitted: Admitted) -> Claim {
        let exempt = match admitted {
            Admitted::Usual => false,
            // With a limit of 1, one of them that waits for a host that does not respond would hold up the others.
            Admitted::Probe => true,
        };
        Claim { exempt, ..Claim::at(hop.host.into(), share, hop.own, hop.listed, &self.limits) }
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
            let pause = HostPause { host: hop.host.to_owned(), wait };
            if Instant::now() + wait >= deadline {
                return Err(FetchError::Throttled(pause));
            }
            progress::pause(pause).await;
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
