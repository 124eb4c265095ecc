//! Reasons: a stable code, who has to act, and one sentence. What every check ends in when it does not end well.
//!
//! Floor 1: uses nothing of core.

mod code;

use std::fmt;

pub use code::Blame;
pub use code::Code;

/// Why, for people and for machines: a stable code and one sentence with what was found and what was wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    pub code: Code,
    /// Starts lower-case, has no full stop, names both sides of a mismatch.
    pub detail: String,
}

impl Reason {
    #[must_use]
    pub fn new(code: Code, detail: impl fmt::Display) -> Self {
        Self { code, detail: detail.to_string() }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.detail)
    }
}

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
    pub fn text(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Skipped => "skipped",
            Self::Rejected => "rejected",
            Self::Inconclusive => "inconclusive",
        }
    }
}
