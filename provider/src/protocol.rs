//! The protocols that clients speak: what is sent and what is answered. Knows no HTTP server.

pub mod gatekeeper;
