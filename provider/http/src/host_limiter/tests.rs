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
    let (requests, responders) = (limiter(REQUESTS, limits.shares()), limiter(RESPONDERS, limits.responder_shares()));
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
    let there = Hop { home: "a", about: "", host: "b", own: false, listed: false };
    hosts.pause(there, 10 * SECOND);
    let permit = acquire(&hosts, "a", soon).await.unwrap();
    assert_eq!(
        hosts.follow(permit, &own("a").0, there, soon).await.err(),
        Some(FetchError::Throttled(HostPause { host: "b".to_owned(), wait: 10 * SECOND }))
    );
}
