//! The kustomizations name exactly the existing files.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use crate::files::documents;
use crate::files::entries;
use crate::files::manifests;
use crate::files::repository;
use crate::files::text;
use crate::files::texts;
use crate::files::yaml_files;

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
                "Namespace" | "Provider" | "Assign" => None,
                "Certificate"
                | "Deployment"
                | "Issuer"
                | "NetworkPolicy"
                | "PodDisruptionBudget"
                | "Service"
                | "ServiceAccount" => Some("countersign"),
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
                let manifest = name.ends_with(".yaml") && name != "kustomization.yaml";
                assert!(!manifest || named.contains(&name), "{file} leaves out {name}");
            }
        }
    }
    assert_eq!(folders, 12);
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

#[test]
fn the_overlay_for_warnings_refuses_nothing_and_reports_what_is_only_logged() {
    let kustomization = documents("deploy/overlays/warnings/kustomization.yaml").remove(0);
    assert_eq!(texts(&kustomization["resources"]), ["../../../constraints"]);
    // In addition to the constraints that deny, not in place of them.
    assert_eq!(kustomization["nameSuffix"], "-warnings");
    let [patch] = kustomization["patches"].as_array().unwrap().as_slice() else { panic!("one patch") };
    assert_eq!(
        patch["target"],
        serde_json::json!({ "group": "constraints.gatekeeper.sh", "kind": "CountersignImages" })
    );
    let operations: Json = serde_saphyr::from_str(text(patch, "/patch")).unwrap();
    let expected = serde_json::json!([
        { "op": "replace", "path": "/spec/enforcementAction", "value": "warn" },
        { "op": "add", "path": "/spec/parameters/reportWarnings", "value": true },
    ]);
    assert_eq!(operations, expected);
}

#[test]
fn the_overlay_for_a_dry_run_changes_every_constraint_to_dryrun() {
    let kustomization = documents("deploy/overlays/dryrun/kustomization.yaml").remove(0);
    assert_eq!(texts(&kustomization["resources"]), ["../../../constraints"]);
    let patches = kustomization["patches"].as_array().unwrap();
    assert_eq!(patches.len(), 1);
    assert_eq!(
        patches[0]["target"],
        serde_json::json!({ "group": "constraints.gatekeeper.sh", "kind": "CountersignImages" })
    );
    let operations: Json = serde_saphyr::from_str(text(&patches[0], "/patch")).unwrap();
    let expected = serde_json::json!([{ "op": "replace", "path": "/spec/enforcementAction", "value": "dryrun" }]);
    assert_eq!(operations, expected);
}
