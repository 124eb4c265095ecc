//! Notary Project envelopes, right ones and wrong ones.
//!
//! [`SignRequest`] says what goes in; [`SignRequest::jws`] and [`SignRequest::cose`] write and sign it. For what no knob
//! covers, take the envelope apart before it is signed ([`SignRequest::jws_parts`], [`SignRequest::cose_parts`]).

mod cose;
mod jws;
mod request;

pub use ciborium::Value as Cbor;
pub use cose::CoseParts;
pub use jws::JwsParts;
pub use request::Format;
pub use request::Scheme;
pub use request::SignRequest;
