//! Errors of trusted identities.

use super::distinguished_name::NameError;
use crate::codec::excerpt::Excerpt;
use crate::codec::mismatch::Mismatch;
use crate::codec::mismatch::Mismatched;
use crate::codec::mismatch::mismatch_error;

/// A mistake in a list of trusted identities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdentityError {
    /// No prefix before a colon.
    NoPrefix {
        /// The identity as written.
        found: Excerpt,
    },
    /// Nothing after the colon.
    NoValue {
        /// The identity as written.
        found: Excerpt,
    },
    /// A prefix that looks like `x509.subject`.
    MisspeltPrefix {
        /// The prefix as written.
        found: Excerpt,
    },
    /// `*` in a list.
    AnyBesideOthers,
    /// A distinguished name that cannot be read.
    Name {
        /// The distinguished name as written.
        found: Excerpt,
        /// The cause.
        error: NameError,
    },
    /// Two entries of which one contains the other.
    Overlap {
        /// The entry that contains the other.
        wide: Excerpt,
        /// The entry that is contained.
        narrow: Excerpt,
    },
}

impl Mismatched for IdentityError {
    fn mismatch(&self) -> Mismatch {
        match self {
            Self::NoPrefix { found } => Mismatch::new(format_args!(
                "trusted identity: found {found:?} without a prefix"
            ))
            .expecting("x509.subject:NAME, arn:PARTITION:signer:REGION:ACCOUNT:/signing-profiles/NAME, or * alone"),
            Self::NoValue { found } => {
                Mismatch::new(format_args!("trusted identity: found {found:?} without a value after its prefix"))
                    .expecting("prefix:value")
            }
            Self::MisspeltPrefix { found } => {
                Mismatch::new(format_args!("trusted identity {found:?} has a misspelled prefix"))
                    .expecting("x509.subject")
            }
            Self::AnyBesideOthers => Mismatch::new("trusted identity * is listed with others").expecting("* alone"),
            Self::Name { found, error } => error.mismatch().within(format_args!("trusted identity {found:?}")),
            Self::Overlap { wide, narrow } => {
                Mismatch::new(format_args!("trusted identity: found {narrow:?}, which {wide:?} contains"))
                    .expecting("only one of them")
            }
        }
    }
}

mismatch_error!(IdentityError);
