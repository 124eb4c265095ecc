//! Parts of a verdict as JSON, for the server's responses and the command line alike. The names are a contract with
//! constraint templates and scripts.
//!
//! Verdicts do not derive `Serialize`: a rename inside changes nothing here.

use countersign_core::codec::hex::hex;
use countersign_core::codec::text::Text;
use countersign_core::notation as core;
use countersign_core::notation::Checks as CoreChecks;
use countersign_core::verdict::FailedSignature;
use countersign_core::verdict::ImageVerdict;
use countersign_core::verdict::Reason;
use countersign_core::verdict::VerdictKind;
use countersign_core::verdict::Verified;
use countersign_core::verdict::VerifiedBy;
use countersign_core::verdict::VerifiedNotation;
use serde::Serialize;

/// The name of the trust policy statement that applied: the member `statement`, and for one release also `rule`, its former
/// name. Flattened into the documents that have it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StatementName {
    statement: Option<String>,
    rule: Option<String>,
}

impl StatementName {
    /// None if no statement applied.
    pub fn of(verdict: &ImageVerdict) -> Self {
        let statement = verdict.statement().map(str::to_owned);
        Self { rule: statement.clone(), statement }
    }
}

/// The signer of the verified signature. `None` if authenticity failed and is only logged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Signer {
    pub subject: String,
    pub issuer: String,
    pub scheme: &'static str,
    pub format: &'static str,
    pub algorithm: &'static str,
    /// RFC 3339.
    pub signing_time: String,
    /// RFC 3339.
    pub expiry: Option<String>,
    /// Digest of the signature manifest.
    pub signature: String,
    /// The trust store with the trust anchor of the signing certificate, as in `ca:example`.
    pub trust_store: String,
    pub anchor: Anchor,
    /// For signatures of AWS Signer. Their certificates name AWS only.
    pub aws_signer: Option<AwsSigner>,
}

/// What AWS Signer states about its signature: ARNs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AwsSigner {
    /// The signing profile, of any version.
    pub profile: String,
    pub profile_version: String,
    /// The alias that the profile was used under, if it was.
    pub alias: Option<String>,
    pub job: String,
}

/// The certificate of the trust store that is in the signature's chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Anchor {
    pub subject: String,
    /// Of the certificate, lower-case hexadecimal.
    pub sha256: String,
}

/// Replaces a [`Signer`] if authenticity failed and is only logged: the claims of the signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UnverifiedSigner {
    /// As claimed in the envelope; unauthenticated.
    pub subject: String,
    /// Digest of the signature manifest.
    pub signature: String,
}

/// The results of the five checks of the verified signature: `passed`, `logged` or `skipped`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Checks {
    pub integrity: &'static str,
    pub authenticity: &'static str,
    pub authentic_timestamp: &'static str,
    pub expiry: &'static str,
    pub revocation: &'static str,
}

/// A code and its sentence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Why {
    pub code: &'static str,
    pub message: String,
}

/// A failure that the statement only logs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Warning {
    pub check: &'static str,
    #[serde(flatten)]
    pub why: Why,
}

/// A signature that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failed {
    /// Digest of the signature manifest.
    pub digest: String,
    /// As claimed in the envelope; unauthenticated.
    pub subject: Option<String>,
    /// `rejected` or `inconclusive`.
    pub verdict: &'static str,
    pub reasons: Vec<Why>,
}

impl Signer {
    /// `None` if the signer was not authenticated.
    pub fn of(
        Verified { statement: _, by: VerifiedBy::Notation(VerifiedNotation { manifest, signature }), others: _ }: &Verified,
    ) -> Option<Self> {
        let signer = signature.signer()?;
        let core::Anchor { store, subject, fingerprint } = signer.anchor();
        Some(Self {
            subject: signer.subject().to_string(),
            issuer: signer.issuer().to_string(),
            scheme: signer.scheme(),
            format: signer.format(),
            algorithm: signer.algorithm(),
            signing_time: signer.signing_time().to_string(),
            expiry: signer.expiry().map(|time| time.to_string()),
            signature: manifest.to_string(),
            trust_store: store.to_string(),
            anchor: Anchor { subject: subject.to_string(), sha256: hex(fingerprint).to_string() },
            aws_signer: signer.aws_signer().map(AwsSigner::from),
        })
    }
}

impl From<&core::AwsSigner> for AwsSigner {
    fn from(signer: &core::AwsSigner) -> Self {
        let version = signer.profile_version();
        let text = |arn: &str| Text::of(arn).to_string();
        Self {
            profile: text(version.profile()),
            profile_version: text(version.as_str()),
            alias: signer.alias().map(|alias| text(alias.as_str())),
            job: text(signer.job().as_str()),
        }
    }
}

impl UnverifiedSigner {
    /// None if there is a [`Signer`].
    pub fn of(
        Verified { statement: _, by: VerifiedBy::Notation(VerifiedNotation { manifest, signature }), others: _ }: &Verified,
    ) -> Option<Self> {
        match signature.signer() {
            Some(_) => None,
            None => Some(Self { subject: signature.unverified_subject().to_string(), signature: manifest.to_string() }),
        }
    }
}

impl From<&CoreChecks> for Checks {
    fn from(checks: &CoreChecks) -> Self {
        let CoreChecks { integrity, authenticity, authentic_timestamp, expiry, revocation } = checks;
        Self {
            integrity: integrity.as_str(),
            authenticity: authenticity.as_str(),
            authentic_timestamp: authentic_timestamp.as_str(),
            expiry: expiry.as_str(),
            revocation: revocation.as_str(),
        }
    }
}

impl From<&Reason> for Why {
    fn from(Reason { code, detail, remedy: _ }: &Reason) -> Self {
        Self { code: code.as_str(), message: detail.to_string() }
    }
}

impl From<(core::Check, &Reason)> for Warning {
    fn from((check, reason): (core::Check, &Reason)) -> Self {
        Self { check: check.as_str(), why: Why::from(reason) }
    }
}

impl From<&FailedSignature> for Failed {
    fn from(failed: &FailedSignature) -> Self {
        let FailedSignature { manifest, unverified_subject, reasons } = failed;
        let kind = if failed.is_inconclusive() { VerdictKind::Inconclusive } else { VerdictKind::Rejected };
        Self {
            digest: manifest.to_string(),
            subject: unverified_subject.as_ref().map(ToString::to_string),
            verdict: kind.as_str(),
            reasons: reasons.iter().map(Why::from).collect(),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use countersign_core::name::Digest;
    use countersign_core::name::DigestAlgorithm;
    use countersign_core::notation::CheckOutcome;
    use countersign_core::verdict::Code;
    use countersign_core::verdict::Reasons;
    use countersign_core::verdict::Skipped;
    use serde_json::json;

    use super::*;

    #[test]
    fn checks_have_stable_names_and_values() {
        let checks = CoreChecks {
            integrity: CheckOutcome::Passed,
            authenticity: CheckOutcome::Passed,
            authentic_timestamp: CheckOutcome::Passed,
            expiry: CheckOutcome::Logged(Reason::new(Code::Expired, "x")),
            revocation: CheckOutcome::Skipped,
        };
        assert_eq!(
            serde_json::to_value(Checks::from(&checks)).unwrap(),
            json!({"integrity": "passed", "authenticity": "passed", "authenticTimestamp": "passed", "expiry": "logged", "revocation": "skipped"})
        );
    }

    #[test]
    fn the_statement_has_its_present_and_its_former_name() {
        let skipped = ImageVerdict::Skipped(Skipped { statement: "mirror".into() });
        assert_eq!(
            serde_json::to_value(StatementName::of(&skipped)).unwrap(),
            json!({"statement": "mirror", "rule": "mirror"})
        );
        let malformed = ImageVerdict::from_reason(None, Reason::new(Code::InvalidReference, "x"));
        assert_eq!(
            serde_json::to_value(StatementName::of(&malformed)).unwrap(),
            json!({"statement": null, "rule": null})
        );
    }

    #[test]
    fn serializes_warnings_without_nesting() {
        let reason = Reason::new(Code::Expired, "found x");
        assert_eq!(
            serde_json::to_value(Warning::from((core::Check::Expiry, &reason))).unwrap(),
            json!({"check": "expiry", "code": "expired", "message": "found x"})
        );
    }

    #[test]
    fn texts_from_outside_are_bounded() {
        let failed = FailedSignature {
            manifest: Digest::of(DigestAlgorithm::Sha256, b"{}"),
            unverified_subject: Some(Text::of("x".repeat(100_000))),
            reasons: Reasons::one(Reason::new(Code::EnvelopeMalformed, "y".repeat(100_000))),
        };
        let view = Failed::from(&failed);
        assert_eq!(view.subject.unwrap().len(), Text::BYTES);
        assert_eq!(view.reasons[0].message.len(), Text::BYTES);
    }
}
