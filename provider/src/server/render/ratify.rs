//! The value of an item on Ratify's door: version 0.2.0 of its verification result, as Ratify's stock constraint
//! templates read it.
//!
//! These templates admit an image on an answer that is slightly off: a missing `isSuccess`, one good report under a
//! "no", an item error. So what must not be sent cannot be built here: a [`Value`] is a yes with at least one good report,
//! or a no whose reports all failed, and every member is always there.
//!
//! Under a yes, reports of signatures that did not count are left out: one template denies if a failed report has the
//! wanted issuer. They are in the log.

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
use serde::Serialize;
use serde::Serializer;

use super::Context;
use super::not_a_reference;
use super::rejection;
use super::undecided;
use crate::engine::ImageResult;
use crate::server::answer::Outcome;

/// The shape that all stock templates understand; a yes of the later 1.1.0 is denied by three of them.
const VERSION: &str = "0.2.0";
/// The templates ask for this type of report.
const TYPE: &str = "notation";
/// Who made the report.
const NAME: &str = "countersign";
/// The artifact type of a Notary Project signature.
const ARTIFACT_TYPE: &str = "application/vnd.cncf.notary.signature";

/// Splits `[namespace]image`, the form of a multi-tenancy template. The namespace must be a DNS label; else the bracket
/// belongs to an IPv6 host or to a mistake, and the whole key is the image. The verdict does not depend on it.
pub(in crate::server) fn image_of(key: &str) -> &str {
    let label = |text: &str| {
        let inside = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        (1..=63).contains(&text.len()) && text.bytes().all(inside) && !text.starts_with('-') && !text.ends_with('-')
    };
    match key.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((namespace, image)) if label(namespace) => image,
        Some(_) | None => key,
    }
}

/// A verification result. See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::server) struct Value {
    timestamp: String,
    trace_id: String,
    subject: String,
    ruling: Ruling,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Ruling {
    /// With the one signature that counts, or with what stands for it where a rule skips.
    Yes(Good),
    /// Why, of each signature, or of the image if there is none.
    No(Vec<Bad>),
}

/// A report that says yes.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Good {
    reference_digest: String,
    message: String,
    /// Issuer and subject of the signing certificate: empty where nobody has vouched for the signer, so that a template
    /// which asks for an issuer denies.
    issuer: String,
    subject_name: String,
    /// Failures that the statement only logs.
    warnings: Vec<String>,
}

/// A report that says no.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Bad {
    reference_digest: String,
    message: String,
    error_reason: String,
    remediation: &'static str,
}

/// The outcome of a key that names `image`.
pub(in crate::server) fn outcome(context: Context<'_>, image: &ImageRef, result: &ImageResult) -> Outcome<Value> {
    let subject = match &result.digest {
        Some(digest) => format!("{}@{digest}", image.repository()),
        None => image.to_string(),
    };
    let name = image.to_string();
    let ruling = match &*result.verdict {
        ImageVerdict::Verified(verified) => {
            let Verified { rule: _, manifest, signature, others: _ } = verified;
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
        ImageVerdict::Skipped(Skipped { rule }) => Ruling::Yes(Good {
            reference_digest: String::new(),
            message: format!("{name} is not verified: statement {rule:?} of the trust policy skips its repository"),
            issuer: String::new(),
            subject_name: String::new(),
            warnings: Vec::new(),
        }),
        ImageVerdict::Rejected(Rejected { rule, reason, signatures }) => {
            let whole = || Bad::new(String::new(), rejection(&name, rule.as_deref(), reason, signatures), reason);
            let mut reports: Vec<Bad> = signatures.listed().iter().take(context.signatures).map(Bad::from).collect();
            if reports.is_empty() {
                reports.push(whole());
            }
            Ruling::No(reports)
        }
        ImageVerdict::Inconclusive(inconclusive) => {
            return Outcome::Undecided(undecided(&name, &inconclusive.reason));
        }
    };
    Outcome::Value(Value::new(context, subject, ruling))
}

/// The outcome of a key that is not an image reference: a value, because one stock template ignores item errors.
pub(in crate::server) fn not_an_image(context: Context<'_>, key: &str, why: &ReferenceError) -> Outcome<Value> {
    let message = not_a_reference(why);
    let reason = Reason::new(Code::InvalidReference, why);
    let ruling = Ruling::No(vec![Bad::new(String::new(), message, &reason)]);
    Outcome::Value(Value::new(context, Bounded::of(key).to_string(), ruling))
}

impl Value {
    fn new(context: Context<'_>, subject: String, ruling: Ruling) -> Self {
        let Context { request_id, timestamp, signatures: _ } = context;
        Self { timestamp: timestamp.to_owned(), trace_id: request_id.to_owned(), subject, ruling }
    }
}

impl Bad {
    fn new(reference_digest: String, message: String, reason: &Reason) -> Self {
        let code = reason.code;
        let error_reason = Bounded::of(reason).to_string();
        Self { reference_digest, message, error_reason, remediation: code.advice() }
    }
}

impl From<&FailedSignature> for Bad {
    fn from(failed: &FailedSignature) -> Self {
        let FailedSignature { manifest, unverified_subject: _, reasons } = failed;
        let message = Bounded::of(text::list(reasons.iter(), "; ", usize::MAX)).to_string();
        Self::new(manifest.to_string(), message, reasons.first())
    }
}

/// What is sent, and in Ratify's words.
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

/// Ratify's words for the distinguished names of the signing certificate's issuer and subject; and ours, which no stock
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
mod tests {
    use countersign_core::name::Digest;
    use countersign_core::name::DigestAlgorithm;
    use countersign_core::verdict::Reasons;
    use serde_json::json;

    use super::*;

    const CONTEXT: Context<'_> = Context { request_id: "1f", timestamp: "2026-01-31T12:00:00Z", signatures: 20 };

    fn digest() -> Digest {
        Digest::of(DigestAlgorithm::Sha256, b"{}")
    }

    fn rendered(verdict: ImageVerdict) -> Outcome<Value> {
        let image: ImageRef = "nginx".parse().unwrap();
        outcome(CONTEXT, &image, &ImageResult { digest: Some(digest()), verdict: verdict.into(), cached: false })
    }

    fn json_of(outcome: Outcome<Value>) -> serde_json::Value {
        match outcome {
            Outcome::Value(value) => serde_json::to_value(value).unwrap(),
            Outcome::Error(text) | Outcome::Undecided(text) => panic!("{text:?}"),
        }
    }

    fn report(is_success: bool, message: &str, issuer: &str) -> serde_json::Value {
        json!({
            "subject": format!("docker.io/library/nginx@{}", digest()),
            "isSuccess": is_success,
            "name": "countersign",
            "verifierName": "countersign",
            "type": "notation",
            "verifierType": "notation",
            "artifactType": "application/vnd.cncf.notary.signature",
            "referenceDigest": "",
            "message": message,
            "extensions": {"Issuer": issuer, "SN": ""},
        })
    }

    #[test]
    fn a_namespace_is_a_dns_label_in_brackets_and_all_else_is_the_image() {
        for (key, image) in [
            ("nginx", "nginx"),
            ("[default]nginx:1", "nginx:1"),
            ("[a-1][::1]:5000/x", "[::1]:5000/x"),
            ("[::1]:5000/x", "[::1]:5000/x"),
            ("[]nginx", "[]nginx"),
            ("[-a]nginx", "[-a]nginx"),
            ("[a-]nginx", "[a-]nginx"),
            ("[A]nginx", "[A]nginx"),
            ("[a.b]nginx", "[a.b]nginx"),
            ("[a\n]nginx", "[a\n]nginx"),
            ("[default", "[default"),
            ("[default]", ""),
            ("", ""),
        ] {
            assert_eq!(image_of(key), image, "{key:?}");
        }
        let long = format!("[{}]nginx", "a".repeat(64));
        assert_eq!(image_of(&long), long);
    }

    #[test]
    fn a_skipped_image_is_a_yes_with_one_good_report() {
        let message = "docker.io/library/nginx:latest is not verified: statement \"mirror\" of the trust policy skips its repository";
        assert_eq!(
            json_of(rendered(ImageVerdict::Skipped(Skipped { rule: "mirror".into() }))),
            json!({
                "version": "0.2.0",
                "isSuccess": true,
                "traceID": "1f",
                "timestamp": "2026-01-31T12:00:00Z",
                "verifierReports": [report(true, message, "")],
            })
        );
    }

    #[test]
    fn the_report_of_a_signature_that_counts_names_its_issuer() {
        let good = Good {
            reference_digest: digest().to_string(),
            message: "m".to_owned(),
            issuer: "CN=ca".to_owned(),
            subject_name: "CN=signer".to_owned(),
            warnings: Vec::new(),
        };
        let value = Value::new(CONTEXT, "s".to_owned(), Ruling::Yes(good));
        let value = serde_json::to_value(value).unwrap();
        assert_eq!(value["isSuccess"], true);
        assert_eq!(value["verifierReports"][0]["isSuccess"], true);
        assert_eq!(value["verifierReports"][0]["referenceDigest"], digest().as_str());
        assert_eq!(value["verifierReports"][0]["extensions"], json!({"Issuer": "CN=ca", "SN": "CN=signer"}));
    }

    #[test]
    fn a_rejected_image_is_a_no_with_only_failed_reports() {
        let failed = |code| FailedSignature {
            manifest: digest(),
            unverified_subject: Some("CN=x".into()),
            reasons: Reasons::of([Reason::new(code, "found: want other"), Reason::new(Code::Expired, "old")]).unwrap(),
        };
        let signatures = [failed(Code::UntrustedIdentity), failed(Code::UntrustedChain)].into_iter().collect();
        let value = json_of(rendered(ImageVerdict::none_verified("all".into(), signatures, None)));
        let one = |code: Code| {
            let mut one = report(false, &format!("{code}: found: want other; expired: old"), "");
            one["referenceDigest"] = digest().as_str().into();
            one["errorReason"] = format!("{code}: found: want other").into();
            one["remediation"] = code.advice().into();
            one
        };
        assert_eq!(
            value,
            json!({
                "version": "0.2.0",
                "isSuccess": false,
                "traceID": "1f",
                "timestamp": "2026-01-31T12:00:00Z",
                "verifierReports": [one(Code::UntrustedIdentity), one(Code::UntrustedChain)],
            })
        );
    }

    #[test]
    fn an_unsigned_image_is_a_no_whose_one_report_says_why() {
        let value = json_of(rendered(ImageVerdict::none_verified("all".into(), Default::default(), None)));
        assert_eq!(value["isSuccess"], false);
        let reports = value["verifierReports"].as_array().unwrap();
        assert_eq!(reports.len(), 1);
        assert_eq!(reports[0]["isSuccess"], false);
        let message = reports[0]["message"].as_str().unwrap();
        assert!(message.starts_with("docker.io/library/nginx:latest was rejected by statement \"all\""), "{message}");
    }

    #[test]
    fn an_undecided_image_has_no_value() {
        let reason = Reason::new(Code::RegistryThrottled, "429: want 200");
        assert_eq!(
            rendered(ImageVerdict::from_reason(None, reason.clone())),
            Outcome::Undecided(undecided("docker.io/library/nginx:latest", &reason))
        );
    }

    #[test]
    fn a_key_that_is_no_image_is_a_no_and_not_an_error() {
        let value = json_of(not_an_image(CONTEXT, "", &ReferenceError::Empty));
        assert_eq!(value["isSuccess"], false);
        assert_eq!(value["verifierReports"][0]["isSuccess"], false);
        assert_eq!(
            value["verifierReports"][0]["message"],
            "invalid-reference: image reference is empty: want [host[:port]/]repository[:tag][@digest]; what to do: correct the image reference in the workload"
        );
    }
}
