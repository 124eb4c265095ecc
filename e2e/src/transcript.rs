//! Prints commands with their output, as on a terminal, and one verdict per case.

use std::cell::Cell;
use std::time::Duration;
use std::time::Instant;

/// The results of a run. Prints each step at once.
pub(crate) struct Transcript {
    started: Instant,
    passed: usize,
    failed: Vec<String>,
    /// Chapters that this machine does not permit.
    skipped: usize,
    /// Whether the next command begins a case, so that an empty line precedes it.
    between_cases: Cell<bool>,
}

impl Transcript {
    pub(crate) fn new() -> Self {
        Self { started: Instant::now(), passed: 0, failed: Vec::new(), skipped: 0, between_cases: Cell::new(false) }
    }

    /// Begins a chapter.
    pub(crate) fn chapter(&self, title: &str) {
        println!("\n=== {title}");
        self.between_cases.set(false);
    }

    /// Prints a step without a command.
    pub(crate) fn note(&self, text: &str) {
        self.separate();
        println!("# {text}");
    }

    /// Prints a step with its duration.
    pub(crate) fn step(&self, text: &str, took: Duration) {
        println!("# {text} ({:.1} s)", took.as_secs_f64());
    }

    /// Prints a command and its output.
    pub(crate) fn command(&self, line: &str, output: &str) {
        self.separate();
        println!("$ {line}");
        let output = output.trim_end();
        if !output.is_empty() {
            println!("{output}");
        }
    }

    fn separate(&self) {
        if self.between_cases.replace(false) {
            println!();
        }
    }

    /// Prints and counts the result of a case. `what` describes the expected behaviour.
    pub(crate) fn verdict(&mut self, what: &str, result: anyhow::Result<()>) {
        match result {
            Ok(()) => {
                self.passed += 1;
                println!("PASS  {what}");
            }
            Err(error) => {
                println!("FAIL  {what}: {error:#}");
                self.failed.push(what.to_owned());
            }
        }
        self.between_cases.set(true);
    }

    /// Prints and counts a chapter that this machine does not permit.
    pub(crate) fn skip(&mut self, what: &str, why: &anyhow::Error) {
        self.skipped += 1;
        println!("SKIP  {what}: {why:#}");
        self.between_cases.set(true);
    }

    /// The number of cases that passed, and those that failed.
    pub(crate) fn results(&self) -> (usize, &[String]) {
        (self.passed, &self.failed)
    }

    /// Counts the results of cases that another process printed.
    pub(crate) fn add(&mut self, passed: usize, failed: Vec<String>) {
        self.passed += passed;
        self.failed.extend(failed);
        self.between_cases.set(true);
    }

    pub(crate) fn all_passed(&self) -> bool {
        self.failed.is_empty() && self.passed > 0
    }

    /// Prints the failed cases again, and the summary.
    pub(crate) fn finish(&self) {
        println!();
        for what in &self.failed {
            println!("FAIL  {what}");
        }
        println!("{:.1} s", self.started.elapsed().as_secs_f64());
        let skipped = match self.skipped {
            0 => String::new(),
            1 => ", 1 chapter skipped".to_owned(),
            count => format!(", {count} chapters skipped"),
        };
        println!("{} passed, {} failed{skipped}", self.passed, self.failed.len());
    }
}
