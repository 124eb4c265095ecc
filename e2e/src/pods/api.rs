//! The API server over plain HTTP, through `kubectl proxy`.

use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;

use crate::cluster::Cluster;
use crate::http;
use crate::process::Program;
use crate::workdir;
use crate::workdir::Workdir;

/// The namespace of all Pods.
pub(super) const NAMESPACE: &str = "default";

/// Time limit for the deletion of a collection.
const DELETION: Duration = Duration::from_secs(60);

pub(super) struct Api {
    base: String,
    _proxy: Program,
}

impl Api {
    pub(super) fn start(workdir: &Workdir, cluster: &Cluster) -> anyhow::Result<Self> {
        let [port] = workdir::free_ports()?;
        let proxy = cluster.proxy(workdir, port)?;
        Ok(Self { base: format!("http://127.0.0.1:{port}"), _proxy: proxy })
    }

    pub(super) fn create(&self, collection: &str, object: &Value) -> anyhow::Result<()> {
        let url = format!("{}{collection}", self.base);
        let json = [("content-type", "application/json")];
        http::send("POST", &url, &json, object.to_string().as_bytes())?.expect_status(201).map(drop)
    }

    /// Changes the fields of an object that the patch has.
    pub(super) fn patch(&self, path: &str, patch: &Value) -> anyhow::Result<()> {
        let url = format!("{}{path}", self.base);
        let merge = [("content-type", "application/merge-patch+json")];
        http::send("PATCH", &url, &merge, patch.to_string().as_bytes())?.expect_status(200).map(drop)
    }

    pub(super) fn delete_all(&self, collection: &str) -> anyhow::Result<()> {
        let url = format!("{}{collection}", self.base);
        http::send_within(DELETION, "DELETE", &url, &[], &[])?.expect_status(200).map(drop)
    }

    pub(super) fn get(&self, path: &str) -> anyhow::Result<Value> {
        http::get(&format!("{}{path}", self.base))?.expect_status(200)?.json()
    }

    /// The number of objects of a collection.
    pub(super) fn count(&self, collection: &str) -> anyhow::Result<usize> {
        // One object, and the number of the others.
        let list = self.get(&format!("{collection}?limit=1"))?;
        let remaining = list["metadata"]["remainingItemCount"].as_u64().unwrap_or(0);
        Ok(list["items"].as_array().map_or(0, Vec::len) + usize::try_from(remaining)?)
    }

    /// The sum of the series of a metric that have this label.
    pub(super) fn metric(&self, name: &str, label: &str) -> anyhow::Result<f64> {
        let page = http::get(&format!("{}/metrics", self.base))?.expect_status(200)?.text();
        sum(&page, name, label)
    }
}

fn sum(page: &str, name: &str, label: &str) -> anyhow::Result<f64> {
    let series = page.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix('{')?.rsplit_once("} "));
    let values = series.filter(|(labels, _)| labels.split(',').any(|one| one == label));
    values.map(|(_, value)| value.parse::<f64>().with_context(|| format!("{name} has the value {value:?}"))).sum()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn sums_the_series_with_a_label() {
        let page = "# HELP a_count\na_count{kind=\"x\",name=\"1\"} 2\na_count{kind=\"x\",name=\"2\"} 3\n\
                    a_count{kind=\"xy\",name=\"2\"} 5\na_counts{kind=\"x\"} 7\n";
        assert_eq!(sum(page, "a_count", "kind=\"x\"").unwrap(), 5.0);
        assert_eq!(sum(page, "b_count", "kind=\"x\"").unwrap(), 0.0);
        assert!(sum("a_count{kind=\"x\"} two", "a_count", "kind=\"x\"").is_err());
    }
}
