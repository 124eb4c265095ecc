//! Who cannot be asked has not said yes; and a bad minute is not remembered.

use serde_json::json;

use super::POD_DENIED;
use super::Seen;
use super::created;
use super::denied;
use super::denies;
use super::kubectl;
use super::prints_exactly;
use crate::bench::Bench;
use crate::transcript::Transcript;

pub(super) fn run(bench: &mut Bench<'_>, transcript: &mut Transcript, seen: &mut Seen) -> anyhow::Result<()> {
    provider(bench, transcript, seen)?;
    registry(bench, transcript, seen)
}

fn provider(bench: &mut Bench<'_>, transcript: &mut Transcript, seen: &mut Seen) -> anyhow::Result<()> {
    transcript.chapter("Countersign stopped");
    transcript.verdict("SIGTERM ends countersign with exit status 0", bench.countersign.stop());
    let image = bench.shelf.provider_down.clone();
    let url = bench.countersign.url("/v1/verify");
    let post = format!("signature check failed: failed to send external data request: Post \"{url}\": dial tcp ");
    let parts = [post.as_str(), "connect: connection refused"];
    denied(bench, transcript, "without Countersign a signed image is denied", &image, &parts)?;

    let pod = bench.shelf.jws.pod();
    let finished = kubectl(bench, transcript, &["label", "pod", &pod, "e2e=labelled"])?;
    transcript.verdict(
        "a pod that runs already can still be labelled",
        prints_exactly(&finished, &format!("pod/{pod} labeled\n")),
    );

    bench.countersign.resume(bench.place)?;
    transcript.note("countersign serves again");
    created(bench, transcript, seen, "the first try afterwards is admitted", &image.pod(), &image)
}

fn registry(bench: &mut Bench<'_>, transcript: &mut Transcript, seen: &mut Seen) -> anyhow::Result<()> {
    transcript.chapter("A registry stopped");
    bench.referrers.stop()?;
    transcript.note(&format!("{} is stopped", bench.referrers.name()));
    let image = bench.shelf.registry_down.clone();
    let undecided = format!("): {}: registry-unreachable: ", image.by_tag());
    let parts = ["signature check failed: could not decide about 1 of 1 images (request ", &undecided];
    denied(bench, transcript, "without its registry a signed image is denied", &image, &parts)?;

    // Both in one request: the one's registry answers, the other's does not.
    let pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": "two-registries" },
        "spec": { "containers": [
            { "name": "up", "image": bench.shelf.fallback_later.by_tag() },
            { "name": "down", "image": image.by_tag() },
        ] },
    });
    let path = bench.place.write("objects/two-registries.json", pod.to_string())?.display().to_string();
    let finished = kubectl(bench, transcript, &["create", "-f", &path])?;
    let parts = ["signature check failed: could not decide about 1 of 2 images (request ", &undecided];
    let prefix = POD_DENIED.replacen(": ", &format!(": error when creating {path:?}: "), 1);
    transcript
        .verdict("of two images only the one that could not be judged is named", denies(&finished, &prefix, &parts));

    let known = bench.shelf.jws.clone();
    let what = "an image of that registry that was verified before is admitted";
    created(bench, transcript, seen, what, "known", &known)?;

    bench.referrers.resume(bench.place)?;
    transcript.note(&format!("{} serves again", bench.referrers.name()));
    let what = "the first try afterwards is admitted: the failure was not remembered";
    created(bench, transcript, seen, what, &image.pod(), &image)
}
