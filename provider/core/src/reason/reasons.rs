//! A reason, and the reasons of one signature.

use std::fmt;

use super::code::Code;
use super::late_cause::LateCause;
use super::remedy::Remedy;
use super::signer_cause::SignerCause;
use super::verdict_kind::VerdictKind;
use crate::codec::text::Text;

/// A reason: a stable code for machines, and one sentence for people with the found and the expected value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The stable code.
    pub code: Code,
    /// The message. Starts lower-case, has no full stop, names the found and the expected value.
    pub detail: Text,
    /// The remedy of the case, if it has one of its own.
    pub remedy: Option<Remedy>,
}

impl Reason {
    /// `detail` may contain untrusted text of any length; it is truncated while it is written.
    #[must_use]
    pub fn new(code: Code, detail: impl fmt::Display) -> Self {
        Self { code, detail: Text::of(detail), remedy: None }
    }

    /// The same reason with the remedy of its case.
    #[must_use]
    pub fn with_remedy(self, remedy: Option<Remedy>) -> Self {
        Self { remedy, ..self }
    }

    /// The reason why AWS Signer has not stated whether a signature is revoked.
    #[must_use]
    pub fn signer_unchecked(cause: Option<SignerCause>, detail: impl fmt::Display) -> Self {
        Self::new(Code::SignerServiceUnchecked, detail).with_remedy(cause.map(Remedy::SignerService))
    }

    /// The reason why a registry, or a server that it needs, has not responded in time.
    #[must_use]
    pub fn late(cause: Option<LateCause>, detail: impl fmt::Display) -> Self {
        Self::new(Code::RegistryTimeout, detail).with_remedy(cause.map(Remedy::Late))
    }

    /// The remediation, as one sentence without a full stop: that of the case, or of the code.
    #[must_use]
    pub fn advice(&self) -> &str {
        self.remedy.as_ref().map_or_else(|| self.code.advice(), Remedy::advice)
    }

    /// The sizes of the allocations that the value owns, in bytes.
    pub(crate) fn allocations(&self) -> impl Iterator<Item = usize> {
        let Self { code: _, detail, remedy } = self;
        [detail.heap_bytes(), remedy.as_ref().map_or(0, Remedy::heap_bytes)].into_iter()
    }
}

impl Reason {
    /// Whether the code is a refusal.
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

/// The reasons why one signature is not accepted: at least one, in the order of the checks, all of one kind.
///
/// A refusal remains even if other checks could not be completed. If one reason is a refusal, reasons of incomplete
/// checks are dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reasons {
    first: Reason,
    more: Vec<Reason>,
}

impl Reasons {
    /// Maximum number of kept reasons. There are fewer checks.
    pub const MOST: usize = 8;

    /// The only reason.
    #[must_use]
    pub fn one(reason: Reason) -> Self {
        Self { first: reason, more: Vec::new() }
    }

    /// `None` if `reasons` is empty.
    #[must_use]
    pub fn of(all: impl IntoIterator<Item = Reason>) -> Option<Self> {
        let (refusals, open): (Vec<_>, Vec<_>) = all.into_iter().partition(Reason::is_refusal);
        let mut all = if refusals.is_empty() { open } else { refusals }.into_iter();
        Some(Self { first: all.next()?, more: all.take(Self::MOST - 1).collect() })
    }

    /// The reason of the earliest check.
    #[must_use]
    pub fn first(&self) -> &Reason {
        &self.first
    }

    /// All reasons, in the order of the checks.
    pub fn iter(&self) -> impl Iterator<Item = &Reason> + Clone {
        std::iter::once(&self.first).chain(&self.more)
    }

    /// Whether the signature was rejected, as opposed to not being judged.
    #[must_use]
    pub fn are_refusals(&self) -> bool {
        self.first.is_refusal()
    }
}
