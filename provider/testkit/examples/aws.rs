//! The doubles of AWS's services as one process: see [`countersign_testkit::aws::process`].

use std::process::ExitCode;

fn run() -> Result<(), String> {
    let path = std::env::args().nth(1).ok_or("usage: aws CONFIG.json")?;
    let config = std::fs::read(&path).map_err(|error| format!("{path}: {error}"))?;
    let config = serde_json::from_slice(&config).map_err(|error| format!("{path}: {error}"))?;
    countersign_testkit::aws::process::run(&config, std::io::stdin().lock(), std::io::stdout())
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
