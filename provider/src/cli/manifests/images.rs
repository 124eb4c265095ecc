//! The images of workloads: the kinds and the fields that the constraint template reads.

use std::collections::HashMap;

use countersign_core::codec::mismatch::Mismatch;
use serde_json::Value as Json;

use super::ManifestMistakes;
use super::Object;
use super::objects::described;

/// A kind of object that has images, and the path of its pod specification.
struct Workload {
    group: &'static str,
    kind: &'static str,
    pod_spec: &'static [&'static str],
}

const TEMPLATE: &[&str] = &["spec", "template", "spec"];

/// As in the constraint template (`../templates/`).
const WORKLOADS: [Workload; 8] = [
    Workload { group: "", kind: "Pod", pod_spec: &["spec"] },
    Workload { group: "", kind: "ReplicationController", pod_spec: TEMPLATE },
    Workload { group: "apps", kind: "Deployment", pod_spec: TEMPLATE },
    Workload { group: "apps", kind: "ReplicaSet", pod_spec: TEMPLATE },
    Workload { group: "apps", kind: "StatefulSet", pod_spec: TEMPLATE },
    Workload { group: "apps", kind: "DaemonSet", pod_spec: TEMPLATE },
    Workload { group: "batch", kind: "Job", pod_spec: TEMPLATE },
    Workload { group: "batch", kind: "CronJob", pod_spec: &["spec", "jobTemplate", "spec", "template", "spec"] },
];

/// In the order in which the kubelet starts them.
const CONTAINER_LISTS: [&str; 3] = ["initContainers", "containers", "ephemeralContainers"];

/// Maximum number of different images of one run.
const IMAGES: usize = 10_000;

/// A field that names an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct ImageField {
    pub(in crate::cli) file: String,
    /// Kind and name.
    pub(in crate::cli) object: String,
    pub(in crate::cli) field: String,
}

/// The images of manifests.
#[derive(Debug, Default)]
pub(in crate::cli) struct Images {
    /// In the order in which they are found, each once, with all fields that name it.
    pub(in crate::cli) images: Vec<(String, Vec<ImageField>)>,
    /// Objects of other kinds with containers, as sentences.
    pub(in crate::cli) unread: Vec<String>,
}

/// The images of `objects`. Other kinds have none, and a sentence if they have containers.
pub(in crate::cli) fn images(objects: &[Object<'_>], mistakes: &mut ManifestMistakes) -> Images {
    let mut found = Found::default();
    for object in objects {
        let workload = WORKLOADS.iter().find(|workload| workload.group == object.group && workload.kind == object.kind);
        match workload {
            Some(workload) => of_workload(object, workload, &mut found, mistakes),
            None if has_containers(object.value) => found.images.unread.push(format!(
                "{}: {} of API group {:?} has containers, whose images are not verified: found another kind, expected \
                 one of {}; give its images as arguments",
                object.file(),
                object.name(),
                object.group,
                WORKLOADS.each_ref().map(|workload| workload.kind).join(", ")
            )),
            None => {}
        }
    }
    found.images
}

#[derive(Default)]
struct Found {
    images: Images,
    /// Index in `images`.
    known: HashMap<String, usize>,
    is_full: bool,
}

impl Found {
    fn add(&mut self, object: &Object<'_>, field: &str, image: &str, mistakes: &mut ManifestMistakes) {
        let images = &mut self.images.images;
        let origin = ImageField { file: object.file().to_owned(), object: object.name(), field: object.field(field) };
        if let Some((_, fields)) = self.known.get(image).and_then(|index| images.get_mut(*index)) {
            fields.push(origin);
        } else if images.len() < IMAGES {
            self.known.insert(image.to_owned(), images.len());
            images.push((image.to_owned(), vec![origin]));
        } else if !self.is_full {
            self.is_full = true;
            let mismatch = Mismatch::new("found too many different images").expecting(format_args!("at most {IMAGES}"));
            mistakes.add(object.mistake(field, mismatch));
        }
    }
}

fn of_workload(object: &Object<'_>, workload: &Workload, found: &mut Found, mistakes: &mut ManifestMistakes) {
    let path = workload.pod_spec.join(".");
    let spec = workload.pod_spec.iter().try_fold(object.value, |value, member| value.get(member));
    let Some(spec) = spec.filter(|spec| spec.is_object()) else {
        let what = spec.map_or_else(|| "nothing".to_owned(), described);
        let mismatch = Mismatch::new(format_args!("found {what}")).expecting("a pod specification");
        mistakes.add(object.mistake(&path, mismatch));
        return;
    };
    for list in CONTAINER_LISTS {
        for (field, container) in entries(object, spec, &format!("{path}.{list}"), list, mistakes) {
            image(object, &format!("{field}.image"), container.get("image"), found, mistakes);
        }
    }
    for (field, volume) in entries(object, spec, &format!("{path}.volumes"), "volumes", mistakes) {
        match volume.get("image") {
            None | Some(Json::Null) => {}
            Some(source) => {
                image(object, &format!("{field}.image.reference"), source.get("reference"), found, mistakes);
            }
        }
    }
}

/// The objects of a list. An absent list and null are empty: the API server writes an empty list of containers as null.
fn entries<'d>(
    object: &Object<'_>,
    spec: &'d Json,
    path: &str,
    list: &str,
    mistakes: &mut ManifestMistakes,
) -> Vec<(String, &'d Json)> {
    let list = match spec.get(list) {
        None | Some(Json::Null) => return Vec::new(),
        Some(Json::Array(list)) => list,
        Some(other) => {
            let mismatch = Mismatch::new(format_args!("found {}", described(other))).expecting("a list");
            mistakes.add(object.mistake(path, mismatch));
            return Vec::new();
        }
    };
    let mut entries = Vec::new();
    for (index, entry) in list.iter().enumerate() {
        let field = format!("{path}[{index}]");
        if entry.is_object() {
            entries.push((field, entry));
        } else {
            let mismatch = Mismatch::new(format_args!("found {}", described(entry))).expecting("an object");
            mistakes.add(object.mistake(&field, mismatch));
        }
    }
    entries
}

fn image(object: &Object<'_>, field: &str, value: Option<&Json>, found: &mut Found, mistakes: &mut ManifestMistakes) {
    match value {
        Some(Json::String(image)) if !image.is_empty() => found.add(object, field, image, mistakes),
        Some(_) | None => {
            let what = value.map_or_else(|| "nothing".to_owned(), described);
            let mismatch = Mismatch::new(format_args!("found {what}")).expecting("an image reference");
            mistakes.add(object.mistake(field, mismatch));
        }
    }
}

/// Whether a list of containers is anywhere in `value`. Its depth is limited by the reader.
fn has_containers(value: &Json) -> bool {
    match value {
        Json::Object(members) => members.iter().any(|(name, value)| {
            (CONTAINER_LISTS.contains(&name.as_str()) && value.is_array()) || has_containers(value)
        }),
        Json::Array(list) => list.iter().any(has_containers),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => false,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
