//! The units of a limit in use, and the queue.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::concurrency::Concurrency;
use crate::concurrency::InFlight;
use crate::concurrency::Reduction;
use crate::resource::LimitReached;
use crate::resource::Overload;
use crate::resource::Reduced;
use crate::resource::Resource;
use crate::resource::Unit;
use crate::share::Claim;
use crate::share::Scope;
use crate::share::ShareLimits;

/// `P` is the permit that a waiter is granted. Has entries only for members and groups with units in use or waiters,
/// so that their number is bounded.
pub(super) struct State<P> {
    resource: Resource,
    limits: ShareLimits,
    used: usize,
    groups: HashMap<Scope, Group<P>>,
    /// Groups with waiters, in the order of service.
    turns: VecDeque<Scope>,
    last_number: u64,
    /// `None` if the limits of hosts are not reduced.
    concurrency: Option<Concurrency>,
}

struct Group<P> {
    used: usize,
    /// How long a unit was in use, on average of the last ones; `None` if none was released yet.
    held: Option<Duration>,
    /// While no more fits.
    full: Option<Full>,
    waiting: usize,
    members: HashMap<Scope, Member<P>>,
    /// Members with waiters, in the order of service.
    turns: VecDeque<Scope>,
}

/// A time during which no more fits into a group, or one of its members, and at most about the last [`RELEASED`] releases in it.
#[derive(Clone, Copy)]
struct Full {
    since: Instant,
    /// The permits that were released in it.
    released: u32,
}

/// How many releases count: enough for an average, and few enough that those before a host became slow do not hide it for long.
const RELEASED: u32 = 64;

impl Full {
    /// Counts a release. Of many, the later half stays.
    fn released(&mut self) {
        self.released += 1;
        if self.released >= RELEASED {
            self.released /= 2;
            self.since += self.since.elapsed() / 2;
        }
    }
}

struct Member<P> {
    used: usize,
    waiting: VecDeque<Waiter<P>>,
}

/// What is expected of a waiter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ExpectedWait {
    /// How many are served before it.
    pub(super) before: usize,
    /// Until it is served.
    pub(super) wait: Duration,
}

/// The limits of a claim for now.
struct Limits {
    group: usize,
    member: usize,
    /// Why they are lower than those of the claim.
    why: Option<Overload>,
}

/// A waiter for one unit.
pub(super) struct Waiter<P> {
    pub(super) number: u64,
    pub(super) claim: Claim,
    pub(super) granted: oneshot::Sender<P>,
}

impl<P> Default for Group<P> {
    fn default() -> Self {
        Self { used: 0, held: None, full: None, waiting: 0, members: HashMap::new(), turns: VecDeque::new() }
    }
}

impl<P> Default for Member<P> {
    fn default() -> Self {
        Self { used: 0, waiting: VecDeque::new() }
    }
}

impl<P> State<P> {
    /// With `concurrency`, the limits of groups, which are hosts, are reduced for hosts that are overloaded.
    pub(super) fn new(resource: Resource, limits: ShareLimits, concurrency: Option<Concurrency>) -> Self {
        let (groups, turns) = (HashMap::new(), VecDeque::new());
        Self { resource, limits, used: 0, groups, turns, last_number: 0, concurrency }
    }

    pub(super) fn limits(&self) -> ShareLimits {
        self.limits
    }

    /// Changes the limits. Units in use and waiters are kept; waiters keep the limits of their group and member.
    pub(super) fn set_limits(&mut self, limits: ShareLimits) {
        self.limits = limits;
    }

    fn total(&self) -> usize {
        self.limits.total.max(1)
    }

    /// The number of the next waiter.
    pub(super) fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    /// The units in use of the claim's member.
    pub(super) fn used(&self, claim: &Claim) -> usize {
        self.member(claim).map_or(0, |member| member.used)
    }

    /// The number of waiters of the claim's group.
    pub(super) fn waiting(&self, claim: &Claim) -> usize {
        self.groups.get(&claim.group).map_or(0, |group| group.waiting)
    }

    /// How long another waiter of the claim would wait, by what was measured: members with waiters are served in turn. `None` if nothing was
    /// measured.
    ///
    /// It is the shorter one by the time that units were in use, and by the number that were released since no more fits: the former may be
    /// that of other work, which takes longer, such as that of one slow repository. If more units are in use than a limit that was reduced
    /// meanwhile allows, as many are released before the first waiter is served.
    pub(super) fn expected_wait(&self, claim: &Claim) -> Option<ExpectedWait> {
        let group = self.groups.get(&claim.group)?;
        let (held, full) = (group.held?, group.full?);
        let own = group.members.get(&claim.member).map_or(0, |member| member.waiting.len());
        let members = group.turns.len() + usize::from(own == 0);
        let before = group.waiting.min((own + 1).saturating_mul(members) - 1);
        let turns = u32::try_from(before + 1).unwrap_or(u32::MAX);
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let limit = self.limits_of(claim).group;
        let (in_use, at_once) = (number(group.used.max(1)), number(group.used.min(limit).max(1)));
        let above = number(group.used.saturating_sub(limit));
        let by_held = held.saturating_mul(above) / in_use + held.saturating_mul(turns) / at_once;
        let by_released = full.since.elapsed().saturating_mul(turns.saturating_add(above)) / full.released.max(1);
        Some(ExpectedWait { before, wait: by_held.min(by_released) })
    }

    /// Checks that `amount` more units fit; the error names the limit that they would exceed.
    pub(super) fn check(&self, claim: &Claim, amount: usize) -> Result<(), LimitReached> {
        let limits = self.limits_of(claim);
        let member_used = self.used(claim);
        let group_used = self.in_use(claim);
        let reached = |scope: &Scope, used: usize, limit: usize, reduced: Option<Reduced>| {
            let found = match self.resource.unit() {
                Unit::Byte => used.saturating_add(amount),
                Unit::Item => used,
            };
            let (resource, scope, at) = (self.resource, scope.clone(), claim.at.clone());
            Err(LimitReached { resource, scope, at, found, limit, reduced })
        };
        let reduced = |limit: usize, from: usize| limits.why.filter(|_| limit < from).map(|why| Reduced { from, why });
        let fits = |used: usize, limit: usize| used.checked_add(amount).is_some_and(|sum| sum <= limit);
        let free = self.total().saturating_sub(self.used);
        let group_free = limits.group.saturating_sub(group_used);
        if !fits(member_used, limits.member) {
            reached(&claim.member, member_used, limits.member, reduced(limits.member, claim.member_limit))
        } else if !fits(group_used, limits.group) {
            reached(&claim.group, group_used, limits.group, reduced(limits.group, claim.group_limit))
        } else if !fits(self.used, self.total()) {
            reached(&Scope::Process, self.used, self.total(), None)
        } else if !fits(group_used, free) {
            reached(&claim.group, group_used, group_used.midpoint(free), None)
        } else if claim.yields && !fits(member_used, group_free) {
            reached(&claim.member, member_used, member_used.midpoint(group_free), None)
        } else {
            Ok(())
        }
    }

    /// The limits of the claim for now. A member keeps its part of a group whose limit is reduced.
    fn limits_of(&self, claim: &Claim) -> Limits {
        match self.concurrency.as_ref().and_then(|concurrency| concurrency.limit(claim)) {
            Some((group, why)) => {
                let member = claim.member_limit.saturating_mul(group).div_ceil(claim.group_limit);
                Limits { group, member, why: Some(why) }
            }
            None => Limits { group: claim.group_limit, member: claim.member_limit, why: None },
        }
    }

    pub(super) fn take(&mut self, claim: &Claim, amount: usize) -> InFlight {
        self.used += amount;
        let group = self.groups.entry(claim.group.clone()).or_default();
        group.used += amount;
        group.members.entry(claim.member.clone()).or_default().used += amount;
        let (in_use, next) = (group.used, self.check(claim, 1));
        if next.is_err()
            && let Some(group) = self.groups.get_mut(&claim.group)
        {
            group.full.get_or_insert_with(|| Full { since: Instant::now(), released: 0 });
        }
        let is_limit = next.is_err_and(|reached| reached.reduced.is_some());
        self.concurrency.as_mut().map(|concurrency| concurrency.sent(claim, in_use, is_limit)).unwrap_or_default()
    }

    /// Whether the limit of the claim's group is reduced.
    pub(super) fn is_reduced(&self, claim: &Claim) -> bool {
        self.limits_of(claim).why.is_some()
    }

    /// Ends the reduction of the claim's group if it has ended by time and no work waits for it.
    pub(super) fn forget_ended(&mut self, claim: &Claim) {
        if self.waiting(claim) == 0
            && let Some(concurrency) = &mut self.concurrency
        {
            concurrency.forget_ended(claim, Instant::now());
        }
    }

    /// Work of the claim, sent as one of `in_flight`, was refused or not answered in time by its host, which is not used until `pause`.
    pub(super) fn reduce(&mut self, claim: &Claim, in_flight: InFlight, why: Overload, pause: Instant) -> Reduction {
        let numbers = (self.in_use(claim), self.limits.host.max(1));
        let Some(concurrency) = &mut self.concurrency else { return Reduction::None };
        let reduction = concurrency.reduce(claim, in_flight, numbers, why, pause);
        if let (Reduction::Made, Some(group)) = (reduction, self.groups.get_mut(&claim.group)) {
            // What was released under the former limit does not show how long waiters wait under this one.
            group.full = group.full.map(|_| Full { since: Instant::now(), released: 0 });
        }
        reduction
    }

    /// The host has responded to work of the claim, sent as one of `in_flight`. Returns whether its limit was raised.
    pub(super) fn responded(&mut self, claim: &Claim, in_flight: InFlight) -> bool {
        let full = self.limits.host.max(1);
        self.concurrency.as_mut().is_some_and(|concurrency| concurrency.responded(claim, in_flight, full))
    }

    /// The number of groups whose limit is reduced.
    pub(super) fn reduced(&self) -> usize {
        self.concurrency.as_ref().map_or(0, |concurrency| concurrency.count(self.turns.iter(), Instant::now()))
    }

    /// The units in use of the claim's group.
    fn in_use(&self, claim: &Claim) -> usize {
        self.groups.get(&claim.group).map_or(0, |group| group.used)
    }

    /// `held` is how long the units were in use, if all of a permit are released.
    pub(super) fn release(&mut self, claim: &Claim, amount: usize, held: Option<Duration>) {
        self.used = self.used.saturating_sub(amount);
        if let Some(group) = self.groups.get_mut(&claim.group) {
            if let Some(held) = held {
                group.held = Some(group.held.map_or(held, |former| former * 7 / 8 + held / 8));
            }
            group.used = group.used.saturating_sub(amount);
            group.full = group.full.filter(|_| group.waiting > 0);
            if let (Some(full), Some(_)) = (&mut group.full, held) {
                full.released();
            }
            if let Some(member) = group.members.get_mut(&claim.member) {
                member.used = member.used.saturating_sub(amount);
            }
        }
        self.remove_unused(claim);
    }

    pub(super) fn wait(&mut self, waiter: Waiter<P>) {
        let Claim { group: group_scope, member: member_scope, .. } = waiter.claim.clone();
        let group = self.groups.entry(group_scope.clone()).or_default();
        if group.waiting == 0 {
            self.turns.push_back(group_scope);
        }
        group.waiting += 1;
        let member = group.members.entry(member_scope.clone()).or_default();
        if member.waiting.is_empty() {
            group.turns.push_back(member_scope);
        }
        // What is exempt has capacity when the others have none.
        let exempt = member.waiting.iter().take_while(|waiter| waiter.claim.exempt).count();
        let position = if waiter.claim.exempt { exempt } else { member.waiting.len() };
        member.waiting.insert(position, waiter);
    }

    /// Removes a waiter from the queue, if it is there.
    pub(super) fn leave(&mut self, claim: &Claim, number: u64) {
        let Some(group) = self.groups.get_mut(&claim.group) else { return };
        let Some(member) = group.members.get_mut(&claim.member) else { return };
        let Some(position) = member.waiting.iter().position(|waiter| waiter.number == number) else { return };
        // The sender is dropped with it, as its receiver is.
        let _ = member.waiting.remove(position);
        group.waiting -= 1;
        self.remove_unused(claim);
    }

    /// Removes the next waiter that has capacity from the queue and counts its unit. Round robin among groups, and among
    /// the members of a group.
    pub(super) fn next(&mut self) -> Option<(Waiter<P>, InFlight)> {
        if self.used >= self.total() {
            return None;
        }
        for position in 0..self.turns.len() {
            let group = self.turns.get(position)?.clone();
            if let Some(claim) = self.first_with_capacity(&group) {
                move_to_end(&mut self.turns, position);
                return self.serve(&claim);
            }
        }
        None
    }

    /// The claim of the first member in the group that has capacity.
    fn first_with_capacity(&self, group: &Scope) -> Option<Claim> {
        let group = self.groups.get(group)?;
        for member in &group.turns {
            let claim = &group.members.get(member)?.waiting.front()?.claim;
            match self.check(claim, 1) {
                Ok(()) => return Some(claim.clone()),
                // Below a reduced limit, other members may have some of their part left, or work that is exempt.
                Err(LimitReached { scope, reduced, .. }) if scope == claim.member || reduced.is_some() => {}
                // The other members have no more capacity than this one.
                Err(_) => return None,
            }
        }
        None
    }

    fn serve(&mut self, claim: &Claim) -> Option<(Waiter<P>, InFlight)> {
        let group = self.groups.get_mut(&claim.group)?;
        let position = group.turns.iter().position(|member| *member == claim.member)?;
        move_to_end(&mut group.turns, position);
        let waiter = group.members.get_mut(&claim.member)?.waiting.pop_front()?;
        group.waiting -= 1;
        let in_flight = self.take(claim, 1);
        self.remove_unused(claim);
        Some((waiter, in_flight))
    }

    fn member(&self, claim: &Claim) -> Option<&Member<P>> {
        self.groups.get(&claim.group)?.members.get(&claim.member)
    }

    /// Removes entries without units in use and without waiters.
    fn remove_unused(&mut self, claim: &Claim) {
        let Some(group) = self.groups.get_mut(&claim.group) else { return };
        if let Some(member) = group.members.get(&claim.member)
            && member.waiting.is_empty()
        {
            group.turns.retain(|scope| *scope != claim.member);
            if member.used == 0 {
                group.members.remove(&claim.member);
            }
        }
        if group.waiting == 0 {
            self.turns.retain(|scope| *scope != claim.group);
            if group.used == 0 {
                self.groups.remove(&claim.group);
            }
        }
    }

    /// Whether no unit is in use and no work waits.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.used == 0 && self.groups.is_empty() && self.turns.is_empty()
    }
}

fn move_to_end(turns: &mut VecDeque<Scope>, position: usize) {
    if let Some(scope) = turns.remove(position) {
        turns.push_back(scope);
    }
}
