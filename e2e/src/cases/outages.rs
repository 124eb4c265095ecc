//! Outages of Countersign and of a registry: images are denied during the outage, and failures are not cached.

use serde_json::json;

use super::POD_DENIED;
use super::Seen;
use super::created;
use super::denied;
use super::denies;
use super::kubectl;
use super::prints_exactly;
use crate::environment::Environment;
use crate::transcript::Transcript;

pub(super) fn run(
    environment: &mut Environment<'_>,
    transcript: &mut Transcript,
    seen: &mut Seen,
) -> anyhow::Result<()> {
    provider(environment, transcript, seen)?;
    registry(environment, transcript, seen)
}

fn provider(environment: &mut Environment<'_>, transcript: &mut Transcript, seen: &mut Seen) -> anyhow::Result<()> {
    transcript.chapter("Countersign stopped");
    transcript.verdict("SIGTERM ends countersign with exit status 0", environment.countersign.stop());
    let image = environment.fixtures.provider_down.clone();
    let url = environment.countersign.url("/v1/verify");
    let post = format!("signature check failed: failed to send external data request: Post \"{url}\": dial tcp ");
    let parts = [post.as_str(), "connect: connection refused"];
    denied(environment, transcript, "without Countersign a signed image is denied", &image, &parts)?;

    let pod = environment.fixtures.jws.pod();
    let finished = kubectl(environment, transcript, &["label", "pod", &pod, "e2e=labelled"])?;
    transcript
        .verdict("a running pod can still be labelled", prints_exactly(&finished, &format!("pod/{pod} labeled\n")));

    environment.countersign.resume(environment.workdir)?;
    transcript.note("countersign serves again");
    created(environment, transcript, seen, "the next attempt is admitted", &image.pod(), &image)
}

fn registry(environment: &mut Environment<'_>, transcript: &mut Transcript, seen: &mut Seen) -> anyhow::Result<()> {
    transcript.chapter("A registry stopped");
    environment.referrers.stop()?;
    transcript.note(&format!("{} is stopped", environment.referrers.name()));
    let image = environment.fixtures.registry_down.clone();
    let undecided = format!("): {}: registry-unreachable: ", image.by_tag());
    let parts = ["signature check failed: could not decide about 1 of 1 images (request ", &undecided];
    denied(environment, transcript, "without its registry a signed image is denied", &image, &parts)?;

    // Both images in one request: one registry answers, the other does not.
    let pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": "two-registries" },
        "spec": { "containers": [
            { "name": "up", "image": environment.fixtures.fallback_later.by_tag() },
            { "name": "down", "image": image.by_tag() },
        ] },
    });
    let path = environment.workdir.write("objects/two-registries.json", pod.to_string())?.display().to_string();
    let finished = kubectl(environment, transcript, &["create", "-f", &path])?;
    let parts = ["signature check failed: could not decide about 1 of 2 images (request ", &undecided];
    let prefix = POD_DENIED.replacen(": ", &format!(": error when creating {path:?}: "), 1);
    transcript.verdict("of two images only the inconclusive one is named", denies(&finished, &prefix, &parts));

    let known = environment.fixtures.jws.clone();
    let what = "an image of that registry that was verified before is admitted";
    created(environment, transcript, seen, what, "known", &known)?;

    environment.referrers.resume(environment.workdir)?;
    transcript.note(&format!("{} serves again", environment.referrers.name()));
    let what = "the next attempt is admitted: the failure was not cached";
    created(environment, transcript, seen, what, &image.pod(), &image)
}
