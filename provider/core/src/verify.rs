//! Verifies one signature envelope against one rule, in the order of the
//! [verification workflow](https://github.com/notaryproject/specifications/blob/d4b62b949228911bd5e62da4f5f8dd38682d293a/specs/signing-and-verification-workflow.md).
//!
//! Begin with [`signature`]; [`explain()`] tells a person what it finds, by the same checks. Each check has a file;
//! `integrity` is the only one where envelope, key and algorithm meet. No check can be forgotten: [`Checks`] has a field
//! for each and is taken apart whole.

mod authenticity;
mod binding;
mod expiry;
mod explain;
mod integrity;
mod plugin;
mod report;
mod revocation;
mod timestamp;

use std::collections::BTreeMap;

pub use binding::SignedPayload;
pub use explain::AttributeFacts;
pub use explain::CertificateFacts;
pub use explain::Check;
pub use explain::Enforcement;
pub use explain::Explanation;
pub use explain::Facts;
pub use explain::Finding;
pub use explain::Found;
pub use explain::describe;
pub use explain::explain;
pub use integrity::IntactEnvelope;
pub use integrity::IntegrityError;
pub use report::CheckOutcome;
pub use report::Checks;
pub use report::VerifiedSignature;

use crate::codec::excerpt::Excerpt;
use crate::codec::text::Text;
use crate::envelope::Envelope;
use crate::envelope::EnvelopeFormat;
use crate::oci::Descriptor;
use crate::reason::Code;
use crate::reason::Reason;
use crate::reason::Reasons;
use crate::time::UnixTime;
use crate::trust::Rules;
use crate::trust::Store;

/// Everything that a signature is judged by.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The pinned image; the signed payload must name exactly it.
    pub target: &'a Descriptor,
    /// The rules of the statement that applies to the repository.
    pub rules: &'a Rules,
    /// The trust stores that the rules name, of every type.
    pub stores: &'a [&'a Store],
    /// Annotations that the signed payload must have, with these values.
    pub required_metadata: &'a BTreeMap<String, String>,
    /// The time of verification, read once per image.
    pub now: UnixTime,
}

/// Why a signature does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Failure {
    /// Subject of the leaf, if the envelope could be read that far. Not evidence of anything.
    pub unverified_subject: Option<Text>,
    pub reasons: Reasons,
}

/// Verifies the envelope `bytes`, which its layer declares as `media_type`.
///
/// # Errors
/// All reasons why the signature does not count. A failure that the rules only log is no reason; it stands in the
/// result's [`Checks`].
pub fn signature(bytes: &[u8], media_type: &str, question: &Question<'_>) -> Result<Box<VerifiedSignature>, Failure> {
    let early = |unverified_subject, reason| Failure { unverified_subject, reasons: Reasons::one(reason) };
    let envelope = parse(bytes, media_type).map_err(|reason| early(None, reason))?;
    let subject = integrity::unverified_subject(&envelope);
    let intact = check_integrity(envelope).map_err(|reason| early(subject.clone(), reason))?;
    plugin::check(&intact).map_err(|reason| early(subject.clone(), reason))?;

    // Which image was signed is not negotiable at any level.
    let bound = binding::check(&intact, question.target, question.required_metadata);
    let Judged { authenticity, authentic_timestamp, expiry, revocation } = judge(&intact, question);
    match (bound, authenticity, authentic_timestamp, expiry, revocation) {
        (Ok(payload), Ok(authenticity), Ok(authentic_timestamp), Ok(expiry), Ok(revocation)) => {
            let integrity = CheckOutcome::Passed;
            let checks = Checks { integrity, authenticity, authentic_timestamp, expiry, revocation };
            Ok(Box::new(VerifiedSignature::seal(&intact, payload, checks)))
        }
        (bound, authenticity, authentic_timestamp, expiry, revocation) => {
            let judged = [authenticity, authentic_timestamp, expiry, revocation].into_iter().filter_map(Result::err);
            let reasons = Reasons::of(bound.err().into_iter().chain(judged)).unwrap_or_else(|| {
                Reasons::one(Reason::new(Code::InternalError, "the signature was refused without a reason: want one"))
            });
            Err(Failure { unverified_subject: subject, reasons })
        }
    }
}

/// What the statement's four checks with an action say, with the action applied.
struct Judged {
    authenticity: Result<CheckOutcome, Reason>,
    authentic_timestamp: Result<CheckOutcome, Reason>,
    expiry: Result<CheckOutcome, Reason>,
    revocation: Result<CheckOutcome, Reason>,
}

fn judge(intact: &IntactEnvelope, question: &Question<'_>) -> Judged {
    let level = question.rules.level();
    Judged {
        authenticity: report::judge(level.authenticity, authenticity::check(intact, question)),
        authentic_timestamp: report::judge(level.authentic_timestamp, timestamp::check(intact, question)),
        expiry: report::judge(level.expiry, expiry::check(intact, question.now)),
        revocation: revocation::judge(level.revocation, intact),
    }
}

fn parse(bytes: &[u8], media_type: &str) -> Result<Envelope, Reason> {
    let format = EnvelopeFormat::of_media_type(media_type).ok_or_else(|| {
        let found = Excerpt::of(media_type);
        let detail =
            format_args!("the envelope has media type {found:?}: want application/jose+json or application/cose");
        Reason::new(Code::EnvelopeUnsupported, detail)
    })?;
    Envelope::parse(bytes, format).map_err(|error| Reason::new(Code::EnvelopeMalformed, error))
}

fn check_integrity(envelope: Envelope) -> Result<IntactEnvelope, Reason> {
    integrity::check(envelope).map_err(|error| Reason::new(error.code(), error))
}
