//! Signed attributes of a SignerInfo ([RFC 5652 §5.3](https://www.rfc-editor.org/rfc/rfc5652#section-5.3)).

use super::error::SignerError;
use crate::codec::der;
use crate::codec::der::Element;
use crate::codec::der::NotDer;
use crate::codec::der::Reader;

/// The attributes that are evaluated. All others are signed and ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attribute {
    ContentType,
    MessageDigest,
    SigningTime,
    /// With SHA-1 ([RFC 2634 §5.4](https://www.rfc-editor.org/rfc/rfc2634#section-5.4)).
    SigningCertificate,
    /// With any hash ([RFC 5035 §3](https://www.rfc-editor.org/rfc/rfc5035#section-3)).
    SigningCertificateV2,
}

impl Attribute {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::ContentType => "contentType",
            Self::MessageDigest => "messageDigest",
            Self::SigningTime => "signingTime",
            Self::SigningCertificate => "signingCertificate",
            Self::SigningCertificateV2 => "signingCertificateV2",
        }
    }

    /// Contents of the object identifier: 1.2.840.113549.1.9.{3, 4, 5} and 1.2.840.113549.1.9.16.2.{12, 47}.
    fn oid(self) -> &'static [u8] {
        match self {
            Self::ContentType => &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 3],
            Self::MessageDigest => &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 4],
            Self::SigningTime => &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 5],
            Self::SigningCertificate => &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 2, 12],
            Self::SigningCertificateV2 => &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 2, 47],
        }
    }

    pub(super) fn malformed(self) -> SignerError {
        let specification = match self {
            Self::ContentType | Self::MessageDigest | Self::SigningTime => "RFC 5652",
            Self::SigningCertificate => "RFC 2634",
            Self::SigningCertificateV2 => "RFC 5035",
        };
        SignerError::AttributeMalformed { name: self.name(), specification }
    }
}

/// Signed attributes.
pub(super) struct SignedAttributes<'a> {
    /// Each Attribute with its SEQUENCE, in the order of DER.
    sorted: Vec<&'a [u8]>,
}

impl<'a> SignedAttributes<'a> {
    /// Reads the contents of the SET. There is at least one attribute.
    pub(super) fn read(mut list: Reader<'a>) -> Result<Self, SignerError> {
        let mut sorted = Vec::new();
        while !list.is_empty() {
            let attribute = list.expect(der::SEQUENCE).map_err(|NotDer| malformed())?;
            split(attribute.contents).map_err(|NotDer| malformed())?;
            sorted.push(attribute.raw);
        }
        if sorted.is_empty() {
            return Err(SignerError::NoSignedAttributes);
        }
        sorted.sort_unstable();
        Ok(Self { sorted })
    }

    /// The bytes that are signed: a SET OF in the order of DER, whatever the order in the token
    /// ([RFC 5652 §5.4](https://www.rfc-editor.org/rfc/rfc5652#section-5.4)).
    pub(super) fn signed_bytes(&self) -> Vec<u8> {
        der::encode(der::SET, &self.sorted)
    }

    /// The only value of the attribute; `None` if it is absent.
    ///
    /// # Errors
    /// Several attributes of this type, or not exactly one value.
    pub(super) fn value(&self, wanted: Attribute) -> Result<Option<Element<'a>>, SignerError> {
        let (mut attributes, mut values, mut only) = (0_usize, 0_usize, None);
        for attribute in &self.sorted {
            let contents = Reader::only(attribute, der::SEQUENCE).map_err(|NotDer| malformed())?.contents;
            let (oid, mut list) = split(contents).map_err(|NotDer| malformed())?;
            if oid != wanted.oid() {
                continue;
            }
            attributes += 1;
            while !list.is_empty() {
                only = Some(list.next().map_err(|NotDer| malformed())?);
                values += 1;
            }
        }
        match (attributes, values) {
            (0, _) => Ok(None),
            (1, 1) => Ok(only),
            (_, found) => Err(SignerError::AttributeCount { name: wanted.name(), found }),
        }
    }

    /// The only value of an attribute that must be present.
    pub(super) fn required(&self, wanted: Attribute) -> Result<Element<'a>, SignerError> {
        self.value(wanted)?.ok_or_else(|| SignerError::AttributeMissing { name: wanted.name() })
    }
}

fn malformed() -> SignerError {
    SignerError::Malformed { part: "list of signed attributes" }
}

/// Checks the form of a list of attributes.
pub(super) fn check(mut list: Reader<'_>) -> Result<(), NotDer> {
    while !list.is_empty() {
        split(list.expect(der::SEQUENCE)?.contents)?;
    }
    Ok(())
}

/// The type and the values of an attribute.
fn split(attribute: &[u8]) -> Result<(&[u8], Reader<'_>), NotDer> {
    let mut fields = Reader::new(attribute);
    let oid = fields.expect(der::OBJECT_IDENTIFIER)?.contents;
    let values = fields.expect(der::SET)?.inside();
    fields.end()?;
    // Checks the form of every value.
    values.count()?;
    Ok((oid, values))
}
