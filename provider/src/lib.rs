//! Countersign: a Gatekeeper external-data provider. See `ARCHITECTURE.md` for the floor plan.

pub mod engine;
