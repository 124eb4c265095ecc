//! One certificate: its bytes, and what they say.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use aws_lc_rs::digest;
use x509_parser::extensions::GeneralName;
use x509_parser::extensions::SubjectAlternativeName;
use x509_parser::prelude::FromDer;

use super::BasicConstraints;
use super::DistinguishedName;
use super::ExtendedKeyUsage;
use super::KeyUsage;
use super::KeyUse;
use super::RevocationAddresses;
use super::extension::Extensions;
use super::layout;
use super::layout::Contents;
use super::layout::Layout;
use super::layout::RawExtension;
use crate::codec::der;
use crate::codec::der::NotDer;
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
use crate::limits;
use crate::time::UnixTime;

/// A well-formed certificate of version 3, as it came. Nothing about it is trusted or even checked for sense: that a
/// chain of them holds is [`super::Chain`]'s word. Clones share the bytes.
#[derive(Clone)]
pub struct Certificate(Arc<Parts>);

struct Parts {
    der: Vec<u8>,
    tbs: Vec<u8>,
    fingerprint: [u8; 32],
    serial: Text,
    subject: DistinguishedName,
    subject_raw: Vec<u8>,
    issuer: DistinguishedName,
    issuer_raw: Vec<u8>,
    not_before: UnixTime,
    not_after: UnixTime,
    key: PublicKey,
    extensions: Extensions,
    signature_algorithm: Result<SignatureAlgorithm, SignatureError>,
    signature: Vec<u8>,
}

/// Why bytes are not a certificate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    #[error("certificate has {found} bytes: want at most {}", limits::CERTIFICATE_BYTES)]
    TooLarge { found: usize },
    #[error("not an X.509 certificate in DER")]
    NotACertificate,
    #[error("certificate is followed by {found} bytes: want nothing after it")]
    TrailingBytes { found: usize },
    #[error("certificate has version {found}: want 3")]
    Version { found: u32 },
    #[error("certificate has {found} {what}: want at most {wanted}")]
    TooMany { what: &'static str, found: usize, wanted: usize },
    #[error("there are more than {} certificates one after the other", limits::STORE_CERTIFICATES)]
    TooManyCertificates,
    /// A part that decides something is not the DER of its type.
    #[error("certificate with subject {subject:?} has a malformed {part}: want DER as in RFC 5280")]
    Malformed { subject: Text, part: &'static str },
    #[error("certificate with subject {subject:?} has extension {oid} twice: want each at most once")]
    DuplicateExtension { subject: Text, oid: Text },
    #[error(
        "certificate with subject {subject:?} names one signature algorithm inside and another outside of its signed part"
    )]
    AlgorithmsDiffer { subject: Text },
}

impl Certificate {
    /// Reads exactly one certificate.
    ///
    /// # Errors
    /// More than [`limits::CERTIFICATE_BYTES`], bytes after it, another version than 3, more extensions or attributes of
    /// a name than the limits allow, an extension twice, two signature algorithms that differ, or a malformed structure,
    /// serial number, name, time, key, basicConstraints, keyUsage, extKeyUsage or subjectAltName. Kinds of key and
    /// algorithm are not judged here.
    pub fn parse(der: &[u8]) -> Result<Self, CertificateError> {
        if der.len() > limits::CERTIFICATE_BYTES {
            return Err(CertificateError::TooLarge { found: der.len() });
        }
        let mut reader = Reader::new(der);
        reader.expect(der::SEQUENCE).map_err(|NotDer| CertificateError::NotACertificate)?;
        if !reader.is_empty() {
            return Err(CertificateError::TrailingBytes { found: reader.rest().len() });
        }
        let layout = Layout::read(der).map_err(|NotDer| CertificateError::NotACertificate)?;
        // Counted before anything is built of it.
        let extensions = layout.extension_count().map_err(|NotDer| CertificateError::NotACertificate)?;
        check_count("extensions", extensions, limits::CERTIFICATE_EXTENSIONS)?;
        let subject = name("attributes in its subject", layout.subject, || CertificateError::Malformed {
            subject: Text::default(),
            part: "subject",
        })?;
        let malformed = |part| CertificateError::Malformed { subject: subject.to_text(), part };
        let issuer = name("attributes in its issuer", layout.issuer, || malformed("issuer"))?;
        let Contents { version, extensions: listed } =
            layout.contents().map_err(|NotDer| CertificateError::NotACertificate)?;
        if version != 3 {
            return Err(CertificateError::Version { found: version });
        }
        let serial = layout.serial.unsigned().map_err(|NotDer| malformed("serialNumber"))?;
        if layout.inner_algorithm != layout.outer_algorithm {
            return Err(CertificateError::AlgorithmsDiffer { subject: subject.to_text() });
        }

        let mut extensions = Extensions::default();
        let mut seen = HashSet::new();
        for RawExtension { oid, critical, value } in listed {
            if !seen.insert(oid) {
                let oid = Oid::from_contents(oid).map_or_else(|NotDer| Text::of(hex(oid)), Text::of);
                return Err(CertificateError::DuplicateExtension { subject: subject.to_text(), oid });
            }
            if oid == SUBJECT_ALTERNATIVE_NAME {
                check_alternative_name(value).map_err(|NotDer| malformed("subjectAltName"))?;
            }
            extensions.add(oid, critical, value).map_err(malformed)?;
        }

        let mut fingerprint = [0; 32];
        for (to, from) in fingerprint.iter_mut().zip(digest::digest(&digest::SHA256, der).as_ref()) {
            *to = *from;
        }
        let parts = Parts {
            der: der.to_vec(),
            tbs: layout.tbs.to_vec(),
            fingerprint,
            serial: if serial.is_empty() { Text::of("00") } else { Text::of(hex(serial)) },
            subject_raw: layout.subject.to_vec(),
            issuer,
            issuer_raw: layout.issuer.to_vec(),
            not_before: layout::time(&layout.not_before).map_err(|NotDer| malformed("notBefore"))?,
            not_after: layout::time(&layout.not_after).map_err(|NotDer| malformed("notAfter"))?,
            key: PublicKey::from_der(layout.public_key).map_err(|NotDer| malformed("subjectPublicKeyInfo"))?,
            extensions,
            signature_algorithm: SignatureAlgorithm::from_der(layout.outer_algorithm),
            signature: layout.signature.to_vec(),
            subject,
        };
        Ok(Self(Arc::new(parts)))
    }

    /// Reads certificates that stand one after the other, as in a file of a trust store; none if there are no bytes.
    ///
    /// # Errors
    /// As [`Self::parse`], for the first that cannot be read; so too if anything stands between or after them. More than
    /// [`limits::STORE_CERTIFICATES`].
    pub fn parse_all(mut bytes: &[u8]) -> Result<Vec<Self>, CertificateError> {
        let mut certificates = Vec::new();
        while !bytes.is_empty() {
            if certificates.len() == limits::STORE_CERTIFICATES {
                return Err(CertificateError::TooManyCertificates);
            }
            let mut reader = Reader::new(bytes);
            let first = reader.next().map_err(|NotDer| CertificateError::NotACertificate)?.raw;
            certificates.push(Self::parse(first)?);
            bytes = reader.rest();
        }
        Ok(certificates)
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

    /// Lower-case hexadecimal digits of the serial number, two for each byte, cut after so many as nobody issues.
    #[must_use]
    pub fn serial(&self) -> &Text {
        &self.0.serial
    }

    #[must_use]
    pub fn subject(&self) -> &DistinguishedName {
        &self.0.subject
    }

    /// The subject's DER. Two names are the same if these bytes are.
    #[must_use]
    pub fn subject_raw(&self) -> &[u8] {
        &self.0.subject_raw
    }

    #[must_use]
    pub fn issuer(&self) -> &DistinguishedName {
        &self.0.issuer
    }

    /// The issuer's DER.
    #[must_use]
    pub fn issuer_raw(&self) -> &[u8] {
        &self.0.issuer_raw
    }

    #[must_use]
    pub fn not_before(&self) -> UnixTime {
        self.0.not_before
    }

    #[must_use]
    pub fn not_after(&self) -> UnixTime {
        self.0.not_after
    }

    /// Whether `time` lies in the validity period, both ends included.
    #[must_use]
    pub fn covers(&self, time: UnixTime) -> bool {
        self.not_before() <= time && time <= self.not_after()
    }

    /// The key as one that may sign an envelope.
    ///
    /// # Errors
    /// A key that is none of the specification's six, with what it is.
    pub fn envelope_key(&self) -> Result<EnvelopeKey, KeyError> {
        self.0.key.for_envelopes()
    }

    /// What the key is, for people: `EC P-256`, `RSA 2048 bits`. Keys that may sign nothing here have a name too.
    #[must_use]
    pub fn key_name(&self) -> Text {
        self.0.key.describe()
    }

    #[must_use]
    pub fn basic_constraints(&self) -> Option<&BasicConstraints> {
        self.0.extensions.basic_constraints.as_ref()
    }

    /// Whether basicConstraints are there and say cA.
    #[must_use]
    pub fn is_ca(&self) -> bool {
        self.basic_constraints().is_some_and(|constraints| constraints.ca)
    }

    #[must_use]
    pub fn key_usage(&self) -> Option<&KeyUsage> {
        self.0.extensions.key_usage.as_ref()
    }

    #[must_use]
    pub fn extended_key_usage(&self) -> Option<&ExtendedKeyUsage> {
        self.0.extensions.extended_key_usage.as_ref()
    }

    /// Where the revocation status can be asked.
    #[must_use]
    pub fn revocation_addresses(&self) -> &RevocationAddresses {
        &self.0.extensions.revocation
    }

    /// Checks this certificate's signature with the key of `signer`, and nothing else: neither names nor whether the
    /// signer may sign certificates.
    ///
    /// # Errors
    /// A weak or unknown algorithm, a weak or unsuitable key, or a signature that is not the signer's.
    pub fn verify_signed_by(&self, signer: &Self) -> Result<(), SignatureError> {
        let algorithm = self.0.signature_algorithm.clone()?;
        crypto::verify_by_authority(&signer.0.key, algorithm, &self.0.tbs, &self.0.signature)
    }

    /// Whether subject and issuer are the same bytes.
    #[must_use]
    pub fn is_self_issued(&self) -> bool {
        self.0.subject_raw == self.0.issuer_raw
    }

    /// Whether this certificate is issued and signed by itself in the role of an authority: cA, and a keyUsage that
    /// allows to sign certificates if there is one.
    pub(crate) fn is_root(&self) -> bool {
        let may_sign = self.key_usage().is_none_or(|usage| usage.uses.contains(&KeyUse::KeyCertSign));
        self.is_self_issued() && self.is_ca() && may_sign && self.verify_signed_by(self).is_ok()
    }

    pub(super) fn check_authority_key(&self) -> Result<(), KeyError> {
        self.0.key.check_authority()
    }
}

/// That a list is not longer than anybody writes it.
fn check_count(what: &'static str, found: usize, wanted: usize) -> Result<(), CertificateError> {
    if found > wanted { Err(CertificateError::TooMany { what, found, wanted }) } else { Ok(()) }
}

/// Reads a name of not too many attributes.
fn name(
    what: &'static str,
    der: &[u8],
    malformed: impl Fn() -> CertificateError,
) -> Result<DistinguishedName, CertificateError> {
    let found = DistinguishedName::count_der(der).map_err(|NotDer| malformed())?;
    check_count(what, found, limits::NAME_ATTRIBUTES)?;
    DistinguishedName::from_der(der).map_err(|NotDer| malformed())
}

/// 2.5.29.17
const SUBJECT_ALTERNATIVE_NAME: [u8; 3] = [0x55, 0x1d, 0x11];

/// That a subjectAltName can be read. It decides nothing, but a certificate that hides something there from one reader
/// and not from another is no certificate to argue about.
fn check_alternative_name(value: &[u8]) -> Result<(), NotDer> {
    const DIRECTORY_NAME: u8 = der::constructed(4);
    let mut names = Reader::only(value, der::SEQUENCE)?.inside();
    let mut count = 0_usize;
    while !names.is_empty() {
        let name = names.next()?;
        let parts = if name.tag == DIRECTORY_NAME { DistinguishedName::count_der(name.contents)? } else { 0 };
        count = count.saturating_add(parts.max(1));
        if count > limits::ALTERNATIVE_NAMES {
            return Err(NotDer);
        }
    }
    let (rest, names) = SubjectAlternativeName::from_der(value).map_err(|_| NotDer)?;
    let unreadable = |name: &GeneralName<'_>| matches!(name, GeneralName::Invalid(..));
    if rest.is_empty() && !names.general_names.iter().any(unreadable) { Ok(()) } else { Err(NotDer) }
}

impl PartialEq for Certificate {
    /// Byte for byte.
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
