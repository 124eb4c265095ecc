//! The parts of the provider. The crate `countersign` starts them as a service and has the command line. See `ARCHITECTURE.md`.

pub mod cache;
pub mod clock;
pub mod config;
pub mod engine;
pub mod evidence;
pub mod json_model;
pub mod policy_source;
pub mod protocol;
pub mod server;
pub mod telemetry;
