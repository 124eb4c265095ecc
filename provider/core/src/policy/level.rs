//! What a failed check does to a signature. Integrity and the binding to the image are always enforced and therefore
//! not here; that a repository is not verified at all is [`super::Decision::Skip`] and not a level.

/// What happens when a check fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// The signature does not count.
    Enforce,
    /// The failure is reported, and the signature may count.
    Log,
}

/// As [`Action`], for the one check that can be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RevocationAction {
    /// The signature does not count.
    Enforce,
    /// The failure is reported, and the signature may count.
    Log,
    /// No status is requested.
    Skip,
}

/// The action for every check that can be turned down. Take it apart without `..`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// A trust store vouches for the chain, and the signer is a trusted identity.
    pub authenticity: Action,
    /// Every certificate was valid at the time of signing.
    pub authentic_timestamp: Action,
    /// The signature has not reached its expiry.
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

    /// Any intact signature over the image counts.
    pub const AUDIT: Self = Self {
        authenticity: Action::Log,
        authentic_timestamp: Action::Log,
        expiry: Action::Log,
        revocation: RevocationAction::Log,
    };
}
