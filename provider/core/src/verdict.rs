//! What is decided about an image: one of four, never a boolean; with a stable code, and who has to act.
//!
//! [`ImageVerdict::Verified`] holds a [`VerifiedSignature`], which only [`crate::verify`] can make.

pub use crate::reason::Blame;
pub use crate::reason::Code;
pub use crate::reason::Reason;
pub use crate::reason::VerdictKind;

use crate::name::Digest;
use crate::verify::VerifiedSignature;

/// One signature that did not count, and every reason that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedSignature {
    /// Digest of the signature manifest.
    pub manifest: Digest,
    /// Subject of the signing certificate, if the envelope could be read that far. Not evidence of anything.
    pub unverified_subject: Option<String>,
    /// At least one; the most telling first.
    pub reasons: Vec<Reason>,
}

impl FailedSignature {
    /// Whether the signature could not be judged, rather than being judged and refused.
    #[must_use]
    pub fn is_inconclusive(&self) -> bool {
        !self.reasons.iter().any(|reason| reason.code.kind() == VerdictKind::Rejected)
    }
}

/// The decision about one image.
#[derive(Clone, Debug)]
#[must_use]
pub enum ImageVerdict {
    /// One signature passed every enforced check of the rule.
    Verified(Verified),
    /// A rule of the trust policy says that this repository is not to be verified.
    Skipped(Skipped),
    /// Looked, and decided no.
    Rejected(Rejected),
    /// Could not look; must never be read as a yes, nor remembered as a no.
    Inconclusive(Inconclusive),
}

/// See [`ImageVerdict::Verified`].
#[derive(Clone, Debug)]
pub struct Verified {
    /// Name of the trust policy statement.
    pub rule: String,
    /// Digest of the signature manifest.
    pub manifest: Digest,
    pub signature: Box<VerifiedSignature>,
    /// Signatures that were tried before and did not count.
    pub others: Vec<FailedSignature>,
}

/// See [`ImageVerdict::Skipped`].
#[derive(Clone, Debug)]
pub struct Skipped {
    pub rule: String,
}

/// See [`ImageVerdict::Rejected`].
#[derive(Clone, Debug)]
pub struct Rejected {
    /// Absent when no statement applies.
    pub rule: Option<String>,
    pub reason: Reason,
    pub signatures: Vec<FailedSignature>,
}

/// See [`ImageVerdict::Inconclusive`].
#[derive(Clone, Debug)]
pub struct Inconclusive {
    pub rule: Option<String>,
    pub reason: Reason,
    pub signatures: Vec<FailedSignature>,
}

impl ImageVerdict {
    #[must_use]
    pub fn kind(&self) -> VerdictKind {
        match self {
            Self::Verified(_) => VerdictKind::Verified,
            Self::Skipped(_) => VerdictKind::Skipped,
            Self::Rejected(_) => VerdictKind::Rejected,
            Self::Inconclusive(_) => VerdictKind::Inconclusive,
        }
    }

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
    pub fn rule(&self) -> Option<&str> {
        match self {
            Self::Verified(verified) => Some(&verified.rule),
            Self::Skipped(skipped) => Some(&skipped.rule),
            Self::Rejected(rejected) => rejected.rule.as_deref(),
            Self::Inconclusive(inconclusive) => inconclusive.rule.as_deref(),
        }
    }

    /// A verdict without signatures for `reason`, of the kind that its code belongs to: a code that is no refusal
    /// becomes [`ImageVerdict::Inconclusive`], never a yes.
    pub fn from_reason(rule: Option<String>, reason: Reason) -> Self {
        match reason.code.kind() {
            VerdictKind::Rejected => Self::Rejected(Rejected { rule, reason, signatures: Vec::new() }),
            VerdictKind::Verified | VerdictKind::Skipped | VerdictKind::Inconclusive => {
                Self::Inconclusive(Inconclusive { rule, reason, signatures: Vec::new() })
            }
        }
    }

    /// What follows when none of the image's signatures verified: `Rejected` only if every one was judged and the
    /// list was complete.
    pub fn none_verified(rule: String, signatures: Vec<FailedSignature>, cut: Option<Reason>) -> Self {
        let undecided =
            signatures.iter().find(|failed| failed.is_inconclusive()).and_then(|failed| failed.reasons.first());
        if let Some(reason) = cut.or_else(|| undecided.cloned()) {
            return Self::Inconclusive(Inconclusive { rule: Some(rule), reason, signatures });
        }
        // The signature that came furthest tells most: codes are declared in the order of the checks.
        let telling = signatures.iter().filter_map(|failed| failed.reasons.first()).max_by_key(|reason| reason.code);
        let reason = telling.cloned().unwrap_or_else(|| {
            Reason::new(Code::Unsigned, "no signature is associated with the image: want at least one")
        });
        Self::Rejected(Rejected { rule: Some(rule), reason, signatures })
    }
}
