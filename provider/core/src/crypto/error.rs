//! Why a key or a signature is refused.

use crate::codec::text::Text;

/// A key of a kind or size that may not do what it does.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("key: found {found}, expected {expected}")]
pub struct KeyError {
    /// `RSA 1024 bits`, `Ed25519`.
    pub found: Text,
    /// The kinds and sizes that are accepted.
    pub expected: &'static str,
}

/// Why a signature does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The bytes, the key and the signature do not belong together.
    #[error("signature does not match the key and the signed bytes")]
    Mismatch,
    /// A certificate's algorithm that is weak or unknown.
    #[error("signature algorithm: found {found}, expected SHA-256, SHA-384 or SHA-512 with RSA, RSASSA-PSS or ECDSA")]
    Algorithm {
        /// The algorithm's name, or its object identifier.
        found: Text,
    },
    /// Parameters of an algorithm that are not those of its specification, such as RSASSA-PSS with two hashes.
    #[error("parameters of {algorithm} are not supported, expected {expected}")]
    Parameters {
        /// The family of algorithms.
        algorithm: &'static str,
        /// The parameters that are accepted.
        expected: &'static str,
    },
    /// The algorithm cannot be used with the signer's kind of key.
    #[error("signature algorithm does not fit the signer's key: found {algorithm} and {key}")]
    KeyKind {
        /// The name of the algorithm.
        algorithm: &'static str,
        /// What the key is.
        key: Text,
    },
    /// The signer's key may not sign.
    #[error("signer's {0}")]
    Key(#[from] KeyError),
}
