//! The extensions that affect a decision, parsed strictly, and the revocation addresses, parsed leniently.

use std::fmt;

use super::distribution_point::DistributionPoint;
use super::distribution_point::bounded;
use super::distribution_point::read_points;
use super::distribution_point::uri;
use crate::codec::der;
use crate::codec::der::NotDer;
use crate::codec::der::Oid;
use crate::codec::der::Reader;
use crate::limits;

/// `id-ce-basicConstraints`, RFC 5280 section 4.2.1.9.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BasicConstraints {
    /// Whether the extension is critical.
    pub critical: bool,
    /// Whether this is a CA certificate.
    pub ca: bool,
    /// Maximum number of CA certificates below this one, leaf not counted. Saturates at the maximum of the type.
    pub path_length: Option<u32>,
}

/// `id-ce-keyUsage`, RFC 5280 section 4.2.1.3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyUsage {
    /// Whether the extension is critical.
    pub critical: bool,
    /// In the order of the bits, at least one.
    pub uses: Vec<KeyUse>,
}

/// A bit of [`KeyUsage`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyUse {
    /// Signatures on anything but certificates and CRLs.
    DigitalSignature,
    /// Signatures that the signer cannot deny.
    NonRepudiation,
    /// Encryption of keys.
    KeyEncipherment,
    /// Encryption of data.
    DataEncipherment,
    /// Agreement on keys.
    KeyAgreement,
    /// Signatures on certificates.
    KeyCertSign,
    /// Signatures on CRLs.
    CrlSign,
    /// With key agreement: encryption only.
    EncipherOnly,
    /// With key agreement: decryption only.
    DecipherOnly,
}

/// `id-ce-extKeyUsage`, RFC 5280 section 4.2.1.12.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtendedKeyUsage {
    /// Whether the extension is critical.
    pub critical: bool,
    /// In the order of the certificate, at least one.
    pub purposes: Vec<Oid>,
}

/// The sources of revocation status that a certificate names.
///
/// An unreadable address is not an absent one: the certificate can be revoked, but its status cannot be requested.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RevocationAddresses {
    /// URIs with the OCSP access method in authorityInfoAccess, as written.
    pub ocsp: Vec<String>,
    /// The points in cRLDistributionPoints, of which at least one has a URI.
    pub crl: Vec<DistributionPoint>,
    /// The points in freshestCRL: sources of delta CRLs.
    pub freshest: Vec<DistributionPoint>,
    /// Extensions that are present but malformed, or lack the expected URI.
    pub unreadable: Vec<&'static str>,
}

impl KeyUse {
    /// In the order of the bits.
    pub const ALL: [Self; 9] = [
        Self::DigitalSignature,
        Self::NonRepudiation,
        Self::KeyEncipherment,
        Self::DataEncipherment,
        Self::KeyAgreement,
        Self::KeyCertSign,
        Self::CrlSign,
        Self::EncipherOnly,
        Self::DecipherOnly,
    ];

    /// The name in RFC 5280.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DigitalSignature => "digitalSignature",
            Self::NonRepudiation => "nonRepudiation",
            Self::KeyEncipherment => "keyEncipherment",
            Self::DataEncipherment => "dataEncipherment",
            Self::KeyAgreement => "keyAgreement",
            Self::KeyCertSign => "keyCertSign",
            Self::CrlSign => "cRLSign",
            Self::EncipherOnly => "encipherOnly",
            Self::DecipherOnly => "decipherOnly",
        }
    }
}

impl fmt::Display for KeyUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl RevocationAddresses {
    /// Whether the certificate names no address, so that it cannot be revoked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self { ocsp, crl, freshest, unreadable } = self;
        ocsp.is_empty() && crl.is_empty() && freshest.is_empty() && unreadable.is_empty()
    }

    /// All addresses, OCSP responders first.
    pub fn urls(&self) -> impl Iterator<Item = &str> + Clone {
        let points = self.crl.iter().chain(&self.freshest);
        self.ocsp.iter().chain(points.flat_map(DistributionPoint::urls)).map(String::as_str)
    }
}

/// 1.3.6.1.5.5.7.48.1.5, id-pkix-ocsp-nocheck: it restricts nothing.
const NO_CHECK: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01, 0x05];

/// The extensions of a certificate that are used.
#[derive(Debug, Default)]
pub(super) struct Extensions {
    pub(super) basic_constraints: Option<BasicConstraints>,
    pub(super) key_usage: Option<KeyUsage>,
    pub(super) extended_key_usage: Option<ExtendedKeyUsage>,
    pub(super) revocation: RevocationAddresses,
    /// Whether nameConstraints are present.
    pub(super) name_constraints: bool,
    /// Critical extensions that no reader evaluates, nameConstraints among them.
    pub(super) unsupported_critical: Vec<Oid>,
    pub(super) ocsp_no_check: bool,
}

impl Extensions {
    /// Adds one extension. The error is the extension's name.
    pub(super) fn add(&mut self, oid: &[u8], critical: bool, value: &[u8]) -> Result<(), &'static str> {
        match oid {
            [0x55, 0x1d, 0x13] => {
                let read = basic_constraints(critical, value).map_err(|NotDer| "basicConstraints")?;
                self.basic_constraints = Some(read);
            }
            [0x55, 0x1d, 0x0f] => self.key_usage = Some(key_usage(critical, value).map_err(|NotDer| "keyUsage")?),
            [0x55, 0x1d, 0x25] => {
                self.extended_key_usage = Some(extended_key_usage(critical, value).map_err(|NotDer| "extKeyUsage")?);
            }
            [0x55, 0x1d, 0x1f] => match read_points(value) {
                // Without any URI, the CRL is at an address of an unsupported form.
                Ok(points) if points.iter().any(|point| !point.urls().is_empty()) => self.revocation.crl = points,
                Ok(_) | Err(NotDer) => self.revocation.unreadable.push("cRLDistributionPoints"),
            },
            [0x55, 0x1d, 0x2e] => match read_points(value) {
                Ok(points) => self.revocation.freshest = points,
                Err(NotDer) => self.revocation.unreadable.push("freshestCRL"),
            },
            // 1.3.6.1.5.5.7.1.1
            [0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x01, 0x01] => match ocsp_addresses(value) {
                Ok(uris) => self.revocation.ocsp = uris,
                Err(NotDer) => self.revocation.unreadable.push("authorityInfoAccess"),
            },
            [0x55, 0x1d, 0x1e] => self.name_constraints = true,
            // Its value is NULL.
            NO_CHECK => self.ocsp_no_check = value == [der::NULL, 0],
            _ => {}
        }
        if critical && !is_supported(oid) {
            self.unsupported_critical.push(Oid::from_contents(oid).map_err(|NotDer| "extension identifier")?);
        }
        Ok(())
    }
}

/// Whether a path that requires the support of every critical extension
/// ([RFC 5280 §4.2](https://www.rfc-editor.org/rfc/rfc5280#section-4.2)) may have this one. Policies are supported, as
/// every policy is accepted.
fn is_supported(oid: &[u8]) -> bool {
    match oid {
        // subjectKeyIdentifier, keyUsage, subjectAltName, basicConstraints, cRLDistributionPoints,
        // certificatePolicies, authorityKeyIdentifier, extKeyUsage
        [0x55, 0x1d, 0x0e | 0x0f | 0x11 | 0x13 | 0x1f | 0x20 | 0x23 | 0x25] => true,
        // authorityInfoAccess
        [0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x01, 0x01] | NO_CHECK => true,
        _ => false,
    }
}

fn basic_constraints(critical: bool, value: &[u8]) -> Result<BasicConstraints, NotDer> {
    let mut fields = Reader::only(value, der::SEQUENCE)?.inside();
    let ca = match fields.optional(der::BOOLEAN)? {
        Some(boolean) => boolean.boolean()?,
        None => false,
    };
    let path_length = match fields.optional(der::INTEGER)? {
        Some(integer) => {
            let bytes = integer.unsigned()?;
            let number = bytes.iter().fold(0_u32, |sum, &byte| sum << 8 | u32::from(byte));
            Some(if bytes.len() > 4 { u32::MAX } else { number })
        }
        None => None,
    };
    fields.end()?;
    Ok(BasicConstraints { critical, ca, path_length })
}

/// Parses a named bit list. DER omits trailing zero bits, so the last used bit is set.
fn key_usage(critical: bool, value: &[u8]) -> Result<KeyUsage, NotDer> {
    let (&unused, bytes) = Reader::only(value, der::BIT_STRING)?.contents.split_first().ok_or(NotDer)?;
    let last = *bytes.last().ok_or(NotDer)?;
    if bytes.len() * 8 > KeyUse::ALL.len() + 7 {
        return Err(NotDer);
    }
    if unused > 7 || last.trailing_zeros() != u32::from(unused) {
        return Err(NotDer);
    }
    let set: Vec<usize> = bytes
        .iter()
        .enumerate()
        .flat_map(|(at, &byte)| (0..8).filter(move |bit| byte & (0x80 >> bit) != 0).map(move |bit| at * 8 + bit))
        .collect();
    let uses = set.into_iter().map(|bit| KeyUse::ALL.get(bit).copied().ok_or(NotDer)).collect::<Result<_, _>>()?;
    Ok(KeyUsage { critical, uses })
}

fn extended_key_usage(critical: bool, value: &[u8]) -> Result<ExtendedKeyUsage, NotDer> {
    let mut fields = Reader::only(value, der::SEQUENCE)?.inside();
    if fields.count()? > limits::KEY_PURPOSES {
        return Err(NotDer);
    }
    let mut purposes = vec![Oid::from_contents(fields.expect(der::OBJECT_IDENTIFIER)?.contents)?];
    while !fields.is_empty() {
        purposes.push(Oid::from_contents(fields.expect(der::OBJECT_IDENTIFIER)?.contents)?);
    }
    Ok(ExtendedKeyUsage { critical, purposes })
}

fn ocsp_addresses(value: &[u8]) -> Result<Vec<String>, NotDer> {
    // 1.3.6.1.5.5.7.48.1
    const OCSP: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01];
    let mut uris = Vec::new();
    let mut list = bounded(Reader::only(value, der::SEQUENCE)?.inside())?;
    while !list.is_empty() {
        let mut description = list.expect(der::SEQUENCE)?.inside();
        let method = description.expect(der::OBJECT_IDENTIFIER)?.contents;
        let location = description.next()?;
        description.end()?;
        if method == OCSP {
            uris.push(uri(&location)?.ok_or(NotDer)?);
        }
    }
    Ok(uris)
}
