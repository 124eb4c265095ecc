//! The value of an item of Ratify's endpoint: version 0.2.0 of its verification result, as Ratify's stock constraint
//! templates read it.
//!
//! These templates admit an image if the response is slightly wrong: a missing `isSuccess`, one successful report in a
//! failure, an item error. So such a value cannot be constructed: a [`Value`] is either a success with at least one
//! successful report, or a failure whose reports all failed, and every member is always present.
//!
//! A success omits the reports of failed signatures, because one template denies if a failed report has the expected
//! issuer. The log has them.

use countersign_core::codec::text;
use countersign_core::codec::text::Text as Bounded;
use countersign_core::name::ImageRef;
use countersign_core::name::ReferenceError;
use countersign_core::verdict::Code;
use countersign_core::verdict::FailedSignature;
use countersign_core::verdict::ImageVerdict;
use countersign_core::verdict::Reason;
use countersign_core::verdict::Rejected;
use countersign_core::verdict::Skipped;
use countersign_core::verdict::Verified;
use countersign_core::verdict::VerifiedBy;
use countersign_core::verdict::VerifiedNotation;
use serde::Serialize;
use serde::Serializer;

use crate::engine::ImageResult;
use crate::protocol::EncodedKey;
use crate::protocol::ResponseContext;
use crate::protocol::gatekeeper::KeyOutcome;
use crate::protocol::gatekeeper::encode_item;
use crate::protocol::message::not_a_reference;
use crate::protocol::message::rejection;
use crate::protocol::message::undecided;

/// The version that all stock templates support; three of them deny a success of the later version 1.1.0.
const VERSION: &str = "0.2.0";
/// The templates require this type of report.
const TYPE: &str = "notation";
/// The verifier that made the report.
const NAME: &str = "countersign";
/// The artifact type of a Notary Project signature.
const ARTIFACT_TYPE: &str = "application/vnd.cncf.notary.signature";

/// A verification result. See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Value {
    timestamp: String,
    trace_id: String,
    subject: String,
    ruling: Ruling,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Ruling {
    /// With the report of the verified signature, or the report that a statement skips verification.
    Yes(Good),
    /// The reasons of each signature, or of the image if it has none.
    No(Vec<Bad>),
}

/// A successful report.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Good {
    reference_digest: String,
    message: String,
    /// Issuer and subject of the signing certificate: empty if the signer was not authenticated, so that a template
    /// which requires an issuer denies.
    issuer: String,
    subject_name: String,
    /// Failures that the statement only logs.
    warnings: Vec<String>,
}

/// A failed report.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Bad {
    reference_digest: String,
    message: String,
    error_reason: String,
    remediation: String,
}

/// The item of the key that names `image`.
pub(super) fn encode(context: ResponseContext<'_>, key: &str, image: &ImageRef, result: &ImageResult) -> EncodedKey {
    encode_item(key, outcome(context, image, result))
}

/// The item of a key that is not an image reference: a value, because one stock template ignores item errors.
pub(super) fn encode_not_a_reference(context: ResponseContext<'_>, key: &str, why: &ReferenceError) -> EncodedKey {
    encode_item(key, not_an_image(context, key, why))
}

fn outcome(context: ResponseContext<'_>, image: &ImageRef, result: &ImageResult) -> KeyOutcome<Value> {
    let subject = match &result.digest {
        Some(digest) => format!("{}@{digest}", image.repository()),
        None => image.to_string(),
    };
    let name = image.to_string();
    let ruling = match &*result.verdict {
        ImageVerdict::Verified(verified) => {
            let Verified {
                statement: _,
                by: VerifiedBy::Notation(VerifiedNotation { manifest, signature }),
                others: _,
            } = verified;
            let signer = signature.signer();
            let warnings = signature.warnings().map(|(check, reason)| format!("{check}: {reason}"));
            Ruling::Yes(Good {
                reference_digest: manifest.to_string(),
                message: format!("{name} is {}", verified.summary()),
                issuer: signer.map(|signer| signer.issuer().to_string()).unwrap_or_default(),
                subject_name: signer.map(|signer| signer.subject().to_string()).unwrap_or_default(),
                warnings: warnings.collect(),
            })
        }
        ImageVerdict::Skipped(Skipped { statement }) => Ruling::Yes(Good {
            reference_digest: String::new(),
            message: format!(
                "{name} is not verified: statement {statement:?} of the trust policy skips its repository"
            ),
            issuer: String::new(),
            subject_name: String::new(),
            warnings: Vec::new(),
        }),
        ImageVerdict::Rejected(Rejected { statement, reason, signatures }) => {
            let whole = || Bad::new(String::new(), rejection(&name, statement.as_deref(), reason, signatures), reason);
            let mut reports: Vec<Bad> =
                signatures.listed().iter().take(context.max_signatures).map(Bad::from).collect();
            if reports.is_empty() {
                reports.push(whole());
            }
            Ruling::No(reports)
        }
        ImageVerdict::Inconclusive(inconclusive) => {
            return KeyOutcome::Undecided(undecided(&name, &inconclusive.reason));
        }
    };
    KeyOutcome::Value(Value::new(context, subject, ruling))
}

fn not_an_image(context: ResponseContext<'_>, key: &str, why: &ReferenceError) -> KeyOutcome<Value> {
    let message = not_a_reference(why);
    let reason = Reason::new(Code::InvalidReference, why);
    let ruling = Ruling::No(vec![Bad::new(String::new(), message, &reason)]);
    KeyOutcome::Value(Value::new(context, Bounded::of(key).to_string(), ruling))
}

impl Value {
    fn new(context: ResponseContext<'_>, subject: String, ruling: Ruling) -> Self {
        let ResponseContext { request_id, timestamp, max_signatures: _, keep_tag: _ } = context;
        Self { timestamp: timestamp.to_string(), trace_id: request_id.to_owned(), subject, ruling }
    }
}

impl Bad {
    fn new(reference_digest: String, message: String, reason: &Reason) -> Self {
        let error_reason = Bounded::of(reason).to_string();
        Self { reference_digest, message, error_reason, remediation: reason.advice().to_owned() }
    }
}

impl From<&FailedSignature> for Bad {
    fn from(failed: &FailedSignature) -> Self {
        let FailedSignature { manifest, unverified_subject: _, reasons } = failed;
        let message = Bounded::of(text::list(reasons.iter(), "; ", usize::MAX)).to_string();
        Self::new(manifest.to_string(), message, reasons.first())
    }
}

/// The value as it is sent, with Ratify's names.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WireValue<'a> {
    version: &'static str,
    is_success: bool,
    #[serde(rename = "traceID")]
    trace_id: &'a str,
    timestamp: &'a str,
    verifier_reports: Vec<WireReport<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WireReport<'a> {
    subject: &'a str,
    is_success: bool,
    name: &'static str,
    verifier_name: &'static str,
    #[serde(rename = "type")]
    report_type: &'static str,
    verifier_type: &'static str,
    artifact_type: &'static str,
    reference_digest: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remediation: Option<&'a str>,
    extensions: Extensions<'a>,
}

/// Ratify's names for issuer and subject of the signing certificate; and a member of Countersign, which no stock
/// template reads, for failures that the statement only logs.
#[derive(Serialize)]
struct Extensions<'a> {
    #[serde(rename = "Issuer")]
    issuer: &'a str,
    #[serde(rename = "SN")]
    subject: &'a str,
    #[serde(rename = "Warnings", skip_serializing_if = "<[_]>::is_empty")]
    warnings: &'a [String],
}

impl<'a> WireReport<'a> {
    fn new(subject: &'a str, is_success: bool, reference_digest: &'a str, message: &'a str) -> Self {
        Self {
            subject,
            is_success,
            name: NAME,
            verifier_name: NAME,
            report_type: TYPE,
            verifier_type: TYPE,
            artifact_type: ARTIFACT_TYPE,
            reference_digest,
            message,
            error_reason: None,
            remediation: None,
            extensions: Extensions { issuer: "", subject: "", warnings: &[] },
        }
    }
}

impl Good {
    fn report<'a>(&'a self, subject: &'a str) -> WireReport<'a> {
        let Self { reference_digest, message, issuer, subject_name, warnings } = self;
        let extensions = Extensions { issuer, subject: subject_name, warnings };
        WireReport { extensions, ..WireReport::new(subject, true, reference_digest, message) }
    }
}

impl Bad {
    fn report<'a>(&'a self, subject: &'a str) -> WireReport<'a> {
        let Self { reference_digest, message, error_reason, remediation } = self;
        WireReport {
            error_reason: Some(error_reason),
            remediation: Some(remediation),
            ..WireReport::new(subject, false, reference_digest, message)
        }
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { timestamp, trace_id, subject, ruling } = self;
        let (is_success, verifier_reports) = match ruling {
            Ruling::Yes(good) => (true, vec![good.report(subject)]),
            Ruling::No(reports) => (false, reports.iter().map(|bad| bad.report(subject)).collect()),
        };
        WireValue { version: VERSION, is_success, trace_id, timestamp, verifier_reports }.serialize(serializer)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
