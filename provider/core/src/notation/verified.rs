//! The sealed result: a [`VerifiedSignature`] exists only if every enforced check passed.

use super::authenticity::Authenticity;
use super::binding::SignedPayload;
use super::integrity::IntactEnvelope;
use super::outcome::Check;
use super::outcome::CheckOutcome;
use super::outcome::Checks;
use super::signer::Signer;
use crate::codec::text::Text;
use crate::oci::Descriptor;
use crate::reason::Code;
use crate::reason::Reason;
use crate::time::UnixTime;

/// The results of the four checks that have an action, none of which rejects the signature.
pub(super) struct PassedChecks {
    pub(super) authenticity: Authenticity,
    pub(super) authentic_timestamp: CheckOutcome,
    /// The end of the first certificate, if validity was checked at the time of verification.
    pub(super) certificates_end: Option<UnixTime>,
    pub(super) expiry: CheckOutcome,
    pub(super) revocation: CheckOutcome,
    /// The end of the first evidence that stops being usable.
    pub(super) evidence_ends: Option<UnixTime>,
}

/// A signature that passed all enforced checks of a statement, for one target. Created only by [`crate::notation`].
///
/// The signer is authenticated only if the authenticity check passed; see [`Self::signer`].
#[derive(Clone, Debug)]
#[must_use]
pub struct VerifiedSignature {
    target: Descriptor,
    signer: Option<Signer>,
    unverified_subject: Text,
    good_until: Option<UnixTime>,
    checks: Checks,
}

impl VerifiedSignature {
    /// The only constructor: takes an intact envelope, a payload that is equal to the pinned target, and the result
    /// of every check.
    pub(super) fn seal(intact: &IntactEnvelope, payload: SignedPayload, passed: PassedChecks) -> Self {
        let PassedChecks { authenticity, authentic_timestamp, certificates_end, expiry, revocation, evidence_ends } =
            passed;
        let attributes = intact.attributes();
        let chain = intact.chain();
        // If the check failed and is only logged, the end of a certificate changes nothing.
        let certificates_end = match &authentic_timestamp {
            CheckOutcome::Passed => certificates_end,
            CheckOutcome::Logged(_) | CheckOutcome::Skipped => None,
        };
        let expires = match &expiry {
            CheckOutcome::Passed => attributes.expiry,
            CheckOutcome::Logged(_) | CheckOutcome::Skipped => None,
        };
        let (signer, authenticity) = match authenticity {
            Authenticity::Passed { signer, chain: _ } => (Some(signer), CheckOutcome::Passed),
            Authenticity::Logged(reason) => (None, CheckOutcome::Logged(reason)),
        };
        Self {
            target: payload.into_target(),
            signer,
            unverified_subject: chain.leaf().subject().to_text(),
            good_until: certificates_end.into_iter().chain(expires).chain(evidence_ends).min(),
            checks: Checks { integrity: CheckOutcome::Passed, authenticity, authentic_timestamp, expiry, revocation },
        }
    }

    /// The image that was signed: media type, digest and size of the descriptor in the signed payload, equal to the
    /// pinned ones.
    #[must_use]
    pub fn target(&self) -> &Descriptor {
        &self.target
    }

    /// The signer. `None` if the authenticity check failed and the statement only logs it.
    #[must_use]
    pub fn signer(&self) -> Option<&Signer> {
        self.signer.as_ref()
    }

    /// Unverified subject of the signing certificate in the envelope. The authenticated signer is [`Self::signer`].
    #[must_use]
    pub fn unverified_subject(&self) -> &Text {
        &self.unverified_subject
    }

    /// The time from which the verdict must be computed again: the earliest of the expiry, the end of a certificate if
    /// validity was checked at the time of verification, and the end of the evidence about revocation (nextUpdate), also
    /// that about a timestamping authority. With a verified timestamp, the end of the certificates does not end the verdict.
    #[must_use]
    pub fn good_until(&self) -> Option<UnixTime> {
        self.good_until
    }

    /// The results of the five checks.
    #[must_use]
    pub fn checks(&self) -> &Checks {
        &self.checks
    }

    /// The memory of the value, itself included, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let warnings = self.warnings().flat_map(|(_, reason)| reason.allocations()).sum::<usize>();
        let target = self.target.media_type.as_str().len() + self.target.digest.as_str().len();
        let signer = self.signer.as_ref().map_or(0, Signer::heap_bytes);
        size_of::<Self>() + self.unverified_subject.heap_bytes() + signer + warnings + target
    }

    /// Failed checks that the statement only logs, each one of [`loggable`].
    pub fn warnings(&self) -> impl Iterator<Item = (Check, &Reason)> + Clone {
        let Checks { integrity, authenticity, authentic_timestamp, expiry, revocation } = &self.checks;
        [
            (Check::Integrity, integrity),
            (Check::Authenticity, authenticity),
            (Check::AuthenticTimestamp, authentic_timestamp),
            (Check::Expiry, expiry),
            (Check::Revocation, revocation),
        ]
        .into_iter()
        .filter_map(|(check, outcome)| match outcome {
            CheckOutcome::Logged(reason) => Some((check, reason)),
            CheckOutcome::Passed | CheckOutcome::Skipped => None,
        })
    }
}

/// The failures that a statement can reduce to a warning: the check and its code.
pub fn loggable() -> impl Iterator<Item = (Check, Code)> {
    [
        (Check::Authenticity, Code::UntrustedChain),
        (Check::Authenticity, Code::UntrustedIdentity),
        (Check::AuthenticTimestamp, Code::CertificateOutsideValidity),
        (Check::AuthenticTimestamp, Code::TimestampInvalid),
        (Check::AuthenticTimestamp, Code::TimestampUnchecked),
        (Check::Expiry, Code::Expired),
        (Check::Revocation, Code::Revoked),
        (Check::Revocation, Code::RevocationUnchecked),
        (Check::Revocation, Code::SignerServiceUnchecked),
    ]
    .into_iter()
}
