//! Documents, templates and manifests of the repository. Each command of the documents is run, by a test here, by `.ci/run`
//! or by the end-to-end run.

#![allow(clippy::disallowed_methods, reason = "the commands run as processes here")]

mod codes;
mod codes_doc;
mod commands;
mod demo;
mod deploy;
mod exit_status;
pub(crate) mod markdown;
mod migration;
mod policies;
mod private_registry;
mod quick_start;
mod release;
mod security;
mod support_matrix;
mod templates;

/// The example, for its commands. Its `main` and its output are not used here.
#[path = "../../examples/demo/main.rs"]
#[allow(dead_code, reason = "the example prints more than the test needs")]
mod example;
