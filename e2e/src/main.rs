//! End-to-end run with processes on loopback: Gatekeeper, called by a real API server, must admit what Countersign verifies
//! and deny everything else. `e2e/README.md` describes requirements and output.
//!
//! All counterparts are independent programs; kubectl acts for the user.

mod agreement;
mod arguments;
mod cases;
mod certificates;
mod cloud_doubles;
mod cluster;
mod countersign;
mod environment;
mod fixtures;
mod gatekeeper;
mod hostile_registry;
mod http;
mod images;
mod interrupt;
mod load;
mod mount;
mod namespaces;
mod notation;
mod openssl;
mod pods;
mod policy;
mod process;
mod prometheus;
mod registries;
mod release;
mod rootfs;
mod timestamp_server;
mod token_service;
mod transcript;
mod wait;
mod workdir;

use std::process::ExitCode;

use crate::arguments::Arguments;
use crate::arguments::Scope;
use crate::arguments::USAGE;
use crate::cloud_doubles::Cloud;
use crate::environment::Environment;
use crate::interrupt::Logs;
use crate::transcript::Transcript;
use crate::workdir::Workdir;

/// Exit code for usage errors, as of `countersign`.
const USAGE_ERROR: u8 = 3;

fn main() -> ExitCode {
    let argument = std::env::args().nth(1).unwrap_or_default();
    if let Some(cloud) = Cloud::of_argument(&argument) {
        return match cloud.serve(&std::env::args().nth(2).unwrap_or_default()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{argument}: {error:#}");
                ExitCode::FAILURE
            }
        };
    }
    if let Some(chapter) = cases::chapter_of(&argument) {
        return match chapter.run_in_namespaces(&std::env::args().nth(2).unwrap_or_default()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{argument}: {error:#}");
                ExitCode::FAILURE
            }
        };
    }
    if argument == pods::ARGUMENT {
        return pods::run(std::env::args().skip(2));
    }
    let arguments = match Arguments::parse(std::env::args().skip(1)) {
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
    let mut transcript = Transcript::new();
    let tools = if arguments.scope == Scope::Agreement { agreement::TOOLS } else { arguments.gatekeeper.tool() };
    let workdir = match Workdir::prepare(&[tools]) {
        Ok(workdir) => workdir,
        Err(error) => {
            transcript.verdict("set-up", Err(error));
            transcript.finish();
            return ExitCode::FAILURE;
        }
    };
    interrupt::watch(workdir.path(), Logs::Kept);
    if let Err(error) = run(&workdir, &mut transcript, &arguments) {
        transcript.verdict("the run completes", Err(error));
    }
    if transcript.all_passed() {
        workdir.remove();
    } else {
        workdir.print_tails();
        workdir.print_place();
    }
    transcript.finish();
    if transcript.all_passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// All started processes have ended when this returns, also after an error.
fn run(workdir: &Workdir, transcript: &mut Transcript, arguments: &Arguments) -> anyhow::Result<()> {
    let chapter = match arguments.scope {
        Scope::Doubles => return cases::cloud_doubles(workdir, transcript),
        Scope::Agreement => {
            let binary = countersign::program(workdir, arguments.binary.as_deref())?;
            return agreement::run(workdir, &binary, &arguments.agreement, arguments.keep, transcript);
        }
        Scope::Aws => Some(cases::AWS),
        Scope::Azure => Some(cases::AZURE),
        Scope::Google => Some(cases::GOOGLE),
        Scope::Short | Scope::All => None,
    };
    if let Some(chapter) = chapter {
        let binary = countersign::program(workdir, arguments.binary.as_deref())?;
        return chapter.run(workdir, &binary, arguments.keep, transcript);
    }
    let mut environment = Environment::start(workdir, transcript, arguments)?;
    cases::run(&mut environment, transcript, arguments)?;
    if arguments.keep {
        transcript.finish();
        environment.print_how_to_use();
        interrupt::wait_forever();
    }
    Ok(())
}
