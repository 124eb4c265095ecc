//! The four kinds of verdict.

/// A verdict about an image, without its contents: a metric label, a JSON member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VerdictKind {
    Verified,
    Skipped,
    Rejected,
    Inconclusive,
}

impl VerdictKind {
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
