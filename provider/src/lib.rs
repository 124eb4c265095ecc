//! Countersign: a Gatekeeper external-data provider. See `ARCHITECTURE.md` for the floor plan.

pub mod cache;
pub mod cli;
pub mod config;
pub mod engine;
pub mod server;
pub mod telemetry;
pub mod trust_source;
pub mod view;
pub mod wire;
