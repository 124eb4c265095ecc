use std::time::Duration;

use countersign_core::name::Digest;
use countersign_core::name::DigestAlgorithm;
use countersign_core::notation::Check;
use countersign_core::notation::loggable;
use countersign_core::time::UnixTime;
use countersign_core::verdict::Code;
use countersign_http::LimitReached;
use countersign_http::Scope;

use super::*;

const ENDPOINTS: [&str; 2] = ["verify", "ratify-mutate"];

fn metrics() -> (Registry, Metrics) {
    let registry = Registry::new();
    let metrics = Metrics::new(&registry).unwrap();
    metrics.declare_endpoints(ENDPOINTS.into_iter());
    (registry, metrics)
}

fn has(registry: &Registry, line: &str) {
    let text = text(registry).unwrap();
    assert!(text.lines().any(|one| one == line), "{line} is not in:\n{text}");
}

#[test]
fn every_series_begins_at_zero() {
    let (registry, _metrics) = metrics();
    for code in Code::ALL {
        has(
            &registry,
            &format!("countersign_verdicts_total{{code=\"{code}\",verdict=\"{}\"}} 0", code.kind().as_str()),
        );
    }
    for line in [
        "countersign_requests_total{door=\"ratify-mutate\",endpoint=\"ratify-mutate\",outcome=\"abandoned\"} 0",
        "countersign_request_duration_seconds_count{door=\"verify\",endpoint=\"verify\"} 0",
        "countersign_registry_requests_total{result=\"throttled\",stage=\"referrers\"} 0",
        "countersign_stage_duration_seconds_bucket{stage=\"verify\",le=\"0.0005\"} 0",
        "countersign_resolutions_total{code=\"resolved\"} 0",
        "countersign_warnings_total{check=\"authenticity\",code=\"untrusted-chain\"} 0",
        "countersign_warnings_total{check=\"revocation\",code=\"revocation-unchecked\"} 0",
        "countersign_cache_events_total{event=\"verdict-hit\"} 0",
        "countersign_tls_handshake_failures_total{reason=\"no-certificate\"} 0",
        "countersign_last_reload_successful{files=\"trust\"} 0",
        "countersign_certificate_not_after_timestamp_seconds{certificate=\"client-ca\"} 0",
        "countersign_limit_in_use{limit=\"verifications\"} 0",
        "countersign_limit_reached_total{limit=\"bytes\",scope=\"unlisted\"} 0",
        "countersign_limit_in_use{limit=\"response-bytes\"} 0",
        "countersign_limit_reached_total{limit=\"response-bytes\",scope=\"request\"} 0",
        "countersign_limit_reached_total{limit=\"response-bytes\",scope=\"process\"} 0",
        "countersign_panics_total 0",
        "countersign_in_flight_requests 0",
        "countersign_trust_generation 0",
    ] {
        has(&registry, line);
    }
}

/// A series that appears later has not begun at zero.
#[test]
fn events_add_no_series() {
    let (registry, metrics) = metrics();
    let series = || text(&registry).unwrap().lines().filter(|line| !line.starts_with('#')).count();
    let before = series();
    for endpoint in ENDPOINTS {
        for outcome in Outcome::ALL {
            metrics.request(endpoint, *outcome, Duration::from_millis(1));
        }
    }
    for code in Code::ALL {
        metrics.verdict(*code);
        metrics.resolution(Some(*code));
    }
    metrics.resolution(None);
    metrics.stage("registry.example", Duration::ZERO);
    metrics.registry_request("registry.example", "418");
    metrics.cache_event("registry.example");
    for resource in limited_resources() {
        metrics.limit_in_use(resource, 1);
        let scope = Scope::Host("registry.example".into());
        metrics.limit_reached(&LimitReached { resource, scope, at: None, found: 1, limit: 1 });
    }
    metrics.response_bytes().add(1);
    metrics.response_without_room(true);
    metrics.response_without_room(false);
    for reason in HandshakeFailure::ALL {
        metrics.handshake_failure(*reason);
    }
    for check in Check::ALL {
        for code in Code::ALL {
            metrics.warning(check, *code);
        }
    }
    metrics.request_keys(3);
    metrics.reloaded(Component::Tls, UnixTime::from_seconds(1_700_000_000).unwrap());
    metrics.certificate_end(Certificate::Server, UnixTime::from_seconds(1_700_000_000).unwrap());
    assert_eq!(series(), before);
    has(&registry, "countersign_registry_requests_total{result=\"other\",stage=\"other\"} 1");
    has(&registry, "countersign_warnings_total{check=\"expiry\",code=\"expired\"} 1");
    has(
        &registry,
        &format!(
            "countersign_warnings_total{{check=\"other\",code=\"other\"}} {}",
            Check::ALL.len() * Code::ALL.len() - loggable().count()
        ),
    );
    has(&registry, "countersign_resolutions_total{code=\"other\"} 2");
    has(&registry, "countersign_last_reload_timestamp_seconds{files=\"tls\"} 1700000000");
    has(&registry, "countersign_certificate_not_after_timestamp_seconds{certificate=\"server\"} 1700000000");
}

/// Series of statements and stores follow the policy.
#[test]
fn statements_and_stores_have_a_series_each_while_the_policy_has_them() {
    let (registry, metrics) = metrics();
    let shown = || {
        let text = text(&registry).unwrap();
        let lines = text.lines().filter(|line| line.contains("_usable{")).map(str::to_owned);
        lines.collect::<Vec<_>>()
    };
    assert_eq!(shown(), [""; 0]);
    metrics.statements_usable([("app", true), ("a \"b\"", false)]);
    metrics.stores_usable([("ca:main", false)]);
    assert_eq!(
        shown(),
        [
            "countersign_statement_usable{statement=\"a \\\"b\\\"\"} 0",
            "countersign_statement_usable{statement=\"app\"} 1",
            "countersign_trust_store_usable{store=\"ca:main\"} 0",
        ]
    );
    let (long, longer) = ("ü".repeat(100), "ü".repeat(101));
    metrics.statements_usable([(long.as_str(), true), (longer.as_str(), false), ("app", false)]);
    metrics.stores_usable([]);
    let cut = format!("countersign_statement_usable{{statement=\"{}\"}} 0", "ü".repeat(64));
    assert_eq!(shown(), ["countersign_statement_usable{statement=\"app\"} 0".to_owned(), cut]);
}

#[test]
fn a_partial_reload_sets_the_time_and_lowers_the_flag() {
    let (registry, metrics) = metrics();
    metrics.partly_reloaded(Component::Trust, UnixTime::from_seconds(7).unwrap());
    has(&registry, "countersign_last_reload_successful{files=\"trust\"} 0");
    has(&registry, "countersign_last_reload_timestamp_seconds{files=\"trust\"} 7");
}

#[test]
fn a_failed_reload_lowers_the_flag_and_keeps_the_time() {
    let (registry, metrics) = metrics();
    metrics.reloaded(Component::Trust, UnixTime::from_seconds(7).unwrap());
    metrics.reload_failed(Component::Trust);
    has(&registry, "countersign_last_reload_successful{files=\"trust\"} 0");
    has(&registry, "countersign_last_reload_timestamp_seconds{files=\"trust\"} 7");
}

#[test]
fn a_gauge_goes_down_when_its_value_is_dropped() {
    let (registry, metrics) = metrics();
    let one = metrics.in_flight();
    has(&registry, "countersign_in_flight_requests 1");
    drop(one);
    has(&registry, "countersign_in_flight_requests 0");
}

#[test]
fn refuses_two_sets_of_metrics_on_one_registry() {
    let (registry, _metrics) = metrics();
    assert!(matches!(Metrics::new(&registry), Err(prometheus::Error::AlreadyReg)));
}

#[test]
fn only_the_policy_in_use_has_a_digest_series() {
    let (registry, metrics) = metrics();
    let digests = || {
        let text = text(&registry).unwrap();
        let lines = text.lines().filter(|line| line.starts_with("countersign_trust_policy_info"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(digests(), [""; 0]);
    for (generation, content) in [(1, "one"), (2, "two"), (3, "one")] {
        let digest = Digest::of(DigestAlgorithm::Sha256, content.as_bytes());
        metrics.policy_in_use(generation, &digest);
        assert_eq!(digests(), [format!("countersign_trust_policy_info{{digest=\"{digest}\"}} 1")]);
        has(&registry, &format!("countersign_trust_generation {generation}"));
    }
}
