//! The answers of the three verifiers, and what they have in common: accepted or refused, and by which checks.

use std::collections::BTreeSet;
use std::fmt;

use anyhow::Context;
use anyhow::bail;
use serde::Deserialize;
use serde_json::Value;

use crate::process::Finished;

/// A check that refused a signature or an image.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "camelCase")]
pub(super) enum Check {
    /// The image has no signature.
    Unsigned,
    /// A signature cannot be fetched, or its manifest is not one of a signature.
    Retrieval,
    Integrity,
    /// The payload is about another image.
    Target,
    Metadata,
    Authenticity,
    Expiry,
    AuthenticTimestamp,
    Revocation,
    /// The statement of the trust policy, or the whole document.
    Policy,
}

/// The answer of one verifier about an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) is_accepted: bool,
    /// The checks that refused it, of all signatures, as far as the verifier names them.
    pub(super) checks: BTreeSet<Check>,
    /// Countersign's code.
    pub(super) code: String,
    /// Its codes of the verdict and of all signatures.
    pub(super) codes: BTreeSet<String>,
    /// What a person reads.
    pub(super) text: String,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.is_accepted { "accepted" } else { "refused" };
        let checks: Vec<String> = self.checks.iter().map(|check| format!("{check:?}")).collect();
        write!(f, "{verdict} {} [{}]", self.code, checks.join(", "))
    }
}

/// The answers about one case.
#[derive(Clone, Debug)]
pub(super) struct Answers {
    pub(super) notation: Answer,
    /// `countersign verify`
    pub(super) verify: Answer,
    /// `countersign serve`
    pub(super) serve: Answer,
}

/// How the answers of Countersign differ from that of notation.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "camelCase")]
pub(super) enum Disagreement {
    /// Countersign refuses what notation accepts.
    Stricter,
    /// Countersign accepts what notation refuses.
    Wider,
    /// Both refuse, by other checks.
    OtherCheck,
    /// `verify` and `serve` differ from one another.
    Within,
}

impl Answers {
    /// `None` if all agree.
    pub(super) fn disagreement(&self) -> Option<Disagreement> {
        let Self { notation, verify, serve } = self;
        if (verify.is_accepted, &verify.code) != (serve.is_accepted, &serve.code) {
            return Some(Disagreement::Within);
        }
        match (notation.is_accepted, verify.is_accepted) {
            (true, false) => Some(Disagreement::Stricter),
            (false, true) => Some(Disagreement::Wider),
            (true, true) => None,
            (false, false) => {
                // notation stops at the first check of a signature that fails; Countersign names all. A refusal without a check
                // that is known here agrees with nothing.
                let agree = !notation.checks.is_empty() && notation.checks.is_subset(&verify.checks);
                (!agree).then_some(Disagreement::OtherCheck)
            }
        }
    }
}

/// The answer of `notation verify --verbose`.
pub(super) fn of_notation(finished: Finished) -> Answer {
    let text = finished.output;
    let mut checks = BTreeSet::new();
    for (part, check) in [
        ("integrity validation failed. Failure reason", Check::Integrity),
        ("authenticity validation failed. Failure reason", Check::Authenticity),
        ("expiry validation failed. Failure reason", Check::Expiry),
        ("authenticTimestamp validation failed. Failure reason", Check::AuthenticTimestamp),
        ("revocation validation failed. Failure reason", Check::Revocation),
        ("content descriptor mismatch", Check::Target),
        ("is not present in the signature", Check::Metadata),
        ("no signature is associated with", Check::Unsigned),
        ("unable to retrieve digital signature", Check::Retrieval),
        ("no applicable trust policy statement", Check::Policy),
    ] {
        if text.contains(part) {
            checks.insert(check);
        }
    }
    let (code, codes) = (String::new(), BTreeSet::new());
    Answer { is_accepted: finished.status.success(), checks, code, codes, text: important(&text) }
}

/// The lines that say why: warnings, errors and the last line.
fn important(text: &str) -> String {
    let is_important =
        |line: &&str| !line.starts_with("level=") || line.contains("level=error") || line.contains("level=warn");
    text.lines().filter(is_important).collect::<Vec<_>>().join("\n")
}

/// The answer of `countersign verify -o json` about one image.
pub(super) fn of_verify(finished: &Finished) -> anyhow::Result<Answer> {
    let start = finished.output.find('{').with_context(|| format!("no document: {}", finished.output))?;
    let document: Value = serde_json::from_str(&finished.output[start..])
        .with_context(|| format!("not one JSON document: {}", finished.output))?;
    let answer = of_value(&document["images"][0])?;
    let expected = match document["images"][0]["verdict"].as_str() {
        Some("verified" | "skipped") => 0,
        Some("rejected") => 1,
        Some(_) | None => 2,
    };
    if finished.status.code() != Some(expected) {
        bail!("{}, expected exit status {expected}: {}", finished.status, finished.output);
    }
    Ok(answer)
}

/// The answer of `/v1/verify` about one image.
pub(super) fn of_serve(response: &str, reference: &str) -> anyhow::Result<Answer> {
    let response: Value = serde_json::from_str(response).with_context(|| format!("not JSON: {response}"))?;
    let response = &response["response"];
    let error = response["systemError"].as_str().unwrap_or_default();
    if error.is_empty() {
        let item = &response["items"][0];
        return of_value(&item["value"]).with_context(|| format!("item {item}"));
    }
    // "could not decide about 1 of 1 images (request 1f): IMAGE: CODE: …"
    let (_, reason) =
        error.split_once(&format!("{reference}: ")).with_context(|| format!("{reference} is not in {error:?}"))?;
    let (code, _) = reason.split_once(": ").with_context(|| format!("no code in {error:?}"))?;
    Ok(Answer {
        is_accepted: false,
        checks: check_of(code).into_iter().collect(),
        code: code.to_owned(),
        codes: BTreeSet::from([code.to_owned()]),
        text: error.to_owned(),
    })
}

/// An image in the output of `verify`, and the value of an item.
fn of_value(image: &Value) -> anyhow::Result<Answer> {
    let code = image["code"].as_str().with_context(|| format!("no code in {image}"))?;
    let is_accepted = match image["verdict"].as_str() {
        Some("verified" | "skipped") => true,
        Some("rejected" | "inconclusive") => false,
        other => bail!("verdict {other:?}"),
    };
    let mut checks: BTreeSet<Check> = check_of(code).into_iter().collect();
    let mut codes = BTreeSet::from([code.to_owned()]);
    let mut text = vec![format!("{code}: {}", image["message"].as_str().unwrap_or_default())];
    if !is_accepted {
        let signatures = image["signatures"].as_array().map(Vec::as_slice).unwrap_or_default();
        for reason in signatures.iter().filter_map(|signature| signature["reasons"].as_array()).flatten() {
            let code = reason["code"].as_str().unwrap_or_default();
            checks.extend(check_of(code));
            codes.insert(code.to_owned());
            text.push(format!("  {code}: {}", reason["message"].as_str().unwrap_or_default()));
        }
    }
    Ok(Answer { is_accepted, checks, code: code.to_owned(), codes, text: text.join("\n") })
}

/// The check that a code of Countersign is about.
pub(super) fn check_of(code: &str) -> Option<Check> {
    Some(match code {
        "unsigned" => Check::Unsigned,
        "signature-unavailable" | "signature-manifest-invalid" => Check::Retrieval,
        "envelope-unsupported"
        | "envelope-malformed"
        | "critical-attribute-unknown"
        | "certificate-invalid"
        | "chain-invalid"
        | "algorithm-mismatch"
        | "signature-mismatch"
        | "payload-invalid" => Check::Integrity,
        "target-mismatch" => Check::Target,
        "metadata-missing" => Check::Metadata,
        // notation reads trust stores as a part of authenticity.
        "untrusted-chain" | "untrusted-identity" | "trust-store-unusable" => Check::Authenticity,
        "expired" => Check::Expiry,
        "certificate-outside-validity" | "timestamp-invalid" | "timestamp-unchecked" => Check::AuthenticTimestamp,
        "revoked" | "revocation-unchecked" => Check::Revocation,
        "no-applicable-rule" | "statement-disabled" | "not-ready" => Check::Policy,
        _ => return None,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::ExitStatus;

    use serde_json::json;

    use super::*;

    fn finished(code: i32, output: &str) -> Finished {
        Finished { status: ExitStatus::from_raw(code << 8), output: output.to_owned() }
    }

    fn refused(checks: &[Check], code: &str) -> Answer {
        let (checks, codes) = (checks.iter().copied().collect(), BTreeSet::from([code.to_owned()]));
        Answer { is_accepted: false, checks, code: code.to_owned(), codes, text: String::new() }
    }

    #[test]
    fn notations_checks_are_those_that_it_enforces() {
        let output = "level=warning msg=\"revocation validation failed with validation action set to \\\"logged\\\". Failure reason: x\"\n\
                      level=info msg=\"Processing signature\"\n\
                      level=error msg=\"expiry validation failed. Failure reason: digital signature has expired\"\n\
                      Error: signature verification failed for all the signatures associated with r.example/a\n";
        let answer = of_notation(finished(1, output));
        assert!(!answer.is_accepted);
        assert_eq!(answer.checks, BTreeSet::from([Check::Expiry]));
        assert!(!answer.text.contains("Processing"));
    }

    #[test]
    fn reads_countersigns_answers() {
        let image = json!({
            "verdict": "rejected", "code": "expired", "message": "m",
            "signatures": [{ "reasons": [{ "code": "expired", "message": "e" }, { "code": "untrusted-chain", "message": "u" }] }],
        });
        let document = json!({ "images": [image] }).to_string();
        let answer = of_verify(&finished(1, &document)).unwrap();
        assert_eq!((answer.code.as_str(), answer.is_accepted), ("expired", false));
        assert_eq!(answer.checks, BTreeSet::from([Check::Authenticity, Check::Expiry]));
        assert_eq!(answer.codes, BTreeSet::from(["expired".to_owned(), "untrusted-chain".to_owned()]));
        assert!(of_verify(&finished(0, &document)).unwrap_err().to_string().contains("expected exit status 1"));

        let error =
            "could not decide about 1 of 1 images (request 1f): r.example/a@sha256:0: revocation-unchecked: found: no";
        let response = json!({ "response": { "items": [], "systemError": error } }).to_string();
        let answer = of_serve(&response, "r.example/a@sha256:0").unwrap();
        assert_eq!((answer.code.as_str(), answer.is_accepted), ("revocation-unchecked", false));
    }

    #[test]
    fn disagreements_are_told_apart() {
        let accepted = Answer { is_accepted: true, ..refused(&[], "verified") };
        let expired = refused(&[Check::Expiry], "expired");
        let both = refused(&[Check::Expiry, Check::Authenticity], "untrusted-chain");
        let between = |notation: &Answer, verify: &Answer, serve: &Answer| {
            Answers { notation: notation.clone(), verify: verify.clone(), serve: serve.clone() }.disagreement()
        };
        assert_eq!(between(&accepted, &accepted, &accepted), None);
        assert_eq!(between(&accepted, &expired, &expired), Some(Disagreement::Stricter));
        assert_eq!(between(&expired, &accepted, &accepted), Some(Disagreement::Wider));
        assert_eq!(between(&expired, &both, &both), None);
        assert_eq!(between(&both, &expired, &expired), Some(Disagreement::OtherCheck));
        assert_eq!(between(&expired, &both, &expired), Some(Disagreement::Within));
        // Texts of notation and codes that are not known here must be noticed.
        let unknown = refused(&[], "");
        assert_eq!(between(&unknown, &expired, &expired), Some(Disagreement::OtherCheck));
        assert_eq!(between(&expired, &unknown, &unknown), Some(Disagreement::OtherCheck));
    }
}
