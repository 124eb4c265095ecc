//! Who has to act.

/// Whose action ends the problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Responsible {
    /// No action is needed.
    None,
    /// Who wrote the image reference.
    Caller,
    /// Who signed, or should have.
    Signer,
    /// Who runs Countersign: policy, trust stores, credentials.
    Operator,
    /// The registry, or the network to it.
    Registry,
    /// Us: a bug or a missing feature.
    Countersign,
}

impl Responsible {
    /// Stable text.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "nobody",
            Self::Caller => "caller",
            Self::Signer => "signer",
            Self::Operator => "operator",
            Self::Registry => "registry",
            Self::Countersign => "countersign",
        }
    }
}
