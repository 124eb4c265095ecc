//! The JSON document. Every member is always present, except one that says otherwise.

use std::collections::BTreeMap;

use countersign_core::name::Digest;
use countersign_core::name::MediaType;
use countersign_core::notation::Anchor;
use countersign_core::notation::CertificateSummary;
use countersign_core::notation::EvidenceFact;
use countersign_core::notation::Facts;
use countersign_core::notation::Finding;
use countersign_core::notation::TimestampContents;
use countersign_core::notation::TimestampFacts;
use serde::Serialize;

use super::Inspected;
use super::age;
use super::ended;
use super::trace::Trace;
use crate::cli::report::json::Image;
use crate::engine::Envelope as Fetched;
use crate::engine::InspectedSignature;
use crate::json_model::Why;

#[derive(Debug, Serialize)]
pub(super) struct Document {
    /// As `verify` prints it.
    image: Image,
    /// The image's manifest.
    target: Option<Target>,
    /// How many signatures the registry lists.
    found: usize,
    signatures: Vec<Signature>,
    /// Why the list of signatures is missing or incomplete.
    problem: Option<Why>,
    /// The requests to registries and services of clouds; absent without `--trace`.
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<Trace>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Target {
    media_type: String,
    digest: String,
    size: u64,
}

#[derive(Debug, Serialize)]
struct Signature {
    /// Of the signature manifest.
    digest: String,
    /// `verified`, `rejected`, `inconclusive` or `not-judged`.
    result: &'static str,
    /// Whether the content of `envelope` is unauthenticated.
    claimed: bool,
    envelope: Option<Envelope>,
    checks: Vec<Check>,
    /// What the checks of revocation stand on, in the order of the chain.
    evidence: Vec<Evidence>,
    /// Why the envelope could not be fetched.
    problem: Option<Why>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    media_type: String,
    bytes: usize,
    format: &'static str,
    algorithm: &'static str,
    scheme: &'static str,
    signing_time: String,
    expiry: Option<String>,
    /// Length of the RFC 3161 token.
    timestamp_token_bytes: Option<usize>,
    timestamp: Option<Timestamp>,
    attributes: Vec<Attribute>,
    certificates: Vec<Certificate>,
    target: Option<Target>,
    metadata: BTreeMap<String, String>,
}

/// The RFC 3161 token: claims without `anchor`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Timestamp {
    /// Null if the token cannot be read.
    time: Option<String>,
    accuracy_seconds: Option<f64>,
    /// Subject of the certificate that signed the token.
    authority: Option<String>,
    /// The trust anchor of the authority, if the timestamp was verified.
    anchor: Option<TimestampAnchor>,
    /// The reason why the token cannot be read.
    problem: Option<String>,
}

#[derive(Debug, Serialize)]
struct TimestampAnchor {
    store: String,
    subject: String,
}

#[derive(Debug, Serialize)]
struct Attribute {
    name: String,
    /// Null if it is not a text.
    value: Option<String>,
    critical: bool,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Certificate {
    #[serde(rename_all = "camelCase")]
    Read {
        subject: String,
        issuer: String,
        serial: String,
        sha256: String,
        key: String,
        not_before: String,
        not_after: String,
    },
    Unreadable {
        error: String,
    },
}

/// A piece of evidence about one certificate. Times are RFC 3339.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Evidence {
    /// `ocsp`, `crl` or `deltaCrl`.
    kind: &'static str,
    /// Subject.
    certificate: String,
    /// `good`, `revoked` or `unknown`.
    status: &'static str,
    url: String,
    fetched: String,
    this_update: String,
    /// From `thisUpdate` to `fetched`, in seconds.
    age_seconds: u64,
    /// Null if it is not stated.
    next_update: Option<String>,
    usable_until: String,
    /// What ends it: `nextUpdate`, `maxAge`, `responderCertificate`, `maxLifetime`, `signerGoodLifetime` or
    /// `signerRevokedLifetime`.
    usable_until_by: &'static str,
}

#[derive(Debug, Serialize)]
struct Check {
    check: &'static str,
    action: &'static str,
    result: &'static str,
    code: Option<&'static str>,
    message: Option<String>,
}

impl From<&Inspected> for Document {
    fn from(inspected: &Inspected) -> Self {
        let image = Image::from(&inspected.checked);
        match &inspected.listed {
            Ok(listed) => Self {
                image,
                target: Some(Target::new(&listed.target.media_type, &listed.target.digest, listed.target.size)),
                found: listed.found,
                signatures: listed.signatures.iter().map(|signature| Signature::of(signature, inspected)).collect(),
                problem: listed.left_out.as_ref().map(Why::from),
                trace: inspected.trace.clone(),
            },
            Err(reason) => {
                let problem = Some(Why::from(reason));
                Self { image, target: None, found: 0, signatures: Vec::new(), problem, trace: inspected.trace.clone() }
            }
        }
    }
}

impl Target {
    fn new(media_type: &MediaType, digest: &Digest, size: u64) -> Self {
        Self { media_type: media_type.to_string(), digest: digest.to_string(), size }
    }
}

impl Signature {
    fn of(signature: &InspectedSignature, inspected: &Inspected) -> Self {
        let (envelope, checks, evidence, problem) = match &signature.envelope {
            Ok(fetched) => {
                let explanation = &fetched.explanation;
                let checks = explanation.findings.iter().map(Check::from).collect();
                let evidence = explanation.evidence.iter().map(Evidence::from).collect();
                (explanation.facts.as_ref().map(|facts| Envelope::of(fetched, facts)), checks, evidence, None)
            }
            Err(reason) => (None, Vec::new(), Vec::new(), Some(Why::from(reason))),
        };
        Self {
            digest: signature.manifest.to_string(),
            result: inspected.result(signature),
            claimed: !signature.envelope.as_ref().is_ok_and(|fetched| fetched.explanation.is_authentic()),
            envelope,
            checks,
            evidence,
            problem,
        }
    }
}

impl Envelope {
    fn of(fetched: &Fetched, facts: &Facts) -> Self {
        let attributes = facts.attributes.iter().map(|attribute| Attribute {
            name: attribute.name.clone(),
            value: attribute.text.clone(),
            critical: attribute.critical,
        });
        let target = facts.target.as_ref().ok();
        Self {
            media_type: fetched.media_type.to_string(),
            bytes: fetched.bytes,
            format: facts.format,
            algorithm: facts.algorithm,
            scheme: facts.scheme,
            signing_time: facts.signing_time.to_string(),
            expiry: facts.expiry.map(|time| time.to_string()),
            timestamp_token_bytes: facts.timestamp.as_ref().map(|timestamp| timestamp.bytes),
            timestamp: facts.timestamp.as_ref().map(Timestamp::from),
            attributes: attributes.collect(),
            certificates: facts.certificates.iter().map(Certificate::from).collect(),
            target: target.map(|target| Target::new(&target.media_type, &target.digest, target.size)),
            metadata: facts.metadata().cloned().unwrap_or_default(),
        }
    }
}

impl From<&TimestampFacts> for Timestamp {
    fn from(facts: &TimestampFacts) -> Self {
        let TimestampFacts { bytes: _, contents, anchor } = facts;
        let anchor = anchor.as_ref().map(|Anchor { store, subject, fingerprint: _ }| TimestampAnchor {
            store: store.to_string(),
            subject: subject.to_string(),
        });
        let unread = Self { time: None, accuracy_seconds: None, authority: None, anchor, problem: None };
        match contents {
            Ok(TimestampContents { gen_time, accuracy, authority }) => Self {
                time: Some(gen_time.to_string()),
                accuracy_seconds: Some(accuracy.as_secs_f64()),
                authority: authority.as_ref().map(ToString::to_string),
                ..unread
            },
            Err(error) => Self { problem: Some(error.to_string()), ..unread },
        }
    }
}

impl<E: ToString> From<&Result<CertificateSummary, E>> for Certificate {
    fn from(read: &Result<CertificateSummary, E>) -> Self {
        match read {
            Ok(CertificateSummary { subject, issuer, serial, fingerprint, key, not_before, not_after }) => Self::Read {
                subject: subject.to_string(),
                issuer: issuer.to_string(),
                serial: serial.to_string(),
                sha256: fingerprint.clone(),
                key: key.to_string(),
                not_before: not_before.to_string(),
                not_after: not_after.to_string(),
            },
            Err(error) => Self::Unreadable { error: error.to_string() },
        }
    }
}

impl From<&EvidenceFact> for Evidence {
    fn from(fact: &EvidenceFact) -> Self {
        let EvidenceFact { kind, certificate, status, url, fetched, this_update, next_update, usable_until } = fact;
        Self {
            kind: kind.as_str(),
            certificate: certificate.to_string(),
            status: status.as_str(),
            url: url.to_string(),
            fetched: fetched.to_string(),
            this_update: this_update.to_string(),
            age_seconds: age(fact).as_secs(),
            next_update: next_update.map(|time| time.to_string()),
            usable_until: usable_until.at.to_string(),
            usable_until_by: usable_until.by.as_str(),
        }
    }
}

impl From<&Finding> for Check {
    fn from(finding: &Finding) -> Self {
        let (result, reason) = ended(&finding.found);
        let why = reason.map(Why::from);
        Self {
            check: finding.check.as_str(),
            action: finding.action.as_str(),
            result,
            code: why.as_ref().map(|why| why.code),
            message: why.map(|why| why.message),
        }
    }
}
