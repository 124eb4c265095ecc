//! Alerts and dashboard use metrics that the service has. `promtool test rules` tests the alerts themselves.

use std::collections::BTreeSet;

use serde_json::Value as Json;
use serde_json::json;

use crate::files::config;
use crate::files::documents;
use crate::files::object;
use crate::files::read;
use crate::files::set;
use crate::files::text;
use crate::metric_names::mistakes;
use crate::metric_names::selectors;
use crate::metric_names::shown;

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
        for (metric, matchers) in selectors(query) {
            let job = ("job".to_owned(), "=".to_owned(), "countersign".to_owned());
            assert!(matchers.contains(&job), "{name}: {metric} of any job");
        }
    }
}

#[test]
fn every_alert_has_a_test_in_which_it_fires() {
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
    assert!(rests.is_subset(&names), "{rests:?}");
}

#[test]
fn the_alert_about_slowness_fires_before_the_timeout() {
    let alerts = alerts();
    let query =
        alerts.iter().find(|alert| alert["alert"] == "CountersignNearTimeout").map(|alert| text(alert, "/expr"));
    let (verify, mutate) = query.unwrap().split_once(" or ").unwrap();
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
fn prometheus_finds_the_service_for_metrics() {
    let job = documents("deploy/monitoring/prometheus.yaml")[0]["scrape_configs"][0].take();
    assert_eq!(job["job_name"], "countersign");
    let service = object("deploy/base/service.yaml", "Service", "countersign-metrics");
    let name = format!("{}.{}.svc", text(&service, "/metadata/name"), text(&service, "/metadata/namespace"));
    let found = &job["dns_sd_configs"][0];
    assert_eq!((&found["names"], &found["type"]), (&json!([name]), &json!("A")));
    assert_eq!(found["port"], config().health.listen.port());
}
