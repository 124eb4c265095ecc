//! Mutation replaces tags by digests before verification, so that the verified image is the one that runs.

use std::time::Duration;

use anyhow::ensure;

use super::Seen;
use super::created;
use super::denied_with;
use super::kubectl;
use super::prints_exactly;
use super::workloads;
use crate::environment::Environment;
use crate::policy;
use crate::transcript::Transcript;
use crate::wait;

/// The beginning of Gatekeeper's message when an item of a provider has an error.
const FAILED: &str = "Error from server: admission webhook \"mutation.gatekeeper.sh\" denied the request: failed to \
                      resolve external data placeholders: ";

/// Countersign caches the digest of a tag for five seconds.
const MOVED: Duration = Duration::from_secs(15);

pub(super) fn run(environment: &Environment<'_>, transcript: &mut Transcript, seen: &mut Seen) -> anyhow::Result<()> {
    transcript.chapter("Tags become digests");
    let ca = environment.countersign.authority().certificate();
    let url = environment.countersign.url("/v1/mutate");
    policy::apply_provider(environment.workdir, &environment.cluster, "countersign-mutate", &url, &ca)?;
    policy::apply_mutators(&environment.cluster, &environment.workdir.project().join("deploy/mutation"))?;
    transcript.note("the mutators of deploy/mutation are enforced");

    // The policy of the cases of `trust` is still in effect.
    let image = &environment.fixtures.intern_later;
    created(environment, transcript, seen, "a signed image is created by its tag", "by-digest", image)?;
    stored(environment, transcript, "the pod has its digest", "pod/by-digest", ".spec", &image.by_digest())?;
    let finished = kubectl(environment, transcript, &["label", "pod", "by-digest", "e2e=labelled"])?;
    transcript.verdict("a digest is left unchanged", prints_exactly(&finished, "pod/by-digest labeled\n"));

    for (api_version, kind, resource, path) in [
        ("apps/v1", "Deployment", "deployment.apps/by-digest", ".spec.template.spec"),
        ("batch/v1", "CronJob", "cronjob.batch/by-digest", ".spec.jobTemplate.spec.template.spec"),
    ] {
        let object = workloads::workload(api_version, kind, "by-digest", &workloads::containers(image));
        let finished = workloads::create(environment, transcript, &object)?;
        let result = prints_exactly(&finished, &format!("{resource} created\n"));
        transcript.verdict(&format!("a {kind} is created by the tag"), result);
        stored(environment, transcript, &format!("the {kind} has the digest"), resource, path, &image.by_digest())?;
    }

    let both = image.by_tag_and_digest();
    for (pod, reference) in [("digest-only", image.by_digest()), ("tag-and-digest", both)] {
        let finished = kubectl(environment, transcript, &["run", pod, "--image", &reference])?;
        let result = prints_exactly(&finished, &format!("pod/{pod} created\n"));
        if result.is_ok() {
            seen.pods.insert(pod.to_owned());
        }
        transcript.verdict("an image with a digest is admitted", result);
        stored(environment, transcript, "the digest is left unchanged", &format!("pod/{pod}"), ".spec", &reference)?;
    }

    let absent = format!("{}:absent", image.scope());
    let finished = kubectl(environment, transcript, &["run", "absent", "--image", &absent])?;
    let result = (|| {
        ensure!(finished.status.code() == Some(1), "{}, expected exit status 1", finished.status);
        ensure!(finished.output.starts_with(FAILED), "expected {FAILED:?} first");
        let reason = format!("{absent}: image-not-found: ");
        ensure!(finished.output.contains(&reason), "expected {reason:?}");
        Ok(())
    })();
    transcript.verdict("an absent tag is refused", result);
    moving_tag(environment, transcript, seen)
}

/// A tag that moves between its resolution and the verdict.
fn moving_tag(environment: &Environment<'_>, transcript: &mut Transcript, seen: &mut Seen) -> anyhow::Result<()> {
    let signed = environment.fixtures.intern_later.tagged("moving")?;
    created(environment, transcript, seen, "a signed image is created by a tag", "before", &signed)?;
    let other = signed.replace()?;
    transcript.note(&format!("{} is now another image, which is unsigned", signed.by_tag()));
    // Countersign resolved the tag for the first pod; this verdict comes after the tag has moved.
    created(
        environment,
        transcript,
        seen,
        "a pod by the cached tag gets the digest of the signed image",
        "between",
        &signed,
    )?;
    for pod in ["pod/before", "pod/between"] {
        stored(environment, transcript, "the pod has the digest that was verified", pod, ".spec", &signed.by_digest())?;
    }
    let reference = signed.by_tag();
    let finished = wait::until("the new image under the tag", MOVED, || {
        let probe = ["run", "after", "--dry-run=server", "--image", &reference];
        let (_, finished) = environment.cluster.kubectl(&probe)?;
        ensure!(!finished.status.success(), "the tag still resolves to the former image");
        kubectl(environment, transcript, &["run", "after", "--image", &reference])
    })?;
    let start = format!("{} was rejected by statement \"shop\" of the trust policy: unsigned: ", other.by_digest());
    let result = denied_with(&finished, "signed-images-in-pods", &start);
    transcript.verdict("later the tag resolves to the other image, which is denied", result);
    Ok(())
}

/// The image of the first container of `object`, whose pod specification is at `path`, must be `image`.
fn stored(
    environment: &Environment<'_>,
    transcript: &mut Transcript,
    what: &str,
    object: &str,
    path: &str,
    image: &str,
) -> anyhow::Result<()> {
    let path = format!("jsonpath={{{path}.containers[0].image}}");
    let finished = kubectl(environment, transcript, &["get", object, "--output", &path])?;
    transcript.verdict(what, prints_exactly(&finished, image));
    Ok(())
}
