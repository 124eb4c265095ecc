//! The command line: `serve`, `verify` and `inspect` over the same configuration and the same engine, so that a laptop
//! and the cluster give the same verdict.

pub mod args;
mod certificate_name;
mod certs;
mod check;
mod completions;
mod inspect;
mod manifests;
mod report;
mod requested;
mod serve;
mod usable;
mod verify;

use std::error::Error;
use std::ffi::OsString;
use std::fmt;

use clap::Parser as _;

use self::args::Args;
use self::args::Command;
use crate::runtime::ErrorKind;
use crate::runtime::RuntimeError;
use crate::telemetry::ErrorChain;

/// How the process ends. The numbers are a contract with scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Every image is verified or skipped; the service stopped on a signal.
    Success,
    /// At least one image was rejected.
    Rejected,
    /// No image was rejected, and at least one was inconclusive; or the service failed.
    Undecided,
    /// A mistake on the command line, in the configuration or in the files that it names.
    Usage,
}

impl Exit {
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Rejected => 1,
            Self::Undecided => 2,
            Self::Usage => 3,
        }
    }
}

/// Runs the command in `arguments`, the first of which is the program's name. Mistakes are written to standard error.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let args = match Args::try_parse_from(arguments) {
        Ok(args) => args,
        Err(error) => {
            // Help and version are reported as errors by the parser. A closed output is ignored.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage } else { Exit::Success };
        }
    };
    let ended = match args.command {
        Command::Serve(args) => serve::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::Inspect(args) => inspect::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Certs(args) => certs::run(&args),
        Command::Completions(args) => completions::run(&args),
    };
    ended.unwrap_or_else(|Failure { exit, causes }| {
        for cause in causes {
            eprintln!("countersign: {}", ErrorChain(cause.as_ref()));
        }
        exit
    })
}

/// Reports a warning.
fn warn(message: impl fmt::Display) {
    eprintln!("countersign: warning: {message}");
}

/// Why a command failed: all causes, and the exit code.
#[derive(Debug)]
pub struct Failure {
    exit: Exit,
    causes: Vec<anyhow::Error>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, cause) in self.causes.iter().enumerate() {
            if number > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{}", ErrorChain(cause.as_ref()))?;
        }
        Ok(())
    }
}

impl Error for Failure {}

impl From<RuntimeError> for Failure {
    fn from(error: RuntimeError) -> Self {
        let exit = match error.kind() {
            ErrorKind::Configuration => Exit::Usage,
            ErrorKind::Internal => Exit::Undecided,
        };
        Self { exit, causes: error.into_causes().into_iter().map(anyhow::Error::new).collect() }
    }
}

impl Failure {
    /// Mistakes that the operator can correct.
    fn usage(cause: impl Into<anyhow::Error>) -> Self {
        Self { exit: Exit::Usage, causes: vec![cause.into()] }
    }

    /// A failure of the machine or of this program.
    fn unexpected(cause: impl Into<anyhow::Error>) -> Self {
        Self { exit: Exit::Undecided, causes: vec![cause.into()] }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_definition_of_the_arguments_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn exit_codes_have_fixed_numbers() {
        let ends = [Exit::Success, Exit::Rejected, Exit::Undecided, Exit::Usage];
        assert_eq!(ends.map(Exit::code), [0, 1, 2, 3]);
    }
}
