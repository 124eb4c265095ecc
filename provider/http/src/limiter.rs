//! A concurrency limit with a share for each host, so that no host can use up the capacity of others.
//!
//! Work counts against a member, its group and the process, and starts when all three have capacity; see
//! [`ShareLimits`]. Queued work holds no capacity. Work with capacity never waits behind work without. In addition to
//! the fixed limits, a group uses at most as much of the whole as it leaves free, and a member at most as much of its
//! group ([dynamic thresholds](https://doi.org/10.1109/90.664262)), so that several slow hosts together leave
//! capacity for others.
//!
//! The limits of hosts may be reduced while they are overloaded; see [`Limiter::adaptive`].

mod adaptive;
mod state;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::concurrency::Concurrency;
use crate::concurrency::InFlight;
use crate::progress;
use crate::resource::LimitObserver;
use crate::resource::LimitReached;
use crate::resource::Resource;
use crate::share::Claim;
use crate::share::Share;
use crate::share::ShareLimits;
pub use adaptive::ReducedHosts;
use state::ExpectedWait;
use state::State;
use state::Waiter;

/// A limit and its shares. Clones share the limit.
#[derive(Clone)]
pub struct Limiter(Arc<Shared>);

struct Shared {
    resource: Resource,
    observer: Arc<dyn LimitObserver>,
    /// The lock is never held across an await, nor while a permit is dropped.
    state: Mutex<State<Permit>>,
}

/// Capacity of a limit, released on drop.
#[must_use]
pub struct Permit {
    shared: Arc<Shared>,
    claim: Claim,
    amount: usize,
    since: Instant,
    in_flight: InFlight,
}

/// The reason why work is not queued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueueRefusal {
    /// The queue is full.
    Full(LimitReached),
    /// The turn of the work would come after its deadline.
    TooLate {
        /// The limit for which it would wait.
        reached: LimitReached,
        /// How much work would begin before it.
        before: usize,
        /// The expected time until its turn.
        wait: Duration,
        /// The time until its deadline.
        remaining: Duration,
    },
}

/// A position in the queue, given up on drop.
#[must_use]
pub struct Ticket {
    number: u64,
    shared: Arc<Shared>,
    claim: Claim,
    granted: oneshot::Receiver<Permit>,
}

impl Limiter {
    /// A limit on `resource` that reports its use to `observer`.
    #[must_use]
    pub fn new(resource: Resource, limits: ShareLimits, observer: Arc<dyn LimitObserver>) -> Self {
        Self::with(resource, limits, observer, None)
    }

    fn with(
        resource: Resource,
        limits: ShareLimits,
        observer: Arc<dyn LimitObserver>,
        concurrency: Option<Concurrency>,
    ) -> Self {
        let state = Mutex::new(State::new(resource, limits, concurrency));
        Self(Arc::new(Shared { resource, observer, state }))
    }

    /// Changes the numbers. Permits in use are kept and counted. Above the new limit, nothing is granted until enough
    /// is released.
    pub fn set_limits(&self, limits: ShareLimits) {
        self.0.lock().set_limits(limits);
        self.0.serve();
    }

    /// Takes `amount` units of the limit without waiting.
    ///
    /// # Errors
    /// The limit is reached.
    pub fn try_acquire(&self, share: &Share, amount: usize) -> Result<Permit, LimitReached> {
        let mut permit = Permit::new(&self.0, self.0.claim(share), 0, InFlight::default());
        permit.resize(amount)?;
        Ok(permit)
    }

    /// Queues for one unit of the limit, which is granted immediately if the limit is not reached.
    ///
    /// # Errors
    /// The queue is full.
    pub fn queue(&self, share: &Share) -> Result<Ticket, LimitReached> {
        self.queue_for(self.0.claim(share))
    }

    /// As [`Self::queue`], for work that is of no use if it begins after `deadline`.
    ///
    /// # Errors
    /// The queue is full, or it is so long that the turn of the work would come after `deadline`, by the time that units were in use.
    pub fn queue_until(&self, share: &Share, deadline: Instant) -> Result<Ticket, QueueRefusal> {
        self.queue_for_until(self.0.claim(share), deadline)
    }

    fn queue_for_until(&self, claim: Claim, deadline: Instant) -> Result<Ticket, QueueRefusal> {
        let remaining = deadline.saturating_duration_since(Instant::now());
        let late = {
            let mut state = self.0.lock();
            state.forget_ended(&claim);
            let reached = state.check(&claim, 1).err();
            reached.zip(state.expected_wait(&claim)).filter(|(_, expected)| expected.wait > remaining)
        };
        match late {
            Some((reached, ExpectedWait { before, wait })) => {
                let reached = self.0.refuse(reached);
                Err(QueueRefusal::TooLate { reached, before, wait, remaining })
            }
            None => self.queue_for(claim).map_err(QueueRefusal::Full),
        }
    }

    pub(crate) fn queue_for(&self, claim: Claim) -> Result<Ticket, LimitReached> {
        let shared = &self.0;
        let (sender, granted) = oneshot::channel();
        let mut state = shared.lock();
        state.forget_ended(&claim);
        let number = state.next_number();
        let ticket = Ticket { number, shared: Arc::clone(shared), claim: claim.clone(), granted };
        match state.check(&claim, 1) {
            Ok(()) => {
                let in_flight = state.take(&claim, 1);
                drop(state);
                // The receiver is in the ticket.
                let _ = sender.send(Permit::new(shared, claim, 1, in_flight));
                Ok(ticket)
            }
            Err(_) if state.waiting(&claim) < claim.group_limit.saturating_mul(shared.resource.waiting_per_unit()) => {
                state.wait(Waiter { number, claim, granted: sender });
                Ok(ticket)
            }
            Err(reached) => {
                // Dropped before the ticket, which removes itself from the queue.
                drop(state);
                Err(shared.refuse(reached))
            }
        }
    }

    /// Waits for one unit of the limit until `deadline`.
    ///
    /// # Errors
    /// The limit was reached until then, or the queue is full.
    pub async fn acquire(&self, share: &Share, deadline: Instant) -> Result<Permit, LimitReached> {
        self.queue(share)?.granted_by(deadline).await
    }

    pub(crate) async fn acquire_for(&self, claim: Claim, deadline: Instant) -> Result<Permit, LimitReached> {
        self.queue_for(claim)?.granted_by(deadline).await
    }

    /// The limit for which work of `share` waits.
    #[must_use]
    pub fn refusal(&self, share: &Share) -> LimitReached {
        self.0.refuse(self.0.refusal(&self.0.claim(share)))
    }
}

impl fmt::Debug for Limiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limits = self.0.lock().limits();
        f.debug_struct("Limiter").field("resource", &self.0.resource).field("limits", &limits).finish_non_exhaustive()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State<Permit>> {
        // No operation can panic while the counters are inconsistent.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The limits that work for `share` counts against.
    fn claim(&self, share: &Share) -> Claim {
        self.lock().limits().claim(share)
    }

    fn refusal(&self, claim: &Claim) -> LimitReached {
        let state = self.lock();
        state.check(claim, 1).err().unwrap_or_else(|| LimitReached {
            // Capacity was released in the meantime.
            resource: self.resource,
            scope: claim.member.clone(),
            at: claim.at.clone(),
            found: state.used(claim),
            limit: claim.member_limit,
            reduced: None,
        })
    }

    fn refuse(&self, reached: LimitReached) -> LimitReached {
        self.observer.limit_reached(&reached);
        reached
    }

    fn in_use(&self, change: i64) {
        self.observer.in_use(self.resource, change);
    }

    fn release(self: &Arc<Self>, claim: &Claim, amount: usize, held: Option<Duration>) {
        if amount > 0 {
            self.in_use(i64::try_from(amount).map_or(i64::MIN, |amount| -amount));
        }
        self.lock().release(claim, amount, held);
        self.serve();
    }

    /// Grants permits to waiting work that has capacity.
    fn serve(self: &Arc<Self>) {
        loop {
            let next = self.lock().next();
            let Some((waiter, in_flight)) = next else { return };
            let permit = Permit::new(self, waiter.claim, 1, in_flight);
            // If the ticket was just dropped, this releases the permit, and the next one is served.
            let _ = waiter.granted.send(permit);
        }
    }
}

impl Permit {
    /// Creates a permit that the state already counts.
    fn new(shared: &Arc<Shared>, claim: Claim, amount: usize, in_flight: InFlight) -> Self {
        if amount > 0 {
            shared.in_use(i64::try_from(amount).unwrap_or(i64::MAX));
        }
        Self { shared: Arc::clone(shared), claim, amount, since: Instant::now(), in_flight }
    }

    /// The number of units.
    #[must_use]
    pub fn amount(&self) -> usize {
        self.amount
    }

    /// Changes the number of units to `amount`.
    ///
    /// # Errors
    /// The limit is reached; the permit is unchanged.
    pub fn resize(&mut self, amount: usize) -> Result<(), LimitReached> {
        let before = std::mem::replace(&mut self.amount, amount);
        match amount.checked_sub(before) {
            Some(0) => Ok(()),
            Some(more) => {
                let mut state = self.shared.lock();
                if let Err(reached) = state.check(&self.claim, more) {
                    drop(state);
                    self.amount = before;
                    return Err(self.shared.refuse(reached));
                }
                self.in_flight = state.take(&self.claim, more);
                drop(state);
                self.shared.in_use(i64::try_from(more).unwrap_or(i64::MAX));
                Ok(())
            }
            None => {
                self.shared.release(&self.claim, before - amount, None);
                Ok(())
            }
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let held = (self.amount > 0).then(|| self.since.elapsed());
        self.shared.release(&self.claim, self.amount, held);
    }
}

impl fmt::Display for QueueRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(reached) => write!(f, "{reached}"),
            Self::TooLate { reached, before, wait, remaining } => {
                let (wait, remaining) = (wait.as_secs_f64(), remaining.as_secs_f64());
                write!(
                    f,
                    "{reached}; found {before} that wait, so that this one would begin after about {wait:.1} s, expected it within {remaining:.1} s"
                )
            }
        }
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Permit({} {})", self.amount, self.shared.resource.as_str())
    }
}

impl Ticket {
    /// Waits for the permit.
    pub async fn granted(mut self) -> Permit {
        match (&mut self.granted).await {
            Ok(permit) => permit,
            // The sender is in the queue until the permit is granted or this is dropped.
            Err(_) => std::future::pending().await,
        }
    }

    /// Waits for the permit until `deadline`.
    ///
    /// # Errors
    /// The limit was reached until then.
    pub async fn granted_by(self, deadline: Instant) -> Result<Permit, LimitReached> {
        let (shared, claim) = (Arc::clone(&self.shared), self.claim.clone());
        let mut this = self;
        if let Ok(permit) = this.granted.try_recv() {
            return Ok(permit);
        }
        let _waiting = progress::waiting_for_limit(shared.refusal(&claim));
        match tokio::time::timeout_at(deadline, this.granted()).await {
            Ok(permit) => Ok(permit),
            Err(_) => Err(shared.refuse(shared.refusal(&claim))),
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.shared.lock().leave(&self.claim, self.number);
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ticket({})", self.shared.resource.as_str())
    }
}
