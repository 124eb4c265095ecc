//! Integrity: the only module that verifies the signature of an envelope with the certificate's key and algorithm.
//! Start here to review signature verification.

use super::envelope::Attributes;
use super::envelope::Envelope;
use crate::codec::text::Text;
use crate::crypto::SignatureAlgorithm;
use crate::reason::Code;
use crate::time::UnixTime;
use crate::x509::Certificate;
use crate::x509::CertificateError;
use crate::x509::Chain;
use crate::x509::ChainError;

/// An envelope whose signature was made by the key of its leaf certificate, over a complete and well-formed chain.
/// Does not imply trust. Created only by [`check`].
#[derive(Clone, Debug)]
pub(super) struct IntactEnvelope {
    envelope: Envelope,
    chain: Chain,
}

/// The error for an envelope that is not intact.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum IntegrityError {
    #[error("certificate {position} of the chain: {error}")]
    Certificate { position: usize, error: CertificateError },
    #[error("{0}")]
    Chain(#[from] ChainError),
    #[error(
        "algorithm of the header does not fit the signing certificate's key: found {}, expected {}",
        claimed.jose_name(),
        expected.jose_name()
    )]
    Algorithm { claimed: SignatureAlgorithm, expected: SignatureAlgorithm },
    #[error("signature verification failed: the signing certificate's key did not sign this content")]
    Signature,
    #[error("expiry is not after the signing time: found expiry {expiry}, expected one after {signing_time}")]
    ExpiryBeforeSigning { expiry: UnixTime, signing_time: UnixTime },
}

impl IntegrityError {
    pub(super) fn code(&self) -> Code {
        match self {
            Self::Certificate { .. } => Code::CertificateInvalid,
            Self::Chain(ChainError::Profile { .. }) => Code::CertificateInvalid,
            Self::Chain(_) => Code::ChainInvalid,
            Self::Algorithm { .. } => Code::AlgorithmMismatch,
            Self::Signature => Code::SignatureMismatch,
            Self::ExpiryBeforeSigning { .. } => Code::EnvelopeMalformed,
        }
    }
}

/// The parsed certificates of an envelope, in its order.
pub(super) type Certificates = Vec<Result<Certificate, CertificateError>>;

/// Parses every certificate of an envelope. No other code does.
pub(super) fn parse_certificates(envelope: &Envelope) -> Certificates {
    envelope.unverified_certificates().iter().map(|der| Certificate::parse(der)).collect()
}

/// Checks the chain, then the signature with the leaf's key and its only algorithm.
pub(super) fn check(envelope: Envelope, certificates: Certificates) -> Result<IntactEnvelope, IntegrityError> {
    let certificates = (1..)
        .zip(certificates)
        .map(|(position, parsed)| parsed.map_err(|error| IntegrityError::Certificate { position, error }))
        .collect::<Result<Vec<_>, _>>()?;
    let chain = Chain::code_signing(certificates)?;
    let expected = chain.signing_key().algorithm();
    let claimed = envelope.claimed_algorithm;
    if claimed != expected {
        return Err(IntegrityError::Algorithm { claimed, expected });
    }
    chain
        .signing_key()
        .verify_envelope(&envelope.signed_bytes, &envelope.signature)
        .map_err(|_| IntegrityError::Signature)?;
    let signing_time = envelope.attributes.scheme.time();
    match envelope.attributes.expiry {
        Some(expiry) if expiry <= signing_time => Err(IntegrityError::ExpiryBeforeSigning { expiry, signing_time }),
        Some(_) | None => Ok(IntactEnvelope { envelope, chain }),
    }
}

/// The subject of the first certificate, for reports about failed signatures.
pub(super) fn unverified_subject(certificates: &Certificates) -> Option<Text> {
    let leaf = certificates.first()?.as_ref().ok()?;
    Some(leaf.subject().to_text())
}

impl IntactEnvelope {
    pub(super) fn attributes(&self) -> &Attributes {
        &self.envelope.attributes
    }

    pub(super) fn chain(&self) -> &Chain {
        &self.chain
    }

    /// The signed payload bytes.
    pub(super) fn payload(&self) -> &[u8] {
        &self.envelope.unverified_payload
    }

    pub(super) fn envelope(&self) -> &Envelope {
        &self.envelope
    }
}
