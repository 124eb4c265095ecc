//! Timestamps and revocation. The certificates of the signers are issued and revoked by OpenSSL, which also makes the CRLs and
//! OCSP responses; the timestamps are those of sigstore's timestamping authority and of OpenSSL. notation is asked about each
//! image after Countersign.

mod corporation;
mod questions;

use std::time::Duration;
use std::time::Instant;

use anyhow::ensure;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use self::corporation::Corporation;
use self::corporation::NEGATIVE_LIFETIME;
use self::corporation::SHORT;
use self::questions::Questions;
use super::Seen;
use crate::environment::Environment;
use crate::process;
use crate::transcript::Transcript;
use crate::wait;

/// Time limit until a revocation is noticed: several times the lifetimes in the configuration.
const NOTICED: Duration = Duration::from_secs(20);

pub(super) fn run(environment: &Environment<'_>, transcript: &mut Transcript, seen: &mut Seen) -> anyhow::Result<()> {
    transcript.chapter("Timestamps and revocation");
    let mut corporation = Corporation::start(environment, transcript)?;
    let mut questions = Questions { environment, transcript, seen };
    questions.use_provider(&corporation.countersign, &corporation.images.skipped)?;

    before(&corporation, &mut questions)?;
    unreachable_by_default(&corporation, &mut questions)?;
    revoked(&corporation, &mut questions)?;
    outage(&mut corporation, &mut questions)?;
    ended(&corporation, &mut questions)?;
    revoked_timestamping(&corporation, &mut questions)?;

    let fixtures = &environment.fixtures;
    questions.use_provider(&environment.countersign, &fixtures.skipped)
}

/// Nothing is revoked, and no certificate has ended.
fn before(corporation: &Corporation, questions: &mut Questions<'_, '_>) -> anyhow::Result<()> {
    let images = &corporation.images;
    for (what, signed) in [
        ("an image is admitted while the CRL does not list its certificate", &images.by_crl),
        ("an image is admitted while the OCSP response about its certificate is good", &images.by_ocsp),
        ("an image is admitted while no certificate of its chain is revoked", &images.by_intermediate),
        ("an image with a timestamp of sigstore's authority is admitted", &images.sigstore),
        ("an image with a timestamp of OpenSSL is admitted", &images.openssl),
        ("an image without a timestamp is admitted while its certificate is valid", &images.untimestamped),
    ] {
        questions.admitted(corporation, what, signed, "before")?;
    }
    Ok(())
}

/// Without an entry in `evidence.reachableHosts`, no request is sent to loopback.
fn unreachable_by_default(corporation: &Corporation, questions: &mut Questions<'_, '_>) -> anyhow::Result<()> {
    let mut command = corporation.countersign.command();
    command.arg("verify").arg("--config").arg(&corporation.config_without_host).arg(corporation.images.by_crl.by_tag());
    let finished = process::run(&command, NOTICED, &questions.environment.workdir.log("countersign-no-host"))?;
    questions.transcript.command(&process::command_line(&command), &finished.output);
    let result = (|| {
        ensure!(finished.status.code() == Some(2), "{}, expected exit status 2", finished.status);
        for part in ["revocation-unchecked", "to which no request is sent", "evidence.reachableHosts"] {
            ensure!(finished.output.contains(part), "expected {part:?}");
        }
        Ok(())
    })();
    questions.transcript.verdict("without evidence.reachableHosts no request is sent to a loopback address", result);
    Ok(())
}

/// A certificate is revoked in a CRL, another by OCSP, and an intermediate one in the CRL of the root.
fn revoked(corporation: &Corporation, questions: &mut Questions<'_, '_>) -> anyhow::Result<()> {
    let images = &corporation.images;
    corporation.issuing.revoke("by-crl", "keyCompromise")?;
    corporation.responding.revoke("by-ocsp", "cessationOfOperation")?;
    corporation.root.revoke("second-issuing", "CACompromise")?;
    questions.transcript.note("openssl ca -revoke by-crl, by-ocsp and second-issuing");
    for (what, signed, parts) in [
        (
            "an image is denied after its certificate was revoked in a CRL",
            &images.by_crl,
            ["CN=by-crl", "with reason keyCompromise by the CRL of ", "/issuing.crl"],
        ),
        (
            "an image is denied after its certificate was revoked by OCSP",
            &images.by_ocsp,
            ["CN=by-ocsp", "with reason cessationOfOperation by the OCSP response of ", "/ocsp"],
        ),
        (
            "an image is denied after an intermediate certificate was revoked",
            &images.by_intermediate,
            ["CN=second-issuing", "with reason cACompromise by the CRL of ", "/root.crl"],
        ),
    ] {
        let start = rejected("corporate", "revoked");
        let tag = questions.until_denied(signed, "revoked", &start, NOTICED)?;
        let parts = [&start, parts[0], "revoked since ", parts[1], parts[2]];
        questions.denied(corporation, what, signed, &tag, &parts, "is revoked")?;
    }
    Ok(())
}

/// The server of CRLs and OCSP responses is stopped, and then serves again.
fn outage(corporation: &mut Corporation, questions: &mut Questions<'_, '_>) -> anyhow::Result<()> {
    corporation.server.stop()?;
    questions.transcript.note(&format!("{} is stopped", corporation.server.host()));
    let url = corporation.server.url("/ocsp");
    let (strict, permissive) = (&corporation.images.down, &corporation.images.permissive);
    let code = "revocation-unchecked: ";
    let undecided = format!("): {}: {code}", strict.tagged("down")?.by_tag());
    let parts = [
        "signature check failed: could not decide about 1 of 1 images (request ",
        &undecided,
        "CN=down",
        "no usable status: OCSP: since 20",
        &url,
        "cannot connect to ",
        "inconclusive, as the statement enforces the check",
    ];
    let what = "under strict, an image is denied whose OCSP responder is down";
    questions.denied(corporation, what, strict, "down", &parts, "unknown")?;
    let what = "under permissive, it is admitted";
    questions.admitted(corporation, what, permissive, "down")?;
    questions.warned(corporation, permissive, &[code, "CN=down", &url])?;
    let what = "an image whose CRL was fetched before is still admitted";
    questions.admitted_by_countersign(what, &corporation.images.with_crl, "down")?;

    corporation.server.resume()?;
    let since = Instant::now();
    questions.transcript.note(&format!("{} serves again", corporation.server.host()));
    wait::until("the memory of the failure to end", NOTICED, || {
        ensure!(since.elapsed() > NEGATIVE_LIFETIME, "it lasts {NEGATIVE_LIFETIME:?}");
        Ok(())
    })?;
    let what = "the first attempt after it serves again is admitted";
    questions.admitted(corporation, what, &corporation.images.down, "back")
}

/// The certificate of three images has ended; two of them have timestamps.
fn ended(corporation: &Corporation, questions: &mut Questions<'_, '_>) -> anyhow::Result<()> {
    wait::until("the certificate to end", SHORT, || {
        ensure!(OffsetDateTime::now_utc() > corporation.short_end, "it ends at {}", corporation.short_end);
        Ok(())
    })?;
    let end = corporation.short_end.format(&Rfc3339)?;
    questions.transcript.note(&format!("the certificate of \"short\" ended at {end}"));
    let images = &corporation.images;
    for (what, signed) in [
        ("an image is admitted after its certificate ended, by a timestamp of sigstore's authority", &images.sigstore),
        ("an image is admitted after its certificate ended, by a timestamp of OpenSSL", &images.openssl),
    ] {
        questions.admitted(corporation, what, signed, "ended")?;
    }
    let signed = &images.untimestamped;
    let start = rejected("timestamped", "timestamp-invalid");
    let tag = questions.until_denied(signed, "ended", &start, NOTICED)?;
    let what = "an image without a timestamp is denied after its certificate ended";
    questions.denied(corporation, what, signed, &tag, &[&start, "timestamp is missing"], "timestamp")
}

/// The certificate of OpenSSL's timestamping authority is revoked.
fn revoked_timestamping(corporation: &Corporation, questions: &mut Questions<'_, '_>) -> anyhow::Result<()> {
    corporation.root.revoke("timestamping", "keyCompromise")?;
    questions.transcript.note("openssl ca -revoke timestamping");
    let signed = &corporation.images.openssl;
    let start = rejected("timestamped", "timestamp-invalid");
    let tag = questions.until_denied(signed, "tsa", &start, NOTICED)?;
    let what = "an image is denied after the certificate of its timestamping authority was revoked";
    let parts = [&start, "CN=timestamping", "revoked since ", "/root.crl"];
    questions.denied(corporation, what, signed, &tag, &parts, "is revoked")?;
    let what = "an image with a timestamp of another authority is still admitted";
    questions.admitted(corporation, what, &corporation.images.sigstore, "other")
}

/// The text after an image that Countersign rejected under this statement.
fn rejected(statement: &str, code: &str) -> String {
    format!(" was rejected by statement {statement:?} of the trust policy: {code}: ")
}
