//! The decision about one image.

use std::sync::Arc;

use super::failed::FailedSignatures;
use super::memory::of_reason;
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
    /// A statement of the trust policy skips this repository.
    Skipped(Skipped),
    /// Verification was completed, and the image was refused.
    Rejected(Rejected),
    /// Verification could not be completed. Must never be treated as verified, nor cached as a rejection.
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
    pub statement: Option<Arc<str>>,
    /// The reason.
    pub reason: Reason,
    /// Failed signatures.
    pub signatures: FailedSignatures,
}

/// See [`ImageVerdict::Inconclusive`].
#[derive(Clone, Debug)]
pub struct Inconclusive {
    /// Absent when it is not known which statement applies.
    pub statement: Option<Arc<str>>,
    /// The reason.
    pub reason: Reason,
    /// Failed signatures.
    pub signatures: FailedSignatures,
}

impl ImageVerdict {
    /// The kind of the verdict.
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

    /// The reason why the image is not admitted; `None` if it is.
    #[must_use]
    pub fn reason(&self) -> Option<&Reason> {
        match self {
            Self::Verified(_) | Self::Skipped(_) => None,
            Self::Rejected(Rejected { statement: _, reason, signatures: _ })
            | Self::Inconclusive(Inconclusive { statement: _, reason, signatures: _ }) => Some(reason),
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

    /// A verdict without signatures for `reason`. Its code decides the kind: a code that is not a refusal becomes
    /// [`ImageVerdict::Inconclusive`], never an admission.
    pub fn from_reason(statement: Option<Arc<str>>, reason: Reason) -> Self {
        let signatures = FailedSignatures::default();
        if reason.is_refusal() {
            Self::Rejected(Rejected { statement, reason, signatures })
        } else {
            Self::Inconclusive(Inconclusive { statement, reason, signatures })
        }
    }

    /// The verdict if no signature was verified: `Rejected` only if every signature was judged and the list was
    /// complete (no `cut`).
    pub fn none_verified(statement: Arc<str>, signatures: FailedSignatures, cut: Option<Reason>) -> Self {
        let statement = Some(statement);
        if let Some(reason) = cut.or_else(|| signatures.undecided().cloned()) {
            return Self::Inconclusive(Inconclusive { statement, reason, signatures });
        }
        let reason = signatures.furthest().cloned().unwrap_or_else(unsigned);
        Self::Rejected(Rejected { statement, reason, signatures })
    }

    /// The memory of the verdict, itself included, in bytes. The statement's name is shared and not counted.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let heap = match self {
            Self::Verified(verified) => verified.heap_bytes(),
            Self::Skipped(Skipped { statement: _ }) => 0,
            Self::Rejected(Rejected { statement: _, reason, signatures })
            | Self::Inconclusive(Inconclusive { statement: _, reason, signatures }) => {
                of_reason(reason) + signatures.heap_bytes()
            }
        };
        size_of::<Self>() + heap
    }
}

/// The reason for an image whose list of referrers is complete and has no signature.
#[must_use]
pub fn unsigned() -> Reason {
    Reason::new(Code::Unsigned, "no Notary Project signature found for this image: found none, expected at least one")
}
