//! Panics at the end of a process, in processes of the test binary: the log and the panic hook are those of a process.

use std::env;
use std::io::Read as _;
use std::os::unix::process::ExitStatusExt as _;
use std::panic::catch_unwind;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;

use serde_json::Value as Json;

use super::super::*;

/// Set in the process that a test has started.
const STARTED: &str = "COUNTERSIGN_TEST_PANIC";

const SIGABRT: i32 = 6;

/// The test `name` of this module in another process, whose standard error is a pipe.
#[allow(clippy::disallowed_methods, reason = "the test binary starts itself")]
fn start(name: &str) -> Child {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", &format!("telemetry::log::tests::panics::{name}"), "--nocapture"]).env(STARTED, name);
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

fn is_started() -> bool {
    env::var_os(STARTED).is_some()
}

/// Ends the process as a panic within a panic does.
fn panic_and_abort() -> ! {
    let _ = catch_unwind(|| panic!("the end"));
    std::process::abort()
}

/// What a process wrote to standard error: the events of the log.
fn events(process: &mut Child) -> Vec<Json> {
    let mut text = String::new();
    process.stderr.as_mut().unwrap().read_to_string(&mut text).unwrap();
    text.lines().filter(|line| line.starts_with('{')).map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn events_until_a_panic_are_written_before_the_process_ends() {
    if is_started() {
        init(Level::INFO, Format::Json).unwrap();
        tracing::info!("before");
        panic_and_abort();
    }
    let mut process = start("events_until_a_panic_are_written_before_the_process_ends");
    let events = events(&mut process);
    assert_eq!(process.wait().unwrap().signal(), Some(SIGABRT));
    let of = |event: &Json| (event["level"].clone(), event["message"].clone(), event["what"].clone());
    let found: Vec<_> = events.iter().map(of).collect();
    assert_eq!(
        found,
        [("INFO".into(), "before".into(), Json::Null), ("ERROR".into(), "panic".into(), "the end".into()),]
    );
}

#[test]
fn a_panic_does_not_wait_forever_for_a_full_pipe_at_standard_error() {
    if is_started() {
        init(Level::INFO, Format::Json).unwrap();
        // More than the pipe takes.
        for _ in 0..50 {
            tracing::info!(long = "x".repeat(4096), "before");
        }
        panic_and_abort();
    }
    let mut process = start("a_panic_does_not_wait_forever_for_a_full_pipe_at_standard_error");
    assert_eq!(process.wait().unwrap().signal(), Some(SIGABRT));
}
