//! Reasons: one, and those of one signature.

use std::fmt;

use super::code::Code;
use super::verdict_kind::VerdictKind;
use crate::codec::text::Text;

/// Why, for people and for machines: a stable code and one sentence with what was found and what was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// For machines.
    pub code: Code,
    /// Starts lower-case, has no full stop, names both sides of a mismatch.
    pub detail: Text,
}

impl Reason {
    /// `detail` may hold text from outside of any length: it is cut here, and never held whole.
    #[must_use]
    pub fn new(code: Code, detail: impl fmt::Display) -> Self {
        Self { code, detail: Text::of(detail) }
    }
}

impl Reason {
    /// Whether it says "looked, and decided no".
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        match self.code.kind() {
            VerdictKind::Rejected => true,
            VerdictKind::Verified | VerdictKind::Skipped | VerdictKind::Inconclusive => false,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.detail)
    }
}

/// Why one signature does not count: at least one reason, in the order of the checks, and all of one kind.
///
/// What was looked at and refused is refused whatever else could not be looked at. So where one reason is a refusal,
/// reasons that say what could not be looked at are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reasons {
    first: Reason,
    more: Vec<Reason>,
}

impl Reasons {
    /// Most that are kept: more than there are checks.
    pub const MOST: usize = 8;

    /// The only reason.
    #[must_use]
    pub fn one(reason: Reason) -> Self {
        Self { first: reason, more: Vec::new() }
    }

    /// None if there is no reason.
    #[must_use]
    pub fn of(all: impl IntoIterator<Item = Reason>) -> Option<Self> {
        let (refusals, open): (Vec<_>, Vec<_>) = all.into_iter().partition(Reason::is_refusal);
        let mut all = if refusals.is_empty() { open } else { refusals }.into_iter();
        Some(Self { first: all.next()?, more: all.take(Self::MOST - 1).collect() })
    }

    /// The one of the earliest check.
    #[must_use]
    pub fn first(&self) -> &Reason {
        &self.first
    }

    /// All, in the order of the checks.
    pub fn iter(&self) -> impl Iterator<Item = &Reason> + Clone {
        std::iter::once(&self.first).chain(&self.more)
    }

    /// Whether the signature was judged and refused, rather than not being judged.
    #[must_use]
    pub fn are_refusals(&self) -> bool {
        self.first.is_refusal()
    }
}
