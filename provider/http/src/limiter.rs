//! A limit with shares, so that no host takes what the others need.
//!
//! A piece of work counts for a member, its group and the process, and begins when all three have room; see
//! [`ShareLimits`]. Waiting work holds nothing of any of them, and work that has room never waits behind work that has
//! none. Beside the fixed limits, a group takes at most as much of the whole as it leaves free, and a member at most as
//! much of its group ([dynamic thresholds](https://doi.org/10.1109/90.664262)): several hosts that are slow at the same
//! time leave something to the next one, too.

mod state;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::limit::LimitObserver;
use crate::limit::LimitReached;
use crate::limit::Resource;
use crate::share::Claim;
use crate::share::Share;
use crate::share::ShareLimits;
use state::State;
use state::Waiter;

/// How much may wait for each unit of a group's limit. What comes beyond that is refused at once: it would only wait to
/// be refused.
fn waiting_per_unit(resource: Resource) -> usize {
    match resource {
        Resource::Verifications | Resource::Bytes | Resource::Lookups => 8,
        // They are parts of verifications, which are few enough.
        Resource::Requests | Resource::Answers | Resource::Parsing | Resource::Checks => 64,
    }
}

/// A limit and its shares. Clones are the same limit.
#[derive(Clone)]
pub struct Limiter(Arc<Shared>);

struct Shared {
    resource: Resource,
    observer: Arc<dyn LimitObserver>,
    /// Held for a few steps, never across an await and never while a permit is dropped.
    state: Mutex<State>,
}

/// Part of a limit, given back when dropped.
#[must_use]
pub struct Permit {
    shared: Arc<Shared>,
    claim: Claim,
    amount: usize,
}

/// A turn in the queue. Given up when dropped.
#[must_use]
pub struct Ticket {
    number: u64,
    shared: Arc<Shared>,
    claim: Claim,
    granted: oneshot::Receiver<Permit>,
}

impl Limiter {
    #[must_use]
    pub fn new(resource: Resource, limits: ShareLimits, observer: Arc<dyn LimitObserver>) -> Self {
        let state = Mutex::new(State::new(resource, limits));
        Self(Arc::new(Shared { resource, observer, state }))
    }

    /// Other numbers from now on. What is in use stays in use and counts: where it is more than may be, nothing more is
    /// granted until enough was given back.
    pub fn set_limits(&self, limits: ShareLimits) {
        self.0.lock().set_limits(limits);
        self.0.serve();
    }

    /// `amount` of the limit, now.
    ///
    /// # Errors
    /// There is no room.
    pub fn try_acquire(&self, share: &Share, amount: usize) -> Result<Permit, LimitReached> {
        let mut permit = Permit::new(&self.0, self.0.claim(share), 0);
        permit.resize(amount)?;
        Ok(permit)
    }

    /// A turn for one unit of the limit, which is granted at once if there is room.
    ///
    /// # Errors
    /// Too much is waiting already.
    pub fn queue(&self, share: &Share) -> Result<Ticket, LimitReached> {
        self.queue_for(self.0.claim(share))
    }

    pub fn queue_for(&self, claim: Claim) -> Result<Ticket, LimitReached> {
        let shared = &self.0;
        let (sender, granted) = oneshot::channel();
        let mut state = shared.lock();
        let number = state.number();
        let ticket = Ticket { number, shared: Arc::clone(shared), claim: claim.clone(), granted };
        match state.room(&claim, 1) {
            Ok(()) => {
                state.take(&claim, 1);
                drop(state);
                // The receiver is in the ticket.
                let _ = sender.send(Permit::new(shared, claim, 1));
                Ok(ticket)
            }
            Err(_) if state.waiting(&claim) < claim.group_limit.saturating_mul(waiting_per_unit(shared.resource)) => {
                state.wait(Waiter { number, claim, granted: sender });
                Ok(ticket)
            }
            Err(reached) => {
                // Before the ticket, which takes itself out of the queue.
                drop(state);
                Err(shared.refuse(reached))
            }
        }
    }

    /// One unit of the limit, waited for until `deadline`.
    ///
    /// # Errors
    /// There was no room by then, or too much is waiting already.
    pub async fn acquire(&self, share: &Share, deadline: Instant) -> Result<Permit, LimitReached> {
        self.queue(share)?.granted_by(deadline).await
    }

    pub async fn acquire_for(&self, claim: Claim, deadline: Instant) -> Result<Permit, LimitReached> {
        self.queue_for(claim)?.granted_by(deadline).await
    }

    /// Which limit keeps work for `share` waiting.
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
    fn lock(&self) -> MutexGuard<'_, State> {
        // No operation leaves the numbers out of step where it could panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What work for `share` counts against.
    fn claim(&self, share: &Share) -> Claim {
        self.lock().limits().claim(share)
    }

    fn refusal(&self, claim: &Claim) -> LimitReached {
        let state = self.lock();
        state.room(claim, 1).err().unwrap_or_else(|| LimitReached {
            // There is room by now.
            resource: self.resource,
            scope: claim.member.clone(),
            at: claim.at.clone(),
            found: state.used(claim),
            limit: claim.member_limit,
        })
    }

    fn refuse(&self, reached: LimitReached) -> LimitReached {
        self.observer.limit_reached(&reached);
        reached
    }

    fn in_use(&self, change: i64) {
        self.observer.in_use(self.resource, change);
    }

    fn give_back(self: &Arc<Self>, claim: &Claim, amount: usize) {
        if amount > 0 {
            self.in_use(i64::try_from(amount).map_or(i64::MIN, |amount| -amount));
        }
        self.lock().give_back(claim, amount);
        self.serve();
    }

    /// Grants what waits and has room.
    fn serve(self: &Arc<Self>) {
        loop {
            let next = self.lock().next();
            let Some(waiter) = next else { return };
            let permit = Permit::new(self, waiter.claim, 1);
            // Where the ticket was just given up, this gives the permit back, and the next is served.
            let _ = waiter.granted.send(permit);
        }
    }
}

impl Permit {
    /// For what the state has as taken.
    fn new(shared: &Arc<Shared>, claim: Claim, amount: usize) -> Self {
        if amount > 0 {
            shared.in_use(i64::try_from(amount).unwrap_or(i64::MAX));
        }
        Self { shared: Arc::clone(shared), claim, amount }
    }

    /// What it holds.
    #[must_use]
    pub fn amount(&self) -> usize {
        self.amount
    }

    /// Holds `amount` in all, more or less than before.
    ///
    /// # Errors
    /// There is no room for more; it holds what it held.
    pub fn resize(&mut self, amount: usize) -> Result<(), LimitReached> {
        let before = std::mem::replace(&mut self.amount, amount);
        match amount.checked_sub(before) {
            Some(0) => Ok(()),
            Some(more) => {
                let mut state = self.shared.lock();
                if let Err(reached) = state.room(&self.claim, more) {
                    drop(state);
                    self.amount = before;
                    return Err(self.shared.refuse(reached));
                }
                state.take(&self.claim, more);
                drop(state);
                self.shared.in_use(i64::try_from(more).unwrap_or(i64::MAX));
                Ok(())
            }
            None => {
                self.shared.give_back(&self.claim, before - amount);
                Ok(())
            }
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.shared.give_back(&self.claim, self.amount);
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Permit({} {})", self.amount, self.shared.resource.text())
    }
}

impl Ticket {
    /// Waits for the permit.
    pub async fn granted(mut self) -> Permit {
        match (&mut self.granted).await {
            Ok(permit) => permit,
            // The sender is in the queue until it grants, or until this is dropped.
            Err(_) => std::future::pending().await,
        }
    }

    /// Waits for the permit until `deadline`.
    ///
    /// # Errors
    /// There was no room by then.
    pub async fn granted_by(self, deadline: Instant) -> Result<Permit, LimitReached> {
        let (shared, claim) = (Arc::clone(&self.shared), self.claim.clone());
        match tokio::time::timeout_at(deadline, self.granted()).await {
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
        write!(f, "Ticket({})", self.shared.resource.text())
    }
}
