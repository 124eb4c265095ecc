//! Lines of JSON: how the programs of the doubles report and are controlled.

use std::io::BufRead;
use std::io::Write;
use std::sync::Arc;
use std::sync::Mutex;

use serde_json::Value;
use serde_json::json;

/// Writes each value as one line.
pub(crate) fn printer(output: impl Write + Send + 'static) -> impl Fn(&Value) + Clone + Send + Sync + 'static {
    let output = Arc::new(Mutex::new(output));
    move |line: &Value| {
        let mut output = output.lock().expect("the lock is not poisoned");
        // A whole line at once. A reader that has gone needs no output; the end of the input follows.
        let _ = output.write_all(format!("{line}\n").as_bytes()).and_then(|()| output.flush());
    }
}

/// Runs the command in each line until the end of `input`, and prints `{"answer": …}` or `{"error": …}` for it.
pub(crate) fn answer_commands(
    input: impl BufRead,
    print: impl Fn(&Value),
    run: impl Fn(&Value) -> Result<Value, String>,
) -> Result<(), String> {
    for line in input.lines() {
        let line = line.map_err(|error| error.to_string())?;
        let command = serde_json::from_str(&line).map_err(|error| error.to_string());
        match command.and_then(|command: Value| run(&command)) {
            Ok(answer) => print(&json!({ "answer": answer })),
            Err(error) => print(&json!({ "error": error })),
        }
    }
    Ok(())
}
