//! Notary Project envelopes, valid and invalid.
//!
//! [`SignRequest`] holds the content; [`SignRequest::jws`] and [`SignRequest::cose`] write and sign it. For changes that it
//! has no setting for, edit the parts of the envelope before they are signed ([`SignRequest::jws_parts`], [`SignRequest::cose_parts`]).

mod cose;
mod jws;
mod request;

pub use ciborium::Value as Cbor;
pub use cose::CoseParts;
pub use jws::JwsParts;
pub use request::Format;
pub use request::Scheme;
pub use request::SignRequest;
