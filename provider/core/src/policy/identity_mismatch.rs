//! Why a signer is not a trusted identity, and what to do about it.

use crate::codec::excerpt::Excerpt;
use crate::codec::text::Text;

/// The reason why a signer is not a trusted identity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityMismatch {
    /// There is no entry for subjects.
    #[error("trusted identities: found no x509.subject, expected at least one, or *")]
    NoSubjects {
        /// What to do; `None` if that is the remedy of the code.
        remedy: Option<Text>,
    },
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
        /// What to do.
        remedy: Text,
    },
    /// Another signing profile than those of the statement.
    #[error("signing profile is not a trusted identity: found {profile}, expected one of {expected}")]
    ProfileNotListed {
        /// The signing profile, and the alias that it was used under.
        profile: Text,
        /// The first trusted identities of AWS Signer, the nearest one with its differences.
        expected: Text,
        /// What to do.
        remedy: Text,
    },
    /// The statement has no identity of AWS Signer.
    #[error(
        "signing profile is not a trusted identity: found {profile}, expected its ARN in trustedIdentities, which has none of AWS \
         Signer"
    )]
    NoProfiles {
        /// The signing profile, and the alias that it was used under.
        profile: Text,
        /// What to do.
        remedy: Text,
    },
    /// A trusted signing profile under the root of another authority of the statement.
    #[error(
        "signing profile {profile} is claimed by a signature of another authority: found root {root}, expected {expected}"
    )]
    NotUnderAwsRoot {
        /// The signing profile.
        profile: Excerpt,
        /// Subject of the root.
        root: Text,
        /// The root that signatures of the profile have.
        expected: &'static str,
    },
    /// A trusted alias with a signing profile of another partition, which AWS Signer never has together. The root of a profile is
    /// that of its partition, so the alias would be trusted under another root than its own.
    #[error(
        "alias {alias} is claimed for a signing profile of another partition: found profile {profile}, expected one of the partition \
         {expected}"
    )]
    AliasOfAnotherPartition {
        /// The alias.
        alias: Excerpt,
        /// The signing profile.
        profile: Excerpt,
        /// The partition of the alias.
        expected: Excerpt,
    },
    /// Another subject than those of the statement.
    #[error("signer is not a trusted identity: found subject {subject:?}, expected one of {expected}")]
    NotListed {
        /// Subject of the certificate.
        subject: Text,
        /// The first trusted identities, the nearest one with its differences.
        expected: Text,
        /// What to do; `None` if that is the remedy of the code.
        remedy: Option<Text>,
    },
}

/// The remedy for a subject that no identity of a trust policy can express.
const INEXPRESSIBLE: &str = "sign with a certificate whose subject has each attribute once and as plain text; or trust *, which is every \
                             signer under the statement's trust stores";

/// The remedy for a signature that claims a signing profile.
const CLAIMED: &str = "find out who made this signature: AWS Signer did not; a root of your own that may sign for signing profiles belongs \
                       in a statement without the root of AWS";

impl IdentityMismatch {
    /// What to do, as one sentence without a full stop; `None` if that is the remedy of the code.
    #[must_use]
    pub fn remedy(&self) -> Option<Text> {
        match self {
            Self::NoSubjects { remedy } | Self::NotListed { subject: _, expected: _, remedy } => remedy.clone(),
            Self::NotUnderAwsRoot { .. } | Self::AliasOfAnotherPartition { .. } => Some(CLAIMED.into()),
            Self::Repeated { .. } | Self::Hexadecimal { .. } => Some(INEXPRESSIBLE.into()),
            Self::AnyProfile { profile: _, remedy }
            | Self::ProfileNotListed { profile: _, expected: _, remedy }
            | Self::NoProfiles { profile: _, remedy } => Some(remedy.clone()),
        }
    }
}
