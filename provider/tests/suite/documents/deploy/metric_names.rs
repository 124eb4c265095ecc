//! Metrics as a query names them and as the service shows them.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use countersign::telemetry::metrics;
use countersign::telemetry::metrics::Metrics;
use countersign::telemetry::metrics::StoreFetch;
use countersign_core::name::Digest;
use countersign_core::name::DigestAlgorithm;

/// By metric and label, the values that a fresh process shows. A histogram is here by the names of its series.
pub(crate) type Shown = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

/// The metrics of a process that has just loaded a trust policy.
pub(crate) fn shown() -> Shown {
    let registry = prometheus::Registry::new();
    let metrics = Metrics::new(&registry).unwrap();
    for endpoint in countersign::server::Endpoint::labels() {
        let _ = metrics.endpoint(endpoint);
    }
    metrics.statements_usable([("shop", true)]);
    metrics.stores_usable([("ca:shop", true)]);
    let fetch = StoreFetch { source: "key-vault", fetched: None, files: 0, failures: 0, next: None };
    metrics.stores_fetched([("ca:shop", fetch)]);
    let digest = Digest::of(DigestAlgorithm::Sha256, b"policy");
    metrics.policy_in_use(1, &digest);
    metrics.registries(["registry.example.com"]);
    parsed(&metrics::encode_text(&registry).unwrap())
}

/// The metrics of a page.
pub(crate) fn parsed(page: &str) -> Shown {
    let mut shown = Shown::new();
    for line in page.lines().filter(|line| !line.starts_with('#')) {
        let end = line.find(['{', ' ']).unwrap();
        let labels = shown.entry(line[..end].to_owned()).or_default();
        if let Some((inner, _)) = line[end..].strip_prefix('{').and_then(|rest| rest.split_once("} ")) {
            for (label, _, value) in matchers(inner) {
                labels.entry(label).or_default().insert(value);
            }
        }
    }
    shown
}

/// Label, operator and value.
pub(crate) type Matcher = (String, String, String);

/// Every metric of ours in a query, with its matchers.
pub(crate) fn selectors(query: &str) -> Vec<(String, Vec<Matcher>)> {
    let mut selectors = Vec::new();
    for (start, _) in query.match_indices("countersign_") {
        let rest = &query[start..];
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
        let inner = rest[end..].strip_prefix('{').and_then(|rest| rest.split_once('}'));
        selectors.push((rest[..end].to_owned(), inner.map(|(inner, _)| matchers(inner)).unwrap_or_default()));
    }
    selectors
}

/// `label="value"`, with any of the four operators, between commas. No value of ours has a comma or a quotation mark.
fn matchers(inner: &str) -> Vec<Matcher> {
    let one = |text: &str| {
        let (label, value) = text.split_once('"').unwrap();
        let operator = label.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_');
        let label = &label[..label.len() - operator.len()];
        (label.to_owned(), operator.to_owned(), value.strip_suffix('"').unwrap().to_owned())
    };
    inner.split(',').map(|text| one(text.trim())).collect()
}

/// Every mistake in a query: metrics, labels and values that do not exist.
pub(crate) fn mistakes(query: &str, shown: &Shown) -> Vec<String> {
    let mut mistakes = Vec::new();
    for (metric, matchers) in selectors(query) {
        let Some(labels) = shown.get(&metric) else {
            mistakes.push(format!("no metric {metric}"));
            continue;
        };
        // Prometheus adds these two.
        for (label, operator, value) in
            matchers.iter().filter(|(label, ..)| !["job", "instance"].contains(&label.as_str()))
        {
            let Some(values) = labels.get(label) else {
                mistakes.push(format!("no label {label} on {metric}"));
                continue;
            };
            let alternatives: Vec<&str> =
                if operator.ends_with('~') { value.split('|').collect() } else { vec![value.as_str()] };
            for one in alternatives {
                let known = match one.strip_prefix(".*") {
                    Some(end) => values.iter().any(|value| value.ends_with(end)),
                    None => values.contains(one),
                };
                if !known {
                    mistakes.push(format!("no value {one:?} of {label} on {metric}"));
                }
            }
        }
    }
    mistakes
}

#[test]
fn detects_a_misspelt_metric_label_or_value() {
    let shown = shown();
    let check = |query: &str| mistakes(query, &shown);
    assert_eq!(check(r#"rate(countersign_verdicts_total{job="x",verdict="inconclusive"}[5m]) > 0"#), [""; 0]);
    assert_eq!(check("countersign_verdict_total"), ["no metric countersign_verdict_total"]);
    assert_eq!(
        check(r#"countersign_verdicts_total{kind="verified"}"#),
        ["no label kind on countersign_verdicts_total"]
    );
    assert_eq!(
        check(r#"countersign_requests_total{endpoint=~"verify|veriify"} / countersign_requests_total{outcome!="k"}"#),
        [
            "no value \"veriify\" of endpoint on countersign_requests_total",
            "no value \"k\" of outcome on countersign_requests_total"
        ]
    );
    assert_eq!(check(r#"countersign_request_duration_seconds_bucket{le="1"}"#), [""; 0]);
    assert_eq!(check("countersign_request_duration_seconds"), ["no metric countersign_request_duration_seconds"]);
}
