//! Signature algorithms, public keys, and the verification of signatures with them.
//!
//! Knows no certificate: `codec` reads keys and algorithm identifiers, aws-lc-rs computes.

mod algorithm;
mod error;
mod key;
mod signature;

pub use algorithm::HashAlgorithm;
pub use algorithm::SignatureAlgorithm;
pub use error::KeyError;
pub use error::SignatureError;
pub use key::EnvelopeKey;
pub(crate) use key::PublicKey;
pub(crate) use signature::verify_by_authority;
