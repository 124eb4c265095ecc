//! The four kinds of verdict.

/// The kind of a verdict: a metric label and JSON member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VerdictKind {
    /// A signature was accepted.
    Verified,
    /// The policy skips the repository.
    Skipped,
    /// Verification was completed, and the image was refused.
    Rejected,
    /// Verification could not be completed.
    Inconclusive,
}

impl VerdictKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Verified, Self::Skipped, Self::Rejected, Self::Inconclusive];

    /// Stable text for JSON, logs and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Skipped => "skipped",
            Self::Rejected => "rejected",
            Self::Inconclusive => "inconclusive",
        }
    }
}
