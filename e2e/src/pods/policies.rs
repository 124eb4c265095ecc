//! Templates, Providers, constraints and mutators of the arms.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use anyhow::ensure;
use serde_json::Value;
use serde_json::json;

use super::arm::Setting;
use super::arm::Webhook;
use super::providers::Providers;
use super::providers::RATIFY_TIMEOUT;
use crate::cluster::Cluster;
use crate::policy;
use crate::wait;
use crate::workdir::Workdir;

/// Time limit until Gatekeeper decides as the constraints of an arm require.
const ENFORCED: Duration = Duration::from_secs(30);

/// The constraints of all arms, and the mutators: nothing else in the cluster is of these kinds.
const KINDS: &str = "countersignimages,alwaysallow,ratifyverification,assign.mutations.gatekeeper.sh";

/// Applies what is the same in all arms. Gatekeeper must run.
pub(super) fn prepare(workdir: &Workdir, cluster: &Cluster, providers: &Providers) -> anyhow::Result<()> {
    let ca = providers.ca();
    for (name, url, timeout) in [
        // As in deploy/base/providers.yaml.
        ("countersign-verify", providers.countersign_url("/v1/verify"), 2),
        ("countersign-mutate", providers.countersign_url("/v1/mutate"), 1),
        ("ratify-provider", providers.ratify_url(), RATIFY_TIMEOUT),
    ] {
        let mut provider = policy::provider(name, &url, &ca);
        provider["spec"]["timeout"] = json!(timeout);
        cluster.apply(workdir, &provider)?;
    }
    policy::apply_template(cluster, &workdir.project().join("templates"), "countersignimages")?;
    policy::apply_template(cluster, &ratify_library(workdir).join("template.yaml"), "ratifyverification")?;
    let template = workdir.write("objects/always-allow.json", always_allow_template().to_string())?;
    policy::apply_template(cluster, &template, "alwaysallow")
}

fn ratify_library(workdir: &Workdir) -> PathBuf {
    workdir.tool("ratify").join("default")
}

/// A template that reads what ours reads, and finds nothing.
fn always_allow_template() -> Value {
    json!({
        "apiVersion": "templates.gatekeeper.sh/v1",
        "kind": "ConstraintTemplate",
        "metadata": { "name": "alwaysallow" },
        "spec": {
            "crd": { "spec": { "names": { "kind": "AlwaysAllow" } } },
            "targets": [{
                "target": "admission.k8s.gatekeeper.sh",
                "code": [{ "engine": "Rego", "source": { "version": "v1", "rego": "
package alwaysallow

violation contains {\"msg\": \"never\"} if input.review.kind.kind == \"\"
" } }],
            }],
        },
    })
}

/// The constraint of that template for the kinds of ours.
fn always_allow() -> Value {
    json!({
        "apiVersion": "constraints.gatekeeper.sh/v1beta1",
        "kind": "AlwaysAllow",
        "metadata": { "name": "always-allow" },
        "spec": { "match": { "kinds": [
            { "apiGroups": [""], "kinds": ["Pod", "ReplicationController"] },
            { "apiGroups": ["apps"], "kinds": ["Deployment", "ReplicaSet", "StatefulSet", "DaemonSet"] },
            { "apiGroups": ["batch"], "kinds": ["Job", "CronJob"] },
        ] } },
    })
}

/// Applies the constraints and mutators of an arm, and returns once Gatekeeper enforces them. There must be no others.
pub(super) fn apply(workdir: &Workdir, cluster: &Cluster, setting: Setting) -> anyhow::Result<()> {
    match setting.webhook {
        Webhook::None => {}
        Webhook::AlwaysAllow => {
            let path = workdir.write("objects/always-allow-constraint.json", always_allow().to_string())?;
            policy::apply(cluster, &path)?;
        }
        Webhook::Countersign => policy::apply(cluster, &workdir.project().join("constraints"))?,
        Webhook::Ratify => policy::apply(cluster, &ratify_library(workdir).join("samples"))?,
    }
    if setting.mutates {
        policy::apply_mutators(cluster, &workdir.project().join("deploy/mutation"))?;
    }
    Ok(())
}

/// Deletes the constraints and mutators of every arm. Gatekeeper must run, if any are there.
pub(super) fn remove(cluster: &Cluster) -> anyhow::Result<()> {
    cluster.kubectl_ok(&["delete", KINDS, "--all"]).map(drop)
}

/// Waits until a signed image is admitted and an unsigned one is denied by the provider's verdict, without creating a Pod. The provider then
/// has a connection to the registry.
pub(super) fn check(cluster: &Cluster, webhook: Webhook, signed: &str, unsigned: &str) -> anyhow::Result<()> {
    let verdict = match webhook {
        Webhook::None | Webhook::AlwaysAllow => return admitted(cluster, unsigned),
        Webhook::Countersign => "unsigned",
        Webhook::Ratify => "failed to verify the artifact",
    };
    wait::until("the images to be verified", ENFORCED, || {
        admitted(cluster, signed)?;
        let (line, finished) = run(cluster, unsigned)?;
        ensure!(
            !finished.status.success() && finished.output.contains(verdict),
            "{line}: {}",
            finished.output.trim_end()
        );
        Ok(())
    })
}

fn admitted(cluster: &Cluster, image: &str) -> anyhow::Result<()> {
    let (line, finished) = run(cluster, image)?;
    finished.success().map(drop).context(line)
}

fn run(cluster: &Cluster, image: &str) -> anyhow::Result<(String, crate::process::Finished)> {
    cluster.kubectl(&["run", "check", "--dry-run=server", "--image", image])
}
