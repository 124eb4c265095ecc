use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::*;
use crate::limiter::QueueRefusal;
use crate::limiter::Ticket;
use crate::resource::LimitReached;
use crate::resource::Reduced;
use crate::resource::Unit;
use crate::resource::Unobserved;
use crate::share::Class;
use crate::share::Scope;

const SECOND: Duration = Duration::from_secs(1);

const REQUESTS: Resource = Resource::new("requests", "too many requests", Unit::Item, 64);

/// 16 for each host.
const LIMITS: ShareLimits = ShareLimits { total: usize::MAX, ..ShareLimits::of(64) };

fn limiter() -> Limiter {
    Limiter::adaptive(REQUESTS, LIMITS, Arc::new(Unobserved))
}

fn listed(host: &str) -> Share {
    Share::new(host, Class::Listed)
}

fn own(host: &str) -> Claim {
    Claim::at(host.into(), &listed(host), true, true, &LIMITS)
}

/// A claim on `host` on behalf of another one.
fn for_other(host: &str, other: &str) -> Claim {
    Claim::at(host.into(), &listed(other), false, true, &LIMITS)
}

/// A probe of a host that fails.
fn probe(host: &str) -> Claim {
    Claim { exempt: true, ..own(host) }
}

/// As many as are available now.
fn fill(limiter: &Limiter, claim: &Claim) -> Vec<Permit> {
    std::iter::from_fn(|| limiter.available_for(claim.clone())).collect()
}

fn queue(limiter: &Limiter, claim: &Claim, count: usize) -> Vec<BoxFuture<'static, Permit>> {
    (0..count).map(|_| limiter.queue_for(claim.clone()).unwrap().granted().boxed()).collect()
}

/// Those that were granted, which are removed.
fn granted(waiting: &mut Vec<BoxFuture<'static, Permit>>) -> Vec<Permit> {
    let mut permits = Vec::new();
    waiting.retain_mut(|one| one.now_or_never().map(|permit| permits.push(permit)).is_none());
    permits
}

/// A limiter whose limit for the host `a` is this half of what was in use.
fn reduced_to(limit: usize) -> Limiter {
    let limiter = limiter();
    let permits: Vec<_> = (0..2 * limit).map(|_| limiter.available_for(own("a")).unwrap()).collect();
    permits[0].was_refused(Duration::ZERO);
    limiter
}

#[test]
fn the_message_names_the_reduced_limit_and_the_reason() {
    let limiter = reduced_to(4);
    let permits = fill(&limiter, &own("a"));
    let expected = LimitReached {
        resource: REQUESTS,
        scope: Scope::Host("a".into()),
        at: None,
        found: 4,
        limit: 4,
        reduced: Some(Reduced { from: 16, why: Overload::Refused }),
    };
    let reached = limiter.0.refusal(&own("a"));
    assert_eq!(reached, expected);
    assert_eq!(
        reached.to_string(),
        "too many requests for a: found 4, expected at most 4 (reduced from 16, as the host refused requests)"
    );
    // The limit of the other member is half of that of the host, reduced or not.
    drop(permits);
    let _permits = fill(&limiter, &for_other("a", "b"));
    assert_eq!(
        limiter.0.refusal(&for_other("a", "b")).to_string(),
        "too many requests at a for b: found 2, expected at most 2 (reduced from 8, as the host refused requests)"
    );
}

#[tokio::test(start_paused = true)]
async fn a_request_without_a_response_in_time_reduces_the_limit() {
    let limiter = limiter();
    let permits = fill(&limiter, &own("a"));
    tokio::time::advance(limits::HEAD_LEAST).await;
    // It began just before its deadline.
    limiter.available_for(own("b")).unwrap().was_late();
    assert!(!limiter.is_reduced(&own("b")));
    permits.iter().for_each(Permit::was_late);
    assert_eq!(
        limiter.0.refusal(&own("a")).to_string(),
        "too many requests for a: found 16, expected at most 8 (reduced from 16, as the host did not respond in time)"
    );
    drop(permits);
    assert_eq!(fill(&limiter, &own("a")).len(), 8);
}

#[test]
fn nothing_is_granted_above_a_limit_that_was_reduced() {
    let limiter = limiter();
    let mut permits = fill(&limiter, &own("a"));
    let mut waiting = queue(&limiter, &own("a"), 20);
    permits.iter().for_each(|permit| permit.was_refused(Duration::ZERO));
    assert_eq!(permits.len(), 16);
    permits.truncate(8);
    assert_eq!(granted(&mut waiting).len(), 0);
    permits.truncate(5);
    permits.extend(granted(&mut waiting));
    assert_eq!((permits.len(), waiting.len()), (8, 17));
    // Other hosts have all of theirs.
    assert_eq!(fill(&limiter, &own("b")).len(), 16);
}

#[test]
fn waiters_are_served_when_the_limit_rises() {
    let limiter = reduced_to(4);
    let permits = fill(&limiter, &own("a"));
    let mut waiting = queue(&limiter, &own("a"), 40);
    let mut served = granted(&mut waiting);
    // The first three were sent while there was capacity for another one.
    permits.iter().for_each(Permit::had_response);
    assert_eq!((permits.len(), granted(&mut waiting).len()), (4, 0));
    drop(permits);
    served.extend(granted(&mut waiting));
    assert_eq!(served.len(), 4);
    // With the response to the last permit that is four.
    served[..3].iter().for_each(Permit::had_response);
    served.extend(granted(&mut waiting));
    assert_eq!((served.len(), waiting.len()), (5, 35));
    served.iter().for_each(Permit::had_response);
    served.extend(granted(&mut waiting));
    assert_eq!((served.len(), waiting.len()), (6, 34));
    // As each response ends, the next one is sent, and after each round one more.
    let mut most = 0;
    while let Some(permit) = served.pop() {
        permit.had_response();
        drop(permit);
        served.extend(granted(&mut waiting));
        most = most.max(served.len());
    }
    assert_eq!((waiting.len(), most), (0, 10));
}

#[tokio::test(start_paused = true)]
async fn a_reduction_does_not_end_by_time_while_requests_wait_for_it() {
    let limiter = reduced_to(1);
    let count = limiter.reduced_hosts();
    let mut used = fill(&limiter, &own("a"));
    let mut waiting = queue(&limiter, &own("a"), 2);
    tokio::time::advance(600 * SECOND).await;
    assert_eq!((granted(&mut waiting).len(), fill(&limiter, &own("a")).len(), count.count()), (0, 0, 1));
    for left in [1, 0] {
        used.clear();
        used.extend(granted(&mut waiting));
        assert_eq!((used.len(), waiting.len()), (1, left));
    }
    tokio::time::advance(59 * SECOND).await;
    assert_eq!((fill(&limiter, &own("a")).len(), count.count()), (0, 1));
    tokio::time::advance(SECOND).await;
    assert_eq!(count.count(), 0);
    assert_eq!(fill(&limiter, &own("a")).len(), 15);
    drop((limiter, used));
    assert_eq!(count.count(), 0);
}

#[test]
fn waiters_of_a_host_whose_state_is_evicted_are_served() {
    let limiter = limiter();
    let other = |host: &str| Claim { listed: false, ..own(host) };
    let refuse = |host: &str| limiter.available_for(other(host)).unwrap().was_refused(Duration::ZERO);
    refuse("a");
    let _used = fill(&limiter, &other("a"));
    let mut waiting = queue(&limiter, &other("a"), 3);
    for number in 1..limits::REDUCED_HOSTS {
        refuse(&format!("other{number}"));
    }
    assert_eq!(granted(&mut waiting).len(), 0);
    refuse("last");
    assert_eq!(granted(&mut waiting).len(), 3);
}

#[test]
fn members_take_turns_under_a_reduced_limit() {
    let limiter = reduced_to(2);
    let claims = [own("a"), for_other("a", "b"), for_other("a", "c")];
    let mut used = fill(&limiter, &claims[0]);
    assert_eq!(used.len(), 2);
    let mut waiting = claims.each_ref().map(|claim| queue(&limiter, claim, 3));
    let mut order = Vec::new();
    while let Some(first) = (!used.is_empty()).then(|| used.remove(0)) {
        drop(first);
        for (member, waiting) in waiting.iter_mut().enumerate() {
            let served = granted(waiting);
            order.extend(served.iter().map(|_| member));
            used.extend(served);
        }
    }
    assert_eq!(order, [0, 1, 2, 0, 1, 2, 0, 1, 2]);
}

#[test]
fn a_member_that_has_its_part_does_not_hold_up_others() {
    let limiter = reduced_to(4);
    let _others = fill(&limiter, &for_other("a", "b"));
    let mut waits = queue(&limiter, &for_other("a", "b"), 4);
    let mut own_waits = queue(&limiter, &own("a"), 4);
    assert_eq!((granted(&mut waits).len(), granted(&mut own_waits).len()), (0, 2));
}

#[test]
fn a_probe_is_sent_although_the_reduced_limit_is_reached() {
    let limiter = reduced_to(1);
    let used = fill(&limiter, &own("a"));
    let mut waiting = queue(&limiter, &own("a"), 2);
    let mut probes = fill(&limiter, &probe("a"));
    assert_eq!((used.len(), probes.len(), granted(&mut waiting).len()), (1, 15, 0));
    // At the limit of the settings they wait, before all others of their member.
    let mut other = queue(&limiter, &for_other("a", "b"), 1);
    let mut next = queue(&limiter, &probe("a"), 2);
    probes.pop();
    let second = granted(&mut next);
    assert_eq!([second.len(), granted(&mut waiting).len(), granted(&mut other).len()], [1, 0, 0]);
    drop((probes, used, second));
    let third = granted(&mut next);
    assert_eq!([third.len(), granted(&mut waiting).len(), granted(&mut other).len()], [1, 0, 0]);
    drop(third);
    assert_eq!([granted(&mut waiting).len(), granted(&mut other).len()], [0, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_probe_without_a_response_does_not_reduce_the_limit() {
    let limiter = limiter();
    let probes = fill(&limiter, &probe("a"));
    tokio::time::advance(20 * SECOND).await;
    probes.iter().for_each(Permit::was_late);
    assert!(!limiter.is_reduced(&own("a")));
    probes[0].was_refused(Duration::ZERO);
    assert!(limiter.is_reduced(&own("a")));
}

fn until(limiter: &Limiter, claim: &Claim, time: Duration) -> Result<Ticket, (usize, Duration)> {
    match limiter.queue_for_until(claim.clone(), Instant::now() + time) {
        Ok(ticket) => Ok(ticket),
        Err(QueueRefusal::TooLate { before, wait, .. }) => Err((before, wait)),
        Err(QueueRefusal::Full(reached)) => panic!("{reached}"),
    }
}

#[tokio::test(start_paused = true)]
async fn the_expected_wait_is_that_under_the_reduced_limit() {
    let limiter = limiter();
    let mut permits = fill(&limiter, &own("a"));
    tokio::time::advance(8 * SECOND).await;
    // Each is in use for eight seconds.
    drop(permits.remove(0));
    permits.extend(fill(&limiter, &own("a")));
    let _waiting = queue(&limiter, &own("a"), 3);
    tokio::time::advance(SECOND).await;
    // 16 are at a time: one is released each half second.
    assert_eq!(until(&limiter, &own("a"), SECOND).unwrap_err(), (3, 2 * SECOND));
    permits[0].was_refused(Duration::ZERO);
    tokio::time::advance(100 * SECOND).await;
    // The eight above the limit of eight are released in four seconds, and then one each second.
    assert_eq!(until(&limiter, &own("a"), 7 * SECOND).unwrap_err(), (3, 8 * SECOND));
    assert!(until(&limiter, &own("a"), 8 * SECOND).is_ok());
}
