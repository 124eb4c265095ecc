//! Countersign: a Gatekeeper external-data provider. See `ARCHITECTURE.md` for its modules.

pub mod cache;
pub mod cli;
pub mod clock;
pub mod config;
pub mod engine;
pub mod evidence;
mod files;
pub mod json_model;
pub mod policy_source;
pub mod protocol;
pub mod runtime;
pub mod server;
pub mod telemetry;
