//! A hostile registry affects only its own images: not those of other registries, and not the memory of the pod.

use std::time::Duration;

use anyhow::Context;
use anyhow::ensure;
use serde_json::json;

use super::Seen;
use crate::environment::Environment;
use crate::hostile_registry::HostileRegistry;
use crate::images::Image;
use crate::transcript::Transcript;
use crate::wait;

/// Twice the number of images that the service verifies at the same time.
const SILENT_IMAGES: usize = 256;
/// Time limit until abandoned work has ended; it ends after two seconds.
const ABANDONED: Duration = Duration::from_secs(15);
/// More pages of 4 MiB than fit into the shipped limit.
const LARGE_IMAGES: usize = 100;

pub(super) fn run(environment: &Environment<'_>, transcript: &mut Transcript, seen: &mut Seen) -> anyhow::Result<()> {
    transcript.chapter("A hostile registry");
    let good = environment.fixtures.beside_silent.clone();
    beside(environment, transcript, seen, "silent", &environment.hostile.silent(SILENT_IMAGES), &good)?;
    let unanswered = environment.hostile.unanswered();
    transcript.verdict(
        "the registry received requests, and did not answer",
        (|| {
            ensure!(unanswered > 0, "found no request, expected at least one");
            Ok(())
        })(),
    );

    let result = wait::until("abandoned work to end", ABANDONED, || {
        let verifications = environment.countersign.metric(r#"countersign_limit_in_use{limit="verifications"}"#)?;
        ensure!(verifications == 0.0, "{verifications} verifications are in progress");
        Ok(())
    });
    transcript.verdict("afterwards no work is in progress", result);

    let shipped = shipped_limit(environment)?;
    environment.countersign.reset_peak_memory()?;
    let good = environment.fixtures.beside_large.clone();
    beside(environment, transcript, seen, "large", &environment.hostile.large(LARGE_IMAGES), &good)?;
    let (pages, peak) = (environment.hostile.pages(), environment.countersign.peak_memory()?);
    let what = format!("{pages} pages of 4 MiB were sent, peak memory {} MiB, limit {} MiB", peak >> 20, shipped >> 20);
    transcript.verdict(
        &what,
        (|| {
            ensure!(pages > 0, "no page was sent");
            ensure!(peak < shipped, "expected less than the shipped limit");
            Ok(())
        })(),
    );
    Ok(())
}

/// Creates a pod with `good` while a pod with `images` is being reviewed.
fn beside(
    environment: &Environment<'_>,
    transcript: &mut Transcript,
    seen: &mut Seen,
    name: &str,
    images: &[String],
    good: &Image,
) -> anyhow::Result<()> {
    let containers: Vec<_> =
        images.iter().enumerate().map(|(n, image)| json!({ "name": format!("c{n}"), "image": image })).collect();
    let pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": format!("hostile-{name}") },
        "spec": { "containers": containers },
    });
    let file = environment.workdir.write(&format!("objects/hostile-{name}.json"), pod.to_string())?;
    let (file, output) = (file.display(), environment.workdir.path().join(format!("hostile-{name}.txt")));
    let output = output.display();
    let kubeconfig = environment.cluster.kubeconfig().display();
    let (pod, image) = (good.pod(), good.by_tag());
    let marker = HostileRegistry::MARKER;
    let script = format!(
        "export KUBECONFIG={kubeconfig}\n\
         rm -f {marker}\n\
         (kubectl create -f {file}; echo \"exit status $?\") >{output} 2>&1 &\n\
         tries=0; until [ -e {marker} ] || [ $tries -eq 200 ]; do sleep 0.05; tries=$((tries + 1)); done\n\
         kubectl run {pod} --image {image}\n\
         wait; tail -c 100 {output}"
    );
    let finished = environment.shell(&script)?;
    transcript.command(&format!("kubectl create -f {file} & kubectl run {pod} --image {image}"), &finished.output);
    let created = format!("pod/{pod} created\n");
    transcript.verdict(
        &format!("a pod with a signed image is created while one with {} images of it is reviewed", images.len()),
        (|| {
            ensure!(finished.output.starts_with(&created), "expected {created:?} first");
            Ok(())
        })(),
    );
    if finished.output.starts_with(&created) {
        seen.pods.insert(pod);
    }
    transcript.verdict(
        "the pod with images of the hostile registry is denied",
        (|| {
            ensure!(finished.output.trim_end().ends_with("exit status 1"), "expected exit status 1");
            Ok(())
        })(),
    );
    Ok(())
}

/// The memory limit in `deploy/base/deployment.yaml`, in bytes.
fn shipped_limit(environment: &Environment<'_>) -> anyhow::Result<u64> {
    let text = std::fs::read_to_string(environment.workdir.project().join("deploy/base/deployment.yaml"))?;
    let (_, limits) = text.split_once("limits:").context("the deployment has no limits")?;
    let (_, memory) = limits.split_once("memory:").context("the deployment has no memory limit")?;
    let (mebibytes, _) = memory.split_once("Mi").context("the memory limit is not in Mi")?;
    Ok(mebibytes.trim().parse::<u64>()? << 20)
}
