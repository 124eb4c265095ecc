//! The metric reference has exactly the metrics of a running service, and the alerts that use them.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use countersign::telemetry::metrics::Metrics;
use countersign::telemetry::metrics::StoreFetch;
use countersign::telemetry::metrics::encode_text;
use countersign_core::verdict::Code;
use countersign_test_support::mounted::MountedService;

use crate::documents::deploy::files::documents;
use crate::documents::deploy::files::read;
use crate::documents::deploy::files::text;
use crate::documents::deploy::metric_names::Shown;
use crate::documents::deploy::metric_names::mistakes;
use crate::documents::deploy::metric_names::parsed;
use crate::documents::deploy::metric_names::selectors;
use crate::documents::deploy::metric_names::shown;

const REFERENCE: &str = "provider/docs/metrics.md";

/// The cells of every row of the table below a heading.
fn rows(path: &str, heading: &str) -> Vec<Vec<String>> {
    let document = read(path);
    let section = document.split(&format!("## {heading}\n")).nth(1).unwrap().split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with('|')).skip(2);
    let cells = |row: &str| {
        // A bar within a cell is escaped.
        let row = row.replace("\\|", "\0");
        row[1..row.len() - 1].split('|').map(|cell| cell.trim().replace('\0', "|")).collect()
    };
    rows.map(cells).collect()
}

/// All code spans of a text.
fn code_spans(text: &str) -> BTreeSet<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Name, type and labels of every metric in the reference.
fn documented() -> BTreeMap<String, (String, BTreeSet<String>)> {
    let row = |cells: Vec<String>| {
        let [metric, kind, unit, labels, meaning, since, _alerts] = cells.as_slice() else { panic!("{cells:?}") };
        assert!(!unit.is_empty() && meaning.len() > 10, "{cells:?}");
        assert!(since.split('.').all(|part| part.parse::<u32>().is_ok()), "{cells:?}");
        (metric.trim_matches('`').to_owned(), (kind.clone(), code_spans(labels)))
    };
    rows(REFERENCE, "Metrics").into_iter().map(row).collect()
}

/// The metric of a series: of histograms without the suffix.
fn metric_of<'a>(series: &'a str, types: &BTreeMap<String, String>) -> &'a str {
    let base = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| series.strip_suffix(suffix));
    base.filter(|base| types.get(*base).is_some_and(|kind| kind == "histogram")).unwrap_or(series)
}

/// The labels of every metric with their values.
type Labels = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

/// Type and labels of every metric of a page.
fn metrics_of(page: &str) -> (BTreeMap<String, String>, Labels) {
    let types = page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let types: BTreeMap<String, String> = types.map(|(name, kind)| (name.to_owned(), kind.to_owned())).collect();
    let series: Shown = parsed(page);
    let mut labels = Labels::new();
    for (name, found) in series {
        let all = labels.entry(metric_of(&name, &types).to_owned()).or_default();
        for (label, values) in found {
            all.entry(label).or_default().extend(values);
        }
    }
    (types, labels)
}

/// The values of a label by its row: closed ones, and whether the operator's names are further ones.
fn values(cell: &str) -> (BTreeSet<String>, bool) {
    let (mut closed, mut open) = (BTreeSet::new(), false);
    for part in cell.split("; ") {
        // The meaning of values follows a colon.
        let listed = part.split(':').next().unwrap();
        if listed.starts_with("every code of ") {
            let all = Code::ALL.iter().map(|code| code.to_string());
            let except = code_spans(listed);
            closed.extend(all.filter(|code| !except.contains(code)));
        } else if listed.starts_with("any ") {
            open = true;
        } else {
            closed.extend(code_spans(listed));
        }
    }
    (closed, open)
}

/// The page of a service with trust stores that are fetched.
fn with_fetched_store(page: &str) -> String {
    let registry = prometheus::Registry::new();
    let fetch = |source| StoreFetch { source, fetched: None, files: 0, failures: 0, next: None };
    Metrics::new(&registry).unwrap().stores_fetched([("ca:shop", fetch("url")), ("ca:a", fetch("key-vault"))]);
    let fetched = encode_text(&registry).unwrap();
    let is_of_store =
        |line: &&str| line.contains("countersign_trust_store_fetch") || line.contains("countersign_trust_store_next");
    let fetched = fetched.lines().filter(is_of_store);
    format!("{page}{}\n", fetched.collect::<Vec<_>>().join("\n"))
}

#[tokio::test]
async fn the_reference_has_every_metric_of_a_running_service_and_no_other() {
    let service = MountedService::start().await;
    let page = service.health("/metrics").await;
    let (types, labels) = metrics_of(&with_fetched_store(&page));
    let found: BTreeMap<String, (String, BTreeSet<String>)> = types
        .into_iter()
        .map(|(metric, kind)| {
            let mut labels: BTreeSet<String> = labels[&metric].keys().cloned().collect();
            // Every histogram has it.
            labels.remove("le");
            (metric, (kind, labels))
        })
        .collect();
    assert_eq!(documented(), found);
    service.stop().await;
}

#[tokio::test]
async fn the_reference_has_every_label_with_its_values_and_no_other() {
    let service = MountedService::start().await;
    let (_, mut labels) = metrics_of(&with_fetched_store(&service.health("/metrics").await));
    let certificates = labels.get_mut("countersign_certificate_not_after_timestamp_seconds").unwrap();
    // Of types of which the policy has no store; and no registry has a client certificate.
    let absent = ["registry-client", "store-signing-authority", "store-tsa"];
    certificates.get_mut("certificate").unwrap().extend(absent.map(str::to_owned));
    let mut documented = BTreeSet::new();
    for row in rows(REFERENCE, "Labels") {
        let [names, metrics, cell] = row.as_slice() else { panic!("{row:?}") };
        let (closed, open) = values(cell);
        for (metric, label) in code_spans(metrics)
            .into_iter()
            .flat_map(|metric| code_spans(names).into_iter().map(move |label| (metric.clone(), label)))
        {
            let found = labels.get(&metric).and_then(|labels| labels.get(&label));
            let found = found.unwrap_or_else(|| panic!("{metric} has no label {label}"));
            let found: BTreeSet<_> = found.iter().filter(|value| !value.is_empty()).cloned().collect();
            if open {
                // `other` has a series for gauges only if there are too many names.
                assert!(!found.is_empty(), "{metric} {label}");
            } else {
                assert_eq!(found, closed, "{metric} {label}");
            }
            assert!(documented.insert((metric.clone(), label.clone())), "{metric} {label} twice");
        }
    }
    let all: BTreeSet<_> =
        labels.iter().flat_map(|(metric, labels)| labels.keys().map(|label| (metric.clone(), label.clone()))).collect();
    assert_eq!(documented, all);
    service.stop().await;
}

#[test]
fn the_reference_names_the_alerts_that_use_each_metric() {
    let types: BTreeMap<String, String> = documented().into_iter().map(|(metric, (kind, _))| (metric, kind)).collect();
    let mut used: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for group in documents("deploy/monitoring/alerts.yaml")[0]["groups"].as_array().unwrap() {
        for alert in group["rules"].as_array().unwrap() {
            for (series, _) in selectors(text(alert, "/expr")) {
                let alerts = used.entry(metric_of(&series, &types).to_owned()).or_default();
                alerts.insert(text(alert, "/alert").to_owned());
            }
        }
    }
    let listed: BTreeMap<_, _> = rows(REFERENCE, "Metrics")
        .into_iter()
        .map(|cells| (cells[0].trim_matches('`').to_owned(), code_spans(&cells[6])))
        .filter(|(_, alerts)| !alerts.is_empty())
        .collect();
    assert_eq!(listed, used);
}

#[test]
fn the_queries_of_the_reference_use_existing_metrics() {
    let shown = shown();
    let rows = rows(REFERENCE, "Queries");
    assert!(rows.len() >= 5);
    for row in rows {
        let query = row[1].trim_matches('`');
        assert_eq!(mistakes(query, &shown), [""; 0], "{query}");
        assert_ne!(selectors(query), [], "{query}");
    }
}

/// Every metric in a text, with the labels in braces behind it: `name{label}` or `name{label="value"}`.
fn mentions(text: &str) -> Vec<(String, Vec<String>)> {
    let word = |text: &str| {
        let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(text.len());
        text[..end].to_owned()
    };
    let mention = |(start, _): (usize, &str)| {
        let name = word(&text[start..]);
        let inner = text[start + name.len()..].strip_prefix('{').and_then(|rest| rest.split_once('}'));
        let labels = inner.into_iter().flat_map(|(inner, _)| inner.split(',').map(word)).collect();
        (name, labels)
    };
    text.match_indices("countersign_").map(mention).collect()
}

/// Every name of a metric in the documents, without the crates, whose names begin alike.
#[test]
fn the_documents_name_only_existing_metrics() {
    let (documented, series) = (documented(), shown());
    let crates = ["core", "core_test_support", "credentials", "http", "registry", "test_support", "testkit", "e2e"];
    let mut count = 0;
    for path in crate::documents::commands::DOCUMENTS.into_iter().chain(["provider/CHANGELOG.md"]) {
        for (name, labels) in mentions(&read(path)) {
            let known = documented.contains_key(&name) || series.contains_key(&name);
            let has = documented.get(&name).map(|(_, labels)| labels);
            let unknown = has.and_then(|has| labels.iter().find(|label| !has.contains(*label)));
            assert_eq!(unknown, None, "{path}: not a label of {name}");
            let is_crate = name.strip_prefix("countersign_").is_some_and(|rest| crates.contains(&rest));
            // `countersign_…` stands for all.
            assert!(known || is_crate || name == "countersign_", "{path}: no metric {name}");
            count += usize::from(known);
        }
    }
    assert!(count > 50, "{count}");
}

/// Rows of the tables of Ratify's metrics and error codes: each has one of ours, or says that there is none.
#[test]
fn the_migration_guide_maps_to_existing_metrics_and_codes() {
    let documented = documented();
    let migration = "provider/MIGRATION.md";
    let metrics = rows(migration, "Metrics of Ratify");
    assert_eq!(metrics.len(), 9);
    for row in &metrics {
        assert!(row[0].starts_with("`ratify_"), "{row:?}");
        let ours = mentions(&row[1]);
        assert!(!ours.is_empty() || row[1].starts_with("none"), "{row:?}");
        assert!(ours.iter().all(|(name, _)| documented.contains_key(name)), "{row:?}");
    }
    let codes: BTreeSet<_> = Code::ALL.iter().map(|code| code.to_string()).collect();
    let errors = rows(migration, "Error codes of Ratify");
    let mut theirs = BTreeSet::new();
    for row in &errors {
        assert!(code_spans(&row[0]).into_iter().all(|code| theirs.insert(code)), "{row:?}");
        let ours = code_spans(&row[1]);
        assert!(!ours.is_empty() || row[1].starts_with("none"), "{row:?}");
        assert!(ours.iter().all(|code| codes.contains(code)), "{row:?}");
    }
    assert_eq!(theirs.len(), 36);
}
