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
    let requests = limiter(REQUESTS, limits.shares());
    let responders = Limiter::adaptive(RESPONDERS, limits.responder_shares(), Arc::new(Unobserved));
    HostLimiter::new(limits.shares(), requests, responders, Pauses::new(), Some(Health::new()))
}

fn own(host: &str) -> (Share, Hop<'_>) {
    (Share::new(host, Class::Listed), Hop { home: host, about: "", host, own: true, listed: true })
}

async fn acquire(hosts: &HostLimiter, host: &str, deadline: Instant) -> Result<RequestPermit, FetchError> {
    let (share, hop) = own(host);
    hosts.acquire(&share, hop, deadline).await
}

fn full(resource: Resource, scope: Scope, limit: usize) -> Option<FetchError> {
    Some(FetchError::Limit(LimitReached { resource, scope, at: None, found: limit, limit, reduced: None }))
}

#[tokio::test(start_paused = true)]
async fn a_paused_host_fails_at_once_if_the_pause_ends_too_late_and_is_waited_for_otherwise() {
    let hosts = hosts(1, 1);
    hosts.pause(own("a").1, 10 * SECOND);
    hosts.pause(own("a").1, SECOND);
    let start = Instant::now();
    assert_eq!(
        acquire(&hosts, "a", start + 10 * SECOND).await.err(),
        Some(FetchError::Throttled(HostPause { host: "a".to_owned(), wait: 10 * SECOND }))
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
    for (host, mut permit) in permits {
        let other = if host == "a" { "b" } else { "a" };
        let hop = Hop { own: false, ..own(other).1 };
        let _done = hosts.follow(&mut permit, &own(host).0, hop, soon()).await;
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
    let mut permit = acquire(&hosts, "a", soon()).await.unwrap();
    let there = Hop { own: false, ..own("b").1 };
    hosts.follow(&mut permit, &own("a").0, there, soon()).await.unwrap();
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
    let there = Hop { home: "a", about: "", host: "b", own: false, listed: false };
    hosts.pause(there, 10 * SECOND);
    let mut permit = acquire(&hosts, "a", soon).await.unwrap();
    assert_eq!(
        hosts.follow(&mut permit, &own("a").0, there, soon).await.err(),
        Some(FetchError::Throttled(HostPause { host: "b".to_owned(), wait: 10 * SECOND }))
    );
}

/// The permits of `count` requests to `host`.
async fn several(hosts: &HostLimiter, host: &str, count: usize) -> Vec<RequestPermit> {
    let mut permits = Vec::new();
    for _ in 0..count {
        permits.push(acquire(hosts, host, Instant::now() + SECOND).await.unwrap());
    }
    permits
}

/// A request to `host` that waits for a permit for an hour at most.
async fn waiting(hosts: &Arc<HostLimiter>, host: &'static str) -> tokio::task::JoinHandle<Option<RequestPermit>> {
    let hosts = Arc::clone(hosts);
    let waits = tokio::spawn(async move { acquire(&hosts, host, Instant::now() + 3600 * SECOND).await.ok() });
    tokio::task::yield_now().await;
    waits
}

#[tokio::test(start_paused = true)]
async fn after_the_pause_of_a_host_half_as_many_requests_are_sent_to_it() {
    let hosts = Arc::new(hosts(8, 64));
    let mut waits = Vec::new();
    let burst = several(&hosts, "a", 8).await;
    for _ in 0..12 {
        waits.push(waiting(&hosts, "a").await);
    }
    for permit in &burst {
        hosts.refused(permit, own("a").1, 5 * SECOND);
    }
    drop(burst);
    let start = Instant::now();
    tokio::time::sleep(4 * SECOND).await;
    assert!(waits.iter().all(|one| !one.is_finished()));
    tokio::time::sleep(2 * SECOND).await;
    assert_eq!(waits.iter().filter(|one| one.is_finished()).count(), 4);
    assert_eq!(
        acquire(&hosts, "a", start + 10 * SECOND).await.err().unwrap().to_string(),
        "too many requests for a: found 4, expected at most 4 (reduced from 8, as the host refused requests)"
    );
    // Another host has all of its own.
    drop(several(&hosts, "b", 8).await);
}

#[tokio::test(start_paused = true)]
async fn requests_that_wait_for_a_reduced_limit_take_nothing_from_other_hosts() {
    // Two hosts may use all of the total.
    let hosts = Arc::new(hosts(4, 8));
    let burst = (several(&hosts, "a", 1).await, several(&hosts, "b", 1).await);
    hosts.refused(&burst.0[0], own("a").1, Duration::ZERO);
    hosts.refused(&burst.1[0], own("b").1, Duration::ZERO);
    let mut waits = Vec::new();
    for _ in 0..10 {
        waits.push((waiting(&hosts, "a").await, waiting(&hosts, "b").await));
    }
    assert_eq!(several(&hosts, "c", 3).await.len(), 3);
    // One after the other, none is forgotten.
    drop(burst);
    for (a, b) in waits {
        drop((a.await.unwrap().unwrap(), b.await.unwrap().unwrap()));
    }
}

#[tokio::test(start_paused = true)]
async fn requests_that_were_queued_before_a_reduction_take_nothing_from_other_hosts() {
    let hosts = Arc::new(hosts(4, 8));
    let mut burst = several(&hosts, "a", 4).await;
    let mut waits = Vec::new();
    for _ in 0..10 {
        waits.push(waiting(&hosts, "a").await);
    }
    hosts.refused(&burst[0], own("a").1, Duration::ZERO);
    burst.truncate(2);
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    // Two of the total are in use.
    assert_eq!(several(&hosts, "b", 3).await.len(), 3);
    burst.clear();
    for one in waits {
        drop(one.await.unwrap().unwrap());
    }
}

#[tokio::test(start_paused = true)]
async fn a_redirect_to_a_host_with_a_reduced_limit_waits_for_it() {
    let hosts = Arc::new(hosts(8, 64));
    let there = Hop { own: false, listed: false, ..own("blobs").1 };
    let soon = || Instant::now() + SECOND;
    let mut permits = several(&hosts, "a", 4).await;
    for permit in &mut permits {
        hosts.follow(permit, &own("a").0, there, soon()).await.unwrap();
    }
    // Not of the host on whose behalf.
    hosts.refused(&permits[0], there, Duration::ZERO);
    let mut others = several(&hosts, "a", 3).await;
    permits.clear();
    for permit in &mut others[..2] {
        hosts.follow(permit, &own("a").0, there, soon()).await.unwrap();
    }
    assert_eq!(
        hosts.follow(&mut others[2], &own("a").0, there, soon()).await.unwrap_err().to_string(),
        "too many requests at blobs for a: found 2, expected at most 2 (reduced from 8, as the host refused requests)"
    );
    assert_eq!(several(&hosts, "a", 5).await.len(), 5);
}

#[tokio::test(start_paused = true)]
async fn answers_that_refuse_with_another_status_reduce_the_limit_once_for_a_burst() {
    let hosts = hosts(8, 64);
    let mut burst = several(&hosts, "a", 8).await;
    while !burst.is_empty() {
        let in_flight = burst.remove(0).in_flight();
        // Its permit was released: seven are in use when the first one of them is refused.
        hosts.refused_before(&own("a").0, in_flight, own("a").1, Duration::ZERO);
    }
    let _permits = several(&hosts, "a", 3).await;
    assert_eq!(
        acquire(&hosts, "a", Instant::now() + SECOND).await.err().unwrap().to_string(),
        "too many requests for a: found 3, expected at most 3 (reduced from 8, as the host refused requests)"
    );
}

#[tokio::test(start_paused = true)]
async fn whether_a_failing_host_has_returned_is_looked_at_above_its_reduced_limit() {
    let hosts = hosts(8, 64);
    let permits = several(&hosts, "a", 1).await;
    hosts.refused(&permits[0], own("a").1, Duration::ZERO);
    for _ in 0..limits::FAILURES {
        hosts.health().unwrap().failed(own("a").1, "refused".into(), Duration::from_millis(1));
        tokio::time::sleep(limits::FAILURES_TIME).await;
    }
    let before = Instant::now();
    assert!(acquire(&hosts, "a", before + SECOND).await.is_ok());
    assert!(before.elapsed() < limits::PROBE_SLOW, "{:?}", before.elapsed());
}
