//! The YAML that people apply: the shipped template is run, not read, against every way in which the provider can
//! answer or fail to. The evaluator is not Gatekeeper's; `e2e/` has the last word with the real one.

#![allow(clippy::unwrap_used)]

mod documents;
mod exemptions;
mod gatekeeper;
mod objects;
mod updates;
mod verdicts;
