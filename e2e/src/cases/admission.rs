//! Who signed, and do we trust them: what is created and what is denied, with the reason.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::ensure;
use serde_json::json;

use super::POD_DENIED;
use super::created;
use super::denied;
use super::denies;
use super::kubectl;
use super::prints_exactly;
use crate::bench::Bench;
use crate::images::Image;
use crate::transcript::Transcript;
use crate::wait;

/// A signature that lives for a second has ended by then.
const EXPIRY: Duration = Duration::from_secs(10);

pub(super) fn run(bench: &Bench<'_>, transcript: &mut Transcript, pods: &mut BTreeSet<String>) -> anyhow::Result<()> {
    let shelf = &bench.shelf;

    transcript.chapter("Signed by whom we trust: created");
    for (what, image) in [
        ("a JWS envelope, found by the referrers API, admits", &shelf.jws),
        ("a COSE envelope, found by the referrers API, admits", &shelf.cose),
        ("a JWS envelope, found by the fallback tag, admits", &shelf.fallback_jws),
        ("a COSE envelope, found by the fallback tag, admits", &shelf.fallback_cose),
        ("one good signature beside a stranger's admits", &shelf.both),
        ("a repository that the policy skips is admitted unsigned", &shelf.skipped),
    ] {
        created(bench, transcript, what, &image.pod(), image, pods)?;
        peers(bench, transcript, image, true)?;
    }

    transcript.chapter("Not signed by whom we trust: denied, with the reason");
    wait::until("the signature to expire", EXPIRY, || {
        let (_, finished) = bench.notation.verify(&shelf.expired.by_digest())?;
        ensure!(!finished.status.success(), "still valid");
        Ok(())
    })?;
    for (what, image, code) in [
        ("an unsigned image is denied (referrers API)", &shelf.unsigned, "unsigned"),
        ("an unsigned image is denied (fallback tag)", &shelf.fallback_unsigned, "unsigned"),
        ("a signature under another root is denied", &shelf.stranger, "untrusted-chain"),
        ("a signature by another identity of the root is denied", &shelf.intern, "untrusted-identity"),
        ("a signature beyond its expiry is denied", &shelf.expired, "expired"),
        ("another image's signature is denied", &shelf.copied, "target-mismatch"),
        ("a repository without a statement is denied", &shelf.uncovered, "no-applicable-rule"),
    ] {
        denied(bench, transcript, what, image, &[&image.by_tag(), code])?;
        peers(bench, transcript, image, false)?;
    }

    transcript.chapter("Wherever a workload names images");
    init_container(bench, transcript)?;
    debug_container(bench, transcript)?;
    deployments(bench, transcript)
}

/// Asks `countersign verify` and notation what the webhook was asked.
fn peers(bench: &Bench<'_>, transcript: &mut Transcript, image: &Image, good: bool) -> anyhow::Result<()> {
    let reference = image.by_tag();
    let (line, finished) = bench.countersign.verify(&reference)?;
    transcript.command(&line, &finished.output);
    let want = if good { 0 } else { 1 };
    let result = (finished.status.code() == Some(want))
        .then_some(())
        .ok_or_else(|| anyhow::anyhow!("{}: want exit status {want}", finished.status));
    transcript.verdict("countersign verify says the same", result);

    let (line, finished) = bench.notation.verify(&reference)?;
    transcript.command(&line, &finished.output);
    let result = (finished.status.success() == good).then_some(()).ok_or_else(|| {
        anyhow::anyhow!("notation {}: want {}", finished.status, if good { "success" } else { "failure" })
    });
    transcript.verdict("notation agrees", result);
    Ok(())
}

/// An unsigned init container beside a signed container: only the one is named.
fn init_container(bench: &Bench<'_>, transcript: &mut Transcript) -> anyhow::Result<()> {
    let (signed, unsigned) = (bench.shelf.jws.by_tag(), bench.shelf.unsigned.by_tag());
    let pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": "with-init" },
        "spec": {
            "initContainers": [{ "name": "prepare", "image": unsigned }],
            "containers": [{ "name": "serve", "image": signed }],
        },
    });
    let path = bench.place.write("objects/with-init.json", pod.to_string())?.display().to_string();
    let finished = kubectl(bench, transcript, &["apply", "-f", &path])?;
    let prefix = POD_DENIED.replacen(
        "Error from server (Forbidden): ",
        &format!("Error from server (Forbidden): error when creating {path:?}: "),
        1,
    );
    let result = denies(&finished, &prefix, &[&unsigned, "unsigned"]).and_then(|()| {
        ensure!(!finished.output.contains(&signed), "the signed image is named too");
        Ok(())
    });
    transcript.verdict("an unsigned init container denies the pod, and only it is named", result);
    Ok(())
}

/// A container that joins a running pod.
fn debug_container(bench: &Bench<'_>, transcript: &mut Transcript) -> anyhow::Result<()> {
    let pod = bench.shelf.jws.pod();
    for (what, image, good) in [
        ("an unsigned image may not join a pod for debugging", &bench.shelf.unsigned, false),
        ("a signed one may", &bench.shelf.cose, true),
    ] {
        let arguments = ["debug", &pod, "--image", &image.by_tag(), "--attach=false", "--container", &image.pod()];
        let finished = kubectl(bench, transcript, &arguments)?;
        let result = if good {
            ensure_success(&finished.output, finished.status.success())
        } else {
            let said = finished.output.contains(r#"denied the request: [signed-images-in-pods] "#)
                && finished.output.contains(&image.by_tag());
            ensure_success("want a denial that names the image", said && !finished.status.success())
        };
        transcript.verdict(what, result);
    }
    Ok(())
}

fn ensure_success(message: &str, good: bool) -> anyhow::Result<()> {
    ensure!(good, "{message}");
    Ok(())
}

/// The workload itself is refused, not only its pods later.
fn deployments(bench: &Bench<'_>, transcript: &mut Transcript) -> anyhow::Result<()> {
    let good = &bench.shelf.fallback_jws;
    let finished = kubectl(bench, transcript, &["create", "deployment", "good", "--image", &good.by_tag()])?;
    transcript.verdict(
        "a Deployment of a signed image is created",
        prints_exactly(&finished, "deployment.apps/good created\n"),
    );

    let bad = &bench.shelf.unsigned;
    let finished = kubectl(bench, transcript, &["create", "deployment", "bad", "--image", &bad.by_tag()])?;
    let prefix = r#"error: failed to create deployment: admission webhook "validation.gatekeeper.sh" denied the request: [signed-images-in-workloads] "#;
    transcript.verdict(
        "a Deployment of an unsigned image is denied at once",
        denies(&finished, prefix, &[&bad.by_tag(), "unsigned"]),
    );
    Ok(())
}
