//! The commands of the documents: each one is run, by a test here, by `.ci/run` or by the end-to-end run.

#![allow(clippy::unwrap_used)]
#![allow(clippy::disallowed_methods, reason = "the commands run as processes here")]

mod commands;
mod demo;
mod exit_status;
mod markdown;
mod policies;
mod private_registry;
mod quick_start;
mod release;
mod support_matrix;

/// The example, for its commands. Its `main` and its output are not used here.
#[path = "../../examples/demo/main.rs"]
#[allow(dead_code, reason = "the example prints more than the test needs")]
mod example;
