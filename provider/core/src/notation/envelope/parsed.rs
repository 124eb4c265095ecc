//! A well-formed envelope.

use super::attributes::Attributes;
use super::format::EnvelopeFormat;
use crate::crypto::SignatureAlgorithm;

/// A well-formed envelope. Nothing in it has been verified.
#[derive(Clone, Debug)]
pub struct Envelope {
    pub(crate) format: EnvelopeFormat,
    /// The algorithm in the header. The key determines the expected one.
    pub(crate) claimed_algorithm: SignatureAlgorithm,
    pub(crate) attributes: Attributes,
    /// DER certificates, in the envelope's order.
    pub(crate) certificates: Vec<Vec<u8>>,
    /// The exact bytes that the signature covers.
    pub(crate) signed_bytes: Vec<u8>,
    pub(crate) signature: Vec<u8>,
    pub(crate) unverified_payload: Vec<u8>,
    /// The RFC 3161 token over `signature`, if present.
    pub(crate) timestamp_token: Option<Vec<u8>>,
}

impl Envelope {
    /// Its format.
    #[must_use]
    pub fn format(&self) -> EnvelopeFormat {
        self.format
    }

    /// The signed attributes.
    #[must_use]
    pub fn unverified_attributes(&self) -> &Attributes {
        &self.attributes
    }

    /// DER certificates in the order of the envelope, leaf first.
    #[must_use]
    pub fn unverified_certificates(&self) -> &[Vec<u8>] {
        &self.certificates
    }

    /// The algorithm in the header. The key of the leaf certificate determines the expected one.
    #[must_use]
    pub fn claimed_algorithm(&self) -> SignatureAlgorithm {
        self.claimed_algorithm
    }

    /// The bytes that the signature covers: the protected header and the payload, in the form of the format.
    #[must_use]
    pub fn unverified_signed_bytes(&self) -> &[u8] {
        &self.signed_bytes
    }

    /// The payload. [`super::super::open`] reads it after its signature was verified.
    #[must_use]
    pub fn unverified_payload(&self) -> &[u8] {
        &self.unverified_payload
    }

    /// The signature.
    #[must_use]
    pub fn unverified_signature(&self) -> &[u8] {
        &self.signature
    }

    /// The RFC 3161 token over the signature, if present.
    #[must_use]
    pub fn unverified_timestamp_token(&self) -> Option<&[u8]> {
        self.timestamp_token.as_deref()
    }
}
