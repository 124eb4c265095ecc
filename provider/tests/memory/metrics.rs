//! The metrics use no more memory than the memory budget counts for them, and fit into one response.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use crate::ALLOCATOR;
use countersign::server::Endpoint;
use countersign::server::memory;
use countersign::telemetry::metrics;
use countersign::telemetry::metrics::Certificate;
use countersign::telemetry::metrics::Metrics;
use countersign_core::time::UnixTime;
use countersign_testkit::alone;
use prometheus::Registry;

/// As many names as a policy may have, each longer than a label.
fn names(kind: &str) -> Vec<String> {
    (0..1000).map(|number| format!("{kind}{number:04}{}", "x".repeat(200))).collect()
}

#[test]
fn metrics_of_the_largest_policy_stay_within_the_memory_budget() {
    if !alone("metrics::metrics_of_the_largest_policy_stay_within_the_memory_budget") {
        return;
    }
    let (statements, stores, registries) = (names(""), names("ca:"), names("a."));
    let registry = Registry::new();
    let before = ALLOCATOR.current_usage();
    let metrics = Metrics::new(&registry).unwrap();
    metrics.statements_usable(statements.iter().map(|name| (name.as_str(), true)));
    metrics.stores_usable(stores.iter().map(|name| (name.as_str(), true)));
    let end = UnixTime::from_seconds(2_000_000_000).unwrap();
    metrics.store_ends(stores.iter().map(|name| (Certificate::StoreCa, name.as_str(), end)));
    metrics.registries(registries.iter().map(String::as_str));
    for endpoint in Endpoint::labels() {
        metrics.endpoint(endpoint).request(metrics::Outcome::Ok, Duration::from_secs(1));
    }
    ALLOCATOR.reset_peak_usage();
    let text = metrics::encode_text(&registry).unwrap();
    let used = ALLOCATOR.peak_usage().saturating_sub(before);
    let series = text.lines().filter(|line| !line.starts_with('#')).count();
    assert!(used <= memory::METRICS, "{used} bytes of {} for {series} series", memory::METRICS);
    assert!(text.len() <= memory::METRICS_TEXT, "{} bytes of {}", text.len(), memory::METRICS_TEXT);
    // What the reference and ARCHITECTURE.md promise.
    assert!((3000..=3938).contains(&series), "{series}");
}
