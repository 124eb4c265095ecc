//! The kustomizations name exactly the existing files.

use std::collections::BTreeSet;

use serde_json::Value as Json;
use serde_json::json;

use crate::documents::deploy::files::documents;
use crate::documents::deploy::files::entries;
use crate::documents::deploy::files::manifests;
use crate::documents::deploy::files::repository;
use crate::documents::deploy::files::text;
use crate::documents::deploy::files::texts;
use crate::documents::deploy::files::yaml_files;

/// The folders below `folder` that have a kustomization, with its path.
fn kustomizations(folder: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in entries(folder) {
        match entry.strip_suffix('/') {
            Some(inner) => found.extend(kustomizations(&format!("{folder}/{inner}"))),
            None if ["kustomization.yaml", "Kustomization"].contains(&entry.as_str()) => {
                found.push((folder.to_owned(), format!("{folder}/{entry}")));
            }
            None => {}
        }
    }
    found
}

/// Whether a folder can be named as a resource.
fn is_kustomized(folder: &str) -> bool {
    repository(folder).join("kustomization.yaml").is_file() || repository(folder).join("Kustomization").is_file()
}

/// The files that a kustomization takes in, from its folder.
fn named_files(kustomization: &Json) -> BTreeSet<String> {
    let mut files: BTreeSet<String> = texts(&kustomization["resources"]).into_iter().map(str::to_owned).collect();
    for generator in ["configMapGenerator", "secretGenerator"] {
        for one in kustomization[generator].as_array().into_iter().flatten() {
            files.extend(texts(&one["files"]).into_iter().map(str::to_owned));
        }
    }
    for patch in kustomization["patches"].as_array().into_iter().flatten() {
        files.extend(patch["path"].as_str().map(str::to_owned));
    }
    files
}

#[test]
fn every_manifest_is_a_named_object_with_our_label() {
    let mut kinds = BTreeSet::new();
    for file in manifests() {
        let documents = documents(&file);
        assert_ne!(documents, [] as [Json; 0], "{file} is empty");
        for document in documents {
            let (version, kind) = (text(&document, "/apiVersion"), text(&document, "/kind"));
            assert!(!version.is_empty() && !kind.is_empty(), "{file}: {document}");
            kinds.insert(kind.to_owned());
            // kubectl does not send these; a patch is not an object.
            if ["Kustomization", "Component"].contains(&kind) || file.starts_with("deploy/components/") {
                continue;
            }
            assert!(!text(&document, "/metadata/name").is_empty(), "{file}: {document}");
            assert_eq!(document["metadata"]["labels"]["app.kubernetes.io/name"], "countersign", "{file}: {document}");
            let namespace = match kind {
                "Assign" | "Namespace" | "Provider" => None,
                "Certificate"
                | "Deployment"
                | "Issuer"
                | "NetworkPolicy"
                | "PodDisruptionBudget"
                | "PrometheusRule"
                | "ResourceQuota"
                | "Service"
                | "ServiceAccount"
                | "ServiceMonitor" => Some("countersign"),
                other => panic!("{file}: say here whether {other} has a namespace"),
            };
            assert_eq!(document["metadata"].get("namespace").and_then(Json::as_str), namespace, "{file}: {kind}");
        }
    }
    for kind in ["Assign", "Deployment", "NetworkPolicy", "PodDisruptionBudget", "Provider", "Service"] {
        assert!(kinds.contains(kind), "there is no {kind}");
    }
}

#[test]
fn kustomizations_list_exactly_the_existing_files() {
    let mut folders = 0;
    let manifests = manifests();
    for top in ["deploy", "templates", "constraints"] {
        for (folder, file) in kustomizations(top) {
            folders += 1;
            let kustomization = documents(&file).remove(0);
            let named = named_files(&kustomization);
            for name in named.iter().map(String::as_str).chain(texts(&kustomization["components"])) {
                let path = format!("{folder}/{name}");
                let found = repository(&path).is_file() || is_kustomized(&path);
                assert!(found, "{file} names {name}, which is neither a file nor a folder with a kustomization");
                let above = name.starts_with("..");
                assert!(!above || !repository(&path).is_file(), "{file}: kubectl takes no file from above: {name}");
            }
            for name in entries(&folder) {
                let manifest = manifests.contains(&format!("{folder}/{name}")) && name != "kustomization.yaml";
                assert!(!manifest || named.contains(&name), "{file} leaves out {name}");
            }
        }
    }
    assert_eq!(folders, 26);
}

#[test]
fn every_object_belongs_to_a_kustomization() {
    for file in manifests() {
        let folder = file.rsplit_once('/').unwrap().0;
        assert!(is_kustomized(folder), "{file} is in no kustomization");
    }
}

#[test]
fn folders_for_kubectl_apply_have_no_kustomization() {
    // kubectl applies every file with a known extension, and the API server has no kind Kustomization.
    for folder in ["templates", "constraints"] {
        assert!(is_kustomized(folder), "{folder}");
        for file in yaml_files(folder) {
            for document in documents(&file) {
                assert_ne!(document["kind"], "Kustomization", "{file}");
            }
        }
    }
}

/// The patches of a component for the constraints.
fn constraint_patches(component: &str) -> Json {
    let kustomization = documents(&format!("deploy/components/{component}/kustomization.yaml")).remove(0);
    let [patch] = kustomization["patches"].as_array().unwrap().as_slice() else { panic!("one patch") };
    assert_eq!(patch["target"], json!({ "group": "constraints.gatekeeper.sh", "kind": "CountersignImages" }));
    serde_saphyr::from_str(text(patch, "/patch")).unwrap()
}

#[test]
fn the_component_for_warnings_refuses_nothing_and_reports_what_is_only_logged() {
    // In addition to the constraints that deny, not in place of them.
    assert_eq!(documents("deploy/components/warnings/kustomization.yaml")[0]["nameSuffix"], "-warnings");
    let expected = json!([
        { "op": "replace", "path": "/spec/enforcementAction", "value": "warn" },
        { "op": "add", "path": "/spec/parameters/reportWarnings", "value": true },
    ]);
    assert_eq!(constraint_patches("warnings"), expected);
}

#[test]
fn the_component_for_a_dry_run_changes_every_constraint_to_dryrun() {
    assert_eq!(documents("deploy/components/dryrun/kustomization.yaml")[0].get("nameSuffix"), None);
    let expected = json!([{ "op": "replace", "path": "/spec/enforcementAction", "value": "dryrun" }]);
    assert_eq!(constraint_patches("dryrun"), expected);
}

#[test]
fn the_overlays_for_the_constraints_have_their_component() {
    for name in ["dryrun", "warnings"] {
        let kustomization = documents(&format!("deploy/overlays/{name}/kustomization.yaml")).remove(0);
        assert_eq!(texts(&kustomization["resources"]), ["../../../constraints"], "{name}");
        assert_eq!(texts(&kustomization["components"]), [format!("../../components/{name}")], "{name}");
        assert_eq!(kustomization.as_object().unwrap().len(), 4, "{name}: {kustomization}");
    }
}

#[test]
fn all_objects_have_the_recommended_labels() {
    let component = documents("deploy/components/labels/kustomization.yaml").remove(0);
    // Pods too, but not selectors, which cannot change.
    let expected = json!([{
        "includeTemplates": true,
        "pairs": {
            "app.kubernetes.io/version": env!("CARGO_PKG_VERSION"),
            "app.kubernetes.io/part-of": "countersign",
            "app.kubernetes.io/managed-by": "kustomize",
        },
    }]);
    assert_eq!(component["labels"], expected);
    let own = ["templates", "constraints"].map(|folder| format!("{folder}/Kustomization"));
    let folders = ["base", "monitoring", "mutation", "overlays/cert-manager/certificates"];
    let folders = folders.map(|folder| format!("deploy/{folder}/kustomization.yaml"));
    for file in own.iter().chain(&folders) {
        let components = documents(file)[0]["components"].take();
        assert!(texts(&components).iter().any(|name| name.ends_with("components/labels")), "{file}: {components}");
    }
}
