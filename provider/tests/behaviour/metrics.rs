//! The page of metrics as a document: families with their help, series with their values.

use std::collections::BTreeMap;

use serde_json::Value as Json;
use serde_json::json;

/// Whether the value of this series is another one in each run: it is a time, the size of texts, belongs to the process and not to its requests, or depends on how fast the
/// machine is: connections of a client that it closed a moment ago may still be counted.
fn varies(series: &str) -> bool {
    ["_seconds_sum", "timestamp_seconds", "open_connections", "countersign_tasks", "process_", "_cache_bytes"]
        .iter()
        .any(|part| series.contains(part))
}

/// The page with `<varies>` as the commit of the build.
fn without_revision(page: &str) -> String {
    const LABEL: &str = "revision=\"";
    let Some((before, after)) = page.split_once(LABEL) else { return page.to_owned() };
    let (_, rest) = after.split_once('"').unwrap();
    format!("{before}{LABEL}<varies>\"{rest}")
}

/// The series that are not zero, without those that vary, always or in this group.
pub(crate) fn counted(page: &str, unsteady: &[&str]) -> Json {
    let page = &without_revision(page);
    let series = page.lines().filter(|line| !line.starts_with('#')).map(|line| line.rsplit_once(' ').unwrap());
    let series = series.filter(|(series, _)| !unsteady.iter().any(|part| series.contains(part)));
    let counted = series.filter(|(series, value)| *value != "0" && !varies(series) && !series.contains("_bucket{"));
    counted.map(|(series, value)| (series.to_owned(), json!(value))).collect::<serde_json::Map<_, _>>().into()
}

/// Every family with its type and help, its buckets if it is a histogram, and its series.
pub(crate) fn document(page: &str) -> Json {
    let page = &without_revision(page);
    let mut families: BTreeMap<String, BTreeMap<String, Json>> = BTreeMap::new();
    for line in page.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, help) = help.split_once(' ').unwrap();
            families.entry(name.to_owned()).or_default().insert("help".to_owned(), json!(help));
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').unwrap();
            families.entry(name.to_owned()).or_default().insert("type".to_owned(), json!(kind));
        } else {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let name = series.split('{').next().unwrap();
            let family = ["_bucket", "_sum", "_count"].iter().find_map(|part| {
                name.strip_suffix(part).filter(|family| families.contains_key(*family)).map(str::to_owned)
            });
            let family = families.get_mut(family.as_deref().unwrap_or(name)).unwrap();
            if name.ends_with("_bucket") {
                let limit = series.split("le=\"").nth(1).unwrap().split('"').next().unwrap();
                let limits = family.entry("buckets".to_owned()).or_insert_with(|| json!([])).as_array_mut().unwrap();
                if !limits.contains(&json!(limit)) {
                    limits.push(json!(limit));
                }
                continue;
            }
            let value = if varies(series) { "<varies>" } else { value };
            let list = family.entry("series".to_owned()).or_insert_with(|| json!({}));
            list[series] = json!(value);
        }
    }
    json!(families)
}
