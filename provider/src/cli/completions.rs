//! `countersign completions`: what a shell needs to complete the command line.

use std::io;
use std::io::Write as _;

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::Exit;
use super::Failure;
use super::args::Args;
use super::args::CompletionsArgs;
use super::args::ShellName;

pub(super) fn run(args: &CompletionsArgs) -> Result<Exit, Failure> {
    let shell = match args.shell {
        ShellName::Bash => Shell::Bash,
        ShellName::Zsh => Shell::Zsh,
        ShellName::Fish => Shell::Fish,
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "countersign", &mut script);
    match io::stdout().lock().write_all(&script) {
        Ok(()) => Ok(Exit::Success),
        // Ignores broken pipes.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::Success),
        Err(error) => Err(Failure::unexpected(anyhow::Error::new(error).context("cannot print the script"))),
    }
}
