//! The two formats, and their common definitions.

use crate::crypto::HashAlgorithm;
use crate::crypto::SignatureAlgorithm;
use crate::name::MediaType;

/// The only payload content type of the [signature specification](https://github.com/notaryproject/specifications/blob/d4b62b949228911bd5e62da4f5f8dd38682d293a/specs/signature-specification.md#payload).
pub const PAYLOAD_TYPE: &str = "application/vnd.cncf.notary.payload.v1+json";

/// The two envelope formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EnvelopeFormat {
    /// [Flattened JWS JSON](https://github.com/notaryproject/specifications/blob/d4b62b949228911bd5e62da4f5f8dd38682d293a/specs/signature-envelope-jws.md).
    Jws,
    /// [Tagged COSE_Sign1](https://github.com/notaryproject/specifications/blob/d4b62b949228911bd5e62da4f5f8dd38682d293a/specs/signature-envelope-cose.md).
    Cose,
}

impl EnvelopeFormat {
    /// The format that a layer's media type names.
    #[must_use]
    pub fn of_media_type(media_type: &MediaType) -> Option<Self> {
        match media_type.as_str() {
            "application/jose+json" => Some(Self::Jws),
            "application/cose" => Some(Self::Cose),
            _ => None,
        }
    }

    /// `jws` or `cose`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Jws => "jws",
            Self::Cose => "cose",
        }
    }
}

/// The signature algorithms of the
/// [specification](https://github.com/notaryproject/specifications/blob/d4b62b949228911bd5e62da4f5f8dd38682d293a/specs/signature-specification.md#signature-algorithm-requirements).
const ALGORITHMS: [SignatureAlgorithm; 6] = [
    SignatureAlgorithm::RsaPss(HashAlgorithm::Sha256),
    SignatureAlgorithm::RsaPss(HashAlgorithm::Sha384),
    SignatureAlgorithm::RsaPss(HashAlgorithm::Sha512),
    SignatureAlgorithm::Ecdsa(HashAlgorithm::Sha256),
    SignatureAlgorithm::Ecdsa(HashAlgorithm::Sha384),
    SignatureAlgorithm::Ecdsa(HashAlgorithm::Sha512),
];

/// The algorithm, if the specification allows it.
pub(super) fn allowed(algorithm: Option<SignatureAlgorithm>) -> Option<SignatureAlgorithm> {
    algorithm.filter(|algorithm| ALGORITHMS.contains(algorithm))
}
