//! Tags become digests before they are judged, so that what was judged is what runs.

use anyhow::ensure;

use super::Seen;
use super::created;
use super::kubectl;
use super::prints_exactly;
use crate::bench::Bench;
use crate::policy;
use crate::transcript::Transcript;

/// What Gatekeeper says when a provider has an item with an error.
const FAILED: &str = "Error from server: admission webhook \"mutation.gatekeeper.sh\" denied the request: failed to \
                      resolve external data placeholders: ";

pub(super) fn run(bench: &Bench<'_>, transcript: &mut Transcript, seen: &mut Seen) -> anyhow::Result<()> {
    transcript.chapter("Tags become digests");
    let ca = bench.countersign.authority().certificate();
    let url = bench.countersign.url("/v1/mutate");
    policy::lead(bench.place, &bench.cluster, "countersign-mutate", &url, &ca)?;
    policy::apply_mutators(&bench.cluster, &bench.place.project().join("deploy/mutation"))?;
    transcript.note("the project's mutators are enforced");

    // The policy is the one that `trust` left.
    let image = &bench.shelf.intern_later;
    created(bench, transcript, seen, "a signed image is created by its tag", "by-digest", image)?;
    let image_path = "jsonpath={.spec.containers[0].image}";
    let finished = kubectl(bench, transcript, &["get", "pod", "by-digest", "--output", image_path])?;
    transcript.verdict("the pod has its digest", prints_exactly(&finished, &image.by_digest()));
    let finished = kubectl(bench, transcript, &["label", "pod", "by-digest", "e2e=labelled"])?;
    transcript.verdict("a digest stays as it is", prints_exactly(&finished, "pod/by-digest labeled\n"));

    let absent = format!("{}:absent", image.scope());
    let finished = kubectl(bench, transcript, &["run", "absent", "--image", &absent])?;
    let result = (|| {
        ensure!(finished.status.code() == Some(1), "{}: want exit status 1", finished.status);
        ensure!(finished.output.starts_with(FAILED), "want {FAILED:?} first");
        let reason = format!("{absent}: image-not-found: ");
        ensure!(finished.output.contains(&reason), "want {reason:?}");
        Ok(())
    })();
    transcript.verdict("a tag that is not there is refused", result);
    Ok(())
}
