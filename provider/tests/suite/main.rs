//! The tests that share one process: the structure of the sources, the commands, the configuration, the documents and the engine.
//! One binary, as each more costs a link and waits for its slowest test alone. `cargo test --test suite config::` runs a part.

#![allow(clippy::unwrap_used)]

mod advisories;
mod architecture;
mod commands;
mod config;
mod documents;
mod engine;
