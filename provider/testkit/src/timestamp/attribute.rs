//! Signed attributes.

use crate::der;
use crate::hash::Hash;

/// `contentType`
pub(super) const CONTENT_TYPE: &str = "1.2.840.113549.1.9.3";
/// `messageDigest`
pub(super) const MESSAGE_DIGEST: &str = "1.2.840.113549.1.9.4";
/// `id-aa-signingCertificate`
const SIGNING_CERTIFICATE: &str = "1.2.840.113549.1.9.16.2.12";
/// `id-aa-signingCertificateV2`
const SIGNING_CERTIFICATE_V2: &str = "1.2.840.113549.1.9.16.2.47";

/// An Attribute (RFC 5652 §5.3) of this type with these encoded values.
#[must_use]
pub fn attribute(oid: &str, values: &[Vec<u8>]) -> Vec<u8> {
    der::sequence([der::oid(oid), der::set(values.iter().cloned())])
}

/// IssuerSerial (RFC 2634 §5.4.1) of a certificate, with this tag around the issuer's name; `0xa4` is a directoryName.
#[must_use]
pub fn issuer_serial(certificate: &[u8], tag: u8) -> Vec<u8> {
    let (issuer, serial) = issuer_and_serial(certificate);
    der::sequence([der::sequence([der::element(tag, &issuer)]), serial])
}

/// The encoded issuer and serial number of a certificate.
pub(super) fn issuer_and_serial(certificate: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let tbs = der::children(der::children(certificate)[0]);
    (tbs[3].to_vec(), tbs[1].to_vec())
}

/// The certificate identifier of a token (RFC 5816 §2.2.1).
#[derive(Clone, Debug)]
pub struct SigningCertificate {
    /// The hash algorithm. [`Hash::Sha256`] is the default of the second version and is not written.
    pub hash: Hash,
    /// The hash of the certificate.
    pub certificate_hash: Vec<u8>,
    /// An encoded IssuerSerial.
    pub issuer_serial: Option<Vec<u8>>,
}

impl SigningCertificate {
    /// The identifier of `certificate` with this hash, and with its issuer and serial number.
    #[must_use]
    pub fn of(certificate: &[u8], hash: Hash) -> Self {
        let issuer_serial = Some(issuer_serial(certificate, 0xa4));
        Self { hash, certificate_hash: hash.digest(certificate), issuer_serial }
    }

    /// The attribute `signingCertificateV2` with this identifier.
    #[must_use]
    pub fn v2(&self) -> Vec<u8> {
        let algorithm = if self.hash == Hash::Sha256 { Vec::new() } else { self.hash.identifier() };
        attribute(SIGNING_CERTIFICATE_V2, &[der::sequence([der::sequence([self.identifier(algorithm)])])])
    }

    /// The attribute `signingCertificate` with this identifier, whose hash is that of SHA-1.
    #[must_use]
    pub fn v1(&self) -> Vec<u8> {
        attribute(SIGNING_CERTIFICATE, &[der::sequence([der::sequence([self.identifier(Vec::new())])])])
    }

    fn identifier(&self, algorithm: Vec<u8>) -> Vec<u8> {
        let hash = der::octet_string(&self.certificate_hash);
        der::sequence([algorithm, hash, self.issuer_serial.clone().unwrap_or_default()])
    }
}
