//! Signatures on certificates. Each algorithm is written out: what is not here is refused by its name.

use aws_lc_rs::signature;
use aws_lc_rs::signature::UnparsedPublicKey;
use aws_lc_rs::signature::VerificationAlgorithm;

use super::KeyError;
use super::key::Curve;
use super::key::SubjectKey;
use crate::codec::der;
use crate::codec::der::NotDer;
use crate::codec::der::Oid;
use crate::codec::der::Reader;
use crate::codec::text::Text;

/// Why a signature does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The bytes, the key and the signature do not belong together.
    #[error("signature does not match the key and the signed bytes")]
    Mismatch,
    /// A certificate's algorithm that is weak or unknown.
    #[error("signature algorithm is {found}: want SHA-256, SHA-384 or SHA-512 with RSA, RSASSA-PSS or ECDSA")]
    Algorithm { found: Text },
    /// Parameters of RSASSA-PSS that mix hashes or have another salt length.
    #[error("parameters of {algorithm} are unusual: want {wanted}")]
    Parameters { algorithm: &'static str, wanted: &'static str },
    /// The algorithm cannot be used with the signer's kind of key.
    #[error("signature algorithm is {algorithm}, but the signer's key is {key}")]
    KeyKind { algorithm: &'static str, key: Text },
    #[error("signer's {0}")]
    Key(#[from] KeyError),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Algorithm {
    Pkcs1(Hash),
    Pss(Hash),
    Ecdsa(Hash),
}

/// Checks `signature` over `message` by a certificate authority's `key`, with the algorithm of an AlgorithmIdentifier.
pub(crate) fn verify(
    key: &SubjectKey,
    algorithm: &[u8],
    message: &[u8],
    signature: &[u8],
) -> Result<(), SignatureError> {
    let algorithm = Algorithm::from_der(algorithm)?;
    key.check_ca()?;
    let (bytes, with) =
        algorithm.with(key).ok_or_else(|| SignatureError::KeyKind { algorithm: algorithm.text(), key: key.found() })?;
    UnparsedPublicKey::new(with, bytes).verify(message, signature).map_err(|_| SignatureError::Mismatch)
}

impl Algorithm {
    fn text(self) -> &'static str {
        match self {
            Self::Pkcs1(Hash::Sha256) => "SHA-256 with RSA",
            Self::Pkcs1(Hash::Sha384) => "SHA-384 with RSA",
            Self::Pkcs1(Hash::Sha512) => "SHA-512 with RSA",
            Self::Pss(Hash::Sha256) => "RSASSA-PSS with SHA-256",
            Self::Pss(Hash::Sha384) => "RSASSA-PSS with SHA-384",
            Self::Pss(Hash::Sha512) => "RSASSA-PSS with SHA-512",
            Self::Ecdsa(Hash::Sha256) => "ECDSA with SHA-256",
            Self::Ecdsa(Hash::Sha384) => "ECDSA with SHA-384",
            Self::Ecdsa(Hash::Sha512) => "ECDSA with SHA-512",
        }
    }

    /// The key's bytes and the verification that fits both, if the key is of the algorithm's kind.
    fn with(self, key: &SubjectKey) -> Option<(&[u8], &'static dyn VerificationAlgorithm)> {
        match (self, key) {
            (Self::Pkcs1(hash), SubjectKey::Rsa { bytes, .. }) => Some((
                bytes,
                match hash {
                    Hash::Sha256 => &signature::RSA_PKCS1_2048_8192_SHA256,
                    Hash::Sha384 => &signature::RSA_PKCS1_2048_8192_SHA384,
                    Hash::Sha512 => &signature::RSA_PKCS1_2048_8192_SHA512,
                },
            )),
            (Self::Pss(hash), SubjectKey::Rsa { bytes, .. }) => Some((
                bytes,
                match hash {
                    Hash::Sha256 => &signature::RSA_PSS_2048_8192_SHA256,
                    Hash::Sha384 => &signature::RSA_PSS_2048_8192_SHA384,
                    Hash::Sha512 => &signature::RSA_PSS_2048_8192_SHA512,
                },
            )),
            (Self::Ecdsa(hash), SubjectKey::Ec { curve, bytes }) => Some((
                bytes,
                match (curve, hash) {
                    (Curve::P256, Hash::Sha256) => &signature::ECDSA_P256_SHA256_ASN1,
                    (Curve::P256, Hash::Sha384) => &signature::ECDSA_P256_SHA384_ASN1,
                    (Curve::P256, Hash::Sha512) => &signature::ECDSA_P256_SHA512_ASN1,
                    (Curve::P384, Hash::Sha256) => &signature::ECDSA_P384_SHA256_ASN1,
                    (Curve::P384, Hash::Sha384) => &signature::ECDSA_P384_SHA384_ASN1,
                    (Curve::P384, Hash::Sha512) => &signature::ECDSA_P384_SHA512_ASN1,
                    (Curve::P521, Hash::Sha256) => &signature::ECDSA_P521_SHA256_ASN1,
                    (Curve::P521, Hash::Sha384) => &signature::ECDSA_P521_SHA384_ASN1,
                    (Curve::P521, Hash::Sha512) => &signature::ECDSA_P521_SHA512_ASN1,
                },
            )),
            (Self::Pkcs1(_) | Self::Pss(_), SubjectKey::Ec { .. } | SubjectKey::Other { .. })
            | (Self::Ecdsa(_), SubjectKey::Rsa { .. } | SubjectKey::Other { .. }) => None,
        }
    }

    /// Reads an AlgorithmIdentifier with its SEQUENCE.
    fn from_der(raw: &[u8]) -> Result<Self, SignatureError> {
        let malformed = |NotDer| SignatureError::Algorithm { found: Text::of("malformed") };
        let mut fields = Reader::only(raw, der::SEQUENCE).map_err(malformed)?.inside();
        let oid = fields.expect(der::OBJECT_IDENTIFIER).map_err(malformed)?.contents;
        let oid = Oid::from_contents(oid).map_err(malformed)?;
        let refused = |name: &dyn std::fmt::Display| Err(SignatureError::Algorithm { found: Text::of(name) });
        match oid.contents() {
            // 1.2.840.113549.1.1
            [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, arc] => match arc {
                2 => refused(&"MD2 with RSA"),
                4 => refused(&"MD5 with RSA"),
                5 => refused(&"SHA-1 with RSA"),
                14 => refused(&"SHA-224 with RSA"),
                10 => pss(fields),
                11 => pkcs1(Hash::Sha256, fields),
                12 => pkcs1(Hash::Sha384, fields),
                13 => pkcs1(Hash::Sha512, fields),
                _ => refused(&oid),
            },
            // 1.2.840.10045.4
            [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x01] => refused(&"ECDSA with SHA-1"),
            [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, arc] => match arc {
                1 => refused(&"ECDSA with SHA-224"),
                2 => ecdsa(Hash::Sha256, fields),
                3 => ecdsa(Hash::Sha384, fields),
                4 => ecdsa(Hash::Sha512, fields),
                _ => refused(&oid),
            },
            [0x2a, 0x86, 0x48, 0xce, 0x38, 0x04, 0x03] => refused(&"DSA with SHA-1"),
            [0x2b, 0x65, 0x70] => refused(&"Ed25519"),
            [0x2b, 0x65, 0x71] => refused(&"Ed448"),
            _ => refused(&oid),
        }
    }
}

/// Parameters are NULL or left out (RFC 4055 section 5 tells readers to take both).
fn pkcs1(hash: Hash, parameters: Reader<'_>) -> Result<Algorithm, SignatureError> {
    null_or_nothing(parameters)
        .map(|()| Algorithm::Pkcs1(hash))
        .map_err(|NotDer| SignatureError::Parameters { algorithm: "SHA-2 with RSA", wanted: "NULL" })
}

/// Parameters are left out (RFC 5758 section 3.2).
fn ecdsa(hash: Hash, parameters: Reader<'_>) -> Result<Algorithm, SignatureError> {
    parameters
        .end()
        .map(|()| Algorithm::Ecdsa(hash))
        .map_err(|NotDer| SignatureError::Parameters { algorithm: "ECDSA", wanted: "none" })
}

fn pss(parameters: Reader<'_>) -> Result<Algorithm, SignatureError> {
    pss_hash(parameters).map(Algorithm::Pss).map_err(|NotDer| SignatureError::Parameters {
        algorithm: "RSASSA-PSS",
        wanted: "SHA-256, SHA-384 or SHA-512, the same hash in MGF1, a salt as long as the hash and trailer field 1",
    })
}

/// RSASSA-PSS-params, RFC 4055 section 3.1. The defaults mean SHA-1, so every field but the trailer must be there.
fn pss_hash(mut parameters: Reader<'_>) -> Result<Hash, NotDer> {
    // 1.2.840.113549.1.1.8
    const MGF1: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x08];
    let only = |bytes| Reader::only(bytes, der::SEQUENCE);
    let mut fields = parameters.expect(der::SEQUENCE)?.inside();
    parameters.end()?;
    let digest = hash(only(fields.expect(der::constructed(0))?.contents)?.inside())?;
    let mut mask = only(fields.expect(der::constructed(1))?.contents)?.inside();
    let function = mask.expect(der::OBJECT_IDENTIFIER)?.contents;
    let mask_digest = hash(mask.expect(der::SEQUENCE)?.inside())?;
    mask.end()?;
    let salt = Reader::only(fields.expect(der::constructed(2))?.contents, der::INTEGER)?.unsigned()?;
    if let Some(trailer) = fields.optional(der::constructed(3))?
        && Reader::only(trailer.contents, der::INTEGER)?.unsigned()? != [1]
    {
        return Err(NotDer);
    }
    fields.end()?;
    let wanted_salt = match digest {
        Hash::Sha256 => [32],
        Hash::Sha384 => [48],
        Hash::Sha512 => [64],
    };
    if function == MGF1 && mask_digest == digest && salt == wanted_salt { Ok(digest) } else { Err(NotDer) }
}

/// A hash's AlgorithmIdentifier, its SEQUENCE already opened.
fn hash(mut fields: Reader<'_>) -> Result<Hash, NotDer> {
    let oid = fields.expect(der::OBJECT_IDENTIFIER)?.contents;
    null_or_nothing(fields)?;
    match oid {
        // 2.16.840.1.101.3.4.2
        [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 1] => Ok(Hash::Sha256),
        [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 2] => Ok(Hash::Sha384),
        [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 3] => Ok(Hash::Sha512),
        _ => Err(NotDer),
    }
}

fn null_or_nothing(mut parameters: Reader<'_>) -> Result<(), NotDer> {
    match parameters.optional(der::NULL)? {
        Some(null) if !null.contents.is_empty() => Err(NotDer),
        Some(_) | None => parameters.end(),
    }
}
