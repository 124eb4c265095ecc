//! The two phases of verifying a signature, in the order of the
//! [verification workflow](https://github.com/notaryproject/specifications/blob/d4b62b949228911bd5e62da4f5f8dd38682d293a/specs/signing-and-verification-workflow.md).

use super::binding;
use super::envelope::Envelope;
use super::envelope::EnvelopeFormat;
use super::examination::Examination;
use super::input::Failure;
use super::input::VerificationInput;
use super::integrity;
use super::integrity::Certificates;
use super::verified::VerifiedSignature;
use crate::evidence::Evidence;
use crate::evidence::Progress;
use crate::reason::Code;
use crate::reason::Reason;
use crate::reason::Reasons;

/// A signature that passed all enforced checks that need no evidence. Created only by [`open`].
#[derive(Clone, Debug)]
#[must_use]
pub struct Opened(Box<Examination>);

/// The first phase, without evidence: format, signature, chain, critical attributes, binding to the image,
/// authenticity, validity and expiry.
///
/// Only a signature that passes all of these checks can be inconclusive, so that an attacker cannot make the verdict
/// inconclusive with a signature that needs evidence.
///
/// # Errors
/// All reasons for the rejection. A failure that the statement only logs is not among them; it is in the checks of
/// the [`VerifiedSignature`].
pub fn open(bytes: &[u8], format: EnvelopeFormat, input: &VerificationInput<'_>) -> Result<Opened, Failure> {
    let early = |unverified_subject, reason| Failure { unverified_subject, reasons: Reasons::one(reason) };
    let (envelope, certificates) = read(bytes, format).map_err(|reason| early(None, reason))?;
    let subject = integrity::unverified_subject(&certificates);
    let intact = integrity::check(envelope, certificates)
        .map_err(|error| early(subject.clone(), Reason::new(error.code(), error)))?;
    // The payload is parsed only after its signature was verified.
    let signed = binding::named(intact.payload());
    let examination = Examination::new(intact, subject, &signed, input);
    match examination.refusal() {
        Some(failure) => Err(failure),
        None => Ok(Opened(Box::new(examination))),
    }
}

/// The second phase: revocation, for AWS Signer by the status at its service. Requests evidence about trusted signers only.
///
/// The result is a [`VerifiedSignature`], or the [`Failure`] with the checks that failed or could not be completed,
/// after at most [`Evidence::ROUNDS`] rounds of evidence.
pub fn judge(opened: &Opened, evidence: &Evidence) -> Progress<Result<Box<VerifiedSignature>, Failure>> {
    let Opened(examination) = opened;
    examination.settle(evidence).map(|settled| examination.conclude(settled))
}

/// Reads an envelope and its certificates.
pub(super) fn read(bytes: &[u8], format: EnvelopeFormat) -> Result<(Envelope, Certificates), Reason> {
    let envelope = Envelope::parse(bytes, format).map_err(|error| Reason::new(Code::EnvelopeMalformed, error))?;
    let certificates = integrity::parse_certificates(&envelope);
    Ok((envelope, certificates))
}
