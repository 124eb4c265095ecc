//! Errors of keys and signatures.

use crate::codec::text::Text;

/// A key of a kind or size that is not allowed for its use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("key: found {found}, expected {expected}")]
pub struct KeyError {
    /// `RSA 1024 bits`, `Ed25519`.
    pub found: Text,
    /// The kinds and sizes that are accepted.
    pub expected: &'static str,
}

/// The error for a signature that cannot be verified.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The signature was not made by this key over these bytes.
    #[error("signature does not match the key and the signed bytes")]
    Mismatch,
    /// The algorithm of a certificate is weak or unknown.
    #[error("signature algorithm: found {found}, expected SHA-256, SHA-384 or SHA-512 with RSA, RSASSA-PSS or ECDSA")]
    Algorithm {
        /// The algorithm's name, or its object identifier.
        found: Text,
    },
    /// The parameters are not those of the algorithm's specification, for example RSASSA-PSS with two hashes.
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
        /// The kind of the key.
        key: Text,
    },
    /// The algorithm has another hash than the signed message states.
    #[error("signature algorithm: found {algorithm}, expected one with {expected}, the message's digest algorithm")]
    Hash {
        /// The name of the algorithm.
        algorithm: &'static str,
        /// The name of the hash.
        expected: &'static str,
    },
    /// The signer's key is not allowed for signatures.
    #[error("signer's {0}")]
    Key(#[from] KeyError),
}
