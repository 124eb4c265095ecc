//! The cases, in the order in which they are printed. Each prints the command, its output, and whether that is what a
//! user should see.

mod admission;
mod doors;
mod metrics;
mod outages;

use std::collections::BTreeSet;

use anyhow::Context;
use anyhow::ensure;

use crate::bench::Bench;
use crate::images::Image;
use crate::process::Finished;
use crate::transcript::Transcript;

/// Before what the template says, for a pod.
const POD_DENIED: &str = r#"Error from server (Forbidden): admission webhook "validation.gatekeeper.sh" denied the request: [signed-images-in-pods] "#;

/// Runs every case. An error means that the run could not go on; a case that fails is in the transcript.
pub(crate) fn run(bench: &mut Bench<'_>, transcript: &mut Transcript) -> anyhow::Result<()> {
    let mut pods = BTreeSet::new();
    admission::run(bench, transcript, &mut pods)?;
    outages::run(bench, transcript, &mut pods)?;
    doors::run(bench, transcript)?;
    metrics::run(bench, transcript)
}

/// Runs kubectl and prints both.
fn kubectl(bench: &Bench<'_>, transcript: &Transcript, arguments: &[&str]) -> anyhow::Result<Finished> {
    let (line, finished) = bench.cluster.kubectl(arguments)?;
    transcript.command(&line, &finished.output);
    Ok(finished)
}

/// `kubectl run` of `image` under `pod`, which must be created; `pods` takes note of it.
fn created(
    bench: &Bench<'_>,
    transcript: &mut Transcript,
    what: &str,
    pod: &str,
    image: &Image,
    pods: &mut BTreeSet<String>,
) -> anyhow::Result<()> {
    let finished = kubectl(bench, transcript, &["run", pod, "--image", &image.by_tag()])?;
    let result = prints_exactly(&finished, &format!("pod/{pod} created\n"));
    if result.is_ok() {
        pods.insert(pod.to_owned());
    }
    transcript.verdict(what, result);
    Ok(())
}

/// `kubectl run` of `image`, which must be denied with a text that has each of `parts`.
fn denied(
    bench: &Bench<'_>,
    transcript: &mut Transcript,
    what: &str,
    image: &Image,
    parts: &[&str],
) -> anyhow::Result<()> {
    let finished = kubectl(bench, transcript, &["run", &image.pod(), "--image", &image.by_tag()])?;
    transcript.verdict(what, denies(&finished, POD_DENIED, parts));
    Ok(())
}

fn prints_exactly(finished: &Finished, text: &str) -> anyhow::Result<()> {
    ensure!(finished.output == text, "want {text:?}");
    ensure!(finished.status.success(), "{}: want success", finished.status);
    Ok(())
}

/// One line that begins with `prefix` and has each of `parts` behind it.
fn denies(finished: &Finished, prefix: &str, parts: &[&str]) -> anyhow::Result<()> {
    ensure!(finished.status.code() == Some(1), "{}: want exit status 1", finished.status);
    let message = finished.output.trim_end().strip_prefix(prefix).with_context(|| format!("want {prefix:?} first"))?;
    ensure!(!message.contains('\n'), "want one finding, that is one line");
    for part in parts {
        ensure!(message.contains(part), "want {part:?} in the finding");
    }
    Ok(())
}
