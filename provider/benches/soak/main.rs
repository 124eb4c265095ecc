//! Runs Countersign for a long time at half of its maximum load, while the registry fails, tags move, the policy changes, and passwords,
//! certificates and authorities are replaced: no verdict may be wrong or missing without need, and memory, threads, connections, files and
//! tasks must stay flat.
//!
//! `cargo bench-soak [DURATION] [--rate REQUESTS]`, 15m unless given, and half of the maximum. Prints a line for each minute, and fails with the
//! first things that are wrong. Linux only: it reads `/proc`.

#![allow(clippy::unwrap_used)]

mod asking;
mod caller;
mod events;
mod expectations;
mod images;
mod load;
mod minute;
#[path = "../support/process.rs"]
mod process;
mod readings;
#[path = "../support/served.rs"]
mod served;
mod site;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;
use std::time::Instant;

use minute::Minute;
use readings::Reading;
use site::Site;

/// How long the maximum is measured.
const MEASURE: Duration = Duration::from_secs(10);

/// The shortest run whose readings are compared: a third of a shorter one has few events.
const COMPARED: Duration = Duration::from_secs(3 * 60);

/// The duration, and the rate if there is one.
fn arguments() -> Option<(Duration, Option<f64>)> {
    // Cargo adds `--bench`.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (duration, rate) = match arguments.as_slice() {
        [] => ("15m", None),
        [duration] => (*duration, None),
        [duration, "--rate", rate] => (*duration, Some(rate.parse().ok()?)),
        _ => return None,
    };
    Some((humantime::parse_duration(duration).ok()?, rate))
}

#[tokio::main]
async fn main() -> ExitCode {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let Some((duration, rate)) = arguments() else {
        eprintln!("usage: cargo bench-soak [DURATION] [--rate REQUESTS], such as 15m and 500 a second");
        return ExitCode::from(3);
    };
    let site = Site::start(&served::shipped(env!("CARGO_BIN_EXE_countersign"))).await;
    load::warm_up(&site).await;
    let before = Reading::now(&site).await;
    let rate = match rate {
        Some(rate) => rate,
        None => {
            let most = load::maximum(&site, MEASURE).await;
            println!("maximum {most:.0} requests/s");
            most / 2.0
        }
    };
    println!("load {rate:.0} requests/s and others for {}", humantime::format_duration(duration));
    let mut wrong = run(&site, rate, duration).await;
    site.caller.leave();
    wrong.extend(Reading::at_rest(&site, before).await.err().unwrap_or_default());
    wrong.iter().for_each(|why| println!("FAILED: {why}"));
    if !wrong.is_empty() {
        return ExitCode::FAILURE;
    }
    println!("no wrong verdict, none missing without need, nothing has grown");
    ExitCode::SUCCESS
}

/// Load and events for that time; returns what was wrong.
async fn run(site: &Site, rate: f64, duration: Duration) -> Vec<String> {
    let end = Instant::now() + duration;
    let readings = Arc::new(Mutex::new(Vec::new()));
    let events = tokio::spawn(events::run(site.clone(), duration));
    let background = [
        tokio::spawn(readings::follow(site.clone(), Arc::clone(&readings))),
        tokio::spawn(events::move_tags(site.clone())),
    ];
    let mut wrong = Vec::new();
    println!("{}", Minute::HEADER);
    while Instant::now() < end {
        let until = end.min(Instant::now() + Duration::from_secs(60));
        let answers = load::run(site, rate, until).await;
        let minute = Minute::new(&answers, Reading::now(site).await);
        println!("{minute}");
        wrong.extend(minute.named);
    }
    let (of_events, count) = events.await.unwrap();
    background.iter().for_each(tokio::task::JoinHandle::abort);
    println!("{count} events, without the moves of tags");
    wrong.extend(of_events);
    if duration >= COMPARED {
        wrong.extend(readings::growth(&readings.lock().unwrap()));
    }
    wrong
}
