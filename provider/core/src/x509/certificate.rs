//! One certificate: its bytes and its parsed parts.

use std::fmt;
use std::sync::Arc;

use super::extension::BasicConstraints;
use super::extension::ExtendedKeyUsage;
use super::extension::Extensions;
use super::extension::KeyUsage;
use super::extension::KeyUse;
use super::extension::RevocationAddresses;
use super::layout::Layout;
use super::name::DistinguishedName;
use crate::codec::der;
use crate::codec::der::Oid;
use crate::codec::der::Reader;
use crate::codec::hex::hex;
use crate::codec::text::Text;
use crate::crypto;
use crate::crypto::EnvelopeKey;
use crate::crypto::KeyError;
use crate::crypto::PublicKey;
use crate::crypto::SignatureAlgorithm;
use crate::crypto::SignatureError;
use crate::crypto::sha256;
use crate::time::UnixTime;

/// A well-formed certificate of version 3, neither trusted nor checked for its use: [`super::Chain`] checks chains.
/// Clones share the bytes.
#[derive(Clone)]
pub struct Certificate(Arc<Parts>);

/// The parts that [`Certificate::parse`] reads.
pub(super) struct Parts {
    pub(super) der: Vec<u8>,
    pub(super) tbs: Vec<u8>,
    pub(super) fingerprint: [u8; 32],
    pub(super) serial: Text,
    pub(super) serial_bytes: Vec<u8>,
    pub(super) subject: DistinguishedName,
    pub(super) subject_raw: Vec<u8>,
    pub(super) issuer: DistinguishedName,
    pub(super) issuer_raw: Vec<u8>,
    pub(super) not_before: UnixTime,
    pub(super) not_after: UnixTime,
    pub(super) key: PublicKey,
    pub(super) key_raw: Vec<u8>,
    pub(super) extensions: Extensions,
    pub(super) signature_algorithm: Result<SignatureAlgorithm, SignatureError>,
    pub(super) signature: Vec<u8>,
}

impl Certificate {
    pub(super) fn from_parts(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// All bytes.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.0.der
    }

    /// The signed bytes.
    #[must_use]
    pub fn tbs(&self) -> &[u8] {
        &self.0.tbs
    }

    /// SHA-256 of all bytes.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        self.0.fingerprint
    }

    /// Lower-case hexadecimal digits of the serial number, two for each byte, truncated to the length of a [`Text`].
    #[must_use]
    pub fn serial(&self) -> &Text {
        &self.0.serial
    }

    /// The serial number, big-endian without leading zeros; empty for zero.
    #[must_use]
    pub fn serial_bytes(&self) -> &[u8] {
        &self.0.serial_bytes
    }

    /// The subject.
    #[must_use]
    pub fn subject(&self) -> &DistinguishedName {
        &self.0.subject
    }

    /// The subject's DER. Two names are equal if these bytes are equal.
    #[must_use]
    pub fn subject_raw(&self) -> &[u8] {
        &self.0.subject_raw
    }

    /// The issuer.
    #[must_use]
    pub fn issuer(&self) -> &DistinguishedName {
        &self.0.issuer
    }

    /// The issuer's DER.
    #[must_use]
    pub fn issuer_raw(&self) -> &[u8] {
        &self.0.issuer_raw
    }

    /// The start of the validity period.
    #[must_use]
    pub fn not_before(&self) -> UnixTime {
        self.0.not_before
    }

    /// The end of the validity period, included.
    #[must_use]
    pub fn not_after(&self) -> UnixTime {
        self.0.not_after
    }

    /// Whether `time` lies in the validity period, both ends included.
    #[must_use]
    pub fn covers(&self, time: UnixTime) -> bool {
        self.not_before() <= time && time <= self.not_after()
    }

    /// The key, if it is allowed to sign envelopes.
    ///
    /// # Errors
    /// The key is not one of the six that the specification allows. The error names it.
    pub fn envelope_key(&self) -> Result<EnvelopeKey, KeyError> {
        self.0.key.for_envelopes()
    }

    /// Whether it may sign CRLs: cA is true, and keyUsage, if present, has cRLSign.
    pub(super) fn may_sign_crls(&self) -> bool {
        self.is_ca() && self.key_usage().is_none_or(|usage| usage.uses.contains(&KeyUse::CrlSign))
    }

    /// SHA-256 of what CRLs and OCSP responses depend on, if this is their issuer: its subject, its key, and whether it may
    /// sign CRLs. Certificates that differ only elsewhere have the same.
    #[must_use]
    pub fn identity_as_issuer(&self) -> [u8; 32] {
        // DER separates the parts.
        sha256(&[&self.0.subject_raw[..], &self.0.key_raw, &[u8::from(self.may_sign_crls())]].concat())
    }

    /// The name of the key for messages: `EC P-256`, `RSA 2048 bits`. Unsupported keys have a name, too.
    #[must_use]
    pub fn key_name(&self) -> Text {
        self.0.key.describe()
    }

    /// The key's DER, a SubjectPublicKeyInfo.
    #[must_use]
    pub fn key_raw(&self) -> &[u8] {
        &self.0.key_raw
    }

    /// The bits of the key, without its algorithm. Key identifiers are hashes of them
    /// ([RFC 5280 §4.2.1.2](https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.2)).
    pub(super) fn key_bits(&self) -> &[u8] {
        key_bits(&self.0.key_raw)
    }

    /// Whether both certificates are for the same key.
    pub(super) fn has_key_of(&self, other: &Self) -> bool {
        self.0.key_raw == other.0.key_raw
    }

    /// basicConstraints, if present.
    #[must_use]
    pub fn basic_constraints(&self) -> Option<&BasicConstraints> {
        self.0.extensions.basic_constraints.as_ref()
    }

    /// Whether basicConstraints are present and cA is true.
    #[must_use]
    pub fn is_ca(&self) -> bool {
        self.basic_constraints().is_some_and(|constraints| constraints.ca)
    }

    /// keyUsage, if present.
    #[must_use]
    pub fn key_usage(&self) -> Option<&KeyUsage> {
        self.0.extensions.key_usage.as_ref()
    }

    /// extKeyUsage, if present.
    #[must_use]
    pub fn extended_key_usage(&self) -> Option<&ExtendedKeyUsage> {
        self.0.extensions.extended_key_usage.as_ref()
    }

    /// The addresses of OCSP responders and CRLs.
    #[must_use]
    pub fn revocation_addresses(&self) -> &RevocationAddresses {
        &self.0.extensions.revocation
    }

    /// Whether the certificate states that a responder need not be checked for revocation: id-pkix-ocsp-nocheck
    /// ([RFC 6960 §4.2.2.2.1](https://www.rfc-editor.org/rfc/rfc6960#section-4.2.2.2.1)).
    #[must_use]
    pub fn has_ocsp_no_check(&self) -> bool {
        self.0.extensions.ocsp_no_check
    }

    /// Verifies a signature of this certificate's key over `message`, which is not a certificate: a CRL or an OCSP
    /// response. `algorithm` is the AlgorithmIdentifier. Nothing else is checked.
    ///
    /// # Errors
    /// As [`Self::verify_signed_by`].
    pub(super) fn verify(&self, algorithm: &[u8], message: &[u8], signature: &[u8]) -> Result<(), SignatureError> {
        self.verify_message(SignatureAlgorithm::from_der(algorithm)?, message, signature)
    }

    /// Checks this certificate's signature with the key of `signer`, and nothing else: neither names nor whether the
    /// signer may sign certificates.
    ///
    /// # Errors
    /// A weak or unknown algorithm, a weak or unsuitable key, or a signature by another key.
    pub fn verify_signed_by(&self, signer: &Self) -> Result<(), SignatureError> {
        let algorithm = self.0.signature_algorithm.clone()?;
        crypto::verify_by_authority(&signer.0.key, algorithm, &self.0.tbs, &self.0.signature)
    }

    /// Checks a signature of this certificate's key over `message`, with an ECDSA signature in DER. Checks neither
    /// whether the certificate may sign such a message nor whether it is trusted.
    ///
    /// # Errors
    /// A weak or unsuitable key, or a signature by another key or over another message.
    pub(crate) fn verify_message(
        &self,
        algorithm: SignatureAlgorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), SignatureError> {
        crypto::verify_by_authority(&self.0.key, algorithm, message, signature)
    }

    /// Whether nameConstraints are present.
    pub(crate) fn has_name_constraints(&self) -> bool {
        self.0.extensions.name_constraints
    }

    /// Critical extensions that are not evaluated, in the order of the certificate. Code signing chains ignore them,
    /// as the Notary Project specifies; rules of RFC 5280 refuse them.
    pub(crate) fn unsupported_critical_extensions(&self) -> &[Oid] {
        &self.0.extensions.unsupported_critical
    }

    /// Whether the certificate has this issuer (DER of the name) and this serial number (contents of the INTEGER).
    pub(crate) fn is_issued_as(&self, issuer: &[u8], serial: &[u8]) -> bool {
        self.issuer_raw() == issuer && Layout::read(self.der()).is_ok_and(|layout| layout.serial.contents == serial)
    }

    /// Whether subjectAltName has this GeneralName, compared byte for byte.
    pub(crate) fn has_alternative_name(&self, name: &[u8]) -> bool {
        Layout::read(self.der()).is_ok_and(|layout| layout.has_alternative_name(name))
    }

    /// Whether the bytes of subject and issuer are equal.
    #[must_use]
    pub fn is_self_issued(&self) -> bool {
        self.0.subject_raw == self.0.issuer_raw
    }

    /// Whether this is a root certificate: self-issued, self-signed, cA is true, and keyUsage, if present, allows
    /// signing certificates.
    pub(crate) fn is_root(&self) -> bool {
        let may_sign = self.key_usage().is_none_or(|usage| usage.uses.contains(&KeyUse::KeyCertSign));
        self.is_self_issued() && self.is_ca() && may_sign && self.verify_signed_by(self).is_ok()
    }

    /// Memory of the value, shared by its clones, in bytes: an upper estimate. Bytes and parts, some of them twice.
    pub(super) fn memory(&self) -> usize {
        size_of::<Parts>() + 4 * self.0.der.len()
    }

    pub(super) fn check_authority_key(&self) -> Result<(), KeyError> {
        self.0.key.check_authority()
    }
}

/// The bits of a SubjectPublicKeyInfo; empty if it is malformed, which the parser excludes.
fn key_bits(info: &[u8]) -> &[u8] {
    let bits = || {
        let mut fields = Reader::only(info, der::SEQUENCE)?.inside();
        fields.expect(der::SEQUENCE)?;
        fields.expect(der::BIT_STRING)?.whole_bytes()
    };
    bits().unwrap_or_default()
}

impl PartialEq for Certificate {
    /// Compares all bytes.
    fn eq(&self, other: &Self) -> bool {
        self.0.der == other.0.der
    }
}

impl Eq for Certificate {}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({}, sha256:{})", self.0.subject, hex(&self.0.fingerprint))
    }
}
