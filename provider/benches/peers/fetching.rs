//! `countersign-bare fetch` as a process: the registry requests of a verification with its signature checks, and nothing else.

use std::io::BufRead as _;
use std::io::BufReader;
use std::io::Lines;
use std::io::Write as _;
use std::path::Path;
use std::process::Child;
use std::process::ChildStdin;
use std::process::ChildStdout;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value as Json;
use serde_json::json;

use crate::files::Files;
use crate::load::Cost;
use crate::process;

/// The process, with one connection to the registry. Dropping the value stops it.
pub(crate) struct Fetching {
    process: Child,
    jobs: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Drop for Fetching {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Fetching {
    pub(crate) fn start(binary: &Path, files: &Files) -> Self {
        let mut command = files.command(binary);
        command.args(["fetch", &files.host]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let jobs = process.stdin.take().unwrap();
        let answers = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, jobs, answers }
    }

    /// Fetches and checks images, `at_once` at the same time.
    pub(crate) fn images(&mut self, images: &[String], at_once: usize) -> Cost {
        self.job(&json!({"images": {"images": images, "atOnce": at_once}}))
    }

    /// So many requests for `/v2/`, one after the other.
    pub(crate) fn pings(&mut self, count: usize) -> Cost {
        self.job(&json!({"pings": count}))
    }

    fn job(&mut self, job: &Json) -> Cost {
        let (cpu, began) = (process::cpu(self.process.id()), Instant::now());
        writeln!(self.jobs, "{job}").unwrap();
        // The registry runs on other threads.
        let answer = tokio::task::block_in_place(|| self.answers.next()).expect("countersign-bare answers").unwrap();
        let (cpu, elapsed) = (process::cpu(self.process.id()).saturating_sub(cpu), began.elapsed());
        let nanoseconds: Vec<u64> = serde_json::from_str(&answer).unwrap();
        Cost::new(cpu, elapsed, nanoseconds.into_iter().map(Duration::from_nanos).collect())
    }
}
