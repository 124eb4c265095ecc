use std::time::Duration;

use super::*;
use crate::share::Class;
use crate::share::Share;
use crate::share::ShareLimits;

const FULL: usize = 16;
const SECOND: Duration = Duration::from_secs(1);

fn of(host: &str, listed: bool) -> Claim {
    let limits = ShareLimits { host: FULL, ..ShareLimits::of(256) };
    Claim { listed, ..limits.claim(&Share::new(host, Class::Listed)) }
}

fn host() -> Claim {
    of("a", true)
}

/// The limit of the claim's host.
fn limit(hosts: &Concurrency, claim: &Claim) -> usize {
    hosts.limit(claim).map_or(FULL, |(limit, _)| limit)
}

/// One request sent while `requests` were in flight is refused, and no other one before.
fn refuse(hosts: &mut Concurrency, claim: &Claim, requests: usize) -> Reduction {
    let in_flight = hosts.sent(claim, requests, false);
    hosts.reduce(claim, in_flight, (1, FULL), Overload::Refused, Instant::now())
}

/// The responses to `count` requests for which the limit was the reason to wait.
fn respond(hosts: &mut Concurrency, claim: &Claim, count: usize) {
    for _ in 0..count {
        let in_flight = hosts.sent(claim, limit(hosts, claim), true);
        hosts.responded(claim, in_flight, FULL);
    }
}

#[test]
fn a_refusal_halves_what_was_in_flight_and_leaves_at_least_one() {
    for (requests, expected) in [(16, 8), (64, 8), (6, 3), (5, 2), (3, 1), (2, 1), (1, 1), (0, 1)] {
        let mut hosts = Concurrency::new();
        assert_eq!(refuse(&mut hosts, &host(), requests), Reduction::Made);
        assert_eq!(hosts.limit(&host()), Some((expected, Overload::Refused)), "{requests}");
        assert_eq!(limit(&hosts, &of("b", true)), FULL);
    }
    // More may be in flight when the refusal comes.
    let mut hosts = Concurrency::new();
    let in_flight = hosts.sent(&host(), 1, false);
    hosts.reduce(&host(), in_flight, (12, FULL), Overload::Late, Instant::now());
    assert_eq!(hosts.limit(&host()), Some((6, Overload::Late)));
}

#[test]
fn a_limit_of_one_is_not_reduced() {
    let mut hosts = Concurrency::new();
    let limits = ShareLimits { host: 1, ..ShareLimits::of(256) };
    let claim = limits.claim(&Share::new("a", Class::Listed));
    let in_flight = hosts.sent(&claim, 1, false);
    let reduction = hosts.reduce(&claim, in_flight, (1, 1), Overload::Refused, Instant::now());
    assert_eq!((reduction, hosts.count([].iter(), Instant::now())), (Reduction::None, 0));
}

#[test]
fn refusals_of_a_burst_count_once() {
    let mut hosts = Concurrency::new();
    let burst: Vec<_> = (1..=16).map(|requests| hosts.sent(&host(), requests, false)).collect();
    let mut reduce = |in_flight| hosts.reduce(&host(), in_flight, (16, FULL), Overload::Refused, Instant::now());
    assert_eq!(reduce(burst[3]), Reduction::Made);
    assert!(burst.into_iter().all(|in_flight| reduce(in_flight) == Reduction::None));
    assert_eq!(limit(&hosts, &host()), 8);
    // Sent after the reduction.
    let limits: Vec<_> = (0..4).map(|_| (refuse(&mut hosts, &host(), 8), limit(&hosts, &host()))).collect();
    let made = Reduction::Made;
    assert_eq!(limits, [(made, 4), (made, 2), (made, 1), (Reduction::None, 1)]);
}

#[test]
fn each_round_of_responses_allows_one_more() {
    let mut hosts = Concurrency::new();
    refuse(&mut hosts, &host(), 8);
    let mut limits = Vec::new();
    for _ in 0..(4 + 5 + 6) {
        respond(&mut hosts, &host(), 1);
        limits.push(limit(&hosts, &host()));
    }
    assert_eq!(limits, [4, 4, 4, 5, 5, 5, 5, 5, 6, 6, 6, 6, 6, 6, 7]);
    respond(&mut hosts, &host(), (7..FULL).sum::<usize>() - 1);
    assert_eq!((limit(&hosts, &host()), hosts.count([].iter(), Instant::now())), (FULL - 1, 1));
    // At the limit of the settings nothing is left.
    respond(&mut hosts, &host(), 1);
    assert_eq!((limit(&hosts, &host()), hosts.count([].iter(), Instant::now())), (FULL, 0));
}

#[test]
fn responses_count_only_for_the_limit_that_their_requests_waited_for() {
    let mut hosts = Concurrency::new();
    let before: Vec<_> = (0..16).map(|_| hosts.sent(&host(), 16, true)).collect();
    refuse(&mut hosts, &host(), 4);
    assert!(before.into_iter().all(|in_flight| !hosts.responded(&host(), in_flight, FULL)));
    // There was capacity for more.
    for _ in 0..16 {
        let in_flight = hosts.sent(&host(), 1, false);
        assert!(!hosts.responded(&host(), in_flight, FULL));
    }
    // A further reduction begins a new round.
    respond(&mut hosts, &host(), 1);
    refuse(&mut hosts, &host(), 2);
    refuse(&mut hosts, &host(), 2);
    assert_eq!(limit(&hosts, &host()), 1);
    respond(&mut hosts, &host(), 2);
    assert_eq!(limit(&hosts, &host()), 2);
    respond(&mut hosts, &host(), 1);
    assert_eq!(limit(&hosts, &host()), 3);
}

/// Whether the limit is still reduced.
fn is_reduced(hosts: &mut Concurrency) -> bool {
    let counted = hosts.count([].iter(), Instant::now()) == 1;
    hosts.forget_ended(&host(), Instant::now());
    let reduced = hosts.limit(&host()).is_some();
    assert_eq!(counted, reduced);
    reduced
}

#[tokio::test(start_paused = true)]
async fn a_reduction_ends_a_minute_after_it_was_last_in_effect() {
    let mut hosts = Concurrency::new();
    refuse(&mut hosts, &host(), 16);
    tokio::time::advance(59 * SECOND).await;
    assert!(is_reduced(&mut hosts));
    // Requests with capacity left do not prolong it, others do.
    hosts.sent(&host(), 1, false);
    hosts.sent(&host(), 8, true);
    tokio::time::advance(59 * SECOND).await;
    hosts.sent(&host(), 1, false);
    assert!(is_reduced(&mut hosts));
    tokio::time::advance(SECOND).await;
    assert!(!is_reduced(&mut hosts));
    // Nothing is left of it.
    refuse(&mut hosts, &host(), 16);
    assert_eq!(limit(&hosts, &host()), 8);
}

#[tokio::test(start_paused = true)]
async fn the_pause_of_a_host_is_not_part_of_the_minute() {
    let mut hosts = Concurrency::new();
    let burst = [hosts.sent(&host(), 16, false), hosts.sent(&host(), 16, false)];
    hosts.reduce(&host(), burst[0], (16, FULL), Overload::Refused, Instant::now() + 60 * SECOND);
    tokio::time::advance(60 * SECOND).await;
    assert!(is_reduced(&mut hosts));
    tokio::time::advance(59 * SECOND).await;
    assert!(is_reduced(&mut hosts));
    // Of a request that was sent before the reduction.
    hosts.reduce(&host(), burst[1], (16, FULL), Overload::Refused, Instant::now() + 5 * SECOND);
    tokio::time::advance(64 * SECOND).await;
    assert!(is_reduced(&mut hosts));
    tokio::time::advance(SECOND).await;
    assert!(!is_reduced(&mut hosts));
}

#[test]
fn a_changed_setting_applies_to_the_reduced_limit() {
    let mut hosts = Concurrency::new();
    refuse(&mut hosts, &host(), 16);
    let claim = |host| ShareLimits { host, ..ShareLimits::of(256) }.claim(&Share::new("a", Class::Listed));
    assert_eq!(hosts.limit(&claim(4)), None);
    assert_eq!(hosts.limit(&claim(8)), None);
    assert_eq!(hosts.limit(&claim(64)), Some((8, Overload::Refused)));
    // Halves the lower one.
    let in_flight = hosts.sent(&claim(4), 8, false);
    hosts.reduce(&claim(4), in_flight, (8, 4), Overload::Refused, Instant::now());
    assert_eq!(hosts.limit(&claim(64)), Some((2, Overload::Refused)));
    // A lower setting is reached earlier.
    respond(&mut hosts, &claim(4), 2);
    let in_flight = hosts.sent(&claim(4), 3, true);
    assert!((0..3).map(|_| hosts.responded(&claim(4), in_flight, 4)).eq([false, false, true]));
    assert_eq!(hosts.limit(&claim(64)), None);
}

#[test]
fn any_number_of_other_hosts_takes_bounded_memory_and_evicts_no_host_of_the_settings() {
    let mut hosts = Concurrency::new();
    refuse(&mut hosts, &host(), 16);
    for number in 0..4 * limits::REDUCED_HOSTS {
        refuse(&mut hosts, &of(&format!("other{number}"), false), 16);
    }
    assert_eq!(limit(&hosts, &host()), 8);
    assert_eq!(hosts.count([].iter(), Instant::now()), 1 + limits::REDUCED_HOSTS);
    // The key, the links of the list, and what the map and the allocator add.
    let entry =
        size_of::<HostLimit>() + size_of::<u64>() + 2 * size_of::<usize>() + 16 + 2 * (2 * size_of::<usize>() + 1);
    assert!(2 * limits::REDUCED_HOSTS * entry <= limits::REDUCED_BYTES, "{entry}");
}
