//! The sealed result: a [`VerifiedSignature`] exists only if every enforced check passed.

use super::authenticity::Authenticity;
use super::binding::SignedPayload;
use super::integrity::IntactEnvelope;
use super::outcome::Check;
use super::outcome::CheckOutcome;
use super::outcome::Checks;
use super::signer::Signer;
use super::timestamp;
use crate::codec::text::Text;
use crate::oci::Descriptor;
use crate::reason::Code;
use crate::reason::Reason;
use crate::time::UnixTime;

/// The outcomes of the statement's four checks with an action, none of which refuses the signature.
pub(super) struct PassedChecks {
    pub(super) authenticity: Authenticity,
    pub(super) authentic_timestamp: CheckOutcome,
    pub(super) expiry: CheckOutcome,
    pub(super) revocation: CheckOutcome,
}

/// A signature that passed all enforced checks of a statement, for one target. Made only by [`crate::notation`].
///
/// Who signed is known only if the check of authenticity passed: see [`Self::signer`].
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
    /// The only maker: an intact envelope, the payload found equal to the pinned target, and every check's outcome.
    pub(super) fn seal(intact: &IntactEnvelope, payload: SignedPayload, passed: PassedChecks) -> Self {
        let PassedChecks { authenticity, authentic_timestamp, expiry, revocation } = passed;
        let attributes = intact.attributes();
        let chain = intact.chain();
        // Where validity was judged now and failed but is only logged, the end of a certificate changes nothing.
        let certificates_end = match &authentic_timestamp {
            CheckOutcome::Passed if timestamp::ends_with_certificates(intact) => {
                chain.certificates().iter().map(|link| link.not_after()).min()
            }
            CheckOutcome::Passed | CheckOutcome::Logged(_) | CheckOutcome::Skipped => None,
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
            good_until: certificates_end.into_iter().chain(expires).min(),
            checks: Checks { integrity: CheckOutcome::Passed, authenticity, authentic_timestamp, expiry, revocation },
        }
    }

    /// The image that was signed: media type, digest and size of the descriptor in the signed payload, equal to the
    /// pinned ones.
    #[must_use]
    pub fn target(&self) -> &Descriptor {
        &self.target
    }

    /// Who signed. None where the check of authenticity failed and the statement only logs it.
    #[must_use]
    pub fn signer(&self) -> Option<&Signer> {
        self.signer.as_ref()
    }

    /// Subject of the signing certificate in the envelope. Not evidence of anything: who signed is
    /// [`Self::signer`].
    #[must_use]
    pub fn unverified_subject(&self) -> &Text {
        &self.unverified_subject
    }

    /// The verdict must be made anew from this time on: the first of expiry and, where validity was judged at the
    /// time of verification, the end of a certificate.
    #[must_use]
    pub fn good_until(&self) -> Option<UnixTime> {
        self.good_until
    }

    /// How each of the five checks ended.
    #[must_use]
    pub fn checks(&self) -> &Checks {
        &self.checks
    }

    /// What the value occupies in memory, itself included, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let warnings = self.warnings().map(|(_, reason)| reason.detail.heap_bytes()).sum::<usize>();
        let target = self.target.media_type.as_str().len() + self.target.digest.as_str().len();
        let signer = self.signer.as_ref().map_or(0, Signer::heap_bytes);
        size_of::<Self>() + self.unverified_subject.heap_bytes() + signer + warnings + target
    }

    /// Checks that failed and that the statement only logs: one of [`loggable`] each.
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

/// What a statement can leave at a warning: the check, and the code that it failed with.
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
    ]
    .into_iter()
}
