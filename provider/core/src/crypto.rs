//! Signature algorithms, public keys, and the verification of signatures with them.
//!
//! Does not depend on certificates. `codec` decodes keys and algorithm identifiers; aws-lc-rs does the arithmetic.

mod algorithm;
mod error;
mod hash;
mod key;
mod signature;

pub use algorithm::HashAlgorithm;
pub use algorithm::SignatureAlgorithm;
pub use error::KeyError;
pub use error::SignatureError;
pub use hash::HashError;
pub(crate) use hash::sha1_identifier;
pub(crate) use hash::sha256;
pub use key::EnvelopeKey;
pub(crate) use key::PublicKey;
pub(crate) use signature::verify_by_authority;
