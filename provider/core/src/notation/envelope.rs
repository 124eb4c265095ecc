//! Signature envelopes: parsing only. Signatures are not verified here.
//!
//! Certificates and payload are kept as bytes. The checks of [`crate::notation`] parse them, the payload only after
//! its signature was verified.

mod attributes;
mod cose;
mod error;
mod format;
mod jws;
mod parsed;
mod read;
mod sign1;

pub use attributes::Attributes;
pub use attributes::ExtendedAttribute;
pub(super) use attributes::PLUGIN;
pub(super) use attributes::PLUGIN_MIN_VERSION;
pub use attributes::SigningScheme;
pub use error::EnvelopeError;
pub use format::EnvelopeFormat;
pub use format::PAYLOAD_TYPE;
pub use parsed::Envelope;
pub use sign1::Sign1Error;
