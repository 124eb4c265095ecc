//! The evidence that a judgement used, for people and for the lifetime of a verdict.

use crate::codec::text::Text;
use crate::evidence::UsableUntil;
use crate::time::UnixTime;

/// One piece of evidence about one certificate: where it came from, and for how long it can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvidenceFact {
    /// The kind of evidence.
    pub kind: EvidenceKind,
    /// Subject of the certificate; for AWS Signer the signing profile version.
    pub certificate: Text,
    /// What the evidence states about the certificate.
    pub status: EvidenceStatus,
    /// The address that it was fetched from.
    pub url: Text,
    /// The time at which it was fetched.
    pub fetched: UnixTime,
    /// The time at which the statement was correct.
    pub this_update: UnixTime,
    /// The time by which there is a newer one, if that is stated. A CRL always states it.
    pub next_update: Option<UnixTime>,
    /// The end of its use.
    pub usable_until: UsableUntil,
}

/// The kind of an [`EvidenceFact`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EvidenceKind {
    /// The answer of an OCSP responder.
    Ocsp,
    /// A complete CRL.
    Crl,
    /// A delta CRL.
    DeltaCrl,
    /// The status of the signature at AWS Signer.
    AwsSigner,
}

/// What a piece of evidence states about a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EvidenceStatus {
    /// Not revoked, or not on the list.
    Good,
    /// Revoked, on hold, or on the list.
    Revoked,
    /// The responder does not know the certificate.
    Unknown,
}

impl EvidenceKind {
    /// Stable text for JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ocsp => "ocsp",
            Self::Crl => "crl",
            Self::DeltaCrl => "deltaCrl",
            Self::AwsSigner => "awsSigner",
        }
    }

    /// The name in messages.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ocsp => "OCSP response",
            Self::Crl => "CRL",
            Self::DeltaCrl => "delta CRL",
            Self::AwsSigner => "AWS Signer status",
        }
    }
}

impl EvidenceStatus {
    /// Stable text for JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Revoked => "revoked",
            Self::Unknown => "unknown",
        }
    }
}
