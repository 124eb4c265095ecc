//! Compares Countersign with Ratify v1, with `notation verify`, and with a bare server on hyper, on the same images.
//!
//! `cargo bench-peers` builds Countersign as it is shipped, installs the others, and prints tables of medians with their spread;
//! `cargo bench-peers --short` only shows that all of it works. The registry runs in this process, behind a proxy that gives the
//! network a round-trip time. Each arm starts a new process for each round, so that nothing is in memory, and arms alternate.
//! `provider/docs/benchmarks.md` describes them.
//! Linux only: it reads `/proc`.

#![allow(clippy::unwrap_used)]

mod bare;
#[path = "../support/delay.rs"]
mod delay;
mod load;
#[path = "../support/process.rs"]
mod process;
mod program;
#[path = "../support/providers.rs"]
mod providers;
#[path = "../support/served.rs"]
mod served;
#[path = "../support/site.rs"]
mod site;
#[path = "../support/table.rs"]
mod table;
#[path = "../support/timer.rs"]
mod timer;

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::ExitCode;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use program::Files;
use program::Program;
use program::Running;
use site::Naming;
use site::Site;
use table::Table;

/// Connections of a burst, as many as a Gatekeeper under load opens.
const BURST_AT_ONCE: usize = 32;

/// Keys of a batch.
const BATCH: usize = 20;

/// How much is measured.
struct Sizes {
    rounds: usize,
    /// Round-trip times, in milliseconds.
    round_trips: Vec<u64>,
    /// Images that are asked for one after the other.
    sequential: usize,
    burst: usize,
    /// Requests for images whose verdicts are in memory.
    warm: usize,
    /// Distinct images of a run whose memory is measured.
    distinct: &'static [usize],
}

const USAGE: &str =
    "usage: cargo bench-peers [--short] [--alone] [--rounds N] [--round-trip MILLISECONDS] [--binary FILE]

--short       few requests: shows that it works
--alone       without Ratify and notation
--rounds      how often everything is measured; 5 unless given
--round-trip  the only round-trip time of the network; 0, 25 and 100 unless given
--binary      the countersign to measure, in place of one that is built as it is shipped";

/// The command line.
struct Arguments {
    sizes: Sizes,
    alone: bool,
    binary: Option<PathBuf>,
}

impl Arguments {
    /// `None` if it is not understood.
    fn parse(words: &[&str]) -> Option<Self> {
        let sizes = if words.contains(&"--short") { short() } else { whole() };
        let mut parsed = Self { sizes, alone: false, binary: None };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match *word {
                "--short" => {}
                "--alone" => parsed.alone = true,
                "--rounds" => parsed.sizes.rounds = words.next()?.parse().ok().filter(|rounds| *rounds > 0)?,
                "--round-trip" => parsed.sizes.round_trips = vec![words.next()?.parse().ok()?],
                "--binary" => parsed.binary = Some(words.next()?.into()),
                _ => return None,
            }
        }
        Some(parsed)
    }
}

fn whole() -> Sizes {
    Sizes {
        rounds: 5,
        round_trips: vec![0, 25, 100],
        sequential: 10,
        burst: 425,
        warm: 20_000,
        distinct: &[1, 100, 1000, 10_000],
    }
}

fn short() -> Sizes {
    Sizes { rounds: 1, round_trips: vec![5], sequential: 2, burst: 32, warm: 64, distinct: &[20] }
}

/// What takes part. Without peers it is Countersign alone, beside the bare server.
struct Programs {
    providers: Vec<Program>,
    notation: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    // Cargo adds `--bench`.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if let ["--bare", answer] = arguments[..] {
        bare::serve(Path::new("."), Path::new(answer)).await;
        return ExitCode::SUCCESS;
    }
    let Some(Arguments { sizes, alone, binary }) = Arguments::parse(&arguments) else {
        eprintln!("{USAGE}");
        return ExitCode::from(3);
    };
    let countersign =
        Program::Countersign(binary.unwrap_or_else(|| served::shipped(env!("CARGO_BIN_EXE_countersign"))));
    let programs = if alone {
        Programs { providers: vec![countersign], notation: None }
    } else {
        let tools = tools();
        let ratify = Program::Ratify(tools.join("ratify-provider"));
        Programs { providers: vec![countersign, ratify], notation: Some(tools.join("notation")) }
    };
    for round_trip in &sizes.round_trips {
        for has_tokens in [false, true] {
            cold(&sizes, &programs, Duration::from_millis(*round_trip), has_tokens).await;
        }
    }
    warm(&sizes, &programs).await;
    distinct(&sizes, &programs).await;
    ExitCode::SUCCESS
}

/// Installs the peers, and returns the directory with them.
// The ban on child processes is for the product.
#[allow(clippy::disallowed_methods)]
fn tools() -> PathBuf {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../e2e/tools/install.sh");
    let output = Command::new("sh").args([script, "peers"]).stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "the peers are installed");
    String::from_utf8(output.stdout).unwrap().lines().last().unwrap().into()
}

/// The arms of a round, in an order that alternates, as the first one warms the machine up.
fn arms(programs: &[Program], round: usize) -> Vec<&Program> {
    let mut arms: Vec<&Program> = programs.iter().collect();
    if round % 2 == 1 {
        arms.reverse();
    }
    arms
}

fn single(images: &[String]) -> Vec<Vec<&str>> {
    images.iter().map(|image| vec![image.as_str()]).collect()
}

/// Images whose verdicts are not in memory.
async fn cold(sizes: &Sizes, Programs { providers, notation }: &Programs, round_trip: Duration, has_tokens: bool) {
    let site = Site::start(round_trip, has_tokens).await;
    let files = Files::write(&site);
    let kinds =
        [("by tag", Naming::Tag), ("by digest", Naming::Digest), ("by tag, new repository", Naming::OwnRepository)];
    let kinds =
        kinds.map(|(name, naming)| (name, site.images(&name.replace([' ', ','], "-"), naming, sizes.sequential)));
    let first = site.images("first", Naming::Tag, 1);
    let burst = site.images("burst", Naming::TenRepositories, sizes.burst);
    let mut table = Table::default();
    for round in 0..sizes.rounds {
        for program in arms(providers, round) {
            let running = Running::start(program, &files).await;
            let column = program.name();
            // Connections are there, and a token for this repository.
            load::send(&running, &single(&first), 1, 1).await;
            for (kind, images) in &kinds {
                site.take_requests();
                let cost = load::send(&running, &single(images), images.len(), 1).await;
                table.add(format!("{kind}: ms"), column, cost.percentile(0.5));
                table.add(format!("{kind}: requests"), column, site.take_requests() as f64 / images.len() as f64);
            }
            let cost = load::send(&running, &single(&burst), burst.len(), BURST_AT_ONCE).await;
            table.add(format!("burst of {}: images/s", burst.len()), column, cost.rate(burst.len()));
            table.add("burst: CPU ms per image", column, cost.cpu_of_each(burst.len()));
            table.add("burst: requests per image", column, site.take_requests() as f64 / burst.len() as f64);
        }
        let Some(notation) = notation else { continue };
        for (kind, images) in &kinds {
            for image in images.iter().take(2) {
                site.take_requests();
                let began = Instant::now();
                assert!(files.notation_verifies(notation, image), "notation: {image}");
                table.add(format!("{kind}: ms"), "notation verify", began.elapsed().as_secs_f64() * 1e3);
                table.add(format!("{kind}: requests"), "notation verify", site.take_requests() as f64);
            }
        }
    }
    let tokens = if has_tokens { "with tokens" } else { "without tokens" };
    println!("\nCold, a round-trip time of {} ms, {tokens}", round_trip.as_millis());
    table.print(&["countersign", "ratify", "notation verify"]);
}

/// Images whose verdicts are in memory.
async fn warm(sizes: &Sizes, programs: &Programs) {
    let site = Site::start(Duration::ZERO, false).await;
    let files = Files::write(&site);
    let images = site.images("warm", Naming::TenRepositories, 100);
    let (one, batches) =
        (single(&images), images.chunks_exact(BATCH).map(|images| images.iter().map(String::as_str).collect()));
    let batches: Vec<Vec<&str>> = batches.collect();
    let (answer, batch) = {
        let running = Running::start(&programs.providers[0], &files).await;
        (load::answer(&running, &one[0]).await, load::answer(&running, &batches[0]).await)
    };
    let mut arms_of_one = programs.providers.clone();
    arms_of_one.push(Program::Bare(answer));
    let mut arms_of_batch = programs.providers.clone();
    arms_of_batch.push(Program::Bare(batch));
    let mut table = Table::default();
    for round in 0..sizes.rounds {
        for program in arms(&arms_of_one, round) {
            let running = Running::start(program, &files).await;
            let column = program.name();
            load::send(&running, &one, one.len(), BURST_AT_ONCE).await;
            for at_once in [1, 8, 32] {
                let cost = load::send(&running, &one, sizes.warm, at_once).await;
                let name = format!("one key, {at_once} connections");
                table.add(format!("{name}: CPU ms"), column, cost.cpu_of_each(sizes.warm));
                table.add(format!("{name}: requests/s"), column, cost.rate(sizes.warm));
                table.add(format!("{name}: p50 ms"), column, cost.percentile(0.5));
                table.add(format!("{name}: p99 ms"), column, cost.percentile(0.99));
            }
            let cost = load::send_at_rate(&running, &one, sizes.warm, Duration::from_millis(1)).await;
            table.add("one key, 1,000 requests/s: p50 ms", column, cost.percentile(0.5));
            table.add("one key, 1,000 requests/s: p99 ms", column, cost.percentile(0.99));
        }
        for program in arms(&arms_of_batch, round) {
            let running = Running::start(program, &files).await;
            load::send(&running, &batches, batches.len(), 1).await;
            let count = sizes.warm / BATCH;
            let cost = load::send(&running, &batches, count, 8).await;
            table.add("20 keys, 8 connections: CPU ms per key", program.name(), cost.cpu_of_each(count * BATCH));
            table.add("20 keys, 8 connections: keys/s", program.name(), cost.rate(count * BATCH));
        }
    }
    println!("\nWarm: the verdicts are in memory (of Ratify for 10 s at most)");
    table.print(&["bare hyper", "countersign", "ratify"]);
}

/// Memory and CPU time for different numbers of images.
async fn distinct(sizes: &Sizes, Programs { providers, notation: _ }: &Programs) {
    let site = Site::start(Duration::ZERO, false).await;
    let files = Files::write(&site);
    let most = sizes.distinct.iter().copied().max().unwrap_or(0);
    let images = site.images("distinct", Naming::TenRepositories, most);
    let mut table = Table::default();
    for round in 0..sizes.rounds.min(3) {
        for program in arms(providers, round) {
            for count in sizes.distinct {
                let running = Running::start(program, &files).await;
                let cost = load::send(&running, &single(&images[..*count]), *count, BURST_AT_ONCE).await;
                site.take_requests();
                table.add(format!("{count} images: peak memory MiB"), program.name(), running.peak_memory());
                table.add(format!("{count} images: CPU s per 1,000"), program.name(), cost.cpu_of_each(*count));
            }
        }
    }
    println!("\nDistinct images, without a round-trip time and tokens");
    table.print(&["countersign", "ratify"]);
}
