//! Runs the command line and returns its exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    // Installs the only TLS and crypto stack of the process. Fails only if one is installed already, which is not
    // possible here.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    ExitCode::from(countersign::cli::run(std::env::args_os()).code())
}
