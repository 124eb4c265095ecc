//! Compares Countersign with Ratify v1, with `notation verify`, and with the least that a provider can do, on the same kind of images.
//!
//! `cargo bench-peers` builds Countersign as it is shipped, installs the others, and prints tables of medians with their spread;
//! `cargo bench-peers --short` only shows that all of it works. The registry runs in this process, behind a proxy that gives the
//! network a round-trip time. Each arm starts a new process for each round, with images that no program has seen, so that nothing is in
//! memory, and arms alternate. `provider/docs/benchmarks.md` describes them.
//! Linux only: it reads `/proc`.

#![allow(clippy::unwrap_used)]

mod arms;
mod burst;
mod cold;
#[path = "../support/delay.rs"]
mod delay;
mod distinct;
mod fetching;
mod files;
mod idle;
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
mod sizes;
mod start;
#[path = "../support/table.rs"]
mod table;
#[path = "../support/timer.rs"]
mod timer;
mod warm;

use std::path::PathBuf;
use std::process::Command;
use std::process::ExitCode;
use std::process::Stdio;
use std::time::Duration;

use arms::Peers;
use arms::Programs;
use cold::Network;
use program::Program;
use sizes::Sizes;

const USAGE: &str = "usage: cargo bench-peers [--short] [--alone] [--rounds N] [--round-trip MILLISECONDS] [--idle SECONDS]
                         [--binary FILE --bare FILE]

--short       few requests: shows that it works
--alone       without Ratify and notation
--rounds      how often everything is measured; 5 unless given
--round-trip  the only round-trip time of the network for cold images; 0, 25 and 100 unless given
--idle        how long nothing is asked before the first request after idle; 70 unless given or --short; 0: it is not measured
--binary      the countersign to measure, in place of one that is built as it is shipped
--bare        the countersign-bare to compare it with, in place of one that is built so";

/// The command line.
struct Arguments {
    sizes: Sizes,
    alone: bool,
    binary: Option<PathBuf>,
    bare: Option<PathBuf>,
}

impl Arguments {
    /// `None` if it is not understood.
    fn parse(words: &[&str]) -> Option<Self> {
        let sizes = if words.contains(&"--short") { Sizes::short() } else { Sizes::whole() };
        let mut parsed = Self { sizes, alone: false, binary: None, bare: None };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match *word {
                "--short" => {}
                "--alone" => parsed.alone = true,
                "--rounds" => parsed.sizes.rounds = words.next()?.parse().ok().filter(|rounds| *rounds > 0)?,
                "--round-trip" => parsed.sizes.round_trips = vec![words.next()?.parse().ok()?],
                "--idle" => {
                    let idle = Duration::from_secs(words.next()?.parse().ok()?);
                    parsed.sizes.idle = Some(idle).filter(|idle| !idle.is_zero());
                }
                "--binary" => parsed.binary = Some(words.next()?.into()),
                "--bare" => parsed.bare = Some(words.next()?.into()),
                _ => return None,
            }
        }
        Some(parsed)
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    // Cargo adds `--bench`.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let Some(Arguments { sizes, alone, binary, bare }) = Arguments::parse(&arguments) else {
        eprintln!("{USAGE}");
        return ExitCode::from(3);
    };
    let programs = programs(alone, binary, bare);
    start::measure(&sizes, &programs).await;
    for round_trip in &sizes.round_trips {
        for has_tokens in [false, true] {
            let network = Network { round_trip: Duration::from_millis(*round_trip), has_tokens };
            cold::measure(&sizes, &programs, network).await;
        }
    }
    burst::measure(&sizes, &programs).await;
    idle::measure(&sizes, &programs).await;
    warm::measure(&sizes, &programs).await;
    distinct::measure(&sizes, &programs).await;
    ExitCode::SUCCESS
}

/// Builds and installs what is not given.
fn programs(alone: bool, binary: Option<PathBuf>, bare: Option<PathBuf>) -> Programs {
    let [countersign, bare] = match (binary, bare) {
        (Some(binary), Some(bare)) => [binary, bare],
        (binary, bare) => {
            let [built, built_bare] = served::shipped_with_bare(env!("CARGO_BIN_EXE_countersign"));
            [binary.unwrap_or(built), bare.unwrap_or(built_bare)]
        }
    };
    let peers = (!alone).then(|| {
        let tools = tools();
        Peers { ratify: Program::Ratify(tools.join("ratify-provider")), notation: tools.join("notation") }
    });
    Programs { countersign: Program::Countersign(countersign), bare, peers }
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
