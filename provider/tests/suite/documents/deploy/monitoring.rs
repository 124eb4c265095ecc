//! Alerts and dashboard use metrics that the service has. `promtool test rules` tests the alerts themselves.

use std::collections::BTreeSet;

use countersign_core::verdict::Code;
use countersign_core::verdict::Responsible;
use countersign_core::verdict::VerdictKind;
use serde_json::Value as Json;
use serde_json::json;

use crate::documents::deploy::files::config;
use crate::documents::deploy::files::deployment;
use crate::documents::deploy::files::documents;
use crate::documents::deploy::files::named;
use crate::documents::deploy::files::object;
use crate::documents::deploy::files::read;
use crate::documents::deploy::files::repository;
use crate::documents::deploy::files::set;
use crate::documents::deploy::files::text;
use crate::documents::deploy::files::texts;
use crate::documents::deploy::metric_names::Matcher;
use crate::documents::deploy::metric_names::mistakes;
use crate::documents::deploy::metric_names::selectors;
use crate::documents::deploy::metric_names::shown;

fn alerts() -> Vec<Json> {
    let groups = documents("deploy/monitoring/alerts.yaml")[0]["groups"].take();
    groups.as_array().unwrap().iter().flat_map(|group| group["rules"].as_array().unwrap().clone()).collect()
}

fn dashboard() -> Json {
    serde_json::from_str(&read("deploy/monitoring/dashboard.json")).unwrap()
}

fn panels() -> Vec<Json> {
    dashboard()["panels"].as_array().unwrap().clone()
}

#[test]
fn alerts_use_existing_metrics_and_have_descriptions() {
    let shown = shown();
    let mut names = BTreeSet::new();
    for alert in alerts() {
        let (name, query) = (text(&alert, "/alert"), text(&alert, "/expr"));
        assert!(name.starts_with("Countersign") && names.insert(name.to_owned()), "{name}");
        assert_eq!(mistakes(query, &shown), [""; 0], "{name}");
        assert!(["critical", "warning"].contains(&text(&alert, "/labels/severity")), "{name}");
        assert!(!text(&alert, "/annotations/summary").is_empty(), "{name}");
        assert!(!text(&alert, "/annotations/description").is_empty(), "{name}");
        for label in ["job", "namespace", "instance"] {
            let selects = |(_, matchers): (String, Vec<Matcher>)| matchers.iter().any(|(name, ..)| name == label);
            assert!(!selectors(query).into_iter().any(selects), "{name} depends on the {label} of the scrape job");
        }
    }
}

#[test]
fn alerts_refer_to_existing_sections_of_the_runbook() {
    let runbook = "provider/docs/runbooks/alerts.md";
    let sections: Vec<String> =
        read(runbook).lines().filter_map(|line| line.strip_prefix("## ")).map(str::to_owned).collect();
    let names: Vec<String> = alerts().iter().map(|alert| text(alert, "/alert").to_owned()).collect();
    assert_eq!(sections, names);
    for alert in alerts() {
        let name = text(&alert, "/alert");
        let url = format!("https://countersign.example/{runbook}#{}", name.to_lowercase());
        assert_eq!(text(&alert, "/annotations/runbook_url"), url, "{name}");
    }
}

#[test]
fn queries_of_the_runbook_use_existing_metrics() {
    let runbook = read("provider/docs/runbooks/alerts.md");
    let queries: Vec<&str> =
        runbook.split('`').skip(1).step_by(2).filter(|code| code.contains("countersign_")).collect();
    assert!(queries.len() >= 5, "{queries:?}");
    for query in queries {
        assert_eq!(mistakes(query, &shown()), [""; 0], "{query}");
    }
}

/// Matchers of the label `code` with `!~`, in every query of an alert.
fn excluded_codes(alert: &str) -> BTreeSet<String> {
    let alerts = alerts();
    let query = alerts.iter().find(|one| one["alert"] == alert).map(|alert| text(alert, "/expr")).unwrap();
    let mut lists = selectors(query)
        .into_iter()
        .flat_map(|(_, matchers)| matchers)
        .filter_map(|(label, operator, value)| (label == "code" && operator == "!~").then_some(value));
    let first = lists.next().unwrap();
    assert!(lists.all(|other| other == first), "{alert} excludes different codes in its parts");
    first.split('|').map(str::to_owned).collect()
}

/// The author of an image reference also chooses its registry.
fn caused_by_the_caller(code: Code) -> bool {
    code.responsible() == Responsible::Caller || code == Code::RegistryNotAllowed
}

#[test]
fn mistakes_of_the_caller_do_not_page() {
    let caller = || Code::ALL.iter().copied().filter(|code| caused_by_the_caller(*code));
    let inconclusive = caller().filter(|code| code.kind() == VerdictKind::Inconclusive);
    assert_eq!(excluded_codes("CountersignInconclusive"), set(inconclusive.map(|code| code.to_string())));
    let all = caller().map(|code| code.to_string()).chain(["resolved".to_owned()]);
    assert_eq!(excluded_codes("CountersignMutationFails"), set(all));
}

#[test]
fn alerts_about_a_share_that_page_also_require_a_number_of_failures() {
    let mut shares = 0;
    for alert in alerts().iter().filter(|alert| alert["labels"]["severity"] == "critical") {
        let query = text(alert, "/expr");
        if query.contains(" / ") {
            shares += 1;
            let (_, number) = query.rsplit_once(" and ").unwrap();
            assert!(number.contains("increase(") && number.ends_with("[10m])) > 10"), "{}: {number}", alert["alert"]);
        }
    }
    assert_eq!(shares, 3);
}

#[test]
fn a_missing_replica_is_noticed() {
    let alerts = alerts();
    let alert = alerts.iter().find(|alert| alert["alert"] == "CountersignReplicaMissing").unwrap();
    let replicas = deployment()["spec"]["replicas"].as_u64().unwrap();
    let number = format!("(countersign_build_info) < {replicas} or ");
    assert!(text(alert, "/expr").contains(&number), "{alert}: expected {number:?}");
}

/// Set to `rewrite`, the test below writes the file, and fails if that is something new.
const REWRITE: &str = "COUNTERSIGN_PROMETHEUS_RULE";

#[test]
fn the_prometheus_rule_has_the_groups_of_the_alerts() {
    let path = "deploy/monitoring/prometheusrule.yaml";
    let found = read(path);
    let head = found.split_once("\nspec:\n").unwrap().0;
    let alerts = read("deploy/monitoring/alerts.yaml");
    let groups = &alerts[alerts.find("groups:\n").unwrap()..];
    let indented = groups.lines().map(|line| if line.is_empty() { "\n".to_owned() } else { format!("  {line}\n") });
    let wanted = format!("{head}\nspec:\n{}", indented.collect::<String>());
    if found != wanted && std::env::var_os(REWRITE).is_some_and(|value| value == "rewrite") {
        std::fs::write(repository(path), &wanted).unwrap();
    }
    assert_eq!(found, wanted, "{path} is not made from alerts.yaml: run this test with {REWRITE}=rewrite");
    let rule = object(path, "PrometheusRule", "countersign");
    assert_eq!(rule["spec"], documents("deploy/monitoring/alerts.yaml")[0]);
}

#[test]
fn every_alert_has_a_test_in_which_it_fires_and_one_in_which_it_does_not() {
    let tests = documents("deploy/monitoring/alerts_test.yaml")[0]["tests"].take();
    let cases = tests.as_array().unwrap().iter().flat_map(|test| test["alert_rule_test"].as_array().unwrap());
    let (mut fires, mut rests) = (BTreeSet::new(), BTreeSet::new());
    for case in cases {
        let name = text(case, "/alertname").to_owned();
        if case.get("exp_alerts").is_some() {
            fires.insert(name)
        } else {
            rests.insert(name)
        };
    }
    let names = set(alerts().iter().map(|alert| text(alert, "/alert").to_owned()));
    assert_eq!(fires, names);
    assert_eq!(rests, names);
}

#[test]
fn the_alert_about_slowness_fires_before_the_timeout() {
    let alerts = alerts();
    let query =
        alerts.iter().find(|alert| alert["alert"] == "CountersignNearTimeout").map(|alert| text(alert, "/expr"));
    let (verify, mutate) = query.unwrap().split_once(" or ").unwrap();
    let (mutate, _) = mutate.split_once(") and ").unwrap();
    let limit = |query: &str| query.rsplit_once("> ").unwrap().1.trim().parse::<f64>().unwrap();
    let server = config().server;
    for (query, timeout) in [(verify, server.verify_timeout), (mutate, server.mutate_timeout)] {
        let share = limit(query) / timeout.as_secs_f64();
        assert!((0.8..0.95).contains(&share), "{query}: {share}");
        // Between bucket limits the quantile is an estimate.
        let edge = limit(query).to_string();
        assert!(shown()["countersign_request_duration_seconds_bucket"]["le"].contains(&edge), "{edge}");
    }
}

#[test]
fn the_dashboard_uses_existing_metrics() {
    let shown = shown();
    for panel in panels() {
        let title = text(&panel, "/title");
        assert!(!title.is_empty(), "{panel}");
        assert_eq!(panel["datasource"], json!({ "type": "prometheus", "uid": "${datasource}" }), "{title}");
        let targets = panel["targets"].as_array().unwrap();
        assert_ne!(targets, &[] as &[Json], "{title}");
        for target in targets {
            let query = text(target, "/expr");
            assert_eq!(mistakes(query, &shown), [""; 0], "{title}");
            assert_ne!(selectors(query), [], "{title}: {query}");
            for (metric, matchers) in selectors(query) {
                let job = ("job".to_owned(), "=~".to_owned(), "$job".to_owned());
                assert!(matchers.contains(&job), "{title}: {metric} does not follow the variable job");
            }
        }
    }
}

#[test]
fn the_panels_of_the_dashboard_do_not_overlap() {
    let mut taken = BTreeSet::new();
    for panel in panels() {
        let at = |key: &str| panel["gridPos"][key].as_u64().unwrap();
        assert!(at("x") + at("w") <= 24, "{}", panel["title"]);
        for x in at("x")..at("x") + at("w") {
            for y in at("y")..at("y") + at("h") {
                assert!(taken.insert((x, y)), "{} covers another panel", panel["title"]);
            }
        }
    }
    let ids = set(panels().iter().map(|panel| panel["id"].as_u64().unwrap()));
    assert_eq!(ids.len(), panels().len());
}

#[test]
fn the_dashboard_lets_the_user_choose_data_source_and_job() {
    let variables = dashboard()["templating"]["list"].take();
    let names: Vec<_> = variables.as_array().unwrap().iter().map(|one| text(one, "/name")).collect();
    assert_eq!(names, ["datasource", "job"]);
    let query = text(&variables[1], "/query/query");
    assert_eq!(query, "label_values(countersign_build_info, job)");
    assert_eq!((&variables[1]["includeAll"], &variables[1]["allValue"]), (&json!(true), &json!(".*")));
    assert_eq!(mistakes(text(&variables[1], "/definition"), &shown()), [""; 0]);
}

#[test]
fn the_service_monitor_selects_the_service_for_metrics() {
    let monitor = object("deploy/monitoring/servicemonitor.yaml", "ServiceMonitor", "countersign");
    let service = object("deploy/base/service.yaml", "Service", "countersign-metrics");
    assert_eq!(monitor["spec"]["selector"], json!({ "matchLabels": service["metadata"]["labels"] }));
    assert_eq!(monitor["metadata"]["namespace"], service["metadata"]["namespace"]);
    let port = text(&service, "/spec/ports/0/name");
    assert_eq!(monitor["spec"]["endpoints"].as_array().unwrap().len(), 1);
    assert_eq!(text(&monitor, "/spec/endpoints/0/port"), port);
}

#[test]
fn the_dashboard_is_in_a_config_map_for_grafana() {
    let generators = documents("deploy/monitoring/kustomization.yaml")[0]["configMapGenerator"].take();
    let generator = named(&generators, "countersign-dashboard");
    assert_eq!(texts(&generator["files"]), ["dashboard.json"]);
    assert_eq!(generator["options"]["labels"]["grafana_dashboard"], "1");
    // The maximum size of a ConfigMap, and of the annotation of `kubectl apply`, which holds the whole object.
    let size = read("deploy/monitoring/dashboard.json").len();
    assert!(size < 128 * 1024, "{size} bytes");
}

#[test]
fn prometheus_finds_the_service_for_metrics() {
    let job = documents("deploy/monitoring/prometheus.yaml")[0]["scrape_configs"][0].take();
    assert_eq!(job["job_name"], "countersign");
    let service = object("deploy/base/service.yaml", "Service", "countersign-metrics");
    let name = format!("{}.{}.svc", text(&service, "/metadata/name"), text(&service, "/metadata/namespace"));
    let found = &job["dns_sd_configs"][0];
    assert_eq!((&found["names"], &found["type"]), (&json!([name]), &json!("A")));
    assert_eq!(found["port"], config().health.listen.port());
}
