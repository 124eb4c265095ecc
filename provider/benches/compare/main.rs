//! Compares the speed and memory of two builds of `countersign`, as ratios: before and after a change.
//!
//! `cargo bench --package countersign --bench compare -- BEFORE AFTER [ROUNDS]`, where `BEFORE` and `AFTER` are
//! paths of the binaries. Each round runs both, one after the other, with the same requests: every image once (cold: registry
//! requests, signature verification), then repeatedly (warm: cached verdicts). Signatures are RSA-2048 in JWS; the registry
//! runs in this process, on loopback. Prints the medians over the rounds.
//! Linux only: it reads `/proc`.

#![allow(clippy::unwrap_used)]

#[path = "../support/process.rs"]
mod process;
#[path = "../support/providers.rs"]
mod providers;
#[path = "../support/served.rs"]
mod served;
mod service;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use countersign_testkit::notation;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::registry::Registry;
use futures_util::StreamExt as _;
use serde_json::Value as Json;
use serde_json::json;
use service::Files;
use service::Service;

/// Cold images per round.
const IMAGES: usize = 300;

/// Warm requests per round, with one key each.
const WARM: usize = 6000;

/// Warm requests per round, with [`BATCH`] keys each.
const BATCHES: usize = 600;

const BATCH: usize = 20;

/// Concurrent requests.
const CONCURRENCY: usize = 8;

/// The measurements of one round of one binary, with their units.
const FIGURES: [(&str, &str); 7] = [
    ("cold: CPU per image", "ms"),
    ("cold: time for all images", "ms"),
    ("warm: CPU per request", "ms"),
    ("warm: time for all requests", "ms"),
    ("warm, 20 keys a request: CPU per key", "ms"),
    ("warm, 20 keys a request: time for all", "ms"),
    ("peak memory (VmHWM)", "MiB"),
];

type Measured = [f64; FIGURES.len()];

#[tokio::main]
async fn main() -> ExitCode {
    // Cargo adds `--bench`.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let [before, after, rounds @ ..] = arguments.as_slice() else {
        eprintln!("usage: compare BEFORE AFTER [ROUNDS]");
        return ExitCode::from(3);
    };
    let rounds: usize = rounds.first().map_or(7, |rounds| rounds.parse().expect("ROUNDS is a number"));
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let (files, images) = prepare().await;
    let mut measured: [Vec<Measured>; 2] = Default::default();
    for round in 0..rounds {
        // The order alternates, as the first run in a round warms the machine up.
        let order = if round % 2 == 0 { [(0, before), (1, after)] } else { [(1, after), (0, before)] };
        for (which, binary) in order {
            measured[which].push(measure(binary, &files, &images).await);
        }
        eprintln!("round {} of {rounds}", round + 1);
    }
    println!("{:40} {:>12} {:>12} {:>8}", "median", "before", "after", "ratio");
    for (number, (name, unit)) in FIGURES.iter().enumerate() {
        let [before, after] = measured.each_ref().map(|rounds| median(rounds.iter().map(|figures| figures[number])));
        println!("{:40} {before:12.3} {after:12.3} {:8.3}", format!("{name}, {unit}"), after / before);
    }
    ExitCode::SUCCESS
}

/// Starts a registry with signed images, and writes the configuration that trusts them. The registry runs as long as the
/// process.
async fn prepare() -> (Files, Arc<Vec<String>>) {
    let registry = Registry::start().await;
    let root = Authority::root(CertSpec::root());
    let signer = root.issue(CertSpec::leaf());
    let mut images = Vec::new();
    for number in 0..IMAGES {
        let image = registry.push_image("app", &format!("v{number}"));
        notation::sign_image(&registry, "app", &image, &signer);
        images.push(format!("{}/app:v{number}", registry.host()));
    }
    let files = Files::write(&registry.host(), &root.as_chain().root_pem());
    Box::leak(Box::new(registry));
    (files, images.into())
}

async fn measure(binary: &str, files: &Files, images: &[String]) -> Measured {
    let service = Service::start(binary, files).await;
    let single: Vec<Vec<&str>> = images.iter().map(|image| vec![image.as_str()]).collect();
    let batches: Vec<Vec<&str>> =
        images.chunks_exact(BATCH).map(|batch| batch.iter().map(String::as_str).collect()).collect();
    let cold = timed(&service, &single, images.len()).await;
    let warm = timed(&service, &single, WARM).await;
    let batched = timed(&service, &batches, BATCHES).await;
    let peak = service.peak_memory();
    service.stop().await;
    let per = |(cpu, _): (Duration, Duration), count: usize| cpu.as_secs_f64() * 1e3 / count as f64;
    let wall = |(_, time): (Duration, Duration)| time.as_secs_f64() * 1e3;
    [
        per(cold, images.len()),
        wall(cold),
        per(warm, WARM),
        wall(warm),
        per(batched, BATCHES * BATCH),
        wall(batched),
        peak,
    ]
}

/// CPU time of the service and elapsed time for `count` requests, which use these keys in turn.
async fn timed(service: &Service, keys: &[Vec<&str>], count: usize) -> (Duration, Duration) {
    let (cpu, began) = (service.cpu(), Instant::now());
    let requests = futures_util::stream::iter(keys.iter().cycle().take(count)).map(|keys| request(service, keys));
    requests.buffer_unordered(CONCURRENCY).for_each(|()| async {}).await;
    (service.cpu() - cpu, began.elapsed())
}

/// Sends one request. All its images must be verified.
async fn request(service: &Service, keys: &[&str]) {
    let body = json!({
        "apiVersion": "externaldata.gatekeeper.sh/v1beta1",
        "kind": "ProviderRequest",
        "request": {"keys": keys},
    });
    let response: Json = serde_json::from_slice(&service.post("/v1/verify", body.to_string()).await).unwrap();
    let items = response["response"]["items"].as_array().unwrap();
    let verified = items.iter().filter(|item| item["value"]["verdict"] == "verified").count();
    assert_eq!(verified, keys.len(), "{response:#}");
}

fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
