//! The checks, and how each can end.

use std::fmt;

use crate::policy::Action;
use crate::reason::Reason;

/// One thing that is checked about a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Check {
    /// Envelope, certificate chain and signature.
    Integrity,
    /// What the signer marked critical, and whether the plugin that it asks for is one that is known here.
    CriticalAttributes,
    /// The signed payload names the image.
    TargetBinding,
    /// The signed payload has the metadata that the configuration wants.
    Metadata,
    /// A trust store vouches for the chain, and the signer is a trusted identity.
    Authenticity,
    /// Every certificate was valid at the time of signing.
    AuthenticTimestamp,
    /// The signature has not reached its expiry.
    Expiry,
    /// No certificate is revoked.
    Revocation,
    /// What the service behind the plugin says that the signer asks for. Passed if it asks for none.
    SignerService,
}

impl Check {
    /// Every check, in the order in which they are made.
    pub const ALL: [Self; 9] = [
        Self::Integrity,
        Self::CriticalAttributes,
        Self::TargetBinding,
        Self::Metadata,
        Self::Authenticity,
        Self::AuthenticTimestamp,
        Self::Expiry,
        Self::Revocation,
        Self::SignerService,
    ];

    /// Stable text.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Integrity => "integrity",
            Self::CriticalAttributes => "criticalAttributes",
            Self::TargetBinding => "targetBinding",
            Self::Metadata => "metadata",
            Self::Authenticity => "authenticity",
            Self::AuthenticTimestamp => "authenticTimestamp",
            Self::Expiry => "expiry",
            Self::Revocation => "revocation",
            Self::SignerService => "signerService",
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How one of the five checks ended for a signature that counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckOutcome {
    /// It found nothing wrong.
    Passed,
    /// Failed, and the statement only logs it.
    Logged(Reason),
    /// The statement leaves it out.
    Skipped,
}

impl CheckOutcome {
    /// Stable text.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Logged(_) => "logged",
            Self::Skipped => "skipped",
        }
    }

    /// A check's result with the statement's action applied.
    ///
    /// # Errors
    /// The reason, if the check failed and is enforced.
    pub(super) fn of(action: Action, result: Result<(), Reason>) -> Result<Self, Reason> {
        match (result, action) {
            (Ok(()), Action::Enforce | Action::Log) => Ok(Self::Passed),
            (Err(reason), Action::Log) => Ok(Self::Logged(reason)),
            (Err(reason), Action::Enforce) => Err(reason),
        }
    }
}

/// The five checks of a trust policy, in the order of the specification. Take it apart without `..`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checks {
    /// [`Check::Integrity`]
    pub integrity: CheckOutcome,
    /// [`Check::Authenticity`]
    pub authenticity: CheckOutcome,
    /// [`Check::AuthenticTimestamp`]
    pub authentic_timestamp: CheckOutcome,
    /// [`Check::Expiry`]
    pub expiry: CheckOutcome,
    /// [`Check::Revocation`]
    pub revocation: CheckOutcome,
}

/// How one check ended for one signature, with the statement's action applied.
#[derive(Clone, Debug)]
pub(super) enum CheckState<T> {
    /// It does not stand in the way.
    Passed(T),
    /// Looked at, and refused.
    Refused(Reason),
    /// Needs evidence from outside, which is not available. Everything else is as it should be.
    Unchecked(Reason),
    /// Needs evidence from outside, and the signature is refused whatever that would say.
    NotReached,
}

impl<T> CheckState<T> {
    pub(super) fn of(result: Result<T, Reason>) -> Self {
        match result {
            Ok(value) => Self::Passed(value),
            Err(reason) if reason.is_refusal() => Self::Refused(reason),
            Err(reason) => Self::Unchecked(reason),
        }
    }

    pub(super) fn is_refused(&self) -> bool {
        match self {
            Self::Refused(_) => true,
            Self::Passed(_) | Self::Unchecked(_) | Self::NotReached => false,
        }
    }

    /// The reason why the signature does not count, if there is one.
    pub(super) fn into_reason(self) -> Option<Reason> {
        match self {
            Self::Passed(_) | Self::NotReached => None,
            Self::Refused(reason) | Self::Unchecked(reason) => Some(reason),
        }
    }
}
