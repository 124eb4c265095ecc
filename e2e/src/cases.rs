//! The cases, in the order in which they run. Each prints a command, its output, and whether the output is as expected.

mod admission;
mod at_once;
mod audit;
mod aws;
mod aws_doubles;
mod azure;
mod azure_doubles;
mod broken_trust;
mod cloud;
mod components;
mod deploy;
mod doubles;
mod doubles_client;
mod endpoints;
mod evidence;
mod google;
mod google_doubles;
mod guide;
mod hostile;
mod image;
mod in_namespaces;
mod metrics;
mod mirrors;
mod mutation;
mod network;
mod outages;
mod pod;
mod proxies;
mod ratify;
mod rotation;
mod secret_search;
mod spellings;
mod token_auth;
mod trust;
mod workloads;

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use anyhow::Context;
use anyhow::ensure;

use crate::agreement;
use crate::agreement::Plan;
use crate::arguments::Arguments;
use crate::arguments::Scope;
use crate::environment::Environment;
use crate::images::Image;
use crate::process::Finished;
use crate::release::Release;
use crate::transcript::Transcript;
use crate::workdir::Workdir;

use in_namespaces::Chapter;

pub(crate) use aws::CHAPTER as AWS;
pub(crate) use azure::CHAPTER as AZURE;
pub(crate) use google::CHAPTER as GOOGLE;

/// The beginning of a denial by the template for pods.
const POD_DENIED: &str = "Error from server (Forbidden): admission webhook \"validation.gatekeeper.sh\" denied the \
                          request: [signed-images-in-pods] ";

/// Results of earlier cases.
#[derive(Default)]
struct Seen {
    /// Names of the pods that were created.
    pods: BTreeSet<String>,
    /// Number of verdicts by code. Gatekeeper sends one request per image and caches the response.
    verdicts: BTreeMap<&'static str, u32>,
}

/// The chapter that this program runs with this argument, in namespaces of its own.
pub(crate) fn chapter_of(argument: &str) -> Option<Chapter> {
    [AWS, AZURE, GOOGLE].into_iter().find(|chapter| chapter.argument == argument)
}

/// Runs the cases. An error ends the run; a failed case is in the transcript.
pub(crate) fn run(
    environment: &mut Environment<'_>,
    transcript: &mut Transcript,
    arguments: &Arguments,
) -> anyhow::Result<()> {
    let mut seen = Seen::default();
    admission::run(environment, transcript, &mut seen)?;
    metrics::verdicts(environment, transcript, &seen)?;
    workloads::run(environment, transcript)?;
    outages::run(environment, transcript, &mut seen)?;
    match arguments.scope {
        Scope::Short => {
            trust::run(environment, transcript, &mut seen)?;
            revocation(environment, transcript, &mut seen, arguments.gatekeeper, &[AWS])?;
        }
        Scope::All | Scope::Aws | Scope::Azure | Scope::Google | Scope::Doubles | Scope::Agreement => {
            every_other_case(environment, transcript, &mut seen)?
        }
    }
    pods(environment, transcript, &seen)?;
    endpoints::run(environment, transcript)?;
    metrics::health(environment, transcript)?;
    match arguments.scope {
        Scope::Short => {}
        Scope::All | Scope::Aws | Scope::Azure | Scope::Google | Scope::Doubles | Scope::Agreement => {
            agreement::run(environment.workdir, environment.countersign.binary(), &Plan::SHORT, false, transcript)?;
            proxies::run(environment, transcript)?;
            token_auth::run(environment, transcript)?;
            rotation::run(environment, transcript)?;
            deploy::monitoring(environment, transcript)?;
            guide::run(environment, transcript)?;
            deploy::manifests(environment, transcript)?;
            components::run(environment, transcript)?;
        }
    }
    image::run(environment, transcript)
}

/// The cases of the complete run that create pods, and those of `trust` between them.
fn every_other_case(
    environment: &mut Environment<'_>,
    transcript: &mut Transcript,
    seen: &mut Seen,
) -> anyhow::Result<()> {
    hostile::run(environment, transcript, seen)?;
    ratify::run(environment, transcript, seen)?;
    audit::run(environment, transcript, seen)?;
    trust::run(environment, transcript, seen)?;
    broken_trust::run(environment, transcript, seen)?;
    mirrors::run(environment, transcript, seen)?;
    // After the audit, which reports every pod, and before the mutators, which change the images that denials name.
    revocation(environment, transcript, seen, Release::Newest, &[AWS, AZURE, GOOGLE])?;
    mutation::run(environment, transcript, seen)?;
    spellings::run(environment, transcript, seen)
}

/// Timestamps and revocation, with these chapters of clouds. Gatekeeper's part is the same for all responses, so they run with one release of it.
fn revocation(
    environment: &Environment<'_>,
    transcript: &mut Transcript,
    seen: &mut Seen,
    gatekeeper: Release,
    clouds: &[Chapter],
) -> anyhow::Result<()> {
    match gatekeeper {
        Release::Newest => {
            evidence::run(environment, transcript, seen)?;
            doubles::run(environment, transcript)?;
            cloud_doubles(environment.workdir, transcript)?;
            let (workdir, binary) = (environment.workdir, environment.countersign.binary());
            clouds.iter().try_for_each(|chapter| chapter.run(workdir, binary, false, transcript))
        }
        Release::Oldest => Ok(()),
    }
}

/// The doubles of the services of clouds, with the client library of each.
pub(crate) fn cloud_doubles(workdir: &Workdir, transcript: &mut Transcript) -> anyhow::Result<()> {
    aws_doubles::run(workdir, transcript)?;
    azure_doubles::run(workdir, transcript)?;
    google_doubles::run(workdir, transcript)
}

/// Runs kubectl, and prints the command and its output.
fn kubectl(environment: &Environment<'_>, transcript: &Transcript, arguments: &[&str]) -> anyhow::Result<Finished> {
    let (line, finished) = environment.cluster.kubectl(arguments)?;
    transcript.command(&line, &finished.output);
    Ok(finished)
}

/// `kubectl run` of `image` under the name `pod`, which must be created.
fn created(
    environment: &Environment<'_>,
    transcript: &mut Transcript,
    seen: &mut Seen,
    what: &str,
    pod: &str,
    image: &Image,
) -> anyhow::Result<()> {
    let finished = kubectl(environment, transcript, &["run", pod, "--image", &image.by_tag()])?;
    let result = prints_exactly(&finished, &format!("pod/{pod} created\n"));
    if result.is_ok() {
        seen.pods.insert(pod.to_owned());
    }
    transcript.verdict(what, result);
    Ok(())
}

/// `kubectl run` of `image`, which must be denied: see [`denies`].
fn denied(
    environment: &Environment<'_>,
    transcript: &mut Transcript,
    what: &str,
    image: &Image,
    parts: &[&str],
) -> anyhow::Result<()> {
    let finished = kubectl(environment, transcript, &["run", &image.pod(), "--image", &image.by_tag()])?;
    transcript.verdict(what, denies(&finished, POD_DENIED, parts));
    Ok(())
}

/// The beginning of a finding about `image` that Countersign rejected under the statement `shop`.
fn rejected(image: &Image, code: &str) -> String {
    format!("{} was rejected by statement \"shop\" of the trust policy: {code}: ", image.by_tag())
}

fn prints_exactly(finished: &Finished, text: &str) -> anyhow::Result<()> {
    ensure!(finished.output == text, "expected {text:?}");
    ensure!(finished.status.success(), "{}, expected success", finished.status);
    Ok(())
}

/// Expects one finding after `prefix` that begins with the first of `parts` and contains the others in this order.
fn denies(finished: &Finished, prefix: &str, parts: &[&str]) -> anyhow::Result<()> {
    ensure!(finished.status.code() == Some(1), "{}, expected exit status 1", finished.status);
    let finding =
        finished.output.trim_end().strip_prefix(prefix).with_context(|| format!("expected {prefix:?} first"))?;
    ensure!(!finding.contains('\n'), "expected one finding, which is one line");
    let mut rest = finding;
    for (index, part) in parts.iter().enumerate() {
        let at = rest.find(part).with_context(|| format!("expected {part:?} in {rest:?}"))?;
        ensure!(index > 0 || at == 0, "expected a finding that begins with {part:?}");
        rest = &rest[at + part.len()..];
    }
    Ok(())
}

/// The findings of a denial, each after `prefix` (the name of a constraint in brackets).
fn findings<'a>(finished: &'a Finished, prefix: &str) -> anyhow::Result<Vec<&'a str>> {
    ensure!(finished.status.code() == Some(1), "{}, expected exit status 1", finished.status);
    let denied = "admission webhook \"validation.gatekeeper.sh\" denied the request: ";
    let (_, lines) = finished.output.trim_end().split_once(denied).with_context(|| format!("expected {denied:?}"))?;
    let finding =
        |line: &'a str| line.strip_prefix(prefix).with_context(|| format!("expected {prefix:?} before {line:?}"));
    lines.lines().map(finding).collect()
}

/// Expects one finding of `constraint` that begins with `start`.
fn denied_with(finished: &Finished, constraint: &str, start: &str) -> anyhow::Result<()> {
    let findings = findings(finished, &format!("[{constraint}] "))?;
    ensure!(findings.len() == 1, "{} findings, expected 1", findings.len());
    ensure!(findings[0].starts_with(start), "expected a finding that begins with {start:?}");
    Ok(())
}

/// Expects exactly the pods that the cases created.
fn pods(environment: &Environment<'_>, transcript: &mut Transcript, seen: &Seen) -> anyhow::Result<()> {
    transcript.chapter("Pods in the cluster");
    let finished = kubectl(environment, transcript, &["get", "pods", "--output", "name"])?;
    let found: BTreeSet<String> =
        finished.output.lines().map(|line| line.trim_start_matches("pod/").to_owned()).collect();
    let result = (|| {
        ensure!(found == seen.pods, "found {found:?}, expected {:?}", seen.pods);
        Ok(())
    })();
    transcript.verdict("the cluster has exactly the pods that were admitted", result);
    Ok(())
}
