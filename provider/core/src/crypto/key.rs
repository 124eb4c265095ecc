//! Public keys of certificates, and those that are allowed to sign envelopes.

use super::HashAlgorithm;
use super::KeyError;
use super::SignatureAlgorithm;
use crate::codec::der;
use crate::codec::der::NotDer;
use crate::codec::der::Oid;
use crate::codec::der::Reader;
use crate::codec::hex::hex;
use crate::codec::text::Text;

/// A key that is allowed to sign an envelope, with its only signature algorithm ([signature algorithm
/// requirements](https://github.com/notaryproject/specifications/blob/d4b62b949228911bd5e62da4f5f8dd38682d293a/specs/signature-specification.md#signature-algorithm-requirements)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvelopeKey {
    key: PublicKey,
    algorithm: SignatureAlgorithm,
}

impl EnvelopeKey {
    /// The only signature algorithm that is allowed with this key on an envelope.
    #[must_use]
    pub fn algorithm(&self) -> SignatureAlgorithm {
        self.algorithm
    }

    pub(super) fn key(&self) -> &PublicKey {
        &self.key
    }
}

/// The curves of the specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Curve {
    P256,
    P384,
    P521,
}

impl Curve {
    fn name(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::P521 => "P-521",
        }
    }

    /// Length of an uncompressed point: a byte, and two coordinates.
    fn point_length(self) -> usize {
        match self {
            Self::P256 => 1 + 2 * 32,
            Self::P384 => 1 + 2 * 48,
            Self::P521 => 1 + 2 * 66,
        }
    }
}

/// The public key of any certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PublicKey {
    /// An RSA key with the length of its modulus; the bytes are a PKCS#1 RSAPublicKey.
    Rsa { bits: usize, bytes: Vec<u8> },
    /// The bytes are an uncompressed point.
    Ec { curve: Curve, bytes: Vec<u8> },
    /// A key of an unsupported kind, with its name.
    Other { found: Text },
}

const ENVELOPE_KEYS: &str = "RSA 2048, 3072 or 4096 bits, or EC P-256, P-384 or P-521";
const CA_KEYS: &str = "RSA 2048 to 8192 bits, or EC P-256, P-384 or P-521";

impl PublicKey {
    /// Reads a SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7, RFC 3279, RFC 5480).
    pub(crate) fn from_der(raw: &[u8]) -> Result<Self, NotDer> {
        // 1.2.840.113549.1.1.1 and 1.2.840.10045.2.1
        const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
        const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
        let mut info = Reader::only(raw, der::SEQUENCE)?.inside();
        let mut algorithm = info.expect(der::SEQUENCE)?.inside();
        let bytes = info.expect(der::BIT_STRING)?.whole_bytes()?;
        info.end()?;
        let oid = Oid::from_contents(algorithm.expect(der::OBJECT_IDENTIFIER)?.contents)?;
        if !algorithm.is_empty() {
            algorithm.clone().next()?;
        }
        match oid.contents() {
            RSA => {
                let parameters = algorithm.expect(der::NULL)?;
                algorithm.end()?;
                if parameters.contents.is_empty() { Self::rsa(bytes) } else { Err(NotDer) }
            }
            EC => {
                let curve = Oid::from_contents(algorithm.expect(der::OBJECT_IDENTIFIER)?.contents)?;
                algorithm.end()?;
                Ok(Self::ec(&curve, bytes))
            }
            [0x2b, 0x65, 0x70] => Ok(Self::Other { found: Text::of("Ed25519") }),
            [0x2b, 0x65, 0x71] => Ok(Self::Other { found: Text::of("Ed448") }),
            [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a] => {
                Ok(Self::Other { found: Text::of("RSA restricted to PSS") })
            }
            [0x2a, 0x86, 0x48, 0xce, 0x38, 0x04, 0x01] => Ok(Self::Other { found: Text::of("DSA") }),
            _ => Ok(Self::Other { found: Text::of(format_args!("of algorithm {oid}")) }),
        }
    }

    fn rsa(bytes: &[u8]) -> Result<Self, NotDer> {
        let mut key = Reader::only(bytes, der::SEQUENCE)?.inside();
        let modulus = key.expect(der::INTEGER)?.unsigned()?;
        let exponent = key.expect(der::INTEGER)?.unsigned()?;
        key.end()?;
        let first = modulus.first().ok_or(NotDer)?;
        let bits = modulus.len() * 8 - usize::try_from(first.leading_zeros()).map_err(|_| NotDer)?;
        // With an exponent of 1 every message is its own signature. An exponent of more than 32 bits only costs time.
        let is_usable = exponent.len() <= 4 && exponent != [1] && exponent.last().is_some_and(|last| last & 1 == 1);
        if !is_usable {
            return Ok(Self::Other { found: Text::of(format_args!("RSA with public exponent 0x{}", hex(exponent))) });
        }
        Ok(Self::Rsa { bits, bytes: bytes.to_vec() })
    }

    fn ec(curve: &Oid, bytes: &[u8]) -> Self {
        let curve = match curve.contents() {
            [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07] => Curve::P256,
            [0x2b, 0x81, 0x04, 0x00, 0x22] => Curve::P384,
            [0x2b, 0x81, 0x04, 0x00, 0x23] => Curve::P521,
            [0x2b, 0x81, 0x04, 0x00, 0x21] => return Self::Other { found: Text::of("EC P-224") },
            _ => return Self::Other { found: Text::of(format_args!("EC on curve {curve}")) },
        };
        if bytes.first() != Some(&4) || bytes.len() != curve.point_length() {
            return Self::Other { found: Text::of(format_args!("EC {} without an uncompressed point", curve.name())) };
        }
        Self::Ec { curve, bytes: bytes.to_vec() }
    }

    /// The name of the key in messages.
    pub(crate) fn describe(&self) -> Text {
        match self {
            Self::Rsa { bits, .. } => Text::of(format_args!("RSA {bits} bits")),
            Self::Ec { curve, .. } => Text::of(format_args!("EC {}", curve.name())),
            Self::Other { found } => found.clone(),
        }
    }

    /// The key, if it is allowed to sign envelopes.
    ///
    /// # Errors
    /// The key is not one of the six that the specification allows. The error names it.
    pub(crate) fn for_envelopes(&self) -> Result<EnvelopeKey, KeyError> {
        let algorithm = match self {
            Self::Rsa { bits: 2048, .. } => SignatureAlgorithm::RsaPss(HashAlgorithm::Sha256),
            Self::Rsa { bits: 3072, .. } => SignatureAlgorithm::RsaPss(HashAlgorithm::Sha384),
            Self::Rsa { bits: 4096, .. } => SignatureAlgorithm::RsaPss(HashAlgorithm::Sha512),
            Self::Ec { curve: Curve::P256, .. } => SignatureAlgorithm::Ecdsa(HashAlgorithm::Sha256),
            Self::Ec { curve: Curve::P384, .. } => SignatureAlgorithm::Ecdsa(HashAlgorithm::Sha384),
            Self::Ec { curve: Curve::P521, .. } => SignatureAlgorithm::Ecdsa(HashAlgorithm::Sha512),
            Self::Rsa { .. } | Self::Other { .. } => {
                return Err(KeyError { found: self.describe(), expected: ENVELOPE_KEYS });
            }
        };
        Ok(EnvelopeKey { key: self.clone(), algorithm })
    }

    /// Checks that the key is allowed to sign certificates. The specification requires this of leaf keys only.
    pub(crate) fn check_authority(&self) -> Result<(), KeyError> {
        match self {
            Self::Rsa { bits: 2048..=8192, .. } | Self::Ec { .. } => Ok(()),
            Self::Rsa { .. } | Self::Other { .. } => Err(KeyError { found: self.describe(), expected: CA_KEYS }),
        }
    }
}
