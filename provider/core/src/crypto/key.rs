//! Public keys: the six that may sign images, and those that may sign certificates.

use aws_lc_rs::signature;
use aws_lc_rs::signature::UnparsedPublicKey;
use aws_lc_rs::signature::VerificationAlgorithm;

use super::SignatureError;
use crate::codec::der;
use crate::codec::der::NotDer;
use crate::codec::der::Oid;
use crate::codec::der::Reader;
use crate::codec::text::Text;

/// The keys that may sign an image, each with the one signature algorithm that belongs to it.
///
/// [Signature algorithm requirements](https://github.com/notaryproject/specifications/blob/d4b62b949228911bd5e62da4f5f8dd38682d293a/specs/signature-specification.md#signature-algorithm-requirements).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyAlgorithm {
    Rsa2048,
    Rsa3072,
    Rsa4096,
    P256,
    P384,
    P521,
}

/// The key of a signing certificate: one of the six of [`KeyAlgorithm`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    algorithm: KeyAlgorithm,
    /// PKCS#1 RSAPublicKey, or the uncompressed point.
    bytes: Vec<u8>,
}

/// A key of a kind or size that may not do what it does.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("key is {found}: want {wanted}")]
pub struct KeyError {
    /// `RSA 1024 bits`, `Ed25519`.
    pub found: Text,
    pub wanted: &'static str,
}

impl KeyAlgorithm {
    pub const ALL: [Self; 6] = [Self::Rsa2048, Self::Rsa3072, Self::Rsa4096, Self::P256, Self::P384, Self::P521];

    /// The `alg` of a JWS by such a key: `PS256` … `ES512`.
    #[must_use]
    pub fn jws_name(self) -> &'static str {
        match self {
            Self::Rsa2048 => "PS256",
            Self::Rsa3072 => "PS384",
            Self::Rsa4096 => "PS512",
            Self::P256 => "ES256",
            Self::P384 => "ES384",
            Self::P521 => "ES512",
        }
    }

    /// The algorithm identifier of a COSE signature by such a key: -37 … -36.
    #[must_use]
    pub fn cose_id(self) -> i64 {
        match self {
            Self::Rsa2048 => -37,
            Self::Rsa3072 => -38,
            Self::Rsa4096 => -39,
            Self::P256 => -7,
            Self::P384 => -35,
            Self::P521 => -36,
        }
    }

    fn envelope_algorithm(self) -> &'static dyn VerificationAlgorithm {
        // PSS here means: mask and salt with the same hash, salt as long as the hash.
        match self {
            Self::Rsa2048 => &signature::RSA_PSS_2048_8192_SHA256,
            Self::Rsa3072 => &signature::RSA_PSS_2048_8192_SHA384,
            Self::Rsa4096 => &signature::RSA_PSS_2048_8192_SHA512,
            Self::P256 => &signature::ECDSA_P256_SHA256_FIXED,
            Self::P384 => &signature::ECDSA_P384_SHA384_FIXED,
            Self::P521 => &signature::ECDSA_P521_SHA512_FIXED,
        }
    }
}

impl PublicKey {
    #[must_use]
    pub fn algorithm(&self) -> KeyAlgorithm {
        self.algorithm
    }

    /// Checks the signature of a JWS or COSE envelope over `message`: RSASSA-PSS with a salt as long as the hash, or
    /// ECDSA with r and s side by side at full length.
    ///
    /// # Errors
    /// [`SignatureError::Mismatch`] for every signature that is not by this key over these bytes.
    pub fn verify_envelope(&self, message: &[u8], signature: &[u8]) -> Result<(), SignatureError> {
        UnparsedPublicKey::new(self.algorithm.envelope_algorithm(), &self.bytes)
            .verify(message, signature)
            .map_err(|_| SignatureError::Mismatch)
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
    pub(crate) fn text(self) -> &'static str {
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

/// The key of any certificate, as far as it is told apart here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SubjectKey {
    /// With a modulus of so many bits; the bytes are PKCS#1 RSAPublicKey.
    Rsa { bits: usize, bytes: Vec<u8> },
    /// The bytes are an uncompressed point.
    Ec { curve: Curve, bytes: Vec<u8> },
    /// A key that may sign nothing here, and what to call it.
    Other { found: Text },
}

const LEAF_KEYS: &str = "RSA 2048, 3072 or 4096 bits, or EC P-256, P-384 or P-521";
const CA_KEYS: &str = "RSA 2048 to 8192 bits, or EC P-256, P-384 or P-521";

impl SubjectKey {
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
        // An exponent of 1 makes every message its own signature; one beyond 32 bits costs time and serves nobody.
        let sound = exponent.len() <= 4 && exponent != [1] && exponent.last().is_some_and(|last| last & 1 == 1);
        if !sound {
            return Ok(Self::Other {
                found: Text::of(format_args!("RSA with public exponent 0x{}", der::hex(exponent))),
            });
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
            return Self::Other { found: Text::of(format_args!("EC {} without an uncompressed point", curve.text())) };
        }
        Self::Ec { curve, bytes: bytes.to_vec() }
    }

    /// What to call the key in an error.
    pub(crate) fn found(&self) -> Text {
        match self {
            Self::Rsa { bits, .. } => Text::of(format_args!("RSA {bits} bits")),
            Self::Ec { curve, .. } => Text::of(format_args!("EC {}", curve.text())),
            Self::Other { found } => found.clone(),
        }
    }

    /// The key as one that may sign an image.
    pub(crate) fn leaf(&self) -> Result<PublicKey, KeyError> {
        let (algorithm, bytes) = match self {
            Self::Rsa { bits: 2048, bytes } => (KeyAlgorithm::Rsa2048, bytes),
            Self::Rsa { bits: 3072, bytes } => (KeyAlgorithm::Rsa3072, bytes),
            Self::Rsa { bits: 4096, bytes } => (KeyAlgorithm::Rsa4096, bytes),
            Self::Ec { curve: Curve::P256, bytes } => (KeyAlgorithm::P256, bytes),
            Self::Ec { curve: Curve::P384, bytes } => (KeyAlgorithm::P384, bytes),
            Self::Ec { curve: Curve::P521, bytes } => (KeyAlgorithm::P521, bytes),
            Self::Rsa { .. } | Self::Other { .. } => {
                return Err(KeyError { found: self.found(), wanted: LEAF_KEYS });
            }
        };
        Ok(PublicKey { algorithm, bytes: bytes.clone() })
    }

    /// That the key may sign certificates. The specification asks this of leaf keys only.
    pub(crate) fn check_ca(&self) -> Result<(), KeyError> {
        match self {
            Self::Rsa { bits: 2048..=8192, .. } | Self::Ec { .. } => Ok(()),
            Self::Rsa { .. } | Self::Other { .. } => Err(KeyError { found: self.found(), wanted: CA_KEYS }),
        }
    }
}
