//! The value of an item of `/v1/verify`. The members are a contract with constraint templates.
//!
//! ```json
//! {
//!   "verdict": "verified" | "skipped" | "rejected",
//!   "code": "verified" | "skipped" | "unsigned" | …,
//!   "message": "one sentence for people", (with the request id if rejected: a denial shows nothing else)
//!   "advice": "what to do", (only if rejected)
//!   "image": "registry.example/app:v1", (expanded)
//!   "digest": "sha256:…" | null,
//!   "statement": "name of the trust policy statement" | null,
//!   "rule": its former name, deprecated: the same value as `statement`,
//!   "requestId": "…",
//!   "signer": {
//!     "subject", "issuer", "scheme", "format", "algorithm",
//!     "signingTime": "RFC 3339", "expiry": "RFC 3339" | null,
//!     "signature": "sha256:… of the signature manifest",
//!     "trustStore": "ca:…", "anchor": {"subject", "sha256"}, (the certificate there that is the signer's trust anchor)
//!     "awsSigner": {"profile", "profileVersion", "alias": … | null, "job"} | null (ARNs; for signatures of AWS Signer)
//!   } | null, (only of a signature whose authenticity was checked and passed)
//!   "unverifiedSigner": {"subject", "signature"} | null, (in its place, where authenticity failed and is only logged)
//!   "checks": {"integrity", "authenticity", "authenticTimestamp", "expiry", "revocation": "passed" | "logged" | "skipped"} | null,
//!   "warnings": [{"check", "code", "message"}],
//!   "signatures": [{"digest", "subject": … | null, "verdict": "rejected" | "inconclusive", "reasons": [{"code", "message"}]}],
//!   "signaturesOmitted": 0
//! }
//! ```
//!
//! Every member but `advice` is always there, so that a template's `x.signer.subject == "…"` compares a value and
//! never an undefined member. A template must compare `verdict`.

use countersign_core::name::ImageRef;
use countersign_core::verdict::FailedSignatures;
use countersign_core::verdict::ImageVerdict;
use countersign_core::verdict::Rejected;
use countersign_core::verdict::Skipped;
use countersign_core::verdict::Verified;
use countersign_core::verdict::VerifiedBy;
use countersign_core::verdict::VerifiedNotation;
use serde::Serialize;

use super::KeyOutcome;
use super::encode_item;
use crate::engine::ImageResult;
use crate::json_model::Checks;
use crate::json_model::Failed;
use crate::json_model::Signer;
use crate::json_model::StatementName;
use crate::json_model::UnverifiedSigner;
use crate::json_model::Warning;
use crate::protocol::EncodedKey;
use crate::protocol::Message;
use crate::protocol::ResponseContext;
use crate::protocol::message::rejection;
use crate::protocol::message::undecided;

/// The value of a decided image. There is no variant for an undecided one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "lowercase")]
enum Value {
    Verified(Common),
    Skipped(Common),
    Rejected {
        advice: String,
        #[serde(flatten)]
        common: Common,
    },
}

/// The members of all values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Common {
    code: &'static str,
    message: String,
    image: String,
    digest: Option<String>,
    #[serde(flatten)]
    statement: StatementName,
    request_id: String,
    signer: Option<Signer>,
    unverified_signer: Option<UnverifiedSigner>,
    checks: Option<Checks>,
    warnings: Vec<Warning>,
    signatures: Vec<Failed>,
    signatures_omitted: usize,
}

/// The item of the key that names `image`.
pub(super) fn encode(context: ResponseContext<'_>, key: &str, image: &ImageRef, result: &ImageResult) -> EncodedKey {
    encode_item(key, outcome(context, image, result))
}

fn outcome(context: ResponseContext<'_>, image: &ImageRef, result: &ImageResult) -> KeyOutcome<Value> {
    let name = image.to_string();
    let common = |message: String, signatures: &FailedSignatures| Common {
        code: result.verdict.code().as_str(),
        message,
        digest: result.digest.as_ref().map(ToString::to_string),
        statement: StatementName::of(&result.verdict),
        request_id: context.request_id.to_owned(),
        signer: None,
        unverified_signer: None,
        checks: None,
        warnings: Vec::new(),
        signatures: signatures.listed().iter().take(context.max_signatures).map(Failed::from).collect(),
        signatures_omitted: signatures.total() - signatures.listed().len().min(context.max_signatures),
        image: name.clone(),
    };
    match &*result.verdict {
        ImageVerdict::Verified(verified) => {
            let Verified {
                statement: _,
                by: VerifiedBy::Notation(VerifiedNotation { manifest: _, signature }),
                others,
            } = verified;
            let message = format!("{name} is {}", verified.summary());
            let warnings = signature.warnings().map(Warning::from);
            KeyOutcome::Value(Value::Verified(Common {
                signer: Signer::of(verified),
                unverified_signer: UnverifiedSigner::of(verified),
                checks: Some(signature.checks().into()),
                warnings: warnings.collect(),
                ..common(message, others)
            }))
        }
        ImageVerdict::Skipped(Skipped { statement }) => {
            let message =
                format!("{name} is not verified: statement {statement:?} of the trust policy skips its repository");
            KeyOutcome::Value(Value::Skipped(common(message, &FailedSignatures::default())))
        }
        ImageVerdict::Rejected(Rejected { statement, reason, signatures }) => {
            let message = rejection(&name, statement.as_deref(), reason, signatures);
            let message = Message::of_request(&message, context.request_id).into_string();
            KeyOutcome::Value(Value::Rejected {
                advice: reason.advice().to_owned(),
                common: common(message, signatures),
            })
        }
        ImageVerdict::Inconclusive(inconclusive) => KeyOutcome::Undecided(undecided(&name, &inconclusive.reason)),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use countersign_core::verdict::Code;
    use countersign_core::verdict::FailedSignature;
    use countersign_core::verdict::Inconclusive;
    use countersign_core::verdict::Reason;
    use countersign_core::verdict::Reasons;
    use serde_json::json;

    use super::*;
    use crate::protocol::fixtures::CONTEXT;
    use crate::protocol::fixtures::digest;

    fn rendered(verdict: ImageVerdict) -> KeyOutcome<Value> {
        let image: ImageRef = "nginx".parse().unwrap();
        outcome(CONTEXT, &image, &ImageResult { digest: Some(digest()), verdict: verdict.into(), cached: false })
    }

    fn value(verdict: ImageVerdict) -> serde_json::Value {
        match rendered(verdict) {
            KeyOutcome::Value(value) => serde_json::to_value(value).unwrap(),
            KeyOutcome::Error(text) | KeyOutcome::Undecided(text) => panic!("{text:?}"),
        }
    }

    fn failed(code: Code) -> FailedSignature {
        FailedSignature {
            manifest: digest(),
            unverified_subject: Some("CN=x".into()),
            reasons: Reasons::one(Reason::new(code, "found, expected other")),
        }
    }

    #[test]
    fn a_skipped_image_is_a_value_with_every_member() {
        assert_eq!(
            value(ImageVerdict::Skipped(Skipped { statement: "mirror".into() })),
            json!({
                "verdict": "skipped",
                "code": "skipped",
                "message": "docker.io/library/nginx:latest is not verified: statement \"mirror\" of the trust policy skips its repository",
                "image": "docker.io/library/nginx:latest",
                "digest": digest().as_str(),
                "statement": "mirror",
                "rule": "mirror",
                "requestId": "1f",
                "signer": null,
                "unverifiedSigner": null,
                "checks": null,
                "warnings": [],
                "signatures": [],
                "signaturesOmitted": 0,
            })
        );
    }

    #[test]
    fn a_rejected_image_lists_every_signature_with_its_reasons() {
        let signatures = vec![failed(Code::UntrustedIdentity), failed(Code::Expired)];
        assert_eq!(
            value(ImageVerdict::none_verified("all".into(), signatures.into_iter().collect(), None)),
            json!({
                "verdict": "rejected",
                "code": "expired",
                "message": "docker.io/library/nginx:latest was rejected by statement \"all\" of the trust policy: \
                            expired: found, expected other (2 signatures were tried; this one passed the most \
                            checks); what to do: sign the image again; the signature has expired (request 1f)",
                "advice": "sign the image again; the signature has expired",
                "image": "docker.io/library/nginx:latest",
                "digest": digest().as_str(),
                "statement": "all",
                "rule": "all",
                "requestId": "1f",
                "signer": null,
                "unverifiedSigner": null,
                "checks": null,
                "warnings": [],
                "signatures": [
                    {"digest": digest().as_str(), "subject": "CN=x", "verdict": "rejected", "reasons": [{"code": "untrusted-identity", "message": "found, expected other"}]},
                    {"digest": digest().as_str(), "subject": "CN=x", "verdict": "rejected", "reasons": [{"code": "expired", "message": "found, expected other"}]},
                ],
                "signaturesOmitted": 0,
            })
        );
    }

    #[test]
    fn lists_some_of_many_failed_signatures_and_counts_the_others() {
        let signatures = vec![failed(Code::Expired); CONTEXT.max_signatures + 5];
        let value = value(ImageVerdict::none_verified("all".into(), signatures.into_iter().collect(), None));
        assert_eq!(value["signatures"].as_array().unwrap().len(), CONTEXT.max_signatures);
        assert_eq!(value["signaturesOmitted"], 5);
    }

    #[test]
    fn an_undecided_image_has_no_value() {
        let reason = Reason::new(Code::RegistryThrottled, "429, expected 200");
        let verdict = ImageVerdict::Inconclusive(Inconclusive {
            statement: None,
            reason: reason.clone(),
            signatures: FailedSignatures::default(),
        });
        assert_eq!(rendered(verdict), KeyOutcome::Undecided(undecided("docker.io/library/nginx:latest", &reason)));
    }
}
