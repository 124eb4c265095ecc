//! The record of behaviour: what the binary answers to hundreds of images, requests and command lines, compared with the
//! files in `golden/`. It proves that a change of structure changed nothing, and shows what another change changed.
//!
//! The binary is driven from outside only (`countersign serve` over mutual TLS, `verify`, `inspect`, `check`), with
//! fixtures of `countersign-testkit` and without a type of the crates under test. Each group is one configuration with
//! one server; each case is one image, with all responses about it. What differs from run to run is named by its role
//! (`names.rs`).
//!
//! `COUNTERSIGN_BINARY=/path/to/countersign` puts the same questions to another binary.
//!
//! `COUNTERSIGN_BEHAVIOUR=rewrite cargo test -p countersign --test behaviour` writes the golden files anew. It lists
//! the entries that changed, and fails if there are any, so that it can never make a run of CI pass: read `git diff`, then
//! run the test again without it. A difference that is not intended is a regression.

#![allow(clippy::unwrap_used)]
#![allow(clippy::disallowed_methods, reason = "the binary runs as a process here, and loopback needs no limits")]

mod binary;
mod certificates;
mod codes;
mod configuration;
mod environment;
mod golden;
mod groups;
mod metrics;
mod names;
mod run;
