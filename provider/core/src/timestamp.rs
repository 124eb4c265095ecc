//! Timestamp tokens of [RFC 3161](https://www.rfc-editor.org/rfc/rfc3161), updated by
//! [RFC 5816](https://www.rfc-editor.org/rfc/rfc5816): a timestamping authority (TSA) signs a hash of a message and the
//! time at which it saw it.
//!
//! [`TimestampToken::parse`] reads a token, [`TimestampToken::verify`] verifies it for a message and trusted roots; only
//! that returns a [`VerifiedTimestamp`]. The chain of the TSA is valid at the time of the timestamp, so a TSA whose
//! certificate has ended since is accepted. Revocation of the chain is not checked here.
//!
//! The token is CMS SignedData ([RFC 5652](https://www.rfc-editor.org/rfc/rfc5652)) and is read as strict DER. BER, which
//! RFC 5652 permits, is refused.

mod attributes;
mod error;
mod signed_data;
mod signer;
mod signing_certificate;
mod tst_info;
mod verify;

pub use error::SignerError;
pub use error::TimestampError;
pub use signed_data::TimestampToken;
pub use verify::VerifiedTimestamp;
