//! Who cannot be asked has not said yes; and a bad minute is not remembered.

use std::collections::BTreeSet;

use anyhow::ensure;
use serde_json::json;

use super::POD_DENIED;
use super::created;
use super::denied;
use super::denies;
use super::kubectl;
use super::prints_exactly;
use crate::bench::Bench;
use crate::transcript::Transcript;

pub(super) fn run(
    bench: &mut Bench<'_>,
    transcript: &mut Transcript,
    pods: &mut BTreeSet<String>,
) -> anyhow::Result<()> {
    provider(bench, transcript, pods)?;
    registry(bench, transcript, pods)?;
    list(bench, transcript, pods)
}

fn provider(bench: &mut Bench<'_>, transcript: &mut Transcript, pods: &mut BTreeSet<String>) -> anyhow::Result<()> {
    transcript.chapter("Countersign stopped");
    transcript.verdict("SIGTERM ends countersign with exit status 0", bench.countersign.stop());
    let image = bench.shelf.provider_down.clone();
    let refused = ["signature check failed: failed to send external data request: Post ", "connection refused"];
    denied(bench, transcript, "without Countersign a signed image is denied", &image, &refused)?;
    let pod = bench.shelf.jws.pod();
    let finished = kubectl(bench, transcript, &["label", "pod", &pod, "e2e=relabelled"])?;
    transcript.verdict(
        "a pod that runs already can still be labelled",
        prints_exactly(&finished, &format!("pod/{pod} labeled\n")),
    );
    bench.countersign.resume(bench.place)?;
    transcript.note("countersign serves again");
    created(bench, transcript, "the first try afterwards is admitted", &image.pod(), &image, pods)
}

fn registry(bench: &mut Bench<'_>, transcript: &mut Transcript, pods: &mut BTreeSet<String>) -> anyhow::Result<()> {
    transcript.chapter("A registry stopped");
    bench.referrers.stop()?;
    transcript.note(&format!("{} is stopped", bench.referrers.name()));
    let image = bench.shelf.registry_down.clone();
    let unreachable = ["signature check failed: ", &image.by_tag(), "registry-unreachable"];
    denied(bench, transcript, "without its registry a signed image is denied", &image, &unreachable)?;

    // Both in one request: the one's registry answers, the other's does not.
    let other = bench.shelf.fallback_jws.by_tag();
    let pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": "two-registries" },
        "spec": { "containers": [{ "name": "up", "image": other }, { "name": "down", "image": image.by_tag() }] },
    });
    let path = bench.place.write("objects/two-registries.json", pod.to_string())?.display().to_string();
    let finished = kubectl(bench, transcript, &["create", "-f", &path])?;
    let prefix = POD_DENIED.replacen(": ", &format!(": error when creating {path:?}: "), 1);
    let result = denies(&finished, &prefix, &unreachable).and_then(|()| {
        ensure!(!finished.output.contains(&other), "the image of the other registry is named too");
        Ok(())
    });
    transcript.verdict("of two images the one that could not be judged is named", result);

    let known = bench.shelf.jws.clone();
    let what = "an image of that registry that was verified before is admitted";
    created(bench, transcript, what, "known", &known, pods)?;

    bench.referrers.resume(bench.place)?;
    transcript.note(&format!("{} serves again", bench.referrers.name()));
    let what = "the first try afterwards is admitted: the failure was not remembered";
    created(bench, transcript, what, &image.pod(), &image, pods)
}

/// What the cluster holds in the end is what the cases saw created.
fn list(bench: &Bench<'_>, transcript: &mut Transcript, pods: &BTreeSet<String>) -> anyhow::Result<()> {
    transcript.chapter("What the cluster holds");
    let finished = kubectl(bench, transcript, &["get", "pods", "--output", "name"])?;
    let found: BTreeSet<String> =
        finished.output.lines().map(|line| line.trim_start_matches("pod/").to_owned()).collect();
    let same = if found == *pods { Ok(()) } else { Err(anyhow::anyhow!("found {found:?}: want {pods:?}")) };
    transcript.verdict("the pods are those that were to be admitted, and no other", same);
    Ok(())
}
