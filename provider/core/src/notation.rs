//! Verifies one signature envelope against one rule, in the order of the
//! [verification workflow](https://github.com/notaryproject/specifications/blob/d4b62b949228911bd5e62da4f5f8dd38682d293a/specs/signing-and-verification-workflow.md).
//!
//! Begin with [`signature`]; [`explain()`] tells a person what it finds, by the same checks. Each check has a file;
//! `integrity` is the only one where envelope, key and algorithm meet. No check can be forgotten: [`Checks`] has a field
//! for each and is taken apart whole.

mod authenticity;
mod aws_signer;
mod binding;
mod envelope;
mod expiry;
mod explain;
mod integrity;
mod plugin;
mod report;
mod revocation;
mod timestamp;

use std::collections::BTreeMap;

pub use authenticity::Anchor;
pub use authenticity::Signer;
pub use binding::SignedPayload;
pub use envelope::Attributes;
pub use envelope::Envelope;
pub use envelope::EnvelopeError;
pub use envelope::EnvelopeFormat;
pub use envelope::ExtendedAttribute;
pub use envelope::PAYLOAD_TYPE;
pub use envelope::SigningScheme;
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
pub use report::loggable;

use authenticity::Authenticity;
use plugin::Plugin;
use report::Ended;
use report::PassedChecks;

use crate::codec::excerpt::Excerpt;
use crate::codec::text::Text;
use crate::oci::Descriptor;
use crate::policy::Rules;
use crate::policy::Store;
use crate::reason::Code;
use crate::reason::Reason;
use crate::reason::Reasons;
use crate::time::UnixTime;

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
/// What needs no evidence from outside is judged first. Only a signature that passes all of that can be "could not
/// look", so that nobody can make an image undecided by a signature that asks for evidence.
///
/// # Errors
/// All reasons why the signature does not count. A failure that the rules only log is no reason; it stands in the
/// result's [`Checks`].
pub fn signature(bytes: &[u8], media_type: &str, question: &Question<'_>) -> Result<Box<VerifiedSignature>, Failure> {
    let early = |unverified_subject, reason| Failure { unverified_subject, reasons: Reasons::one(reason) };
    let envelope = parse(bytes, media_type).map_err(|reason| early(None, reason))?;
    let subject = integrity::unverified_subject(&envelope);
    let intact = check_integrity(envelope).map_err(|reason| early(subject.clone(), reason))?;
    let plugin = plugin::check(&intact).map_err(|reason| early(subject.clone(), reason))?;

    // Which image was signed is not negotiable at any level.
    let bound = binding::check(&intact, question.target, question.required_metadata);
    let Judged { authenticity, authentic_timestamp, expiry, revocation, service } =
        judge(&intact, &plugin, bound.is_ok(), question);
    match (bound, authenticity, authentic_timestamp, expiry, revocation, service) {
        (
            Ok(payload),
            Ended::Well(authenticity),
            Ended::Well(authentic_timestamp),
            Ended::Well(expiry),
            Ended::Well(revocation),
            Ended::Well(()),
        ) => {
            let passed = PassedChecks { authenticity, authentic_timestamp, expiry, revocation };
            Ok(Box::new(VerifiedSignature::seal(&intact, payload, passed)))
        }
        (bound, authenticity, authentic_timestamp, expiry, revocation, service) => {
            let judged = [
                bound.err(),
                authenticity.into_reason(),
                authentic_timestamp.into_reason(),
                expiry.into_reason(),
                revocation.into_reason(),
                service.into_reason(),
            ];
            let reasons = Reasons::of(judged.into_iter().flatten()).unwrap_or_else(|| {
                Reasons::one(Reason::new(Code::InternalError, "the signature was refused without a reason: want one"))
            });
            Err(Failure { unverified_subject: subject, reasons })
        }
    }
}

/// What the statement's four checks with an action say, with the action applied, and the service that the signer asks
/// for.
struct Judged {
    authenticity: Ended<Authenticity>,
    authentic_timestamp: Ended<CheckOutcome>,
    expiry: Ended<CheckOutcome>,
    revocation: Ended<CheckOutcome>,
    service: Ended<()>,
}

/// `bound` says whether the signature is for the image and has the metadata.
fn judge(intact: &IntactEnvelope, plugin: &Plugin, bound: bool, question: &Question<'_>) -> Judged {
    let level = question.rules.level();
    let authenticity = Ended::of(authenticity::judge(level.authenticity, intact, plugin, question));
    let timestamp = report::judge(level.authentic_timestamp, timestamp::check(intact, question));
    let expiry = Ended::of(report::judge(level.expiry, expiry::check(intact, question.now)));
    let revocation = match plugin {
        Plugin::None => Some(revocation::judge(level.revocation, intact)),
        // The service knows, and says it with the rest.
        Plugin::AwsSigner(_) => None,
    };
    let is_refusal = |result: &Result<CheckOutcome, Reason>| result.as_ref().is_err_and(Reason::is_refusal);
    let refused = !bound
        || matches!(authenticity, Ended::Refused(_))
        || matches!(expiry, Ended::Refused(_))
        || is_refusal(&timestamp)
        || revocation.as_ref().is_some_and(is_refusal);
    let evidence = Evidence { refused, authenticity: &authenticity };
    Judged {
        authentic_timestamp: evidence.settle("a timestamp is verified for trusted signers only", timestamp),
        revocation: revocation.map_or(Ended::NotReached, |result| {
            evidence.settle("revocation is looked up for trusted signers only", result)
        }),
        service: evidence.settle("a signing service is asked about trusted signers only", plugin::ask(plugin)),
        expiry,
        authenticity,
    }
}

/// Whether evidence from outside would be asked for.
struct Evidence<'a> {
    /// A check that needs none has refused the signature.
    refused: bool,
    authenticity: &'a Ended<Authenticity>,
}

impl Evidence<'_> {
    /// The end of a check that may need evidence. None is asked for about a signature that is refused whatever it says,
    /// nor, by `rule`, about a signer who is not trusted, be it that the statement only logs that.
    fn settle<T>(&self, rule: &'static str, result: Result<T, Reason>) -> Ended<T> {
        let ended = Ended::of(result);
        match (&ended, self.authenticity) {
            (Ended::Well(_) | Ended::Refused(_) | Ended::NotReached, _) => ended,
            (Ended::Open(_), _) if self.refused => Ended::NotReached,
            (Ended::Open(_), Ended::Well(Authenticity::Logged(Reason { code, detail }))) => {
                Ended::Refused(Reason::new(*code, format_args!("{rule}: {detail}")))
            }
            (Ended::Open(_), Ended::Well(Authenticity::Passed(_))) => ended,
            // Refused, which `refused` says too.
            (Ended::Open(_), Ended::Refused(_) | Ended::Open(_) | Ended::NotReached) => Ended::NotReached,
        }
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
