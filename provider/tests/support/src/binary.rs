//! The built binary as a process. Its path is known only to integration tests: `env!("CARGO_BIN_EXE_countersign")`.

use std::process::Command;
use std::process::Stdio;

/// Variables that the binary reads, in upper case; those about proxies are read in lower case, too.
const VARIABLES: [&str; 4] = ["COUNTERSIGN_CONFIG", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY"];

/// The beginnings of variables about clouds.
const CLOUDS: [&str; 4] = ["AWS_", "AZURE_", "GCE_", "GOOGLE_"];

/// A command of the binary at `path`, without standard input, with these variables and no others that it reads.
#[allow(clippy::disallowed_methods, reason = "tests run the binary as a process")]
#[must_use]
pub fn command(path: &str, variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(path);
    command.stdin(Stdio::null());
    for variable in VARIABLES {
        command.env_remove(variable).env_remove(variable.to_lowercase());
    }
    // Those of whoever runs the tests.
    for (variable, _) in std::env::vars_os() {
        if CLOUDS.iter().any(|cloud| variable.to_string_lossy().starts_with(cloud)) {
            command.env_remove(variable);
        }
    }
    command.envs(variables.iter().copied());
    command
}
