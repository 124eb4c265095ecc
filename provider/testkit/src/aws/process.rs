//! All doubles as one process, for clients that are processes of their own: end-to-end tests and the demo.
//!
//! ```text
//! cargo run --package countersign-testkit --example aws -- CONFIG.json
//! ```
//!
//! Writes JSON lines: `{"ready": …}` once everything listens, `{"exchange": …}` for each request that has ended, `{"answer": …}` or
//! `{"error": …}` for each command. Reads commands as JSON lines, and stops at the end of its input.

mod commands;
mod received;
mod region;
mod services;

use std::io::BufRead;
use std::io::Write;

use serde_json::Value;
use serde_json::json;

use services::Services;

use crate::cloud::lines::answer_commands;
use crate::cloud::lines::printer;

/// Runs all doubles until the end of `input`, on a runtime of its own. `services.rs` describes the configuration, and
/// `commands.rs` the commands.
///
/// # Errors
/// The configuration is wrong, or a file cannot be written.
pub fn run(config: &Value, input: impl BufRead, output: impl Write + Send + 'static) -> Result<(), String> {
    let print = printer(output);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| error.to_string())?;
    let services = runtime.block_on(Services::start(config))?;
    let journal = print.clone();
    services.observe(move |exchange| journal(&json!({ "exchange": exchange.to_json() })));
    print(&json!({ "ready": services.describe() }));
    answer_commands(input, &print, |command| commands::run(&services, command))
}
