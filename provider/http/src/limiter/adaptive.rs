//! Limits of hosts that are reduced while the hosts are overloaded.

use std::fmt;
use std::sync::Arc;
use std::sync::Weak;
use std::time::Duration;

use tokio::time::Instant;

use super::Limiter;
use super::Permit;
use super::Shared;
use crate::concurrency::Concurrency;
use crate::concurrency::InFlight;
use crate::concurrency::Reduction;
use crate::limits;
use crate::resource::LimitObserver;
use crate::resource::Overload;
use crate::resource::Resource;
use crate::share::Claim;
use crate::share::Share;
use crate::share::ShareLimits;

/// Counts the hosts whose limit is reduced. Does not keep the limiter.
#[derive(Clone)]
pub struct ReducedHosts(Weak<Shared>);

impl ReducedHosts {
    /// Their number now; 0 without the limiter.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.upgrade().map_or(0, |shared| shared.lock().reduced())
    }
}

impl fmt::Debug for ReducedHosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReducedHosts({})", self.count())
    }
}

impl Limiter {
    /// As [`Self::new`], with limits of hosts that are reduced while the hosts are overloaded, by what [`Permit::was_refused`],
    /// [`Permit::was_late`] and [`Permit::had_response`] tell.
    pub(crate) fn adaptive(resource: Resource, limits: ShareLimits, observer: Arc<dyn LimitObserver>) -> Self {
        Self::with(resource, limits, observer, Some(Concurrency::new()))
    }

    /// What counts the hosts whose limit is reduced.
    pub(crate) fn reduced_hosts(&self) -> ReducedHosts {
        ReducedHosts(Arc::downgrade(&self.0))
    }

    /// Whether the limit of the claim's host is reduced.
    pub(crate) fn is_reduced(&self, claim: &Claim) -> bool {
        let mut state = self.0.lock();
        state.forget_ended(claim);
        state.is_reduced(claim)
    }

    /// One unit, if it is available now. What goes on otherwise is not refused.
    pub(crate) fn available(&self, share: &Share) -> Option<Permit> {
        self.available_for(self.0.claim(share))
    }

    pub(crate) fn available_for(&self, claim: Claim) -> Option<Permit> {
        let mut state = self.0.lock();
        state.forget_ended(&claim);
        state.check(&claim, 1).ok()?;
        let in_flight = state.take(&claim, 1);
        drop(state);
        Some(Permit::new(&self.0, claim, 1, in_flight))
    }

    /// The host has refused work of the claim because of its amount, and gets none for `pause`.
    pub(crate) fn refused(&self, claim: &Claim, in_flight: InFlight, pause: Duration) {
        self.0.reduce(claim, in_flight, Overload::Refused, pause);
    }
}

impl Permit {
    /// What was in flight when the work began.
    pub(crate) fn in_flight(&self) -> InFlight {
        self.in_flight
    }

    /// The host has refused the work because of its amount, and gets none for `pause`.
    pub(crate) fn was_refused(&self, pause: Duration) {
        self.shared.reduce(&self.claim, self.in_flight, Overload::Refused, pause);
    }

    /// The host has not responded in time. That says nothing about its load if the work had little time, as it began shortly before its
    /// deadline; nor if it looked whether the host has returned, which did not respond before either.
    pub(crate) fn was_late(&self) {
        if !self.claim.exempt && self.since.elapsed() >= limits::HEAD_LEAST {
            self.shared.reduce(&self.claim, self.in_flight, Overload::Late, Duration::ZERO);
        }
    }

    /// The host has responded, and is not overloaded by this work.
    pub(crate) fn had_response(&self) {
        let raised = self.shared.lock().responded(&self.claim, self.in_flight);
        if raised {
            self.shared.serve();
        }
    }
}

impl Shared {
    fn reduce(self: &Arc<Self>, claim: &Claim, in_flight: InFlight, why: Overload, pause: Duration) {
        let reduction = self.lock().reduce(claim, in_flight, why, Instant::now() + pause);
        match reduction {
            Reduction::Made => {
                self.observer.limit_reduced(self.resource, why);
                // The state of another host may have been evicted, for which work waits.
                self.serve();
            }
            Reduction::None => {}
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
