//! The sealed result: a [`VerifiedSignature`] exists only if every enforced check passed.

use super::Check;
use super::IntactEnvelope;
use super::SignedPayload;
use super::authenticity::Authenticity;
use super::authenticity::Signer;
use super::timestamp;
use crate::codec::text::Text;
use crate::oci::Descriptor;
use crate::policy::Action;
use crate::reason::Code;
use crate::reason::Reason;
use crate::time::UnixTime;

/// How one of the five checks ended for a signature that counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckOutcome {
    Passed,
    /// Failed, and the rule only logs it.
    Logged(Reason),
    /// The rule leaves it out.
    Skipped,
}

impl CheckOutcome {
    /// Stable text.
    #[must_use]
    pub fn text(&self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Logged(_) => "logged",
            Self::Skipped => "skipped",
        }
    }
}

/// The five checks of a trust policy, in the order of the specification. Take it apart without `..`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checks {
    pub integrity: CheckOutcome,
    pub authenticity: CheckOutcome,
    pub authentic_timestamp: CheckOutcome,
    pub expiry: CheckOutcome,
    pub revocation: CheckOutcome,
}

/// The outcomes of the statement's four checks with an action, none of which stands in the way.
pub(super) struct PassedChecks {
    pub(super) authenticity: Authenticity,
    pub(super) authentic_timestamp: CheckOutcome,
    pub(super) expiry: CheckOutcome,
    pub(super) revocation: CheckOutcome,
}

/// Applies the rule's action to a check's result.
pub(super) fn judge(action: Action, result: Result<(), Reason>) -> Result<CheckOutcome, Reason> {
    match (result, action) {
        (Ok(()), Action::Enforce | Action::Log) => Ok(CheckOutcome::Passed),
        (Err(reason), Action::Log) => Ok(CheckOutcome::Logged(reason)),
        (Err(reason), Action::Enforce) => Err(reason),
    }
}

/// How one check ended for one signature, with the rule's action applied.
#[derive(Clone, Debug)]
pub(super) enum Ended<T> {
    /// It does not stand in the way.
    Well(T),
    /// Looked at, and refused.
    Refused(Reason),
    /// Needs evidence from outside, which could not be had. Everything else is as it should be.
    Open(Reason),
    /// Needs evidence from outside, and the signature is refused whatever that would say.
    NotReached,
}

impl<T> Ended<T> {
    /// Of a check that needs no evidence.
    pub(super) fn of(result: Result<T, Reason>) -> Self {
        match result {
            Ok(value) => Self::Well(value),
            Err(reason) if reason.is_refusal() => Self::Refused(reason),
            Err(reason) => Self::Open(reason),
        }
    }

    /// The reason why the signature does not count, if there is one.
    pub(super) fn into_reason(self) -> Option<Reason> {
        match self {
            Self::Well(_) | Self::NotReached => None,
            Self::Refused(reason) | Self::Open(reason) => Some(reason),
        }
    }
}

/// A signature that passed all enforced checks of a rule, for one target. Made only by [`crate::notation`].
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
            Authenticity::Passed(signer) => (Some(signer), CheckOutcome::Passed),
            Authenticity::Logged(reason) => (None, CheckOutcome::Logged(reason)),
        };
        Self {
            target: payload.into_target(),
            signer,
            unverified_subject: chain.leaf().subject().text(),
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

    /// Who signed. None where the check of authenticity failed and the rule only logs it.
    #[must_use]
    pub fn signer(&self) -> Option<&Signer> {
        self.signer.as_ref()
    }

    /// Subject of the signing certificate as it stands in the envelope. Not evidence of anything: who signed is
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

    /// Checks that failed and that the rule only logs: one of [`loggable`] each.
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

/// What a rule can leave at a warning: the check, and the code that it failed with.
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
