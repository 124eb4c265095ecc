//! The four kinds of verdict.

/// A verdict about an image, without its contents: a metric label, a JSON member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VerdictKind {
    /// A signature counts.
    Verified,
    /// The policy verifies nothing here.
    Skipped,
    /// Looked, and decided no.
    Rejected,
    /// Could not look.
    Inconclusive,
}

impl VerdictKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Verified, Self::Skipped, Self::Rejected, Self::Inconclusive];

    /// Stable text.
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
