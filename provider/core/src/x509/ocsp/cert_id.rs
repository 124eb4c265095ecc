//! `CertID`: a serial number, and hashes of the issuer's name and key.

use aws_lc_rs::digest;

use crate::codec::der;
use crate::codec::der::Element;
use crate::codec::der::NotDer;
use crate::x509::Certificate;

/// 1.3.14.3.2.26
const SHA1: &[u8] = &[0x2b, 0x0e, 0x03, 0x02, 0x1a];
/// 2.16.840.1.101.3.4.2.1
const SHA256: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];

/// A CertID as it is encoded ([RFC 6960 §4.1.1](https://www.rfc-editor.org/rfc/rfc6960#section-4.1.1)).
#[derive(Clone, Copy, Debug)]
pub(super) struct CertId<'a> {
    /// Contents of the object identifier.
    pub(super) hash: &'a [u8],
    name_hash: &'a [u8],
    key_hash: &'a [u8],
    serial: Element<'a>,
}

/// How a CertID relates to a certificate and its issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Match {
    /// It identifies the certificate.
    Full,
    /// Another serial number.
    OtherSerial,
    /// The serial number of the certificate, and another issuer.
    OtherIssuer,
    /// The serial number of the certificate, and a hash algorithm that is not supported.
    UnsupportedHash,
}

impl<'a> CertId<'a> {
    /// Reads the CertID with its SEQUENCE. The form of the serial number is checked, its sign is not.
    pub(super) fn read(element: &Element<'a>) -> Result<Self, NotDer> {
        let mut fields = element.inside();
        let mut algorithm = fields.expect(der::SEQUENCE)?.inside();
        let hash = algorithm.expect(der::OBJECT_IDENTIFIER)?.contents;
        // Parameters of hash algorithms are NULL or absent.
        if algorithm.optional(der::NULL)?.is_some_and(|null| !null.contents.is_empty()) {
            return Err(NotDer);
        }
        algorithm.end()?;
        let name_hash = fields.expect(der::OCTET_STRING)?.contents;
        let key_hash = fields.expect(der::OCTET_STRING)?.contents;
        let serial = fields.expect(der::INTEGER)?;
        fields.end()?;
        if serial.is_shortest_integer() { Ok(Self { hash, name_hash, key_hash, serial }) } else { Err(NotDer) }
    }

    /// Compares the serial number and both hashes.
    pub(super) fn compare(&self, certificate: &Certificate, issuer: &Certificate) -> Match {
        if self.serial.unsigned() != Ok(certificate.serial_bytes()) {
            return Match::OtherSerial;
        }
        let algorithm = match self.hash {
            SHA1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            SHA256 => &digest::SHA256,
            _ => return Match::UnsupportedHash,
        };
        let is_hash_of = |found: &[u8], bytes: &[u8]| digest::digest(algorithm, bytes).as_ref() == found;
        if is_hash_of(self.name_hash, issuer.subject_raw()) && is_hash_of(self.key_hash, issuer.key_bits()) {
            Match::Full
        } else {
            Match::OtherIssuer
        }
    }
}

/// The SHA-1 hash of a key, which identifies a responder
/// ([RFC 6960 §4.2.1](https://www.rfc-editor.org/rfc/rfc6960#section-4.2.1)).
pub(super) fn key_hash(certificate: &Certificate) -> impl AsRef<[u8]> {
    digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, certificate.key_bits())
}

/// The CertID of a certificate with SHA-1.
pub(super) fn encode(certificate: &Certificate, issuer: &Certificate) -> Vec<u8> {
    let name_hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, issuer.subject_raw());
    let algorithm =
        der::encode(der::SEQUENCE, &[&der::encode(der::OBJECT_IDENTIFIER, &[SHA1]), &der::encode(der::NULL, &[])]);
    let serial = certificate.serial_bytes();
    // A leading zero keeps the number from being negative; zero itself has one byte.
    let sign: &[u8] = if serial.first().is_none_or(|first| first & 0x80 != 0) { &[0] } else { &[] };
    der::encode(
        der::SEQUENCE,
        &[
            &algorithm,
            &der::encode(der::OCTET_STRING, &[name_hash.as_ref()]),
            &der::encode(der::OCTET_STRING, &[key_hash(issuer).as_ref()]),
            &der::encode(der::INTEGER, &[sign, serial]),
        ],
    )
}
