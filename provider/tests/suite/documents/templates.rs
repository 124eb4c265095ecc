//! The shipped YAML: the template is evaluated against every kind of provider response and failure. The evaluator is not
//! Gatekeeper's; `e2e/` uses the real one.

#![allow(clippy::unwrap_used)]

mod documents;
mod exemptions;
mod gatekeeper;
mod objects;
mod updates;
mod verdicts;
