//! Metrics and log: [`metrics`] for Prometheus, [`log`] as one JSON event per verdict.
//!
//! Gatekeeper has no metrics of its calls, so these are the only ones. Nothing here decides anything.

mod error_chain;
pub mod log;
pub mod metrics;
mod request_trace;

pub use error_chain::ErrorChain;
pub use request_trace::RequestTrace;
pub use request_trace::TracedRequest;
