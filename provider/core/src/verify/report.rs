//! The sealed result: a [`VerifiedSignature`] exists only if every enforced check passed.

use std::collections::BTreeMap;

use crate::oci::Descriptor;
use crate::time::UnixTime;
use crate::verdict::Reason;

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

/// A signature that passed all enforced checks of a rule, for one target. Made only by [`crate::verify`].
#[derive(Clone, Debug)]
#[must_use]
pub struct VerifiedSignature {
    target: Descriptor,
    format: &'static str,
    algorithm: &'static str,
    scheme: &'static str,
    subject: String,
    issuer: String,
    signing_time: Option<UnixTime>,
    expiry: Option<UnixTime>,
    good_until: Option<UnixTime>,
    metadata: BTreeMap<String, String>,
    checks: Checks,
}

impl VerifiedSignature {
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
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Distinguished name of the signing certificate's issuer.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The signer's own word under `notary.x509`; the authority's under `notary.x509.signingAuthority`.
    #[must_use]
    pub fn signing_time(&self) -> Option<UnixTime> {
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
        &self.metadata
    }

    #[must_use]
    pub fn checks(&self) -> &Checks {
        &self.checks
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
