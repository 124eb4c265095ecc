//! `cargo bench-pods`: how long a cluster takes to create a thousand Pods while a provider verifies their images.
//!
//! The controllers of Kubernetes scale Deployments up that exist already, so that the first verification of an image is the one of its Pod. A
//! baseline is compared with arms that differ from it in one factor each ([`arm::Arm`]). Everything is a process on loopback; the registry is
//! in this process, behind a proxy with a round-trip time. `provider/docs/benchmarks.md` describes it.

mod api;
mod arguments;
mod arm;
mod bench;
mod controllers;
#[path = "../../provider/benches/support/delay.rs"]
#[allow(clippy::unwrap_used)]
mod delay;
mod figures;
#[path = "../../provider/benches/support/providers.rs"]
#[allow(clippy::unwrap_used)]
mod files;
mod policies;
mod providers;
#[path = "../../provider/benches/support/site.rs"]
mod site;
#[path = "../../provider/benches/support/table.rs"]
mod table;
#[path = "../../provider/benches/support/timer.rs"]
#[allow(clippy::unwrap_used)]
mod timer;
#[path = "../../provider/benches/support/process.rs"]
#[allow(clippy::unwrap_used)]
mod usage;
mod workloads;

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use std::time::Instant;

use anyhow::ensure;

use crate::USAGE_ERROR;
use crate::interrupt;
use crate::interrupt::Logs;
use crate::workdir::Workdir;
use arguments::Arguments;
use arguments::USAGE;
use bench::Bench;
use figures::FIGURES;
use table::Table;

/// The argument of this program that makes it run this benchmark.
pub(crate) const ARGUMENT: &str = "--pods";

/// The part of the Pods that the warm-up has.
const WARM_UP: usize = 4;

/// No measurement begins after [`ONCE`], for the arms that are measured once, and [`EACH_ROUND`] for each round.
const ONCE: Duration = Duration::from_secs(8 * 60);
const EACH_ROUND: Duration = Duration::from_secs(7 * 60);

/// Runs the benchmark with its own arguments. All started processes have ended when this returns, and its files are removed.
pub(crate) fn run(words: impl Iterator<Item = String>) -> ExitCode {
    let arguments = match Arguments::parse(words) {
        Ok(Some(arguments)) => arguments,
        Ok(None) => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("{error}\n\n{USAGE}");
            return ExitCode::from(USAGE_ERROR);
        }
    };
    let sets: &[&str] = if arguments.needs_ratify() { &["peers", "pods"] } else { &["pods"] };
    let workdir = match Workdir::prepare(sets) {
        Ok(workdir) => workdir,
        Err(error) => {
            eprintln!("{error:#}");
            return ExitCode::FAILURE;
        }
    };
    let _files = Files(workdir.path().to_owned());
    interrupt::watch(workdir.path(), Logs::Removed);
    match measure(&workdir, &arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            workdir.print_tails();
            eprintln!("\n{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The working directory, which is removed at the end, also after a panic.
struct Files(PathBuf);

impl Drop for Files {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("cannot remove {}: {error}", self.0.display());
        }
    }
}

/// Prints the tables. An error if an arm did not work; the figures of the others are printed.
fn measure(workdir: &Workdir, arguments: &Arguments) -> anyhow::Result<()> {
    let end = Instant::now() + ONCE + EACH_ROUND * u32::try_from(arguments.rounds)?;
    let mut bench = Bench::start(workdir, arguments)?;
    bench.warm_up(arguments.pods.div_ceil(WARM_UP))?;
    let mut table = Table::default();
    let mut failed = Vec::new();
    for round in 0..arguments.rounds {
        for arm in arguments.arms_of(round) {
            if Instant::now() > end {
                println!("round {}, {}: left out, as the time is over", round + 1, arm.name());
                continue;
            }
            match bench.measure(arm) {
                Ok(figures) => {
                    println!("round {}, {}: {figures}", round + 1, arm.name());
                    figures.add_to(&mut table, arm.name());
                }
                Err(error) => {
                    println!("round {}, {}: FAILED: {error:#}", round + 1, arm.name());
                    failed.push(arm.name());
                }
            }
        }
    }
    println!("\n{} Pods; {}", arguments.pods, arm::BASELINE);
    table.print_columns(&FIGURES, arm::Arm::Baseline.name());
    ensure!(failed.is_empty(), "these did not work: {}", failed.join(", "));
    Ok(())
}
