use std::time::Duration;

use countersign_core::name::Digest;
use countersign_core::name::DigestAlgorithm;
use countersign_core::notation::Check;
use countersign_core::notation::loggable;
use countersign_core::time::UnixTime;
use countersign_core::verdict::Code;
use countersign_http::LimitReached;
use countersign_http::Overload;
use countersign_http::Scope;
use countersign_registry::RequestResult;
use countersign_registry::Stage;

use super::*;

const ENDPOINTS: [&str; 2] = ["verify", "ratify-mutate"];

fn metrics() -> (Registry, Metrics) {
    let registry = Registry::new();
    let metrics = Metrics::new(&registry).unwrap();
    for endpoint in ENDPOINTS {
        let _ = metrics.endpoint(endpoint);
    }
    metrics.statements_usable([("app", true)]);
    metrics.registries(["*.example.com"]);
    (registry, metrics)
}

fn has(registry: &Registry, line: &str) {
    let text = encode_text(registry).unwrap();
    assert!(text.lines().any(|one| one == line), "{line} is not in:\n{text}");
}

#[test]
fn every_series_begins_at_zero() {
    let (registry, _metrics) = metrics();
    for code in Code::ALL {
        let kind = code.kind().as_str();
        for statement in ["", "app", "other"] {
            let labels = format!("code=\"{code}\",statement=\"{statement}\",verdict=\"{kind}\"");
            has(&registry, &format!("countersign_verdicts_total{{{labels}}} 0"));
        }
    }
    for (check, code) in loggable() {
        for statement in ["app", "other"] {
            let (check, code) = (check.as_str(), code.as_str());
            let labels = format!("check=\"{check}\",code=\"{code}\",statement=\"{statement}\"");
            has(&registry, &format!("countersign_warnings_total{{{labels}}} 0"));
        }
    }
    for (stage, result) in Stage::ALL.iter().flat_map(|stage| RequestResult::ALL.iter().map(move |one| (stage, one))) {
        for name in ["*.example.com", "unlisted", "other"] {
            let (stage, result) = (stage.as_str(), result.as_str());
            let labels = format!("registry=\"{name}\",result=\"{result}\",stage=\"{stage}\"");
            has(&registry, &format!("countersign_registry_requests_total{{{labels}}} 0"));
        }
    }
    for line in [
        "countersign_requests_total{door=\"ratify-mutate\",endpoint=\"ratify-mutate\",outcome=\"abandoned\"} 0",
        "countersign_request_duration_seconds_count{door=\"verify\",endpoint=\"verify\"} 0",
        "countersign_stage_duration_seconds_bucket{stage=\"verify\",le=\"0.0005\"} 0",
        "countersign_resolutions_total{code=\"resolved\"} 0",
        "countersign_cache_events_total{event=\"verdict-hit\"} 0",
        "countersign_cache_requests_total{cache=\"evidence\",result=\"hit\"} 0",
        "countersign_evidence_requests_total{kind=\"ocsp\",result=\"unusable\"} 0",
        "countersign_evidence_request_duration_seconds_count{kind=\"crl\"} 0",
        "countersign_evidence_end_without_refresh_timestamp_seconds{kind=\"crl\"} 0",
        "countersign_limit_in_use{limit=\"evidence-bytes\"} 0",
        "countersign_cache_requests_total{cache=\"tags\",result=\"hit\"} 0",
        "countersign_cache_requests_total{cache=\"tags\",result=\"miss\"} 0",
        "countersign_cache_requests_total{cache=\"verdicts\",result=\"hit\"} 0",
        "countersign_cache_requests_total{cache=\"verdicts\",result=\"miss\"} 0",
        "countersign_tls_handshake_failures_total{reason=\"no-certificate\"} 0",
        "countersign_last_reload_successful{files=\"trust\"} 0",
        "countersign_last_poll_timestamp_seconds{files=\"trust\"} 0",
        "countersign_poll_overdue{files=\"trust\"} 0",
        "countersign_certificate_not_after_timestamp_seconds{certificate=\"client-ca\",store=\"\"} 0",
        "countersign_limit_in_use{limit=\"verifications\"} 0",
        "countersign_limit_reached_total{limit=\"bytes\",scope=\"unlisted\"} 0",
        "countersign_limit_in_use{limit=\"response-bytes\"} 0",
        "countersign_limit_reached_total{limit=\"response-bytes\",scope=\"request\"} 0",
        "countersign_limit_reached_total{limit=\"response-bytes\",scope=\"process\"} 0",
        "countersign_log_events_lost_total{level=\"error\"} 0",
        "countersign_log_events_lost_total{level=\"trace\"} 0",
        "countersign_panics_total 0",
        "countersign_tasks 0",
        "countersign_in_flight_requests 0",
        "countersign_trust_generation 0",
    ] {
        has(&registry, line);
    }
}

#[tokio::test]
async fn tasks_that_have_not_ended_are_counted() {
    let (registry, _metrics) = metrics();
    has(&registry, "countersign_tasks 0");
    let waiting = tokio::spawn(std::future::pending::<()>());
    tokio::spawn(async {}).await.unwrap();
    has(&registry, "countersign_tasks 1");
    waiting.abort();
    assert!(waiting.await.unwrap_err().is_cancelled());
    has(&registry, "countersign_tasks 0");
}

/// A series that appears later has not begun at zero.
#[test]
fn events_add_no_series() {
    let (registry, metrics) = metrics();
    let series = || encode_text(&registry).unwrap().lines().filter(|line| !line.starts_with('#')).count();
    let before = series();
    for endpoint in ENDPOINTS {
        for outcome in Outcome::ALL {
            metrics.endpoint(endpoint).request(*outcome, Duration::from_millis(1));
        }
    }
    for code in Code::ALL {
        for statement in [None, Some("app"), Some("of another policy")] {
            metrics.verdict(*code, statement);
        }
        metrics.resolution(Some(*code));
    }
    metrics.resolution(None);
    for stage in VerdictStage::all() {
        metrics.stage_ended(stage, Duration::ZERO);
    }
    for entry in [None, Some("*.example.com"), Some("of another configuration")] {
        metrics.registry_request(entry, Stage::Blob, RequestResult::Denied);
    }
    for event in CacheEvent::ALL {
        metrics.cache_events(*event, 2);
    }
    for kind in EvidenceKind::ALL {
        for result in EvidenceResult::ALL {
            metrics.evidence_request(*kind, *result, Duration::from_millis(1));
        }
        metrics.evidence_kept(*kind, &KeptEvidence { entries: 1, ..KeptEvidence::default() });
    }
    for resource in limited_resources() {
        metrics.limit_in_use(resource, 1);
        let scope = Scope::Host("registry.example".into());
        metrics.limit_reached(&LimitReached { resource, scope, at: None, found: 1, limit: 1, reduced: None });
    }
    for why in Overload::ALL {
        metrics.limit_reduced(*why);
    }
    metrics.response_bytes().add(1);
    metrics.response_without_room(true);
    metrics.response_without_room(false);
    for reason in HandshakeFailure::ALL {
        metrics.handshake_failure(*reason);
    }
    for check in Check::ALL {
        for code in Code::ALL {
            metrics.warning(check, *code, "app");
        }
    }
    metrics.request_keys(3);
    metrics.reloaded(Component::Tls, UnixTime::from_seconds(1_700_000_000).unwrap());
    metrics.certificate_end(Certificate::Server, UnixTime::from_seconds(1_700_000_000).unwrap());
    assert_eq!(series(), before);
    for (endpoint, outcome) in ENDPOINTS.iter().flat_map(|one| Outcome::ALL.iter().map(move |outcome| (one, outcome))) {
        let labels = format!("door=\"{endpoint}\",endpoint=\"{endpoint}\",outcome=\"{}\"", outcome.as_str());
        has(&registry, &format!("countersign_requests_total{{{labels}}} 1"));
    }
    for stage in VerdictStage::all().map(VerdictStage::as_str) {
        has(&registry, &format!("countersign_stage_duration_seconds_count{{stage=\"{stage}\"}} 1"));
    }
    has(&registry, "countersign_stage_duration_seconds_count{stage=\"other\"} 0");
    for code in Code::ALL.iter().filter(|code| ![Code::Verified, Code::Skipped].contains(code)) {
        has(&registry, &format!("countersign_resolutions_total{{code=\"{code}\"}} 1"));
    }
    has(&registry, "countersign_resolutions_total{code=\"resolved\"} 1");
    has(&registry, "countersign_resolutions_total{code=\"other\"} 2");
    for name in ["*.example.com", "unlisted", "other"] {
        let labels = format!("registry=\"{name}\",result=\"denied\",stage=\"blob\"");
        has(&registry, &format!("countersign_registry_requests_total{{{labels}}} 1"));
    }
    for statement in ["", "app", "other"] {
        let labels = format!("code=\"revoked\",statement=\"{statement}\",verdict=\"rejected\"");
        has(&registry, &format!("countersign_verdicts_total{{{labels}}} 1"));
    }
    has(&registry, "countersign_cache_events_total{event=\"verdict-evicted\"} 2");
    has(&registry, "countersign_cache_requests_total{cache=\"verdicts\",result=\"hit\"} 2");
    has(&registry, "countersign_cache_requests_total{cache=\"tags\",result=\"miss\"} 2");
    has(&registry, "countersign_warnings_total{check=\"expiry\",code=\"expired\",statement=\"app\"} 1");
    has(
        &registry,
        &format!(
            "countersign_warnings_total{{check=\"other\",code=\"other\",statement=\"app\"}} {}",
            Check::ALL.len() * Code::ALL.len() - loggable().count()
        ),
    );
    has(&registry, "countersign_resolutions_total{code=\"other\"} 2");
    for why in ["refused", "timeout"] {
        has(&registry, &format!("countersign_registry_concurrency_reductions_total{{reason=\"{why}\"}} 1"));
    }
    has(&registry, "countersign_registry_reduced_hosts 0");
    has(&registry, "countersign_last_reload_timestamp_seconds{files=\"tls\"} 1700000000");
    has(&registry, "countersign_certificate_not_after_timestamp_seconds{certificate=\"server\",store=\"\"} 1700000000");
}

/// Series of statements and stores follow the policy.
#[test]
fn statements_and_stores_have_a_series_each_while_the_policy_has_them() {
    let (registry, metrics) = metrics();
    let shown = || {
        let text = encode_text(&registry).unwrap();
        let lines = text.lines().filter(|line| line.contains("_usable{")).map(str::to_owned);
        lines.collect::<Vec<_>>()
    };
    metrics.statements_usable([]);
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
fn a_poll_is_overdue_until_it_ends() {
    let (registry, metrics) = metrics();
    let at = |seconds| UnixTime::from_seconds(seconds).unwrap();
    metrics.polled(Component::Tls, at(7));
    metrics.poll_overdue(Component::Tls);
    has(&registry, "countersign_last_poll_timestamp_seconds{files=\"tls\"} 7");
    has(&registry, "countersign_poll_overdue{files=\"tls\"} 1");
    has(&registry, "countersign_poll_overdue{files=\"trust\"} 0");
    metrics.polled(Component::Tls, at(9));
    has(&registry, "countersign_last_poll_timestamp_seconds{files=\"tls\"} 9");
    has(&registry, "countersign_poll_overdue{files=\"tls\"} 0");
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
        let text = encode_text(&registry).unwrap();
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

#[test]
fn counters_of_a_statement_are_removed_with_it() {
    let (registry, metrics) = metrics();
    metrics.verdict(Code::Unsigned, Some("app"));
    metrics.warning(Check::Expiry, Code::Expired, "app");
    has(&registry, "countersign_verdicts_total{code=\"unsigned\",statement=\"app\",verdict=\"rejected\"} 1");
    metrics.statements_usable([("shop", true)]);
    assert!(!encode_text(&registry).unwrap().contains("statement=\"app\""));
    // A request that began under the former policy.
    metrics.verdict(Code::Unsigned, Some("app"));
    has(&registry, "countersign_verdicts_total{code=\"unsigned\",statement=\"other\",verdict=\"rejected\"} 1");
}

/// The end of each certificate with a series.
fn ends(registry: &Registry) -> Vec<String> {
    let text = encode_text(registry).unwrap();
    let lines =
        text.lines().filter_map(|line| line.strip_prefix("countersign_certificate_not_after_timestamp_seconds"));
    lines.filter(|line| line.contains("store-")).map(str::to_owned).collect()
}

#[test]
fn every_trust_store_has_its_own_end() {
    let (registry, metrics) = metrics();
    let at = |seconds| UnixTime::from_seconds(seconds).unwrap();
    assert_eq!(ends(&registry), [""; 0]);
    metrics.store_ends([
        (Certificate::StoreCa, "ca:shop", at(7)),
        (Certificate::StoreCa, "ca:bank", at(5)),
        (Certificate::StoreTsa, "tsa:shop", at(6)),
    ]);
    assert_eq!(
        ends(&registry),
        [
            r#"{certificate="store-ca",store="ca:bank"} 5"#,
            r#"{certificate="store-ca",store="ca:shop"} 7"#,
            r#"{certificate="store-tsa",store="tsa:shop"} 6"#,
        ]
    );
    metrics.store_ends([(Certificate::StoreCa, "ca:shop", at(8))]);
    assert_eq!(ends(&registry), [r#"{certificate="store-ca",store="ca:shop"} 8"#]);
}

#[test]
fn client_certificates_for_registries_have_one_end_while_there_are_any() {
    let (registry, metrics) = metrics();
    let series = "countersign_certificate_not_after_timestamp_seconds{certificate=\"registry-client\",store=\"\"}";
    let is_shown = || encode_text(&registry).unwrap().contains(series);
    metrics.registry_certificates_end(None);
    assert!(!is_shown());
    metrics.registry_certificates_end(Some(UnixTime::from_seconds(7).unwrap()));
    has(&registry, &format!("{series} 7"));
    metrics.registry_certificates_end(None);
    assert!(!is_shown());
}

#[test]
fn of_many_trust_stores_those_that_end_first_have_a_series() {
    let (registry, metrics) = metrics();
    let names: Vec<String> = (0..60).map(|number| format!("ca:{number}")).collect();
    let at = |number: usize| UnixTime::from_seconds(1000 - i64::try_from(number).unwrap()).unwrap();
    metrics
        .store_ends(names.iter().enumerate().map(|(number, name)| (Certificate::StoreCa, name.as_str(), at(number))));
    let shown = ends(&registry);
    assert_eq!(shown.len(), 41);
    assert!(shown.contains(&r#"{certificate="store-ca",store="ca:59"} 941"#.to_owned()));
    assert!(shown.contains(&r#"{certificate="store-ca",store="ca:20"} 980"#.to_owned()));
    assert!(shown.contains(&r#"{certificate="store-ca",store="other"} 981"#.to_owned()));
}

#[test]
fn of_many_statements_those_that_are_disabled_have_a_series() {
    let (registry, metrics) = metrics();
    let names: Vec<String> = (0..1000).map(|number| format!("{number:03}")).collect();
    let usable =
        |disabled: usize| names.iter().enumerate().map(move |(at, name)| (name.as_str(), at < 1000 - disabled));
    let shown = |value: &str| {
        let text = encode_text(&registry).unwrap();
        let ours = text.lines().filter(|line| line.starts_with("countersign_statement_usable{"));
        ours.filter(|line| line.ends_with(value)).map(str::to_owned).collect::<Vec<_>>()
    };
    metrics.statements_usable(usable(1));
    assert_eq!(shown("} 0"), [r#"countersign_statement_usable{statement="999"} 0"#]);
    assert_eq!(shown("} 1").len(), 100);
    assert!(shown("} 1").contains(&r#"countersign_statement_usable{statement="other"} 1"#.to_owned()));
    metrics.statements_usable(usable(101));
    assert_eq!((shown("} 0").len(), shown("} 1").len()), (101, 0));
    assert!(shown("} 0").contains(&r#"countersign_statement_usable{statement="other"} 0"#.to_owned()));
}
