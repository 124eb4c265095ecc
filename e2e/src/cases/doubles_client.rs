//! The client library of a cloud as the client of the doubles of its services.

use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use anyhow::ensure;
use serde_json::Value;

use crate::cloud_doubles::CloudDoubles;
use crate::process;
use crate::transcript::Transcript;
use crate::workdir::Workdir;

/// Time limit for one run of the client.
const LIMIT: Duration = Duration::from_secs(30);

/// A program with a client library.
#[derive(Clone, Copy)]
pub(super) struct Client {
    /// The interpreter, one of the tools.
    pub(super) python: &'static str,
    /// The program, below `e2e/tools`.
    pub(super) program: &'static str,
}

/// The client, the doubles, and what is printed.
pub(super) struct Case<'a> {
    pub(super) client: Client,
    pub(super) workdir: &'a Workdir,
    pub(super) transcript: &'a mut Transcript,
    pub(super) doubles: CloudDoubles,
}

impl Case<'_> {
    /// Sends commands to the doubles.
    pub(super) fn set<const N: usize>(&mut self, commands: [Value; N]) -> anyhow::Result<()> {
        commands.iter().try_for_each(|command| self.doubles.command(command).map(drop))
    }

    /// Runs the client, which must print exactly `lines`; `*` stands for any text within a line.
    pub(super) fn prints(&mut self, what: &str, arguments: &str, success: bool, lines: &[&str]) -> anyhow::Result<()> {
        let program = self.workdir.project().join("e2e/tools").join(self.client.program);
        let mut words = arguments.split(' ');
        let mut command = Command::new(self.workdir.tool(self.client.python));
        command.arg(&program).arg(words.next().context("no case")?).arg(self.doubles.directory()).args(words);
        command.current_dir(self.workdir.path());
        let finished = process::run(&command, LIMIT, &self.workdir.log("client"))?;
        let name = program.file_name().and_then(|name| name.to_str()).context("a path is not UTF-8")?;
        self.transcript.command(&format!("{name} {arguments}"), &finished.output);
        let result = (|| {
            ensure!(finished.status.success() == success, "{}", finished.status);
            let found: Vec<&str> = finished.output.lines().collect();
            ensure!(found.len() == lines.len(), "{} lines, expected {}", found.len(), lines.len());
            for (found, expected) in found.iter().zip(lines) {
                ensure!(matches(expected, found), "found {found:?}, expected {expected:?}");
            }
            Ok(())
        })();
        self.transcript.verdict(what, result);
        Ok(())
    }
}

/// Whether the text is the pattern with some text for each `*`.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(text) = text.strip_prefix(start) else { return false };
    (0..=text.len()).any(|at| text.is_char_boundary(at) && matches(rest, &text[at..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        assert!(matches("a*c*", "abbc"));
        assert!(matches("abc", "abc"));
        assert!(!matches("abc", "abcd"));
        assert!(!matches("a*c", "abcd"));
    }
}
