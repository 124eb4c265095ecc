//! Reads certificates from DER.

use std::collections::HashSet;

use x509_parser::extensions::GeneralName;
use x509_parser::extensions::SubjectAlternativeName;
use x509_parser::prelude::FromDer;

use super::certificate::Certificate;
use super::certificate::Parts;
use super::extension::Extensions;
use super::layout;
use super::layout::Contents;
use super::layout::Layout;
use super::layout::RawExtension;
use super::name::DistinguishedName;
use crate::codec::der;
use crate::codec::der::NotDer;
use crate::codec::der::Oid;
use crate::codec::der::Reader;
use crate::codec::hex::hex;
use crate::codec::text::Text;
use crate::crypto::PublicKey;
use crate::crypto::SignatureAlgorithm;
use crate::crypto::sha256;
use crate::limits;

/// The error for bytes that are not a supported certificate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// More bytes than [`limits::CERTIFICATE_BYTES`].
    #[error("certificate: found {found} bytes, expected at most {}", limits::CERTIFICATE_BYTES)]
    TooLarge {
        /// The size in bytes.
        found: usize,
    },
    /// The structure is not that of a certificate.
    #[error("not a DER-encoded X.509 certificate")]
    NotACertificate,
    /// Bytes after the certificate.
    #[error("found {found} bytes after the certificate, expected none")]
    TrailingBytes {
        /// The number of bytes.
        found: usize,
    },
    /// Another version than 3.
    #[error("certificate version: found {found}, expected 3")]
    Version {
        /// The version number.
        found: u32,
    },
    /// More entries than the limit.
    #[error("certificate: found {found} {what}, expected at most {max}")]
    TooMany {
        /// The counted parts.
        what: &'static str,
        /// Their number.
        found: usize,
        /// The maximum number.
        max: usize,
    },
    /// More certificates than [`limits::STORE_CERTIFICATES`].
    #[error("found too many certificates in sequence, expected at most {}", limits::STORE_CERTIFICATES)]
    TooManyCertificates,
    /// A part that affects a decision is malformed.
    #[error("certificate with subject {subject:?} has a malformed {part}, expected DER as in RFC 5280")]
    Malformed {
        /// Subject of the certificate.
        subject: Text,
        /// The part with the mistake.
        part: &'static str,
    },
    /// A duplicate extension: readers may use different ones.
    #[error("certificate with subject {subject:?}: found extension {oid} twice, expected each at most once")]
    DuplicateExtension {
        /// Subject of the certificate.
        subject: Text,
        /// The identifier of the extension.
        oid: Text,
    },
    /// The signature algorithms inside and outside differ.
    #[error(
        "certificate with subject {subject:?} has different signature algorithms inside and outside its signed part"
    )]
    AlgorithmsDiffer {
        /// Subject of the certificate.
        subject: Text,
    },
}

impl Certificate {
    /// Reads exactly one certificate.
    ///
    /// # Errors
    /// More than [`limits::CERTIFICATE_BYTES`], bytes after it, another version than 3, more extensions or attributes
    /// of a name than the limits allow, an extension twice, two signature algorithms that differ, or a malformed
    /// structure, serial number, name, time, key, basicConstraints, keyUsage, extKeyUsage or subjectAltName. Kinds of
    /// key and algorithm are not checked.
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
        // Counted before values are allocated.
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

        let extensions = read_extensions(listed, &subject)?;
        let parts = Parts {
            der: der.to_vec(),
            tbs: layout.tbs.to_vec(),
            fingerprint: sha256(der),
            serial: if serial.is_empty() { Text::of("00") } else { Text::of(hex(serial)) },
            serial_bytes: serial.to_vec(),
            subject_raw: layout.subject.to_vec(),
            issuer,
            issuer_raw: layout.issuer.to_vec(),
            not_before: layout::time(&layout.not_before).map_err(|NotDer| malformed("notBefore"))?,
            not_after: layout::time(&layout.not_after).map_err(|NotDer| malformed("notAfter"))?,
            key: PublicKey::from_der(layout.public_key).map_err(|NotDer| malformed("subjectPublicKeyInfo"))?,
            key_raw: layout.public_key.to_vec(),
            extensions,
            signature_algorithm: SignatureAlgorithm::from_der(layout.outer_algorithm),
            signature: layout.signature.to_vec(),
            subject,
        };
        Ok(Self::from_parts(parts))
    }

    /// Parses concatenated certificates, as in a file of a trust store; an empty list for empty input.
    ///
    /// # Errors
    /// As [`Self::parse`], for the first invalid certificate; bytes between or after certificates; more than
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
}

/// Parses the extensions; a duplicate is an error.
fn read_extensions(listed: Vec<RawExtension<'_>>, subject: &DistinguishedName) -> Result<Extensions, CertificateError> {
    let malformed = |part| CertificateError::Malformed { subject: subject.to_text(), part };
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
    Ok(extensions)
}

/// Checks the length of a list.
fn check_count(what: &'static str, found: usize, max: usize) -> Result<(), CertificateError> {
    if found > max { Err(CertificateError::TooMany { what, found, max }) } else { Ok(()) }
}

/// Parses a name, with a limit on its attributes.
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

/// Checks that a subjectAltName is well-formed. It affects no decision, but a malformed one may be read differently
/// by different parsers, so the certificate is refused.
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
