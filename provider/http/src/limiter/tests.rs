#![allow(clippy::unwrap_used)]

use std::time::Duration;

use futures_util::FutureExt as _;

use super::*;
use crate::resource::Unit;
use crate::resource::Unobserved;
use crate::share::Class;
use crate::share::Scope;

const SECOND: Duration = Duration::from_secs(1);

const WORK: Resource = Resource::new("work", "too much work in progress", Unit::Item, 8);
const BYTES: Resource = Resource::new("bytes", "too many bytes in memory", Unit::Byte, 8);

fn limiter(total: usize) -> Limiter {
    Limiter::new(WORK, ShareLimits::of(total), Arc::new(Unobserved))
}

fn listed(host: &str) -> Share {
    Share::new(host, Class::Listed)
}

fn matched(host: &str) -> Share {
    Share::new(host, Class::Pattern("*.example".into()))
}

fn unlisted(host: &str) -> Share {
    Share::new(host, Class::Unlisted)
}

#[tokio::test]
async fn changed_limits_apply_to_permits_and_waiters() {
    let limiter = limiter(8);
    let share = listed("a");
    let (mut permits, reached) = fill(&limiter, &share);
    assert_eq!((permits.len(), reached.limit), (2, 2));
    let mut waits = Box::pin(limiter.queue(&share).unwrap().granted());
    assert!(waits.as_mut().now_or_never().is_none());
    limiter.set_limits(ShareLimits::of(4));
    permits.truncate(1);
    let reached = limiter.try_acquire(&share, 1).unwrap_err();
    assert_eq!((reached.found, reached.limit), (2, 1));
    drop(waits);
    limiter.set_limits(ShareLimits::of(16));
    permits.extend(fill(&limiter, &share).0);
    assert_eq!(permits.len(), 4);
    limiter.set_limits(ShareLimits { total: 4, ..ShareLimits::of(64) });
    let other = listed("b");
    let waits = limiter.queue(&other).unwrap().granted();
    let mut waits = Box::pin(waits);
    assert!(waits.as_mut().now_or_never().is_none());
    // Granted immediately if there is capacity.
    limiter.set_limits(ShareLimits::of(64));
    assert!(waits.as_mut().now_or_never().is_some());
}

/// Takes single units until the limit is reached.
fn fill(limiter: &Limiter, share: &Share) -> (Vec<Permit>, LimitReached) {
    let mut permits = Vec::new();
    loop {
        match limiter.try_acquire(share, 1) {
            Ok(permit) => permits.push(permit),
            Err(reached) => return (permits, reached),
        }
    }
}

fn reached(scope: Scope, found: usize, limit: usize) -> LimitReached {
    LimitReached { resource: WORK, scope, at: None, found, limit, reduced: None }
}

fn host(name: &str) -> Scope {
    Scope::Host(name.into())
}

#[test]
fn a_host_has_a_quarter_and_the_message_names_it_with_both_numbers() {
    let limiter = limiter(256);
    let (permits, refused) = fill(&limiter, &listed("slow.example"));
    assert_eq!((permits.len(), &refused), (64, &reached(host("slow.example"), 64, 64)));
    assert_eq!(refused.to_string(), "too much work in progress for slow.example: found 64, expected at most 64");
    assert_eq!(fill(&limiter, &listed("good.example")).0.len(), 64);
}

#[test]
fn hosts_of_one_pattern_share_half_of_the_limit_and_yield_to_each_other() {
    let limiter = limiter(256);
    let (a, refused) = fill(&limiter, &matched("a.example"));
    assert_eq!((a.len(), refused), (64, reached(host("a.example"), 64, 64)));
    let (b, refused) = fill(&limiter, &matched("b.example"));
    assert_eq!((b.len(), refused), (32, reached(host("b.example"), 32, 32)));
    let others: Vec<_> = (0..100).map(|number| fill(&limiter, &matched(&format!("c{number}.example"))).0).collect();
    assert_eq!(a.len() + b.len() + others.iter().map(Vec::len).sum::<usize>(), 128);
    let refused = limiter.try_acquire(&matched("d.example"), 1).unwrap_err();
    assert_eq!(refused, reached(Scope::Pattern("*.example".into()), 128, 128));
    assert_eq!(
        refused.to_string(),
        "too much work in progress for all hosts that match *.example: found 128, expected at most 128"
    );
    assert_eq!(fill(&limiter, &listed("good.example")).0.len(), 64);
}

#[test]
fn an_unlisted_host_gets_a_sixteenth_and_all_of_them_a_quarter() {
    let limiter = limiter(256);
    let (a, refused) = fill(&limiter, &unlisted("a"));
    assert_eq!((a.len(), refused), (16, reached(host("a"), 16, 16)));
    let others: Vec<_> = (0..1000).map(|number| fill(&limiter, &unlisted(&format!("b{number}"))).0).collect();
    assert_eq!(a.len() + others.iter().map(Vec::len).sum::<usize>(), 64);
    let refused = limiter.try_acquire(&unlisted("c"), 1).unwrap_err();
    assert_eq!(refused, reached(Scope::Unlisted, 64, 64));
    assert_eq!(
        refused.to_string(),
        "too much work in progress for all hosts that are not in the configuration: found 64, expected at \
         most 64"
    );
    assert_eq!(fill(&limiter, &listed("good.example")).0.len(), 64);
}

#[test]
fn many_slow_hosts_leave_capacity_for_the_next_one() {
    let limiter = limiter(256);
    let mut held = Vec::new();
    for (number, expected) in [64, 64, 64, 32, 16, 8, 4, 2, 1, 1].into_iter().enumerate() {
        let (permits, refused) = fill(&limiter, &listed(&format!("slow{number}")));
        assert_eq!(permits.len(), expected, "{refused}");
        held.push(permits);
    }
    let refused = limiter.try_acquire(&listed("good"), 1).unwrap_err();
    assert_eq!(refused, reached(Scope::Process, 256, 256));
    assert_eq!(refused.to_string(), "too much work in progress: found 256, expected at most 256");
}

#[tokio::test(start_paused = true)]
async fn work_that_has_capacity_does_not_wait_behind_work_that_has_none() {
    let limiter = limiter(256);
    let (slow, good) = (listed("slow"), listed("good"));
    let (held, _) = fill(&limiter, &slow);
    let waiting: Vec<_> = (0..512).map(|_| limiter.queue(&slow).unwrap()).collect();
    assert_eq!(limiter.queue(&slow).unwrap_err(), reached(host("slow"), 64, 64));
    let soon = Instant::now() + SECOND;
    assert!(limiter.acquire(&good, soon).now_or_never().is_some());
    // A waiter that gives up is skipped.
    let mut waiting = waiting.into_iter();
    drop(waiting.next());
    drop(held);
    let first = waiting.next().unwrap().granted().now_or_never();
    assert_eq!(first.unwrap().amount(), 1);
}

#[tokio::test(start_paused = true)]
async fn waiting_ends_at_the_deadline_and_holds_no_capacity() {
    let limiter = limiter(8);
    let share = listed("slow");
    let (held, _) = fill(&limiter, &share);
    let begun = Instant::now();
    assert_eq!(limiter.acquire(&share, begun + SECOND).await.unwrap_err(), reached(host("slow"), 2, 2));
    assert_eq!(begun.elapsed(), SECOND);
    drop(held);
    assert!(limiter.0.lock().is_empty());
}

#[tokio::test(start_paused = true)]
async fn groups_and_members_take_turns() {
    let limiter = limiter(4);
    let shares = [unlisted("a"), unlisted("b"), listed("c")];
    let first = limiter.try_acquire(&shares[0], 1).unwrap();
    let _second = limiter.try_acquire(&shares[2], 1).unwrap();
    let mut waiting: Vec<_> = [0, 0, 1, 2].map(|which| limiter.queue(&shares[which]).unwrap().granted().boxed()).into();
    let mut granted = |at: usize| (&mut waiting[at]).now_or_never();
    assert!((0..4).all(|at| granted(at).is_none()));
    drop(first);
    let first = granted(0).unwrap();
    assert!(granted(2).is_none());
    // The other unlisted host is served, although the first one has requested before.
    drop(first);
    let second = granted(2).unwrap();
    assert!(granted(1).is_none());
    drop(second);
    assert!(granted(1).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_permit_of_a_dropped_waiter_is_granted_to_the_next() {
    let limiter = limiter(1);
    let share = listed("a");
    let held = limiter.try_acquire(&share, 1).unwrap();
    let (first, second) = (limiter.queue(&share).unwrap(), limiter.queue(&share).unwrap());
    drop(held);
    // Granted, and dropped before it was received.
    drop(first);
    drop(second.granted().now_or_never().unwrap());
    assert!(limiter.0.lock().is_empty());
}

#[test]
fn a_permit_grows_within_the_share_and_shrinks() {
    let bytes = Limiter::new(BYTES, ShareLimits::of(4096), Arc::new(Unobserved));
    let mut permit = bytes.try_acquire(&listed("a"), 1000).unwrap();
    assert_eq!(permit.resize(1024), Ok(()));
    let refused = permit.resize(1025).unwrap_err();
    assert_eq!(refused.to_string(), "too many bytes in memory for a: found 1025, expected at most 1024");
    assert_eq!(permit.amount(), 1024);
    assert!(bytes.try_acquire(&listed("a"), 1).is_err());
    assert_eq!(permit.resize(1000), Ok(()));
    drop(bytes.try_acquire(&listed("a"), 24).unwrap());
    drop(permit);
    assert!(bytes.0.lock().is_empty());
}

#[test]
fn a_registry_cannot_use_up_a_shared_blob_store() {
    let limits = ShareLimits { total: usize::MAX, host: 8, pattern: 8, unlisted_host: 2, unlisted: 8 };
    let limiter = Limiter::new(WORK, limits, Arc::new(Unobserved));
    let fill = |asked: &Share, own: bool, known: bool| {
        let mut permits = Vec::new();
        loop {
            let claim = Claim::at("blobs".into(), asked, own, known, &limits);
            match limiter.queue_for(claim).unwrap().granted().now_or_never() {
                Some(permit) => permits.push(permit),
                None => return permits,
            }
        }
    };
    // All unlisted hosts share one limit. Others get half, unless the host is unlisted.
    let unlisted = [fill(&unlisted("x"), false, true), fill(&unlisted("y"), false, true)];
    assert_eq!(unlisted.each_ref().map(Vec::len), [2, 0]);
    let other = fill(&listed("a"), false, true);
    assert_eq!(other.len(), 4);
    assert_eq!(fill(&listed("blobs"), true, true).len(), 2);
    drop((unlisted, other));
    assert_eq!(fill(&listed("a"), false, false).len(), 8);
    assert_eq!(fill(&listed("blobs"), true, true).len(), 8);
    assert_eq!(fill(&matched("c.example"), true, true).len(), 8);
}

#[tokio::test(start_paused = true)]
async fn work_that_would_begin_after_its_deadline_is_not_queued() {
    // Two for the host, each in use for four seconds.
    let limiter = limiter(8);
    let share = listed("a");
    let soon = || Instant::now() + 3 * SECOND;
    let take = || limiter.try_acquire(&share, 1).unwrap();
    let used = (take(), take());
    // Nothing was measured yet.
    let waits = limiter.queue_until(&share, soon()).unwrap();
    tokio::time::sleep(4 * SECOND).await;
    drop(used.0);
    let _first = waits.granted().await;
    // Its turn is in two seconds, and that of the one after it in four.
    let second = limiter.queue_until(&share, soon()).unwrap();
    let refused = limiter.queue_until(&share, soon()).unwrap_err();
    let reached =
        LimitReached { resource: WORK, scope: Scope::Host("a".into()), at: None, found: 2, limit: 2, reduced: None };
    let (wait, remaining) = (4 * SECOND, 3 * SECOND);
    assert_eq!(refused, QueueRefusal::TooLate { reached, before: 1, wait, remaining });
    assert_eq!(
        refused.to_string(),
        "too much work in progress for a: found 2, expected at most 2; found 1 that wait, so that this one would begin after about 4.0 s, \
         expected it within 3.0 s"
    );
    assert!(limiter.queue_until(&share, Instant::now() + 5 * SECOND).is_ok());
    // Another host has its own queue, and work with capacity is never refused.
    assert!(limiter.queue_until(&listed("b"), Instant::now()).is_ok());
    drop(second);
}

#[tokio::test(start_paused = true)]
async fn the_queue_of_one_host_of_a_pattern_does_not_make_others_late() {
    let limiter = limiter(8);
    let (one, other) = (matched("a.example"), matched("b.example"));
    let take = |share: &Share| limiter.try_acquire(share, 1).unwrap();
    let used = (take(&one), take(&one), take(&other));
    tokio::time::sleep(SECOND).await;
    drop(used.0);
    let _held = (take(&one), used.1, used.2);
    let _queued: Vec<_> = (0..12).map(|_| limiter.queue(&one).unwrap()).collect();
    // None was released meanwhile.
    tokio::time::sleep(SECOND).await;
    let until = |seconds: u32| Instant::now() + seconds * SECOND;
    assert!(limiter.queue_until(&one, until(3)).is_err());
    // Served in turn: after one of the other host.
    assert!(limiter.queue_until(&other, until(1)).is_ok());
}

#[tokio::test(start_paused = true)]
async fn how_long_other_work_took_does_not_refuse_work_before_it_waits_for_long() {
    // Two for the host. What was in use before took ten seconds.
    let limiter = limiter(8);
    let share = listed("a");
    let take = || limiter.try_acquire(&share, 1).unwrap();
    let (long, other) = (take(), take());
    tokio::time::sleep(10 * SECOND).await;
    drop(long);
    let used = take();
    let soon = || Instant::now() + 2 * SECOND;
    let mut queued: std::collections::VecDeque<_> =
        (0..8).map(|_| limiter.queue_until(&share, soon()).unwrap()).collect();
    // Each takes a tenth of a second now.
    drop(used);
    for _ in 0..4 {
        let served = queued.pop_front().unwrap().granted().await;
        tokio::time::sleep(SECOND / 10).await;
        drop(served);
    }
    assert!(limiter.queue_until(&share, soon()).is_ok());
    // Nothing is released any more.
    tokio::time::sleep(3 * SECOND).await;
    let late = limiter.queue_until(&share, soon()).unwrap_err();
    assert!(matches!(late, QueueRefusal::TooLate { before: 3, .. }), "{late:?}");
    drop(other);
}

#[tokio::test(start_paused = true)]
async fn fast_work_of_long_ago_does_not_hide_that_work_has_become_slow() {
    // Two for the host, and always one that waits.
    let limiter = limiter(8);
    let share = listed("a");
    let soon = || Instant::now() + 2 * SECOND;
    let queue = || limiter.queue_until(&share, soon());
    let mut used: std::collections::VecDeque<_> = (0..2).map(|_| limiter.try_acquire(&share, 1).unwrap()).collect();
    let mut queued: std::collections::VecDeque<_> = (0..4).map(|_| queue().unwrap()).collect();
    let mut serve = async |time| {
        tokio::time::sleep(time).await;
        drop(used.pop_front());
        used.push_back(queued.pop_front().unwrap().granted().await);
        queue().map(|waiter| queued.push_back(waiter))
    };
    for _ in 0..10_000 {
        serve(SECOND / 100).await.unwrap();
    }
    let mut slow = 0;
    while serve(5 * SECOND).await.is_ok() {
        slow += 1;
    }
    assert!(slow < 20, "{slow}");
}
