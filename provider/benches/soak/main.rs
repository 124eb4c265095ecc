//! Runs Countersign for a long time at half of its maximum load, while the registry fails, the policy changes, and passwords and
//! certificates are replaced: no verdict may be wrong, and memory, threads, connections and files must stay flat.
//!
//! `cargo bench-soak [DURATION]`, 15m unless given. Prints a line for each minute, and fails with the first thing that is wrong.
//! Linux only: it reads `/proc`.

#![allow(clippy::unwrap_used)]

mod events;
mod load;
#[path = "../support/process.rs"]
mod process;
#[path = "../support/providers.rs"]
mod providers;
#[path = "../support/served.rs"]
mod served;
mod site;

use std::process::ExitCode;
use std::time::Duration;
use std::time::Instant;

use load::Minute;
use site::Site;

/// How long the maximum is measured.
const MEASURE: Duration = Duration::from_secs(10);

/// Minutes in which memory may still grow: caches fill, and every fault occurs once.
const SETTLING: usize = 3;

/// What memory may grow by after [`SETTLING`], in MiB: allocators keep what they had in their largest moment.
const GROWTH_MIB: f64 = 8.0;

#[tokio::main]
async fn main() -> ExitCode {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    // Cargo adds `--bench`.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let duration = match arguments.as_slice() {
        [] => Duration::from_secs(15 * 60),
        [duration] => humantime::parse_duration(duration).expect("a duration, such as 15m"),
        _ => {
            eprintln!("usage: cargo bench-soak [DURATION]");
            return ExitCode::from(3);
        }
    };
    let site = Site::start(&served::shipped(env!("CARGO_BIN_EXE_countersign"))).await;
    let most = load::maximum(&site, MEASURE).await;
    let rate = most / 2.0;
    println!("maximum {most:.0} requests/s; load {rate:.0} requests/s for {}", humantime::format_duration(duration));
    let events = tokio::spawn(events::run(site.clone(), duration));
    let mut minutes: Vec<Minute> = Vec::new();
    let end = Instant::now() + duration;
    println!("{}", Minute::HEADER);
    while Instant::now() < end {
        let part = Duration::from_secs(60).min(end.saturating_duration_since(Instant::now()));
        let minute = load::run(&site, rate, part).await;
        println!("{minute}");
        minutes.push(minute);
    }
    events.await.unwrap();
    site.heal();
    let mut faults = minutes.iter().flat_map(|minute| minute.wrong.clone()).collect::<Vec<_>>();
    faults.extend(growth(&minutes));
    faults.extend(site.left_over().await);
    for fault in &faults {
        println!("FAILED: {fault}");
    }
    if faults.is_empty() {
        println!("no wrong verdict, nothing has grown");
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// What has grown since the first minutes.
fn growth(minutes: &[Minute]) -> Vec<String> {
    let [.., last] = minutes else { return Vec::new() };
    let Some(first) = minutes.get(SETTLING) else { return Vec::new() };
    let mut grown = Vec::new();
    if last.memory > first.memory + GROWTH_MIB {
        grown.push(format!("memory: {:.1} MiB after {SETTLING} minutes, {:.1} at the end", first.memory, last.memory));
    }
    for (what, first, last) in [("threads", first.threads, last.threads), ("files", first.files, last.files)] {
        if last > 2 * first.max(8) {
            grown.push(format!("{what}: {first} after {SETTLING} minutes, {last} at the end"));
        }
    }
    grown
}
