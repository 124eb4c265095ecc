//! The files of the repository, and where in their documents things are.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

use countersign::config::Config;
use countersign::config::Purpose;
use serde_json::Value as Json;

/// Where the configuration is in the container.
pub(crate) const CONFIG_PATH: &str = "/etc/countersign/config/countersign.yaml";

/// A path from the top of the repository.
pub(crate) fn repository(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(repository(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every document of a YAML file.
pub(crate) fn documents(path: &str) -> Vec<Json> {
    serde_saphyr::from_multiple(&read(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The only document of a YAML file that is of `kind` and has `name`.
pub(crate) fn object(path: &str, kind: &str, name: &str) -> Json {
    let mut found = documents(path);
    found.retain(|document| document["kind"] == kind && document["metadata"]["name"] == name);
    assert_eq!(found.len(), 1, "{kind} {name} in {path}");
    found.remove(0)
}

/// Names in a folder, directories with a slash at the end, in order.
pub(crate) fn entries(folder: &str) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(repository(folder))
        .unwrap()
        .map(|entry| {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if repository(folder).join(&name).is_dir() { format!("{name}/") } else { name }
        })
        .collect();
    names.sort();
    names
}

/// Paths of all YAML files below a folder.
pub(crate) fn yaml_files(folder: &str) -> Vec<String> {
    let mut files = Vec::new();
    for entry in entries(folder) {
        match entry.strip_suffix('/') {
            Some(inner) => files.extend(yaml_files(&format!("{folder}/{inner}"))),
            None if Path::new(&entry).extension().is_some_and(|extension| extension == "yaml") => {
                files.push(format!("{folder}/{entry}"));
            }
            None => {}
        }
    }
    files
}

/// The files of `deploy/` that Prometheus and Helm read.
const OTHER_FILES: [&str; 4] = [
    "deploy/gatekeeper/values.yaml",
    "deploy/monitoring/alerts.yaml",
    "deploy/monitoring/alerts_test.yaml",
    "deploy/monitoring/prometheus.yaml",
];

/// The YAML files of `deploy/` that Kubernetes or kubectl reads.
pub(crate) fn manifests() -> Vec<String> {
    let mut files = yaml_files("deploy");
    let configurations = ["deploy/aks/config/", "deploy/base/config/", "deploy/eks/config/", "deploy/gke/config/"];
    let is_configuration = |file: &str| configurations.iter().any(|folder| file.starts_with(folder));
    files.retain(|file| !is_configuration(file) && !OTHER_FILES.contains(&file.as_str()));
    files
}

pub(crate) fn text<'a>(document: &'a Json, pointer: &str) -> &'a str {
    document.pointer(pointer).and_then(Json::as_str).unwrap_or_default()
}

/// The elements of a list of texts; of an absent one, none.
pub(crate) fn texts(list: &Json) -> Vec<&str> {
    list.as_array().map(|list| list.iter().map(|one| one.as_str().unwrap()).collect()).unwrap_or_default()
}

/// The element of a list that has the name.
#[track_caller]
pub(crate) fn named<'a>(list: &'a Json, name: &str) -> &'a Json {
    list.as_array().unwrap().iter().find(|one| one["name"] == name).unwrap_or_else(|| panic!("no {name} in {list}"))
}

pub(crate) fn set<T: Ord>(elements: impl IntoIterator<Item = T>) -> BTreeSet<T> {
    elements.into_iter().collect()
}

/// The shipped configuration, as `countersign serve` reads it in the container.
pub(crate) fn config() -> Config {
    let text = read("deploy/base/config/countersign.yaml");
    Config::parse(&text, Path::new(CONFIG_PATH), Purpose::Serve).unwrap_or_else(|error| panic!("{error}"))
}

pub(crate) fn deployment() -> Json {
    object("deploy/base/deployment.yaml", "Deployment", "countersign")
}
