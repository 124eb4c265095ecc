//! The least that a provider can do, to compare with: `countersign-bare serve` answers requests with bytes that it has, and
//! `countersign-bare fetch` sends the registry requests of a verification and checks the signatures, without any other check.
//!
//! `cargo bench-peers` builds it as Countersign is shipped, and runs it as a process, so that its CPU time is measured alone.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark ends where something is unexpected"
)]

mod connection;
mod fetch;
mod jobs;
mod serve;
mod signatures;

use std::path::Path;
use std::process::ExitCode;

const USAGE: &str = "usage: countersign-bare serve ANSWER | countersign-bare fetch HOST

serve  answers each request with the bytes of a file; tls.crt, tls.key and authority.pem are in the working directory
fetch  reads jobs from standard input; root.pem, user and password are in the working directory";

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["serve", answer] => serve::serve(Path::new("."), Path::new(answer)).await,
        ["fetch", host] => jobs::run(host).await,
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(3);
        }
    }
    ExitCode::SUCCESS
}
