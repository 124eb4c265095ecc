//! What is printed: commands with their output, as on a terminal, and one verdict per case.

use std::cell::Cell;
use std::time::Duration;
use std::time::Instant;

/// The record of a run; prints as it goes.
pub(crate) struct Transcript {
    started: Instant,
    passed: usize,
    failed: Vec<String>,
    /// Whether the next command begins a case, and gets an empty line before it.
    between_cases: Cell<bool>,
}

impl Transcript {
    pub(crate) fn new() -> Self {
        Self { started: Instant::now(), passed: 0, failed: Vec::new(), between_cases: Cell::new(false) }
    }

    /// A new chapter.
    pub(crate) fn chapter(&self, title: &str) {
        println!("\n=== {title}");
        self.between_cases.set(false);
    }

    /// Prints a step that needed no command.
    pub(crate) fn note(&self, text: &str) {
        self.separate();
        println!("# {text}");
    }

    /// Prints a step with its duration.
    pub(crate) fn step(&self, text: &str, took: Duration) {
        println!("# {text} ({:.1} s)", took.as_secs_f64());
    }

    /// A command and what it printed.
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

    /// Counts a case. `what` is a statement that holds if `result` is good.
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
        println!("{} passed, {} failed", self.passed, self.failed.len());
    }
}
