//! Every image of every workload is mutated to a digest, and immutable fields are not changed.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde_json::Value as Json;
use serde_json::json;

use crate::documents::deploy::files::documents;
use crate::documents::deploy::files::object;
use crate::documents::deploy::files::text;
use crate::documents::deploy::files::texts;
use crate::documents::deploy::files::yaml_files;

/// Kinds that run images, and where each keeps its pod specification. The same as in templates/countersignimages.yaml.
const KINDS: [(&str, &str); 8] = [
    ("/Pod", "spec"),
    ("/ReplicationController", "spec.template.spec"),
    ("apps/DaemonSet", "spec.template.spec"),
    ("apps/Deployment", "spec.template.spec"),
    ("apps/ReplicaSet", "spec.template.spec"),
    ("apps/StatefulSet", "spec.template.spec"),
    ("batch/CronJob", "spec.jobTemplate.spec.template.spec"),
    ("batch/Job", "spec.template.spec"),
];

/// The fields of a pod specification that name images.
const IMAGE_FIELDS: [&str; 4] = [
    "containers[name:*].image",
    "ephemeralContainers[name:*].image",
    "initContainers[name:*].image",
    "volumes[name:*].image.reference",
];

fn mutators() -> Vec<(String, Json)> {
    let mut mutators = Vec::new();
    for file in yaml_files("deploy/mutation") {
        for document in documents(&file) {
            if document["kind"] != "Kustomization" {
                mutators.push((file.clone(), document));
            }
        }
    }
    mutators
}

/// Each pair of a kind and a location, with the operations; none means all.
fn targets(mutator: &Json) -> Vec<(String, Vec<String>)> {
    let mut targets = Vec::new();
    for apply in mutator["spec"]["applyTo"].as_array().unwrap() {
        assert_eq!(texts(&apply["versions"]), ["v1"]);
        for group in texts(&apply["groups"]) {
            for kind in texts(&apply["kinds"]) {
                let operations = texts(&apply["operations"]).into_iter().map(str::to_owned).collect();
                targets.push((format!("{group}/{kind}"), operations));
            }
        }
    }
    targets
}

#[test]
fn every_image_field_of_every_kind_has_exactly_one_mutator() {
    let mut found = BTreeSet::new();
    for (file, mutator) in mutators() {
        for (kind, _) in targets(&mutator) {
            let location = text(&mutator, "/spec/location").to_owned();
            assert!(found.insert((kind.clone(), location.clone())), "{file}: {location} of {kind} a second time");
        }
    }
    let wanted =
        KINDS.iter().flat_map(|(kind, spec)| IMAGE_FIELDS.map(|field| (kind.to_string(), format!("{spec}.{field}"))));
    assert_eq!(found, wanted.collect::<BTreeSet<_>>());
}

#[test]
fn mutators_fail_closed_and_have_the_exclusions_of_the_constraints() {
    let constraint = object("constraints/pods.yaml", "CountersignImages", "signed-images-in-pods");
    let provider = object("deploy/base/providers.yaml", "Provider", "countersign-mutate");
    for (file, mutator) in mutators() {
        let name = text(&mutator, "/metadata/name");
        assert_eq!(text(&mutator, "/apiVersion"), "mutations.gatekeeper.sh/v1", "{file}: {name}");
        assert_eq!(mutator["kind"], "Assign", "{file}: {name}");
        assert_eq!(mutator["spec"]["match"]["source"], "Original", "{file}: {name}");
        assert_eq!(mutator["spec"]["match"]["scope"], "Namespaced", "{file}: {name}");
        assert_eq!(
            mutator["spec"]["match"]["excludedNamespaces"], constraint["spec"]["match"]["excludedNamespaces"],
            "{file}: {name}"
        );
        assert_eq!(
            mutator["spec"]["parameters"]["assign"],
            json!({ "externalData": {
                "provider": provider["metadata"]["name"],
                "dataSource": "ValueAtLocation",
                "failurePolicy": "Fail",
            } }),
            "{file}: {name}"
        );
    }
}

#[test]
fn mutators_are_named_after_their_field_and_sorted() {
    let mut names: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (file, mutator) in mutators() {
        let name = text(&mutator, "/metadata/name").to_owned();
        // The rule of Gatekeeper's CRD.
        assert!(name.len() <= 63, "{name}");
        let field = text(&mutator, "/spec/location").split('[').next().unwrap().rsplit('.').next().unwrap();
        let field: String = field
            .chars()
            .map(|c| if c.is_uppercase() { format!("-{}", c.to_lowercase()) } else { c.to_string() })
            .collect();
        assert!(name.starts_with("countersign-") && name.ends_with(&format!("-{field}")), "{name} for {field}");
        names.entry(file).or_default().push(name);
    }
    for (file, names) in &names {
        assert!(names.is_sorted(), "{file}: {names:?}");
    }
    let all: BTreeSet<_> = names.values().flatten().collect();
    assert_eq!(all.len(), names.values().map(Vec::len).sum::<usize>(), "a name is used twice");
}

#[test]
fn immutable_fields_are_mutated_only_on_creation() {
    for (file, mutator) in mutators() {
        let volumes = text(&mutator, "/spec/location").contains("volumes[");
        for (kind, operations) in targets(&mutator) {
            // A Job's template, and the volumes of a Pod.
            let fixed = kind == "batch/Job" || (kind == "/Pod" && volumes);
            let wanted: &[&str] = if fixed { &["CREATE"] } else { &[] };
            assert_eq!(operations, wanted, "{file}: {kind}");
        }
    }
}

#[test]
fn replica_sets_of_a_deployment_are_not_mutated() {
    let selector = json!({ "matchExpressions": [{ "key": "pod-template-hash", "operator": "DoesNotExist" }] });
    for (file, mutator) in mutators() {
        let kinds: Vec<_> = targets(&mutator).into_iter().map(|(kind, _)| kind).collect();
        let wanted = kinds.contains(&"apps/ReplicaSet".to_owned()).then_some(&selector);
        assert!(wanted.is_none() || kinds.len() == 1, "{file}: the selector is for ReplicaSets: {kinds:?}");
        assert_eq!(mutator["spec"]["match"].get("labelSelector"), wanted, "{file}");
    }
}

#[test]
fn a_volume_without_an_image_gets_none() {
    for (file, mutator) in mutators() {
        let location = text(&mutator, "/spec/location");
        let test = |path: &str| json!({ "subPath": path, "condition": "MustExist" });
        let wanted = location.strip_suffix(".reference").map(|image| json!([test(image), test(location)]));
        assert_eq!(mutator["spec"]["parameters"].get("pathTests"), wanted.as_ref(), "{file}");
    }
}
