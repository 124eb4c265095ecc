//! Chapters that run in namespaces of their own ([`crate::namespaces`]), with a cluster of their own: there the names of a cloud lead to
//! its doubles, which are a process on the addresses and ports of the real services. So nothing of Countersign is different from a
//! cluster in that cloud.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use anyhow::ensure;
use serde_json::Value;
use serde_json::json;

use crate::namespaces;
use crate::process;
use crate::transcript::Transcript;
use crate::workdir::Workdir;

/// Time limit for a chapter.
const LIMIT: Duration = Duration::from_secs(900);

/// Time limit for a chapter that is kept: it ends with the run.
const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);

const RESULTS: &str = "results.json";

/// A chapter.
pub(crate) struct Chapter {
    pub(super) title: &'static str,
    /// The argument of this program that makes it run the chapter, before the path of a file that [`Self::run`] writes.
    pub(crate) argument: &'static str,
    /// Its working directory, below that of the run.
    pub(super) directory: &'static str,
    /// The beginning of the names of environment variables that it must not have, in lower case.
    pub(super) variables: &'static str,
    /// Its cases, with the program of Countersign, and whether its processes serve afterwards.
    pub(super) cases: fn(&Workdir, &Path, bool, &mut Transcript) -> anyhow::Result<()>,
}

impl Chapter {
    /// Runs the chapter in new namespaces, or skips it if this machine does not permit them. With `keep`, its processes serve
    /// afterwards until the run is interrupted; then this does not return, unless the chapter did not complete.
    pub(crate) fn run(
        &self,
        workdir: &Workdir,
        binary: &Path,
        keep: bool,
        transcript: &mut Transcript,
    ) -> anyhow::Result<()> {
        transcript.chapter(self.title);
        if let Err(why) = namespaces::check(workdir) {
            transcript.skip(self.title, &why);
            return Ok(());
        }
        let below = workdir.below(self.directory)?;
        let task = json!({ "work": below.path(), "tools": below.tools(), "binary": binary, "keep": keep });
        let task = below.write("task.json", task.to_string())?;
        let program = std::env::current_exe()?;
        let mut command =
            namespaces::command(&program, &[self.argument, task.to_str().context("a path is not UTF-8")?]);
        // The environment of the pod is that of the cases.
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy().to_ascii_lowercase();
            if text.starts_with(self.variables) || text.ends_with("_proxy") {
                command.env_remove(name);
            }
        }
        let status = process::run_attached(&command, if keep { KEPT } else { LIMIT })?;
        let results = fs::read(below.path().join(RESULTS)).context("the chapter has no results")?;
        let results: Value = serde_json::from_slice(&results)?;
        let failed = results["failed"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
        let passed = results["passed"].as_u64().context("the chapter has no number of results")?;
        transcript.add(usize::try_from(passed)?, failed.collect());
        if !status.success() {
            below.print_tails();
            below.print_place();
            ensure!(!transcript.all_passed(), "the chapter in namespaces ended with {status}");
        }
        Ok(())
    }

    /// Runs the chapter in this process, which is in new namespaces. An error if a case failed.
    pub(crate) fn run_in_namespaces(&self, task: &str) -> anyhow::Result<()> {
        let task: Value = serde_json::from_slice(&fs::read(task).with_context(|| format!("cannot read {task}"))?)?;
        let text = |name: &str| task[name].as_str().with_context(|| format!("the task has no {name}"));
        let workdir = Workdir::existing(text("tools")?, text("work")?)?;
        let mut transcript = Transcript::new();
        let keep = task["keep"].as_bool().context("the task has no keep")?;
        let result = (self.cases)(&workdir, Path::new(text("binary")?), keep, &mut transcript);
        if let Err(error) = result {
            transcript.verdict("the chapter completes", Err(error));
            if keep {
                transcript.note("nothing is kept, as the chapter did not complete");
            }
        }
        write_results(&workdir, &transcript)?;
        ensure!(transcript.all_passed(), "{} of its cases failed", transcript.results().1.len());
        Ok(())
    }
}

/// Writes the results so far, for the process that has started the chapter.
pub(super) fn write_results(workdir: &Workdir, transcript: &Transcript) -> anyhow::Result<()> {
    let (passed, failed) = transcript.results();
    workdir.write(RESULTS, json!({ "passed": passed, "failed": failed }).to_string()).map(drop)
}
