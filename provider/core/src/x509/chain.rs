//! An ordered certificate chain, leaf first, root last.

use super::certificate::Certificate;
use super::code_signing;
use super::code_signing::ProfileError;
use crate::codec::text::Text;
use crate::crypto::EnvelopeKey;
use crate::crypto::SignatureError;
use crate::limits;

/// A valid chain: every certificate is signed by the next one and has the profile of its position, and the last one
/// is a root. Trust and validity periods are not checked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Chain {
    certificates: Vec<Certificate>,
    leaf: Certificate,
    root: Certificate,
    signing_key: EnvelopeKey,
}

/// The error for certificates that are not a valid chain. `subject` is that of the certificate with the mistake.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// There are no certificates.
    #[error("certificate chain is empty, expected the signing certificate first and its root last")]
    Empty,
    /// More certificates than [`limits::CHAIN_CERTIFICATES`].
    #[error("certificate chain: found {found} certificates, expected at most {}", limits::CHAIN_CERTIFICATES)]
    TooLong {
        /// The number of certificates.
        found: usize,
    },
    /// A certificate is not issued by the next one.
    #[error("certificate {subject:?} is not followed by its issuer: found {found:?}, expected {issuer:?}")]
    IssuerDiffers {
        /// Subject of the certificate.
        subject: Text,
        /// Issuer of the certificate.
        issuer: Text,
        /// The subject of the next certificate.
        found: Text,
    },
    /// A certificate is not signed by the next one.
    #[error("certificate {subject:?} is not signed by the next in the chain, {signer:?}: {error}")]
    Link {
        /// Subject of the certificate.
        subject: Text,
        /// Subject of the next certificate.
        signer: Text,
        /// The cause.
        error: SignatureError,
    },
    /// The last certificate is not self-issued.
    #[error(
        "last certificate {subject:?} is not a root: found issuer {issuer:?}, expected a self-issued \
             certificate"
    )]
    RootNotSelfIssued {
        /// Subject of the certificate.
        subject: Text,
        /// Issuer of the certificate.
        issuer: Text,
    },
    /// The last certificate is not self-signed.
    #[error("last certificate {subject:?} is not self-signed: {error}")]
    RootNotSelfSigned {
        /// Subject of the certificate.
        subject: Text,
        /// The cause.
        error: SignatureError,
    },
    /// A root is not the last certificate.
    #[error("certificate {subject:?} is self-signed but not last, expected one root, at the end of the chain")]
    SelfSignedBeforeEnd {
        /// Subject of the certificate.
        subject: Text,
    },
    /// A certificate does not have the profile of its position.
    #[error("certificate {subject:?} does not meet the requirements for code signing: {error}")]
    Profile {
        /// Subject of the certificate.
        subject: Text,
        /// The cause.
        error: ProfileError,
    },
}

impl Chain {
    /// Checks a code signing chain by the [certificate
    /// requirements](https://github.com/notaryproject/specifications/blob/d4b62b949228911bd5e62da4f5f8dd38682d293a/specs/signature-specification.md#certificate-requirements):
    /// leaf first, each issuer name equal to the next subject name byte by byte and each signature by the next key, a
    /// self-signed and self-issued root only at the end, and every certificate with the profile of its position. A
    /// chain of one certificate is a self-signed leaf. Validity periods are not checked.
    ///
    /// # Errors
    /// The first requirement that is not met, from leaf to root.
    pub fn code_signing(certificates: Vec<Certificate>) -> Result<Self, ChainError> {
        let found = certificates.len();
        if found > limits::CHAIN_CERTIFICATES {
            return Err(ChainError::TooLong { found });
        }
        let leaf = certificates.first().ok_or(ChainError::Empty)?.clone();
        let root = certificates.last().ok_or(ChainError::Empty)?.clone();
        let profile = |certificate: &Certificate| {
            let subject = certificate.subject().to_text();
            |error| ChainError::Profile { subject, error }
        };

        let signing_key = code_signing::check_leaf(&leaf).map_err(profile(&leaf))?;
        for (position, authority) in certificates.iter().enumerate().skip(1) {
            code_signing::check_authority(authority, position).map_err(profile(authority))?;
        }
        for (child, parent) in certificates.iter().zip(certificates.iter().skip(1)) {
            check_link(child, parent)?;
        }
        check_root(&root)?;
        Ok(Self { certificates, leaf, root, signing_key })
    }

    /// The signing certificate.
    #[must_use]
    pub fn leaf(&self) -> &Certificate {
        &self.leaf
    }

    /// The last certificate; the leaf in a chain of one.
    #[must_use]
    pub fn root(&self) -> &Certificate {
        &self.root
    }

    /// Leaf first, root last.
    #[must_use]
    pub fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }

    /// The leaf's key.
    #[must_use]
    pub fn signing_key(&self) -> &EnvelopeKey {
        &self.signing_key
    }
}

fn check_link(child: &Certificate, parent: &Certificate) -> Result<(), ChainError> {
    let subject = || child.subject().to_text();
    // Decides by signature and not by name alone, as a leaf may have the name of its root. Only a CA certificate can
    // be a root.
    if child.is_root() {
        return Err(ChainError::SelfSignedBeforeEnd { subject: subject() });
    }
    if child.issuer_raw() != parent.subject_raw() {
        let (issuer, found) = (child.issuer().to_text(), parent.subject().to_text());
        return Err(ChainError::IssuerDiffers { subject: subject(), issuer, found });
    }
    child.verify_signed_by(parent).map_err(|error| {
        let signer = parent.subject().to_text();
        ChainError::Link { subject: subject(), signer, error }
    })
}

fn check_root(root: &Certificate) -> Result<(), ChainError> {
    let subject = || root.subject().to_text();
    if !root.is_self_issued() {
        return Err(ChainError::RootNotSelfIssued { subject: subject(), issuer: root.issuer().to_text() });
    }
    root.verify_signed_by(root).map_err(|error| ChainError::RootNotSelfSigned { subject: subject(), error })
}
