//! The signed identifier of the TSA's certificate, so that no other certificate with the same key can replace it:
//! ESSCertIDv2 ([RFC 5035 §4](https://www.rfc-editor.org/rfc/rfc5035#section-4)), or ESSCertID
//! ([RFC 2634 §5.4.1](https://www.rfc-editor.org/rfc/rfc2634#section-5.4.1)), which has SHA-1
//! ([RFC 5816 §2.2.1](https://www.rfc-editor.org/rfc/rfc5816#section-2.2.1)).

use super::attributes::Attribute;
use super::attributes::SignedAttributes;
use super::error::SignerError;
use crate::codec::der;
use crate::codec::der::Element;
use crate::codec::der::NotDer;
use crate::codec::der::Reader;
use crate::codec::hex::hex;
use crate::codec::text::Text;
use crate::crypto;
use crate::crypto::HashAlgorithm;
use crate::x509::Certificate;

/// Checks that the signed attributes identify `certificate`: signingCertificateV2 or signingCertificate, and each of them if
/// both are present ([RFC 5035 §3](https://www.rfc-editor.org/rfc/rfc5035#section-3)). Only the first identifier is that of
/// the signer; the others restrict further certificates.
pub(super) fn check(attributes: &SignedAttributes<'_>, certificate: &Certificate) -> Result<(), SignerError> {
    let mut is_identified = false;
    for attribute in [Attribute::SigningCertificateV2, Attribute::SigningCertificate] {
        if let Some(value) = attributes.value(attribute)? {
            check_identifier(attribute, value, certificate)?;
            is_identified = true;
        }
    }
    if is_identified {
        Ok(())
    } else {
        Err(SignerError::AttributeMissing { name: Attribute::SigningCertificateV2.name() })
    }
}

/// The first identifier of the attribute's list.
struct Identifier<'a> {
    /// An AlgorithmIdentifier, if one is written.
    algorithm: Option<&'a [u8]>,
    hash: &'a [u8],
    issuer_and_serial: Option<(&'a [u8], &'a [u8])>,
}

fn check_identifier(attribute: Attribute, value: Element<'_>, certificate: &Certificate) -> Result<(), SignerError> {
    let name = attribute.name();
    let identifier = Identifier::read(attribute, value)?.ok_or(SignerError::NoCertificateIdentifier { name })?;
    let expected = match attribute {
        Attribute::SigningCertificateV2 => {
            let algorithm = identifier.algorithm.map_or(Ok(HashAlgorithm::Sha256), HashAlgorithm::from_der);
            algorithm.map_err(SignerError::CertificateHashAlgorithm)?.digest(certificate.der())
        }
        Attribute::ContentType | Attribute::MessageDigest | Attribute::SigningTime | Attribute::SigningCertificate => {
            crypto::sha1_identifier(certificate.der())
        }
    };
    if identifier.hash != expected {
        let (found, expected) = (Text::of(hex(identifier.hash)), Text::of(hex(&expected)));
        return Err(SignerError::CertificateHash { name, found, expected });
    }
    match identifier.issuer_and_serial {
        Some((issuer, serial)) if !certificate.is_issued_as(issuer, serial) => {
            Err(SignerError::CertificateIssuer { name })
        }
        Some(_) | None => Ok(()),
    }
}

impl<'a> Identifier<'a> {
    /// Reads SigningCertificate or SigningCertificateV2; `None` without an identifier.
    fn read(attribute: Attribute, value: Element<'a>) -> Result<Option<Self>, SignerError> {
        let malformed = |NotDer| attribute.malformed();
        if value.tag != der::SEQUENCE {
            return Err(attribute.malformed());
        }
        let mut fields = value.inside();
        let mut identifiers = fields.expect(der::SEQUENCE).map_err(malformed)?.inside();
        // Policies do not decide anything here.
        fields.optional(der::SEQUENCE).map_err(malformed)?;
        fields.end().map_err(malformed)?;
        identifiers.count().map_err(malformed)?;
        if identifiers.is_empty() {
            return Ok(None);
        }
        let first = identifiers.expect(der::SEQUENCE).map_err(malformed)?;
        Self::read_first(attribute, first.inside()).map(Some).map_err(malformed)
    }

    fn read_first(attribute: Attribute, mut fields: Reader<'a>) -> Result<Self, NotDer> {
        let algorithm = match attribute {
            Attribute::SigningCertificateV2 => fields.optional(der::SEQUENCE)?.map(|algorithm| algorithm.raw),
            Attribute::ContentType
            | Attribute::MessageDigest
            | Attribute::SigningTime
            | Attribute::SigningCertificate => None,
        };
        let hash = fields.expect(der::OCTET_STRING)?.contents;
        let issuer_and_serial = match fields.optional(der::SEQUENCE)? {
            Some(issuer_and_serial) => Some(read_issuer_and_serial(issuer_and_serial.inside())?),
            None => None,
        };
        fields.end()?;
        Ok(Self { algorithm, hash, issuer_and_serial })
    }
}

/// Reads IssuerSerial, whose issuer is exactly one directoryName.
fn read_issuer_and_serial(mut fields: Reader<'_>) -> Result<(&[u8], &[u8]), NotDer> {
    let names = fields.expect(der::SEQUENCE)?;
    let name = Reader::only(names.contents, der::constructed(4))?;
    let issuer = Reader::only(name.contents, der::SEQUENCE)?.raw;
    let serial = fields.expect(der::INTEGER)?.contents;
    fields.end()?;
    Ok((issuer, serial))
}
