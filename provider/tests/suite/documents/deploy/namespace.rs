//! Namespaces: another one for Countersign, and those that the cluster needs to start. The end-to-end run builds both with
//! kustomize.

use std::collections::BTreeSet;

use serde_json::Value as Json;
use serde_json::json;

use crate::documents::deploy::files::documents;
use crate::documents::deploy::files::set;
use crate::documents::deploy::files::text;
use crate::documents::deploy::files::texts;

fn component(name: &str) -> Json {
    documents(&format!("deploy/components/{name}/kustomization.yaml")).remove(0)
}

#[test]
fn one_setting_moves_everything_to_another_namespace() {
    let replacements = component("namespace")["replacements"].take();
    let mut targets = Vec::new();
    for replacement in replacements.as_array().unwrap() {
        let setting = json!({ "kind": "ConfigMap", "name": "countersign-namespace", "fieldPath": "data.namespace" });
        assert_eq!(replacement["source"], setting);
        targets.extend(replacement["targets"].as_array().unwrap().iter().map(|target| texts(&target["fieldPaths"])));
    }
    let expected = [
        ["metadata.name"],
        ["metadata.namespace"],
        ["spec.url"],
        ["spec.dnsNames.*"],
        ["spec.match.excludedNamespaces.[=countersign]"],
        ["spec.match.excludedNamespaces.[=countersign]"],
    ];
    assert_eq!(targets, expected);
}

/// The values that a component adds to the list at `path`, by the group of the patched objects.
fn added(path: &str, group: &str) -> Vec<String> {
    let patches = component("exemptions")["patches"].take();
    let mut values = Vec::new();
    for patch in patches.as_array().unwrap().iter().filter(|patch| patch["target"]["group"] == group) {
        let operations: Json = serde_saphyr::from_str(text(patch, "/patch")).unwrap();
        for operation in operations.as_array().unwrap() {
            assert_eq!(operation["op"], "add", "{operation}");
            if operation["path"] == path {
                values.push(text(operation, "/value").to_owned());
            }
        }
    }
    values
}

#[test]
fn constraints_mutators_and_webhooks_exempt_the_same_namespaces() {
    let path = "/spec/match/excludedNamespaces/-";
    let namespaces = added(path, "constraints.gatekeeper.sh");
    assert_eq!(added(path, "mutations.gatekeeper.sh"), namespaces);
    assert!(namespaces.contains(&"cert-manager".to_owned()));
    let values = documents("deploy/gatekeeper/values.yaml").remove(0);
    let expected = set(namespaces.iter().map(String::as_str).chain(["kube-system"]));
    assert_eq!(expected.len(), namespaces.len() + 1, "a name is listed twice");
    for webhook in ["validating", "mutating"] {
        let labels = values[format!("{webhook}WebhookExemptNamespacesLabels")].as_object().unwrap();
        // The API server sets this label to the name of the namespace; tenants can set every other one.
        let [(label, names)] = labels.iter().collect::<Vec<_>>()[..] else { panic!("one label: {labels:?}") };
        assert_eq!(label, "kubernetes.io/metadata.name");
        assert_eq!(set(texts(names)), expected, "{webhook}");
    }
}

#[test]
fn no_exemption_depends_on_a_label_that_a_tenant_can_set() {
    for file in ["constraints/pods.yaml", "constraints/workloads.yaml"] {
        let own: BTreeSet<_> = set(["kube-system", "gatekeeper-system", "countersign"]);
        let rule = documents(file)[0]["spec"]["match"].take();
        assert_eq!(set(texts(&rule["excludedNamespaces"])), own, "{file}");
        assert_eq!((rule.get("namespaceSelector"), rule.get("labelSelector")), (None, None), "{file}");
    }
}

#[test]
fn exempt_repositories_are_not_whole_registries() {
    let images = added("/spec/parameters/exemptImages/-", "constraints.gatekeeper.sh");
    assert!(!images.is_empty());
    for image in images {
        assert!(
            !image.contains("**") && image.split('/').count() >= 2 && image.split('/').nth(1) != Some("*"),
            "{image}"
        );
    }
}

#[test]
fn gatekeeper_fails_closed_and_waits_longer_than_the_providers() {
    let values = documents("deploy/gatekeeper/values.yaml").remove(0);
    for (webhook, provider) in [("validating", "countersign-verify"), ("mutating", "countersign-mutate")] {
        assert_eq!(values[format!("{webhook}WebhookFailurePolicy")], "Fail");
        let provider = crate::documents::deploy::files::object("deploy/base/providers.yaml", "Provider", provider);
        let seconds = values[format!("{webhook}WebhookTimeoutSeconds")].as_u64();
        assert!(seconds > provider["spec"]["timeout"].as_u64(), "{webhook}");
    }
}
