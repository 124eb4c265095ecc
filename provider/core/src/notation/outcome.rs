//! The checks and their results.

use std::fmt;

use crate::policy::Action;
use crate::reason::Reason;

/// One check of a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Check {
    /// Envelope, certificate chain and signature.
    Integrity,
    /// Critical attributes and the requested plugin are supported.
    CriticalAttributes,
    /// The signed payload contains the image's descriptor.
    TargetBinding,
    /// The signed payload has the configured metadata.
    Metadata,
    /// The chain has a trust anchor, and the signer is a trusted identity.
    Authenticity,
    /// Every certificate was valid at the time of signing.
    AuthenticTimestamp,
    /// The signature has not expired.
    Expiry,
    /// No certificate is revoked; for AWS Signer also not the signature and its signing profile.
    Revocation,
}

impl Check {
    /// Every check, in order.
    pub const ALL: [Self; 8] = [
        Self::Integrity,
        Self::CriticalAttributes,
        Self::TargetBinding,
        Self::Metadata,
        Self::Authenticity,
        Self::AuthenticTimestamp,
        Self::Expiry,
        Self::Revocation,
    ];

    /// Stable text for JSON, logs and metrics.
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
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The result of one of the five checks for an accepted signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckOutcome {
    /// The check passed.
    Passed,
    /// The check failed, and the statement only logs it.
    Logged(Reason),
    /// The statement skips the check.
    Skipped,
}

impl CheckOutcome {
    /// Stable text for JSON, logs and metrics.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Logged(_) => "logged",
            Self::Skipped => "skipped",
        }
    }

    /// Applies the statement's action to the result of a check.
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

/// The results of the five checks of a trust policy, in the order of the specification. Destructure it without `..`.
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

/// The state of one check of a signature, with the statement's action applied.
#[derive(Clone, Debug)]
pub(super) enum CheckState<T> {
    /// The check does not reject the signature.
    Passed(T),
    /// The check rejects the signature.
    Refused(Reason),
    /// The check needs evidence that is not available. All other checks passed.
    Unchecked(Reason),
    /// The check needs evidence, but the signature is already rejected.
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

    /// The reason, if the check does not accept the signature.
    pub(super) fn into_reason(self) -> Option<Reason> {
        match self {
            Self::Passed(_) | Self::NotReached => None,
            Self::Refused(reason) | Self::Unchecked(reason) => Some(reason),
        }
    }
}
