//! Parses, runs, ends with the right number; nothing else.

use std::process::ExitCode;

fn main() -> ExitCode {
    // The process's one TLS and crypto stack. Fails only if there is one already, and nothing ran before.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    ExitCode::from(countersign::cli::run(std::env::args_os()).code())
}
