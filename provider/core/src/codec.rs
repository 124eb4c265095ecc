//! Strict readers of encodings. Floor 0.

pub mod pem;
