//! Signature envelopes: their format, and only that. Nothing here says whether a signature is good.
//!
//! Certificates are bytes here, the payload is opaque; the checks of [`crate::notation`] give them meaning, and parse the
//! payload only after the signature over it was checked.

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
