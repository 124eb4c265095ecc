//! A service on loopback with real TLS, over verdicts that the image's own name dictates.

pub mod client;
pub mod script;
pub mod service;
