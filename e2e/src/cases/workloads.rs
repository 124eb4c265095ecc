//! All kinds of workloads, all fields that name an image, and updates of existing objects.

use serde_json::Value;
use serde_json::json;

use super::denied_with;
use super::kubectl;
use super::prints_exactly;
use super::rejected;
use crate::environment::Environment;
use crate::images::Image;
use crate::process::Finished;
use crate::transcript::Transcript;

/// API version, kind and the resource's name as kubectl prints it.
const KINDS: [(&str, &str, &str); 8] = [
    ("v1", "Pod", "pod"),
    ("v1", "ReplicationController", "replicationcontroller"),
    ("apps/v1", "Deployment", "deployment.apps"),
    ("apps/v1", "ReplicaSet", "replicaset.apps"),
    ("apps/v1", "StatefulSet", "statefulset.apps"),
    ("apps/v1", "DaemonSet", "daemonset.apps"),
    ("batch/v1", "Job", "job.batch"),
    ("batch/v1", "CronJob", "cronjob.batch"),
];

pub(super) fn run(environment: &Environment<'_>, transcript: &mut Transcript) -> anyhow::Result<()> {
    transcript.chapter("All kinds of workloads");
    let (signed, unsigned) = (&environment.fixtures.cose, &environment.fixtures.unsigned);
    let finding = rejected(unsigned, "unsigned");
    for (api_version, kind, resource) in KINDS {
        let name = kind.to_lowercase();
        let object = |image: &Image| workload(api_version, kind, &name, &containers(image));
        let finished = create(environment, transcript, &object(unsigned))?;
        let what = format!("a {kind} of an unsigned image is denied");
        transcript.verdict(&what, denied_with(&finished, constraint(kind), &finding));

        // Beside a signed image, and in an init container.
        let mut spec = containers(signed);
        spec["initContainers"] = json!([{ "name": "prepare", "image": unsigned.by_tag() }]);
        let finished = create(environment, transcript, &workload(api_version, kind, &name, &spec))?;
        let what = format!("a {kind} with an unsigned init container is denied");
        transcript.verdict(&what, denied_with(&finished, constraint(kind), &finding));

        let finished = create(environment, transcript, &object(signed))?;
        let what = format!("a {kind} of a signed image is created");
        transcript.verdict(&what, prints_exactly(&finished, &format!("{resource}/{name} created\n")));
    }

    let mut spec = containers(signed);
    spec["volumes"] = json!([{ "name": "data", "image": { "reference": unsigned.by_tag() } }]);
    let finished = create(environment, transcript, &workload("v1", "Pod", "with-volume", &spec))?;
    let result = denied_with(&finished, constraint("Pod"), &finding);
    transcript.verdict("an unsigned image volume is denied", result);

    updates(environment, transcript)
}

/// Updates of the Deployment and the Pod that [`run`] created.
fn updates(environment: &Environment<'_>, transcript: &mut Transcript) -> anyhow::Result<()> {
    transcript.chapter("Updates of the image");
    let (other, unsigned) = (&environment.fixtures.jws, &environment.fixtures.unsigned);
    for (target, resource, kind) in
        [("deployment/deployment", "deployment.apps/deployment", "Deployment"), ("pod/pod", "pod/pod", "Pod")]
    {
        let to_unsigned = format!("main={}", unsigned.by_tag());
        let finished = kubectl(environment, transcript, &["set", "image", target, &to_unsigned])?;
        let result = denied_with(&finished, constraint(kind), &rejected(unsigned, "unsigned"));
        transcript.verdict(&format!("a {kind} cannot be changed to an unsigned image"), result);

        let to_signed = format!("main={}", other.by_tag());
        let finished = kubectl(environment, transcript, &["set", "image", target, &to_signed])?;
        let result = prints_exactly(&finished, &format!("{resource} image updated\n"));
        transcript.verdict(&format!("a {kind} can be changed to another signed image"), result);
    }
    let finished = kubectl(environment, transcript, &["delete", "pod", "pod"])?;
    transcript.verdict(
        "a deletion is not verified",
        prints_exactly(&finished, "pod \"pod\" deleted from default namespace\n"),
    );
    Ok(())
}

/// Runs `kubectl create` for `object` and returns its result.
pub(super) fn create(
    environment: &Environment<'_>,
    transcript: &Transcript,
    object: &Value,
) -> anyhow::Result<Finished> {
    let path = environment.workdir.write("objects/workload.json", object.to_string())?;
    kubectl(environment, transcript, &["create", "-f", &path.display().to_string()])
}

/// The constraint that validates objects of `kind`.
fn constraint(kind: &str) -> &'static str {
    if kind == "Pod" { "signed-images-in-pods" } else { "signed-images-in-workloads" }
}

/// A pod's specification with one container `main`.
pub(super) fn containers(image: &Image) -> Value {
    json!({ "containers": [{ "name": "main", "image": image.by_tag() }] })
}

/// An object of any of [`KINDS`] around a pod's specification.
pub(super) fn workload(api_version: &str, kind: &str, name: &str, pod: &Value) -> Value {
    let labels = json!({ "app": name });
    let mut pod = pod.clone();
    if api_version.starts_with("batch/") {
        pod["restartPolicy"] = "Never".into();
    }
    let template = json!({ "metadata": { "labels": labels }, "spec": pod });
    let spec = match kind {
        "Pod" => pod,
        "ReplicationController" => json!({ "selector": labels, "template": template }),
        "Job" => json!({ "template": template }),
        "CronJob" => json!({ "schedule": "0 0 * * *", "jobTemplate": { "spec": { "template": template } } }),
        "StatefulSet" => {
            json!({ "selector": { "matchLabels": labels }, "serviceName": name, "template": template })
        }
        _ => json!({ "selector": { "matchLabels": labels }, "template": template }),
    };
    json!({ "apiVersion": api_version, "kind": kind, "metadata": { "name": name }, "spec": spec })
}
