//! The doubles of the services of Azure as one process: see [`countersign_testkit::azure::process`].

use std::process::ExitCode;

fn run() -> Result<(), String> {
    let path = std::env::args().nth(1).ok_or("usage: azure CONFIG.json")?;
    let config = std::fs::read(&path).map_err(|error| format!("{path}: {error}"))?;
    let config = serde_json::from_slice(&config).map_err(|error| format!("{path}: {error}"))?;
    countersign_testkit::azure::process::run(&config, std::io::stdin().lock(), std::io::stdout())
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("azure: {error}");
            ExitCode::FAILURE
        }
    }
}
