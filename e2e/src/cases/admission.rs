//! Who signed, and do we trust them: what is created and what is denied, with the reason.

use std::time::Duration;

use anyhow::ensure;
use serde_json::json;

use super::POD_DENIED;
use super::Seen;
use super::created;
use super::denied;
use super::denies;
use super::kubectl;
use super::prints_exactly;
use super::rejected;
use crate::environment::Environment;
use crate::images::Image;
use crate::transcript::Transcript;
use crate::wait;

/// A signature that lives for a second has ended by then.
const EXPIRY: Duration = Duration::from_secs(10);

/// A question to the webhook, to `countersign verify` and to notation, with the one answer that all must give.
struct Question<'a> {
    what: &'a str,
    image: &'a Image,
    code: &'static str,
    /// What notation says.
    notation: &'a str,
}

pub(super) fn run(environment: &Environment<'_>, transcript: &mut Transcript, seen: &mut Seen) -> anyhow::Result<()> {
    let fixtures = &environment.fixtures;

    transcript.chapter("Signed by whom we trust: created");
    let verified = "Successfully verified signature for ";
    let skipped = "Trust policy is configured to skip signature verification for ";
    for (what, image, code, notation) in [
        ("a JWS envelope, found by the referrers API, admits", &fixtures.jws, "verified", verified),
        ("a COSE envelope, found by the referrers API, admits", &fixtures.cose, "verified", verified),
        ("a JWS envelope, found by the fallback tag, admits", &fixtures.fallback_jws, "verified", verified),
        ("a COSE envelope, found by the fallback tag, admits", &fixtures.fallback_cose, "verified", verified),
        ("a good signature beside a stranger's admits", &fixtures.both, "verified", verified),
        ("a repository that the policy skips is admitted unsigned", &fixtures.skipped, "skipped", skipped),
    ] {
        created(environment, transcript, seen, what, &image.pod(), image)?;
        let question = Question { what, image, code, notation };
        peers(environment, transcript, seen, &question, true)?;
    }

    transcript.chapter("Not signed by whom we trust: denied, with the reason");
    wait::until("the signature to expire", EXPIRY, || {
        let (_, finished) = environment.notation.verify(&fixtures.expired.by_digest())?;
        ensure!(!finished.status.success(), "still valid");
        Ok(())
    })?;
    for (what, image, code, notation) in [
        (
            "an unsigned image is denied (referrers API)",
            &fixtures.unsigned,
            "unsigned",
            "no signature is associated with ",
        ),
        (
            "an unsigned image is denied (fallback tag)",
            &fixtures.fallback_unsigned,
            "unsigned",
            "no signature is associated with ",
        ),
        (
            "a signature under another root is denied",
            &fixtures.untrusted,
            "untrusted-chain",
            "certificate chain does not contain any trusted certificate",
        ),
        (
            "a signature by another identity of the root is denied",
            &fixtures.intern,
            "untrusted-identity",
            "does not match the X.509 trusted identities",
        ),
        ("a signature beyond its expiry is denied", &fixtures.expired, "expired", "digital signature has expired on "),
        ("another image's signature is denied", &fixtures.copied, "target-mismatch", "content descriptor mismatch"),
        (
            "a repository without a statement is denied",
            &fixtures.uncovered,
            "no-applicable-rule",
            "has no applicable trust policy statement",
        ),
    ] {
        let question = Question { what, image, code, notation };
        let start = match code {
            "no-applicable-rule" => format!("{} was rejected: {code}: ", image.by_tag()),
            _ => rejected(image, code),
        };
        denied(environment, transcript, question.what, image, &[&start])?;
        peers(environment, transcript, seen, &question, false)?;
    }

    // Clients differ about this one.
    let image = &fixtures.fallback_itself;
    let what = "an image whose fallback tag leads to itself is denied as unsigned";
    denied(environment, transcript, what, image, &[&rejected(image, "unsigned")])?;
    *seen.verdicts.entry("unsigned").or_default() += 1;

    transcript.chapter("Wherever a pod names images");
    init_container(environment, transcript)?;
    debug_container(environment, transcript)
}

/// Asks `countersign verify` and notation what the webhook was asked.
fn peers(
    environment: &Environment<'_>,
    transcript: &mut Transcript,
    seen: &mut Seen,
    question: &Question<'_>,
    good: bool,
) -> anyhow::Result<()> {
    *seen.verdicts.entry(question.code).or_default() += 1;
    let reference = question.image.by_tag();
    let name = question.image.pod();

    let (line, finished) = environment.countersign.verify(&reference)?;
    transcript.command(&line, &finished.output);
    let result = (|| {
        let want = if good { 0 } else { 1 };
        ensure!(finished.status.code() == Some(want), "{}: want exit status {want}", finished.status);
        ensure!(finished.output.contains(question.code), "want {:?}", question.code);
        Ok(())
    })();
    transcript.verdict(&format!("countersign verify says the same about {name}"), result);

    let (line, finished) = environment.notation.verify(&reference)?;
    transcript.command(&line, &finished.output);
    let result = (|| {
        let want = if good { "success" } else { "failure" };
        ensure!(finished.status.success() == good, "{}: want {want}", finished.status);
        ensure!(finished.output.contains(question.notation), "want {:?}", question.notation);
        Ok(())
    })();
    transcript.verdict(&format!("notation agrees about {name}"), result);
    Ok(())
}

/// An unsigned init container beside a signed container: only the one is named.
fn init_container(environment: &Environment<'_>, transcript: &mut Transcript) -> anyhow::Result<()> {
    let unsigned = &environment.fixtures.unsigned;
    let pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": "with-init" },
        "spec": {
            "initContainers": [{ "name": "prepare", "image": unsigned.by_tag() }],
            "containers": [{ "name": "serve", "image": environment.fixtures.jws.by_tag() }],
        },
    });
    let path = environment.workdir.write("objects/with-init.json", pod.to_string())?.display().to_string();
    let finished = kubectl(environment, transcript, &["apply", "-f", &path])?;
    let prefix = POD_DENIED.replacen(": ", &format!(": error when creating {path:?}: "), 1);
    transcript.verdict(
        "an unsigned init container denies the pod, and only it is named",
        denies(&finished, &prefix, &[&rejected(unsigned, "unsigned")]),
    );
    Ok(())
}

/// A container that joins a pod which runs already.
fn debug_container(environment: &Environment<'_>, transcript: &mut Transcript) -> anyhow::Result<()> {
    let pod = environment.fixtures.jws.pod();
    let arguments = |image: &Image| {
        ["debug", &pod, "--attach=false", "--container", &image.pod(), "--image", &image.by_tag()].map(str::to_owned)
    };

    let unsigned = &environment.fixtures.unsigned;
    let finished = kubectl(environment, transcript, &arguments(unsigned).each_ref().map(String::as_str))?;
    transcript.verdict(
        "an unsigned image may not join a pod for debugging",
        denies(&finished, POD_DENIED, &[&rejected(unsigned, "unsigned")]),
    );

    let signed = &environment.fixtures.cose;
    let finished = kubectl(environment, transcript, &arguments(signed).each_ref().map(String::as_str))?;
    transcript.verdict("a signed one may", prints_exactly(&finished, ""));
    Ok(())
}
