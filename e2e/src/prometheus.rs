//! Debian's Prometheus, scraping Countersign every second.

use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use anyhow::ensure;
use serde_json::json;

use crate::cluster::flag;
use crate::http;
use crate::place::Place;
use crate::process::Program;

const READY: Duration = Duration::from_secs(20);

pub(crate) struct Prometheus {
    port: u16,
    _program: Program,
}

impl Prometheus {
    pub(crate) fn start(place: &Place, port: u16, target: &str) -> anyhow::Result<Self> {
        let config = json!({
            "global": { "scrape_interval": "1s", "scrape_timeout": "1s" },
            "scrape_configs": [{ "job_name": "countersign", "static_configs": [{ "targets": [target] }] }],
        });
        // JSON is YAML.
        let config = place.write("prometheus/prometheus.yml", config.to_string())?;
        let data = place.directory("prometheus/data")?;
        let mut command = Command::new(place.tool("prometheus"));
        command
            .arg(flag("--config.file", &config))
            .arg(flag("--storage.tsdb.path", &data))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"));
        let mut program = Program::start("prometheus", &mut command, place.log("prometheus"))?;
        let ready = format!("http://127.0.0.1:{port}/-/ready");
        program.wait_ready(READY, || http::get(&ready)?.want(200).map(drop))?;
        Ok(Self { port, _program: program })
    }

    /// The value of a query that has one series, as Prometheus prints it.
    pub(crate) fn value(&self, query: &str) -> anyhow::Result<String> {
        let escaped: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let url = format!("http://127.0.0.1:{}/api/v1/query?query={escaped}", self.port);
        let answer = http::get(&url)?.want(200)?.json()?;
        let series = answer["data"]["result"].as_array().context("the answer has no result")?;
        ensure!(series.len() == 1, "{query} has {} series: want 1", series.len());
        Ok(series[0]["value"][1].as_str().context("the series has no value")?.to_owned())
    }
}
