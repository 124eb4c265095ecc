//! The responsible party.

/// The party whose action resolves the problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Responsible {
    /// No action is needed.
    None,
    /// The author of the image reference.
    Caller,
    /// The signer of the image.
    Signer,
    /// The operator of Countersign: policy, trust stores, credentials.
    Operator,
    /// The registry, or the network to it.
    Registry,
    /// The OCSP responders and CRLs of a certificate authority, or the network to them.
    RevocationService,
    /// Countersign: a bug or a missing feature.
    Countersign,
}

impl Responsible {
    /// Stable text for JSON, logs and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "nobody",
            Self::Caller => "caller",
            Self::Signer => "signer",
            Self::Operator => "operator",
            Self::Registry => "registry",
            Self::RevocationService => "revocation-service",
            Self::Countersign => "countersign",
        }
    }
}
