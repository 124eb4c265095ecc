//! The decision about one image.

use std::sync::Arc;

use super::failed::FailedSignatures;
use super::memory::allocated;
use super::verified::Verified;
use crate::reason::Code;
use crate::reason::Reason;
use crate::reason::VerdictKind;

/// The decision about one image.
#[derive(Clone, Debug)]
#[must_use]
pub enum ImageVerdict {
    /// One signature passed every enforced check of the statement.
    Verified(Verified),
    /// A statement of the trust policy says that this repository is not to be verified.
    Skipped(Skipped),
    /// Looked, and decided no.
    Rejected(Rejected),
    /// Could not look; must never be read as a yes, nor remembered as a no.
    Inconclusive(Inconclusive),
}

/// See [`ImageVerdict::Skipped`].
#[derive(Clone, Debug)]
pub struct Skipped {
    /// Name of the trust policy statement.
    pub statement: Arc<str>,
}

/// See [`ImageVerdict::Rejected`].
#[derive(Clone, Debug)]
pub struct Rejected {
    /// Absent when no statement applies.
    /// Absent when it is not known which statement applies.
    pub statement: Option<Arc<str>>,
    /// Why.
    pub reason: Reason,
    /// Signatures that were tried and did not count.
    pub signatures: FailedSignatures,
}

/// See [`ImageVerdict::Inconclusive`].
#[derive(Clone, Debug)]
pub struct Inconclusive {
    /// Absent when it is not known which statement applies.
    pub statement: Option<Arc<str>>,
    /// Why.
    pub reason: Reason,
    /// Signatures that were tried and did not count.
    pub signatures: FailedSignatures,
}

impl ImageVerdict {
    /// Which of the four it is.
    #[must_use]
    pub fn kind(&self) -> VerdictKind {
        match self {
            Self::Verified(_) => VerdictKind::Verified,
            Self::Skipped(_) => VerdictKind::Skipped,
            Self::Rejected(_) => VerdictKind::Rejected,
            Self::Inconclusive(_) => VerdictKind::Inconclusive,
        }
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Verified(_) => Code::Verified,
            Self::Skipped(_) => Code::Skipped,
            Self::Rejected(rejected) => rejected.reason.code,
            Self::Inconclusive(inconclusive) => inconclusive.reason.code,
        }
    }

    /// Name of the trust policy statement that applied.
    #[must_use]
    pub fn statement(&self) -> Option<&str> {
        match self {
            Self::Verified(verified) => Some(&verified.statement),
            Self::Skipped(skipped) => Some(&skipped.statement),
            Self::Rejected(rejected) => rejected.statement.as_deref(),
            Self::Inconclusive(inconclusive) => inconclusive.statement.as_deref(),
        }
    }

    /// A verdict without signatures for `reason`, of the kind that its code belongs to: a code that is no refusal
    /// becomes [`ImageVerdict::Inconclusive`], never a yes.
    pub fn from_reason(statement: Option<Arc<str>>, reason: Reason) -> Self {
        let signatures = FailedSignatures::default();
        if reason.is_refusal() {
            Self::Rejected(Rejected { statement, reason, signatures })
        } else {
            Self::Inconclusive(Inconclusive { statement, reason, signatures })
        }
    }

    /// What follows when none of the image's signatures verified: `Rejected` only if every one was judged and the
    /// list was complete, that is without `cut`.
    pub fn none_verified(statement: Arc<str>, signatures: FailedSignatures, cut: Option<Reason>) -> Self {
        let statement = Some(statement);
        if let Some(reason) = cut.or_else(|| signatures.undecided().cloned()) {
            return Self::Inconclusive(Inconclusive { statement, reason, signatures });
        }
        let reason = signatures.furthest().cloned().unwrap_or_else(|| unsigned(0));
        Self::Rejected(Rejected { statement, reason, signatures })
    }

    /// What the verdict occupies in memory, itself included, in bytes. The name of the statement is shared and not
    /// counted.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let behind = match self {
            Self::Verified(verified) => verified.heap_bytes(),
            Self::Skipped(Skipped { statement: _ }) => 0,
            Self::Rejected(Rejected { statement: _, reason, signatures })
            | Self::Inconclusive(Inconclusive { statement: _, reason, signatures }) => {
                allocated(reason.detail.heap_bytes()) + signatures.heap_bytes()
            }
        };
        size_of::<Self>() + behind
    }
}

/// The reason for an image whose list of referrers is complete and has no signature. `untyped` of the referrers have no
/// artifact type: their kind is not known unless they are fetched.
#[must_use]
pub fn unsigned(untyped: usize) -> Reason {
    let none = "no Notary Project signature found for this image: found none, expected at least one";
    match untyped {
        0 => Reason::new(Code::Unsigned, none),
        1 => Reason::new(Code::Unsigned, format_args!("{none}; 1 referrer has no artifact type")),
        _ => Reason::new(Code::Unsigned, format_args!("{none}; {untyped} referrers have no artifact type")),
    }
}
