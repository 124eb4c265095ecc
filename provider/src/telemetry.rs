//! What an operator sees: [`metrics`] for Prometheus, [`log`] as one JSON event per verdict.
//!
//! Gatekeeper counts nothing about the calls it makes, so this is the only place where they can be seen. Nothing here
//! decides anything.

mod error_chain;
pub mod log;
pub mod metrics;

pub use error_chain::ErrorChain;
