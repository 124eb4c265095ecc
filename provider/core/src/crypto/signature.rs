//! Verifies signatures with an algorithm and a key.

use aws_lc_rs::signature;
use aws_lc_rs::signature::UnparsedPublicKey;
use aws_lc_rs::signature::VerificationAlgorithm;

use super::EnvelopeKey;
use super::HashAlgorithm;
use super::SignatureAlgorithm;
use super::SignatureError;
use super::key::Curve;
use super::key::PublicKey;

/// The encoding of an ECDSA signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum EcdsaEncoding {
    /// DER, as in certificates.
    Der,
    /// r and s concatenated at full length, as in JWS and COSE.
    Fixed,
}

/// Verifies `signature` over `message` by a certificate authority's `key`.
///
/// # Errors
/// A weak key, a key of another kind than the algorithm requires, or [`SignatureError::Mismatch`].
pub(crate) fn verify_by_authority(
    key: &PublicKey,
    algorithm: SignatureAlgorithm,
    message: &[u8],
    signature: &[u8],
) -> Result<(), SignatureError> {
    key.check_authority()?;
    let (bytes, with) = verification(algorithm, key, EcdsaEncoding::Der)
        .ok_or_else(|| SignatureError::KeyKind { algorithm: algorithm.name(), key: key.describe() })?;
    UnparsedPublicKey::new(with, bytes).verify(message, signature).map_err(|_| SignatureError::Mismatch)
}

impl EnvelopeKey {
    /// Verifies the signature of a JWS or COSE envelope over `message`: RSASSA-PSS with a salt as long as the hash,
    /// or ECDSA with r and s concatenated at full length.
    ///
    /// # Errors
    /// [`SignatureError::Mismatch`] if the signature was not made by this key over these bytes.
    pub fn verify_envelope(&self, message: &[u8], signature: &[u8]) -> Result<(), SignatureError> {
        let (bytes, with) =
            verification(self.algorithm(), self.key(), EcdsaEncoding::Fixed).ok_or(SignatureError::Mismatch)?;
        UnparsedPublicKey::new(with, bytes).verify(message, signature).map_err(|_| SignatureError::Mismatch)
    }
}

/// The key's bytes and the verification algorithm, if the kind of the key fits the algorithm. On envelopes each curve
/// allows one hash only.
fn verification(
    algorithm: SignatureAlgorithm,
    key: &PublicKey,
    encoding: EcdsaEncoding,
) -> Option<(&[u8], &'static dyn VerificationAlgorithm)> {
    use EcdsaEncoding::Der;
    use EcdsaEncoding::Fixed;
    use HashAlgorithm::Sha256;
    use HashAlgorithm::Sha384;
    use HashAlgorithm::Sha512;
    match (algorithm, key) {
        (SignatureAlgorithm::RsaPkcs1(hash), PublicKey::Rsa { bytes, .. }) => Some((
            bytes,
            match hash {
                Sha256 => &signature::RSA_PKCS1_2048_8192_SHA256,
                Sha384 => &signature::RSA_PKCS1_2048_8192_SHA384,
                Sha512 => &signature::RSA_PKCS1_2048_8192_SHA512,
            },
        )),
        (SignatureAlgorithm::RsaPss(hash), PublicKey::Rsa { bytes, .. }) => Some((
            bytes,
            match hash {
                Sha256 => &signature::RSA_PSS_2048_8192_SHA256,
                Sha384 => &signature::RSA_PSS_2048_8192_SHA384,
                Sha512 => &signature::RSA_PSS_2048_8192_SHA512,
            },
        )),
        (SignatureAlgorithm::Ecdsa(hash), PublicKey::Ec { curve, bytes }) => Some((
            bytes,
            match (encoding, curve, hash) {
                (Fixed, Curve::P256, Sha256) => &signature::ECDSA_P256_SHA256_FIXED,
                (Fixed, Curve::P384, Sha384) => &signature::ECDSA_P384_SHA384_FIXED,
                (Fixed, Curve::P521, Sha512) => &signature::ECDSA_P521_SHA512_FIXED,
                (Fixed, Curve::P256 | Curve::P384 | Curve::P521, _) => return None,
                (Der, Curve::P256, Sha256) => &signature::ECDSA_P256_SHA256_ASN1,
                (Der, Curve::P256, Sha384) => &signature::ECDSA_P256_SHA384_ASN1,
                (Der, Curve::P256, Sha512) => &signature::ECDSA_P256_SHA512_ASN1,
                (Der, Curve::P384, Sha256) => &signature::ECDSA_P384_SHA256_ASN1,
                (Der, Curve::P384, Sha384) => &signature::ECDSA_P384_SHA384_ASN1,
                (Der, Curve::P384, Sha512) => &signature::ECDSA_P384_SHA512_ASN1,
                (Der, Curve::P521, Sha256) => &signature::ECDSA_P521_SHA256_ASN1,
                (Der, Curve::P521, Sha384) => &signature::ECDSA_P521_SHA384_ASN1,
                (Der, Curve::P521, Sha512) => &signature::ECDSA_P521_SHA512_ASN1,
            },
        )),
        (
            SignatureAlgorithm::RsaPkcs1(_) | SignatureAlgorithm::RsaPss(_),
            PublicKey::Ec { .. } | PublicKey::Other { .. },
        )
        | (SignatureAlgorithm::Ecdsa(_), PublicKey::Rsa { .. } | PublicKey::Other { .. }) => None,
    }
}
