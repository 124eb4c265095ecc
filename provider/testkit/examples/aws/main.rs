//! The doubles of AWS's services as one process, for clients that are processes of their own.
//!
//! ```text
//! cargo run --package countersign-testkit --example aws -- CONFIG.json
//! ```
//!
//! Writes JSON lines to standard output: `{"ready": …}` once everything listens, `{"exchange": …}` for each request that has
//! ended, `{"answer": …}` or `{"error": …}` for each command. Reads commands as JSON lines from standard input, and stops at its
//! end. See `services.rs` for the configuration and `commands.rs` for the commands.

mod commands;
mod services;

use std::io::BufRead as _;
use std::io::Write as _;
use std::process::ExitCode;

use serde_json::Value;
use serde_json::json;

use services::Services;

/// Writes one line at once, so that a reader of the output never sees a part of it.
fn print(line: &Value) {
    let mut output = std::io::stdout().lock();
    // A reader that has gone needs no output; the end of standard input follows.
    let _ = writeln!(output, "{line}").and_then(|()| output.flush());
}

fn run() -> Result<(), String> {
    let path = std::env::args().nth(1).ok_or("usage: aws CONFIG.json")?;
    let config = std::fs::read(&path).map_err(|error| format!("{path}: {error}"))?;
    let config: Value = serde_json::from_slice(&config).map_err(|error| format!("{path}: {error}"))?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| error.to_string())?;
    let services = runtime.block_on(Services::start(&config))?;
    services.observe(|exchange| print(&json!({ "exchange": exchange.to_json() })));
    print(&json!({ "ready": services.describe() }));
    for line in std::io::stdin().lock().lines() {
        let line = line.map_err(|error| error.to_string())?;
        let command = serde_json::from_str(&line).map_err(|error| error.to_string());
        match command.and_then(|command| commands::run(&services, &command)) {
            Ok(answer) => print(&json!({ "answer": answer })),
            Err(error) => print(&json!({ "error": error })),
        }
    }
    Ok(())
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("aws: {error}");
            ExitCode::FAILURE
        }
    }
}
