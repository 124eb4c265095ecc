//! Errors of trusted identities.

use super::distinguished_name::NameError;
use crate::codec::excerpt::Excerpt;
use crate::codec::mismatch::Mismatch;
use crate::codec::mismatch::Mismatched;
use crate::codec::mismatch::mismatch_error;
use crate::codec::text::Text;

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
            Self::NoPrefix { found } => {
                Mismatch::new(format_args!("trusted identity: found {found:?} without a prefix"))
                    .expecting("x509.subject:NAME, or * alone")
            }
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

/// The reason why a signer is not a trusted identity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityMismatch {
    /// There is no entry for subjects.
    #[error("trusted identities: found no x509.subject, expected at least one, or *")]
    NoSubjects,
    /// A subject with an attribute twice.
    #[error(
        "subject {subject:?}: found more than one {attribute}, expected each attribute once; trust * to \
             accept it"
    )]
    Repeated {
        /// Subject of the certificate.
        subject: Text,
        /// The type of the attribute.
        attribute: &'static str,
    },
    /// A subject that parsers of printed names read differently.
    #[error("subject {subject:?}: found =# in its {attribute}, expected plain text; trust * to accept it")]
    Hexadecimal {
        /// Subject of the certificate.
        subject: Text,
        /// The type of the attribute.
        attribute: &'static str,
    },
    /// `*`, under which every customer of AWS would be trusted.
    #[error(
        "signed by AWS Signer with profile {profile}: found trusted identity *, which would trust every customer of AWS, expected the ARN of the signing profile"
    )]
    AnyProfile {
        /// The signing profile.
        profile: Excerpt,
    },
    /// Another signing profile than those of the statement.
    #[error("signing profile is not a trusted identity: found {profile}, expected one of {expected}{hint}")]
    ProfileNotListed {
        /// The signing profile, and the alias that it was used under.
        profile: Text,
        /// The first trusted identities of AWS Signer.
        expected: Text,
        /// An entry that almost matches, and the difference; empty if there is none.
        hint: Text,
    },
    /// The statement has no identity of AWS Signer.
    #[error(
        "signing profile is not a trusted identity: found {profile}, expected its ARN in trustedIdentities, which has none of AWS \
         Signer"
    )]
    NoProfiles {
        /// The signing profile, and the alias that it was used under.
        profile: Text,
    },
    /// Another subject than those of the statement.
    #[error("signer is not a trusted identity: found subject {subject:?}, expected one of {expected}")]
    NotListed {
        /// Subject of the certificate.
        subject: Text,
        /// The first trusted identities.
        expected: Text,
    },
}
