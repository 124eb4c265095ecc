//! Debian's Prometheus, which scrapes Countersign every second and evaluates the shipped alerts.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use serde_json::json;

use crate::cluster::flag;
use crate::http;
use crate::process::Program;
use crate::workdir::Workdir;

const READY: Duration = Duration::from_secs(20);

pub(crate) struct Prometheus {
    port: u16,
    _program: Program,
}

impl Prometheus {
    pub(crate) fn start(workdir: &Workdir, port: u16, target: &str) -> anyhow::Result<Self> {
        let config = json!({
            "global": { "scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "2s" },
            "rule_files": [workdir.project().join("deploy/monitoring/alerts.yaml")],
            "scrape_configs": [{ "job_name": "countersign", "static_configs": [{ "targets": [target] }] }],
        });
        // JSON is YAML.
        let config = workdir.write("prometheus/prometheus.yml", config.to_string())?;
        let data = workdir.directory("prometheus/data")?;
        let mut command = Command::new(workdir.tool("prometheus"));
        command
            .arg(flag("--config.file", &config))
            .arg(flag("--storage.tsdb.path", &data))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"));
        let mut program = Program::start("prometheus", &command, workdir.log("prometheus"))?;
        let ready = format!("http://127.0.0.1:{port}/-/ready");
        program.wait_ready(READY, || http::get(&ready)?.expect_status(200).map(drop))?;
        Ok(Self { port, _program: program })
    }

    /// Its URL, for promtool.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The values of a query, as Prometheus prints them, by the label `label` (empty for a series without it).
    pub(crate) fn query(&self, query: &str, label: &str) -> anyhow::Result<BTreeMap<String, String>> {
        let escaped: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let response =
            http::get(&format!("{}/api/v1/query?query={escaped}", self.url()))?.expect_status(200)?.json()?;
        let series = response["data"]["result"].as_array().context("the response has no result")?;
        let pair = |one: &serde_json::Value| {
            let value = one["value"][1].as_str().context("a series has no value")?;
            Ok((one["metric"][label].as_str().unwrap_or_default().to_owned(), value.to_owned()))
        };
        series.iter().map(pair).collect()
    }

    /// The queries of all rules, and the errors of those that cannot be evaluated.
    pub(crate) fn rules(&self) -> anyhow::Result<(Vec<String>, Vec<String>)> {
        let response = http::get(&format!("{}/api/v1/rules", self.url()))?.expect_status(200)?.json()?;
        let groups = response["data"]["groups"].as_array().context("the response has no groups")?;
        let rules: Vec<_> = groups.iter().filter_map(|group| group["rules"].as_array()).flatten().collect();
        let broken = rules
            .iter()
            .filter(|rule| rule["health"] != "ok")
            .map(|rule| format!("{}: {}", rule["name"], rule["lastError"]));
        let queries = rules.iter().filter_map(|rule| rule["query"].as_str()).map(str::to_owned);
        Ok((queries.collect(), broken.collect()))
    }
}
