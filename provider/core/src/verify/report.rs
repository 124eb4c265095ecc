//! The sealed result: a [`VerifiedSignature`] exists only if every enforced check passed.

use std::collections::BTreeMap;

use super::IntactEnvelope;
use super::SignedPayload;
use super::timestamp;
use crate::codec::text::Text;
use crate::oci::Descriptor;
use crate::reason::Reason;
use crate::time::UnixTime;
use crate::trust::Action;

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

/// Applies the rule's action to a check's result.
pub(super) fn judge(action: Action, result: Result<(), Reason>) -> Result<CheckOutcome, Reason> {
    match (result, action) {
        (Ok(()), Action::Enforce | Action::Log) => Ok(CheckOutcome::Passed),
        (Err(reason), Action::Log) => Ok(CheckOutcome::Logged(reason)),
        (Err(reason), Action::Enforce) => Err(reason),
    }
}

/// A signature that passed all enforced checks of a rule, for one target. Made only by [`crate::verify`].
#[derive(Clone, Debug)]
#[must_use]
pub struct VerifiedSignature {
    target: Descriptor,
    format: &'static str,
    algorithm: &'static str,
    scheme: &'static str,
    subject: Text,
    issuer: Text,
    serial: Text,
    signing_time: UnixTime,
    expiry: Option<UnixTime>,
    good_until: Option<UnixTime>,
    checks: Checks,
}

impl VerifiedSignature {
    /// The only maker: an intact envelope, the payload found equal to the pinned target, and every check's outcome.
    pub(super) fn seal(intact: &IntactEnvelope, payload: SignedPayload, checks: Checks) -> Self {
        let attributes = intact.attributes();
        let chain = intact.chain();
        // Where validity was judged now and failed but is only logged, the end of a certificate changes nothing.
        let certificates_end = match &checks.authentic_timestamp {
            CheckOutcome::Passed if timestamp::ends_with_certificates(intact) => {
                chain.certificates().iter().map(|link| link.not_after()).min()
            }
            CheckOutcome::Passed | CheckOutcome::Logged(_) | CheckOutcome::Skipped => None,
        };
        let expiry = match &checks.expiry {
            CheckOutcome::Passed => attributes.expiry,
            CheckOutcome::Logged(_) | CheckOutcome::Skipped => None,
        };
        Self {
            target: payload.into_target(),
            format: intact.envelope().format().text(),
            algorithm: intact.envelope().claimed_algorithm.name(),
            scheme: attributes.scheme.name(),
            subject: chain.leaf().subject().text(),
            issuer: chain.leaf().issuer().text(),
            serial: chain.leaf().serial().clone(),
            signing_time: attributes.scheme.time(),
            expiry: attributes.expiry,
            good_until: certificates_end.into_iter().chain(expiry).min(),
            checks,
        }
    }

    /// The image that was signed: the descriptor in the signed payload, equal to the pinned one.
    #[must_use]
    pub fn target(&self) -> &Descriptor {
        &self.target
    }

    /// `jws` or `cose`.
    #[must_use]
    pub fn format(&self) -> &'static str {
        self.format
    }

    /// `PS256` … `ES512`.
    #[must_use]
    pub fn algorithm(&self) -> &'static str {
        self.algorithm
    }

    /// `notary.x509` or `notary.x509.signingAuthority`.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        self.scheme
    }

    /// Distinguished name of the signing certificate's subject.
    #[must_use]
    pub fn subject(&self) -> &Text {
        &self.subject
    }

    /// Distinguished name of the signing certificate's issuer.
    #[must_use]
    pub fn issuer(&self) -> &Text {
        &self.issuer
    }

    /// Serial number of the signing certificate, lower-case hexadecimal.
    #[must_use]
    pub fn serial(&self) -> &Text {
        &self.serial
    }

    /// The signer's own word under `notary.x509`; the authority's under `notary.x509.signingAuthority`.
    #[must_use]
    pub fn signing_time(&self) -> UnixTime {
        self.signing_time
    }

    #[must_use]
    pub fn expiry(&self) -> Option<UnixTime> {
        self.expiry
    }

    /// The verdict must be made anew from this time on: the first of expiry and, where validity was judged at the
    /// time of verification, the end of a certificate.
    #[must_use]
    pub fn good_until(&self) -> Option<UnixTime> {
        self.good_until
    }

    /// Annotations of the signed payload.
    #[must_use]
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.target.annotations
    }

    #[must_use]
    pub fn checks(&self) -> &Checks {
        &self.checks
    }

    /// What the value occupies in memory, itself included, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let texts = [&self.subject, &self.issuer, &self.serial].into_iter().map(Text::heap_bytes).sum::<usize>();
        let warnings = self.warnings().map(|(_, reason)| reason.detail.heap_bytes()).sum::<usize>();
        let target = self.target.media_type.as_str().len() + self.target.digest.as_str().len();
        size_of::<Self>() + texts + warnings + target
    }

    /// Failures that the rule only logs, with the check's name.
    pub fn warnings(&self) -> impl Iterator<Item = (&'static str, &Reason)> {
        let Checks { integrity, authenticity, authentic_timestamp, expiry, revocation } = &self.checks;
        [
            ("integrity", integrity),
            ("authenticity", authenticity),
            ("authenticTimestamp", authentic_timestamp),
            ("expiry", expiry),
            ("revocation", revocation),
        ]
        .into_iter()
        .filter_map(|(name, outcome)| match outcome {
            CheckOutcome::Logged(reason) => Some((name, reason)),
            CheckOutcome::Passed | CheckOutcome::Skipped => None,
        })
    }
}
