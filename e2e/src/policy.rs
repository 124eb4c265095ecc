//! Providers, templates, constraints and mutators, applied with kubectl. Each function returns once Gatekeeper reports that
//! it enforces the applied version.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use anyhow::ensure;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use serde_json::json;

use crate::cluster::Cluster;
use crate::wait;
use crate::workdir::Workdir;

/// Time limit until an applied object is enforced.
const READY: Duration = Duration::from_secs(30);

/// A Provider whose timeout is below the 5 s of the webhook.
pub(crate) fn provider(name: &str, url: &str, ca: &str) -> Value {
    json!({
        "apiVersion": "externaldata.gatekeeper.sh/v1beta1",
        "kind": "Provider",
        "metadata": { "name": name },
        "spec": { "url": url, "timeout": 2, "caBundle": STANDARD.encode(ca) },
    })
}

/// Applies the Provider `name` with this `url`.
pub(crate) fn apply_provider(
    workdir: &Workdir,
    cluster: &Cluster,
    name: &str,
    url: &str,
    ca: &str,
) -> anyhow::Result<()> {
    cluster.apply(workdir, &provider(name, url, ca))?;
    wait::until("the Provider to be active", READY, || {
        let status = cluster.kubectl_ok(&["get", "provider", name, "-o", "jsonpath={.status}"])?;
        ensure!(status.contains(r#""active":true"#), "{status}");
        Ok(())
    })
}

/// Applies the project's own template and constraints.
pub(crate) fn apply_own(workdir: &Workdir, cluster: &Cluster) -> anyhow::Result<()> {
    apply_template(cluster, &workdir.project().join("templates"), "countersignimages")?;
    apply(cluster, &workdir.project().join("constraints"))
}

/// Applies the template of the constraints `kind` (in lower case).
pub(crate) fn apply_template(cluster: &Cluster, path: &Path, kind: &str) -> anyhow::Result<()> {
    apply(cluster, path)?;
    wait::until("the constraints' resource", READY, || {
        let crd = format!("crd/{kind}.constraints.gatekeeper.sh");
        cluster.kubectl_ok(&["wait", "--for=condition=Established", "--timeout=5s", &crd]).map(drop)
    })
}

/// Applies the templates, constraints or mutators of a file or directory.
pub(crate) fn apply(cluster: &Cluster, path: &Path) -> anyhow::Result<()> {
    cluster.apply_file(path)?;
    let path = path.canonicalize()?;
    wait_enforced(cluster, &["-f", path.to_str().context("a path is not UTF-8")?])
}

/// Applies a directory with a kustomization of mutators.
pub(crate) fn apply_mutators(cluster: &Cluster, directory: &Path) -> anyhow::Result<()> {
    let path = directory.to_str().context("a path is not UTF-8")?;
    cluster.kubectl_ok(&["apply", "--server-side", "-k", path])?;
    wait_enforced(cluster, &["-k", path])
}

/// Waits until Gatekeeper enforces the current version of every object that `kubectl get` finds.
pub(crate) fn wait_enforced(cluster: &Cluster, which: &[&str]) -> anyhow::Result<()> {
    let arguments = [&["get", "-o", "json"], which].concat();
    wait::until("every object to be enforced", READY, || {
        let found: Value = serde_json::from_str(&cluster.kubectl_ok(&arguments)?)?;
        let one = std::slice::from_ref(&found);
        let objects = found["items"].as_array().map_or(one, Vec::as_slice);
        ensure!(!objects.is_empty(), "there is no object");
        objects.iter().try_for_each(enforced)
    })
}

/// An error unless the status of the object says that Gatekeeper enforces its current generation.
fn enforced(object: &Value) -> anyhow::Result<()> {
    let (metadata, status) = (&object["metadata"], &object["status"]["byPod"][0]);
    let uids = ["templateUID", "constraintUID", "mutatorUID"];
    let known = uids.iter().any(|uid| status[uid] == metadata["uid"])
        && status["observedGeneration"] == metadata["generation"]
        && status["errors"].is_null();
    // The status of a template only says that it was accepted.
    let enforced = object["kind"] == "ConstraintTemplate" || status["enforced"] == true;
    ensure!(known && enforced, "{} is not enforced: {}", metadata["name"], object["status"]);
    Ok(())
}
