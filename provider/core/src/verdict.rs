//! What is decided about an image: one of four, never a boolean; with a stable code, and who has to act.
//!
//! [`ImageVerdict::Verified`] holds a [`VerifiedSignature`], which only [`crate::notation`] can make.

mod failed;

use std::fmt;
use std::sync::Arc;

pub use failed::FailedSignature;
pub use failed::FailedSignatures;

use crate::codec::text;
use crate::codec::text::Text;
use crate::name::Digest;
use crate::notation::VerifiedSignature;
pub use crate::reason::Blame;
pub use crate::reason::Code;
pub use crate::reason::Reason;
pub use crate::reason::Reasons;
pub use crate::reason::VerdictKind;

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
    pub rule: Arc<str>,
    /// Digest of the signature manifest.
    pub manifest: Digest,
    pub signature: Box<VerifiedSignature>,
    /// Signatures that were tried before and did not count.
    pub others: FailedSignatures,
}

/// See [`ImageVerdict::Skipped`].
#[derive(Clone, Debug)]
pub struct Skipped {
    pub rule: Arc<str>,
}

/// See [`ImageVerdict::Rejected`].
#[derive(Clone, Debug)]
pub struct Rejected {
    /// Absent when no statement applies.
    pub rule: Option<Arc<str>>,
    pub reason: Reason,
    pub signatures: FailedSignatures,
}

/// See [`ImageVerdict::Inconclusive`].
#[derive(Clone, Debug)]
pub struct Inconclusive {
    pub rule: Option<Arc<str>>,
    pub reason: Reason,
    pub signatures: FailedSignatures,
}

impl Verified {
    /// Why the image is admitted, as what follows "the image is": by whom it is signed if that is known, and which
    /// failures the statement only logs.
    #[must_use]
    pub fn summary(&self) -> Text {
        let Self { rule, manifest: _, signature, others: _ } = self;
        let failures = signature.warnings().map(|(check, Reason { code, detail })| {
            fmt::from_fn(move |f| write!(f, "{check} failed ({code}: {detail})"))
        });
        let failures = text::list(failures, " and ", usize::MAX);
        match (signature.signer(), signature.warnings().next()) {
            (Some(signer), None) => Text::of(format_args!(
                "signed by {:?}, trusted by statement {rule:?} of the trust policy",
                signer.subject()
            )),
            (Some(signer), Some(_)) => Text::of(format_args!(
                "admitted although {failures}, which statement {rule:?} of the trust policy only logs; signed by {:?}",
                signer.subject()
            )),
            (None, _) => Text::of(format_args!(
                "admitted although {failures}, which statement {rule:?} of the trust policy only logs; who signed is not known"
            )),
        }
    }
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
    pub fn from_reason(rule: Option<Arc<str>>, reason: Reason) -> Self {
        let signatures = FailedSignatures::default();
        if reason.is_refusal() {
            Self::Rejected(Rejected { rule, reason, signatures })
        } else {
            Self::Inconclusive(Inconclusive { rule, reason, signatures })
        }
    }

    /// What follows when none of the image's signatures verified: `Rejected` only if every one was judged and the
    /// list was complete, that is without `cut`.
    pub fn none_verified(rule: Arc<str>, signatures: FailedSignatures, cut: Option<Reason>) -> Self {
        let rule = Some(rule);
        if let Some(reason) = cut.or_else(|| signatures.undecided().cloned()) {
            return Self::Inconclusive(Inconclusive { rule, reason, signatures });
        }
        let reason = signatures.telling().cloned().unwrap_or_else(|| unsigned(0));
        Self::Rejected(Rejected { rule, reason, signatures })
    }

    /// What the verdict occupies in memory, itself included, in bytes. The name of the statement is shared and not
    /// counted.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let behind = match self {
            Self::Verified(Verified { rule: _, manifest, signature, others }) => {
                allocated(manifest.as_str().len()) + allocated(signature.bytes()) + others.heap_bytes()
            }
            Self::Skipped(Skipped { rule: _ }) => 0,
            Self::Rejected(Rejected { rule: _, reason, signatures })
            | Self::Inconclusive(Inconclusive { rule: _, reason, signatures }) => {
                allocated(reason.detail.heap_bytes()) + signatures.heap_bytes()
            }
        };
        size_of::<Self>() + behind
    }
}

/// What an allocation of so many bytes takes, as common allocators round: to 16 bytes, with a word of their own.
fn allocated(bytes: usize) -> usize {
    match bytes {
        0 => 0,
        bytes => (bytes + size_of::<usize>()).next_multiple_of(16).max(32),
    }
}

/// The reason for an image whose list of referrers is whole and holds no signature; `untyped` of the referrers have no
/// artifact type, so that nobody can say what they are without fetching them.
#[must_use]
pub fn unsigned(untyped: usize) -> Reason {
    let none = "no Notary Project signature is associated with the image: found none, expected at least one";
    match untyped {
        0 => Reason::new(Code::Unsigned, none),
        1 => Reason::new(Code::Unsigned, format_args!("{none}; 1 referrer has no artifact type")),
        _ => Reason::new(Code::Unsigned, format_args!("{none}; {untyped} referrers have no artifact type")),
    }
}
