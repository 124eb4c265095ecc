//! Signature algorithms, public keys, and the verification of signatures with them.
//!
//! Uses `codec` to read keys and algorithm identifiers; knows no certificate.

mod key;
mod signature;

pub use key::KeyAlgorithm;
pub use key::KeyError;
pub use key::PublicKey;
pub(crate) use key::SubjectKey;
pub use signature::SignatureError;
pub(crate) use signature::verify;
