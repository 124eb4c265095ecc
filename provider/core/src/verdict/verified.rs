//! Verified images.

use std::fmt;
use std::sync::Arc;

use super::failed::FailedSignatures;
use super::memory::allocated;
use crate::codec::text;
use crate::codec::text::Text;
use crate::name::Digest;
use crate::notation::Check;
use crate::notation::VerifiedSignature;
use crate::reason::Reason;
use crate::time::UnixTime;

/// See [`super::ImageVerdict::Verified`].
#[derive(Clone, Debug)]
pub struct Verified {
    /// Name of the trust policy statement.
    pub statement: Arc<str>,
    /// The verified signature.
    pub by: VerifiedBy,
    /// Signatures that failed before.
    pub others: FailedSignatures,
}

/// The verified signature, by scheme.
#[derive(Clone, Debug)]
pub enum VerifiedBy {
    /// A signature of the Notary Project.
    Notation(VerifiedNotation),
}

/// See [`VerifiedBy::Notation`].
#[derive(Clone, Debug)]
pub struct VerifiedNotation {
    /// Digest of the signature manifest.
    pub manifest: Digest,
    /// The sealed result.
    pub signature: Box<VerifiedSignature>,
}

impl Verified {
    /// The reason for the admission, as continuation of "the image is": the signer if authenticated, and the failures
    /// that the statement only logs.
    #[must_use]
    pub fn summary(&self) -> Text {
        let Self { statement, by: VerifiedBy::Notation(VerifiedNotation { manifest: _, signature }), others: _ } = self;
        let failures = signature.warnings().map(|(check, Reason { code, detail, remedy: _ })| {
            fmt::from_fn(move |f| write!(f, "{check} failed ({code}: {detail})"))
        });
        let failures = text::list(failures, " and ", usize::MAX);
        match (signature.signer(), signature.warnings().next()) {
            (Some(signer), None) => {
                Text::of(format_args!("signed by {signer}, trusted by statement {statement:?} of the trust policy"))
            }
            (Some(signer), Some(_)) => Text::of(format_args!(
                "admitted although {failures}, which statement {statement:?} of the trust policy only logs; signed by {signer}"
            )),
            (None, _) => Text::of(format_args!(
                "admitted although {failures}, which statement {statement:?} of the trust policy only logs; who signed is not known"
            )),
        }
    }

    /// Failed checks that the statement only logs.
    pub fn warnings(&self) -> impl Iterator<Item = (Check, &Reason)> + Clone {
        match &self.by {
            VerifiedBy::Notation(notation) => notation.signature.warnings(),
        }
    }

    /// The time from which the verdict must be computed again.
    #[must_use]
    pub fn good_until(&self) -> Option<UnixTime> {
        match &self.by {
            VerifiedBy::Notation(notation) => notation.signature.good_until(),
        }
    }

    /// Heap memory that the value owns, in bytes. The statement's name is shared and not counted.
    pub(super) fn heap_bytes(&self) -> usize {
        let by = match &self.by {
            VerifiedBy::Notation(VerifiedNotation { manifest, signature }) => {
                allocated(manifest.as_str().len()) + allocated(signature.bytes())
            }
        };
        by + self.others.heap_bytes()
    }
}
