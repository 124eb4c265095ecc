//! The overlays of the guide for another namespace.

use std::fs;

use anyhow::Context;
use anyhow::ensure;
use serde_json::Value;

use super::super::deploy::copy_tree;
use super::kustomization::add_to_list;
use super::user::User;
use super::user::objects;
use crate::transcript::Transcript;

/// The kustomizations of the guide to which its component `namespace` can be added, and the path to that from each.
const OVERLAYS: [(&str, &str); 4] = [
    ("my-cluster", "namespace"),
    ("my-cluster/constraints", "../namespace"),
    ("my-cluster/mutation", "../namespace"),
    ("my-cluster/monitoring", "../namespace"),
];

/// The namespace that the guide sets.
const OTHER_NAMESPACE: &str = "security";

/// Builds every overlay with the component of the guide, with kustomize, and searches the result for the default namespace.
pub(super) fn build(user: &User<'_>, transcript: &mut Transcript) -> anyhow::Result<()> {
    for (overlay, component) in OVERLAYS {
        let folder = user.environment.workdir.directory("guide-namespace")?;
        copy_tree(&user.shell.directory, &folder)?;
        let path = folder.join(overlay).join("kustomization.yaml");
        let text = fs::read_to_string(&path)?;
        let with = add_to_list(&text, "components", &format!("  - {component}\n"))
            .with_context(|| format!("{overlay} has no components"))?;
        let with = with.replace("  # - ../deploy/overlays/cert-manager/", "  - ../deploy/overlays/cert-manager/");
        fs::write(&path, with)?;
        let finished = user.run(&format!("kubectl kustomize ../guide-namespace/{overlay}"))?;
        let result = finished.success().and_then(|text| {
            fs::write(folder.join("built.yaml"), &text)?;
            // kubectl reads the objects without sending them.
            let list =
                user.kubectl("create --dry-run=client --validate=false -o json -f ../guide-namespace/built.yaml")?;
            no_trace(&objects(&list)?, OTHER_NAMESPACE)
        });
        let what = format!("{overlay} in the namespace {OTHER_NAMESPACE} has no trace of the default namespace");
        transcript.verdict(&what, result);
        fs::remove_dir_all(&folder)?;
    }
    let overlay = "deploy/overlays/in-gatekeeper-namespace";
    let line = format!(
        "kubectl kustomize {overlay} > built.yaml && kubectl create --dry-run=client --validate=false -o json -f built.yaml"
    );
    let result = user.run(&line)?.success().and_then(|list| no_trace(&objects(&list)?, "gatekeeper-system"));
    transcript.verdict(&format!("{overlay} has no trace of the default namespace"), result);
    Ok(())
}

/// Fields that have the name of the product, not of the namespace.
const PRODUCT_NAME: [&str; 9] = [
    "app.kubernetes.io/name",
    "app.kubernetes.io/part-of",
    "kubectl.kubernetes.io/default-container",
    "serviceAccountName",
    "serviceAccount",
    "instance",
    "uid",
    "title",
    "tags",
];

/// An error if a field of an object has the default namespace, or none has `namespace`.
fn no_trace(objects: &[Value], namespace: &str) -> anyhow::Result<()> {
    ensure!(!objects.is_empty(), "found no objects");
    let mut follows = 0;
    for item in objects {
        let kind = item["kind"].as_str().unwrap_or_default();
        let mut traces = Vec::new();
        // Objects and their parts have the name of the product; only the name of the namespace object must follow.
        let kept = |field: &str| PRODUCT_NAME.contains(&field) || (field == "name" && kind != "Namespace");
        search(item, &kept, kind, &mut traces);
        ensure!(traces.is_empty(), "{traces:?}");
        follows += u32::from(item.to_string().contains(namespace));
    }
    ensure!(follows > 0, "no object has the namespace {namespace}");
    Ok(())
}

/// Paths of the texts in `value` that have the default namespace: as the whole text, or as a label of a host name. Fields that are
/// `kept` may have the name of the product.
fn search(value: &Value, kept: &dyn Fn(&str) -> bool, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields.iter().filter(|(name, _)| !kept(name)) {
                search(value, kept, &format!("{path}.{name}"), found);
            }
        }
        Value::Array(values) => {
            for (index, value) in values.iter().enumerate() {
                search(value, kept, &format!("{path}[{index}]"), found);
            }
        }
        Value::String(text) => {
            if text == "countersign" || text.contains(".countersign.svc") || text.contains("namespace=\"countersign\"")
            {
                found.push(path.to_owned());
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn finds_the_default_namespace_in_every_field() {
        let object = |fields: Value| [json!({ "kind": "X", "metadata": { "namespace": "security" }, "spec": fields })];
        assert!(
            no_trace(
                &object(json!({ "url": "https://countersign.security.svc:6001", "name": "countersign" })),
                OTHER_NAMESPACE
            )
            .is_ok()
        );
        for fields in [
            json!({ "url": "https://countersign.countersign.svc:6001" }),
            json!({ "excludedNamespaces": ["kube-system", "countersign"] }),
            json!({ "kubernetes.io/metadata.name": "countersign" }),
            json!({ "expr": "up{namespace=\"countersign\"}" }),
        ] {
            assert!(no_trace(&object(fields.clone()), OTHER_NAMESPACE).is_err(), "{fields}");
        }
        let object = [json!({ "kind": "Namespace", "metadata": { "name": "countersign" }, "x": "security" })];
        assert!(no_trace(&object, OTHER_NAMESPACE).is_err());
    }
}
