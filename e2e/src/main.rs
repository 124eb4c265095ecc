//! The whole chain as plain processes on loopback: does Gatekeeper, asked by a real API server, admit what Countersign
//! verifies and deny what it does not? `e2e/README.md` says what is needed and what is printed.
//!
//! Every counterpart is a program that this project did not write; kubectl speaks for the user.

mod bench;
mod cases;
mod certificates;
mod cluster;
mod countersign;
mod gatekeeper;
mod http;
mod images;
mod interrupt;
mod notation;
mod place;
mod process;
mod prometheus;
mod registries;
mod shelf;
mod transcript;
mod wait;

use std::process::ExitCode;

use crate::bench::Bench;
use crate::place::Place;
use crate::transcript::Transcript;

const USAGE: &str = "usage: cargo e2e [-- --keep]

Runs the end-to-end cases and exits with 0 if all of them passed, 1 if not, 3 on wrong usage.

  --keep  leave the processes running after the cases, until Ctrl-C";

fn main() -> ExitCode {
    let mut keep = false;
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--keep" => keep = true,
            "--help" | "-h" => {
                println!("{USAGE}");
                return ExitCode::SUCCESS;
            }
            other => {
                eprintln!("unknown argument {other:?}\n\n{USAGE}");
                return ExitCode::from(3);
            }
        }
    }

    let mut transcript = Transcript::new();
    let place = match Place::prepare() {
        Ok(place) => place,
        Err(error) => {
            transcript.verdict("set-up", Err(error));
            transcript.finish();
            return ExitCode::FAILURE;
        }
    };
    interrupt::watch(place.work());
    if let Err(error) = run(&place, &mut transcript, keep) {
        transcript.verdict("the run reaches its end", Err(error));
    }
    if transcript.all_passed() {
        place.remove();
    } else {
        place.print_tails();
    }
    transcript.finish();
    if transcript.all_passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Everything that was started has ended when this returns, by whichever way.
fn run(place: &Place, transcript: &mut Transcript, keep: bool) -> anyhow::Result<()> {
    let mut bench = Bench::start(place, transcript)?;
    cases::run(&mut bench, transcript)?;
    if keep {
        transcript.finish();
        bench.print_how_to_use();
        interrupt::wait_forever();
    }
    Ok(())
}
