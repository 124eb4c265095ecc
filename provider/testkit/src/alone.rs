//! Tests that need a process of their own: they count the allocations of the whole process, for example.

use std::env;
use std::process::Command;

/// The name of the test that a process was started for.
const VARIABLE: &str = "COUNTERSIGN_TEST_ALONE";

/// Whether this process runs only the test `name`, its path in the test binary. If not, runs it in another process of the
/// same binary, so that a test begins with `if !alone("module::name") { return }`, and tests of this kind run at the same time.
///
/// # Panics
/// If the test fails in the other process, or the binary has no such test.
#[must_use]
pub fn alone(name: &str) -> bool {
    alone_with(name, &[])
}

/// As [`alone`], in a process with these environment variables.
///
/// # Panics
/// As there.
#[must_use]
#[allow(clippy::disallowed_methods, reason = "the test binary starts itself")]
pub fn alone_with(name: &str, variables: &[(&str, &str)]) -> bool {
    if env::var_os(VARIABLE).is_some_and(|test| test == name) {
        return true;
    }
    let mut command = Command::new(env::current_exe().expect("the path of the test binary"));
    let output = command
        .args(["--exact", name, "--nocapture", "--test-threads", "1"])
        .env(VARIABLE, name)
        .envs(variables.iter().copied())
        .output();
    let output = output.expect("the test binary starts");
    let (printed, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    print!("{printed}");
    let passed = output.status.success() && printed.contains("test result: ok. 1 passed;");
    assert!(passed, "{name} in a process of its own: {}\n{printed}{errors}", output.status);
    false
}
