//! A service on loopback with real TLS, over verdicts that the image's own name dictates.

pub(crate) mod client;
pub(crate) mod script;
pub(crate) mod service;
