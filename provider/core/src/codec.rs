//! Strict readers of encodings (JSON, CBOR, DER, PEM), and bounded text for messages.

pub mod cbor;
pub mod der;
pub mod excerpt;
pub mod hex;
pub mod json;
pub mod mismatch;
pub mod pem;
pub mod text;
mod truncate;
