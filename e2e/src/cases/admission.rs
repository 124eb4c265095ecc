//! Which images are admitted and which are denied, with the reason.

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
use crate::fixtures::Fixtures;
use crate::images::Image;
use crate::transcript::Transcript;
use crate::wait;

/// Time limit until a signature with a lifetime of one second has expired.
const EXPIRY: Duration = Duration::from_secs(10);

/// One image, and the result that the webhook, `countersign verify` and notation must give.
struct Case<'a> {
    what: &'a str,
    image: &'a Image,
    code: &'static str,
    /// notation's message.
    notation: &'a str,
}

pub(super) fn run(environment: &Environment<'_>, transcript: &mut Transcript, seen: &mut Seen) -> anyhow::Result<()> {
    trusted(environment, transcript, seen)?;
    untrusted(environment, transcript, seen)?;
    transcript.chapter("All fields of a pod that name images");
    init_container(environment, transcript)?;
    debug_container(environment, transcript)
}

/// Images that must be admitted.
fn trusted(environment: &Environment<'_>, transcript: &mut Transcript, seen: &mut Seen) -> anyhow::Result<()> {
    let fixtures = &environment.fixtures;
    transcript.chapter("Signed by a trusted identity: created");
    let verified = "Successfully verified signature for ";
    let skipped = "Trust policy is configured to skip signature verification for ";
    for (what, image, code, notation) in [
        ("a JWS envelope, found by the referrers API, admits", &fixtures.jws, "verified", verified),
        ("a COSE envelope, found by the referrers API, admits", &fixtures.cose, "verified", verified),
        ("a JWS envelope, found by the fallback tag, admits", &fixtures.fallback_jws, "verified", verified),
        ("a COSE envelope, found by the fallback tag, admits", &fixtures.fallback_cose, "verified", verified),
        ("a good signature beside an untrusted one admits", &fixtures.both, "verified", verified),
        ("a repository that the policy skips is admitted unsigned", &fixtures.skipped, "skipped", skipped),
    ] {
        created(environment, transcript, seen, what, &image.pod(), image)?;
        let case = Case { what, image, code, notation };
        other_verifiers(environment, transcript, seen, &case, true)?;
    }
    Ok(())
}

/// Images that must be denied, each with the name of its case, its reason code and notation's message.
fn denied_images(fixtures: &Fixtures) -> [(&'static str, &Image, &'static str, &'static str); 7] {
    [
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
            "a signature by another identity under the same root is denied",
            &fixtures.intern,
            "untrusted-identity",
            "does not match the X.509 trusted identities",
        ),
        ("a signature beyond its expiry is denied", &fixtures.expired, "expired", "digital signature has expired on "),
        (
            "a signature copied from another image is denied",
            &fixtures.copied,
            "target-mismatch",
            "content descriptor mismatch",
        ),
        (
            "a repository without a statement is denied",
            &fixtures.uncovered,
            "no-applicable-rule",
            "has no applicable trust policy statement",
        ),
    ]
}

/// Checks that images without a trusted signature are denied.
fn untrusted(environment: &Environment<'_>, transcript: &mut Transcript, seen: &mut Seen) -> anyhow::Result<()> {
    let fixtures = &environment.fixtures;
    transcript.chapter("Not signed by a trusted identity: denied, with the reason");
    wait::until("the signature to expire", EXPIRY, || {
        let (_, finished) = environment.notation.verify(&fixtures.expired.by_digest())?;
        ensure!(!finished.status.success(), "still valid");
        Ok(())
    })?;
    for (what, image, code, notation) in denied_images(fixtures) {
        let case = Case { what, image, code, notation };
        let start = match code {
            "no-applicable-rule" => format!("{} was rejected: {code}: ", image.by_tag()),
            _ => rejected(image, code),
        };
        denied(environment, transcript, case.what, image, &[&start])?;
        other_verifiers(environment, transcript, seen, &case, false)?;
    }

    // The clients differ here, so only the webhook is checked.
    let image = &fixtures.fallback_itself;
    let what = "an image whose fallback tag points to the image itself is denied as unsigned";
    denied(environment, transcript, what, image, &[&rejected(image, "unsigned")])?;
    *seen.verdicts.entry("unsigned").or_default() += 1;
    Ok(())
}

/// Verifies the same image with `countersign verify` and with notation.
fn other_verifiers(
    environment: &Environment<'_>,
    transcript: &mut Transcript,
    seen: &mut Seen,
    case: &Case<'_>,
    good: bool,
) -> anyhow::Result<()> {
    *seen.verdicts.entry(case.code).or_default() += 1;
    let reference = case.image.by_tag();
    let name = case.image.pod();

    let (line, finished) = environment.countersign.verify(&reference)?;
    transcript.command(&line, &finished.output);
    let result = (|| {
        let want = if good { 0 } else { 1 };
        ensure!(finished.status.code() == Some(want), "{}, expected exit status {want}", finished.status);
        ensure!(finished.output.contains(case.code), "expected {:?}", case.code);
        Ok(())
    })();
    transcript.verdict(&format!("countersign verify agrees about {name}"), result);

    let (line, finished) = environment.notation.verify(&reference)?;
    transcript.command(&line, &finished.output);
    let result = (|| {
        let want = if good { "success" } else { "failure" };
        ensure!(finished.status.success() == good, "{}, expected {want}", finished.status);
        ensure!(finished.output.contains(case.notation), "expected {:?}", case.notation);
        Ok(())
    })();
    transcript.verdict(&format!("notation agrees about {name}"), result);
    Ok(())
}

/// An unsigned init container beside a signed container: only the unsigned image is named.
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

/// An ephemeral container in a running pod.
fn debug_container(environment: &Environment<'_>, transcript: &mut Transcript) -> anyhow::Result<()> {
    let pod = environment.fixtures.jws.pod();
    let arguments = |image: &Image| {
        ["debug", &pod, "--attach=false", "--container", &image.pod(), "--image", &image.by_tag()].map(str::to_owned)
    };

    let unsigned = &environment.fixtures.unsigned;
    let finished = kubectl(environment, transcript, &arguments(unsigned).each_ref().map(String::as_str))?;
    transcript.verdict(
        "an unsigned image is denied as an ephemeral container",
        denies(&finished, POD_DENIED, &[&rejected(unsigned, "unsigned")]),
    );

    let signed = &environment.fixtures.cose;
    let finished = kubectl(environment, transcript, &arguments(signed).each_ref().map(String::as_str))?;
    transcript.verdict("a signed image is admitted as an ephemeral container", prints_exactly(&finished, ""));
    Ok(())
}
