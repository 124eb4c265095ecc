//! Verification levels: the effect of a failed check. Integrity and the binding to the image are always enforced and
//! have no action. A repository that is not verified has [`super::Decision::Skip`] and no level.

/// The effect of a failed check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// The signature is rejected.
    Enforce,
    /// The failure is only reported.
    Log,
}

/// As [`Action`], for the only check that can be skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RevocationAction {
    /// The signature is rejected.
    Enforce,
    /// The failure is only reported.
    Log,
    /// No status is requested.
    Skip,
}

/// The action for every check that can be relaxed. Destructure it without `..`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// The chain has a trust anchor, and the signer is a trusted identity.
    pub authenticity: Action,
    /// Every certificate was valid at the time of signing.
    pub authentic_timestamp: Action,
    /// The signature has not expired.
    pub expiry: Action,
    /// No certificate is revoked.
    pub revocation: RevocationAction,
}

impl Level {
    /// Every check is enforced.
    pub const STRICT: Self = Self {
        authenticity: Action::Enforce,
        authentic_timestamp: Action::Enforce,
        expiry: Action::Enforce,
        revocation: RevocationAction::Enforce,
    };

    /// The signer must be trusted; times and revocation are only reported.
    pub const PERMISSIVE: Self = Self {
        authenticity: Action::Enforce,
        authentic_timestamp: Action::Log,
        expiry: Action::Log,
        revocation: RevocationAction::Log,
    };

    /// Any intact signature of the image is accepted.
    pub const AUDIT: Self = Self {
        authenticity: Action::Log,
        authentic_timestamp: Action::Log,
        expiry: Action::Log,
        revocation: RevocationAction::Log,
    };
}
