//! Strict readers of encodings, and how text from outside is repeated. Floor 0.

pub mod excerpt;
pub mod pem;
pub mod text;
