//! Makes and judges a number of mutants on all processors, and counts.

use std::collections::BTreeMap;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use super::Kind;
use super::cases::Case;
use super::cases::Verdict;
use super::cases::all;
use super::node::Form;
use super::node::Node;
use super::operators::Operator;
use super::operators::mixed;
use crate::random_bytes::RandomBytes;

/// The counts of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// Mutants that were judged.
    pub mutants: usize,
    /// Those that passed the outer parse.
    pub parsed: usize,
    /// Those that were accepted and mean the same as the original.
    pub equal: usize,
    /// Those that were accepted and mean something else.
    pub verified: usize,
    /// Those with which the product panicked.
    pub panics: usize,
}

/// A mutant that was accepted or panicked.
#[derive(Clone, Debug)]
pub struct Failed {
    /// Its number, which makes it again.
    pub number: usize,
    /// The document that was changed.
    pub name: String,
    /// Why it failed.
    pub why: &'static str,
    /// The changed document.
    pub bytes: Vec<u8>,
}

/// The counts of all kinds, and what failed.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// By kind.
    pub rows: BTreeMap<Kind, Row>,
    /// The first hundred.
    pub failed: Vec<Failed>,
}

/// Failures that are kept.
const KEPT: usize = 100;
/// How many mutants a thread takes at a time.
const PORTION: usize = 256;

/// Makes and judges `count` mutants. The mutants of a number are the same in every run.
#[must_use]
pub fn run(count: usize) -> Table {
    let cases = all();
    let next = AtomicUsize::new(0);
    let work = || {
        let mut table = Table::default();
        loop {
            let from = next.fetch_add(PORTION, Ordering::Relaxed);
            if from >= count {
                return table;
            }
            for number in from..(from + PORTION).min(count) {
                table.add(&cases, number);
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).fold(Table::default(), Table::and)
    })
}

/// Makes and judges the mutant of this number alone.
#[must_use]
pub fn one(number: usize) -> (Vec<u8>, Table) {
    let cases = all();
    let mut table = Table::default();
    table.add(&cases, number);
    (mutant(&cases[number % cases.len()], number / cases.len()).encode(), table)
}

/// The mutant of a case with this number: every seventeenth is cut at the next byte of the original, the others are changed by one or
/// two operators.
fn mutant(case: &Case, number: usize) -> Node {
    let good = case.document.encode();
    if number.is_multiple_of(17) && case.document.form != Form::Documents {
        // A prime that has no divisor in common with most lengths, so that a short run reaches all parts.
        let length = number / 17 * 7919 % good.len();
        return Node::leaf(Form::Bytes(good[..length].to_vec()));
    }
    let mut random = RandomBytes::new(mixed(u64::try_from(number).unwrap()));
    let mut document = case.document.clone();
    // A change that is none is made again.
    for _ in 0..8 {
        for _ in 0..=random.below(2) {
            Operator::choose(&mut random).apply(&mut document, &case.others, &mut random);
        }
        if document.encode() != good {
            break;
        }
    }
    document
}

impl Table {
    fn add(&mut self, cases: &[Case], number: usize) {
        let case = &cases[number % cases.len()];
        let mutant = mutant(case, number / cases.len());
        let row = self.rows.entry(case.kind).or_default();
        row.mutants += 1;
        // Caught only to report which mutant it was.
        let why = match catch_unwind(AssertUnwindSafe(|| (case.judge)(&mutant))) {
            Ok(outcome) => {
                row.parsed += usize::from(outcome.parsed);
                match outcome.verdict {
                    Verdict::Refused => return,
                    Verdict::EqualMeaning => {
                        row.equal += 1;
                        return;
                    }
                    Verdict::Verified => {
                        row.verified += 1;
                        "was accepted"
                    }
                }
            }
            Err(_) => {
                row.panics += 1;
                "panicked"
            }
        };
        if self.failed.len() < KEPT {
            self.failed.push(Failed { number, name: case.name.clone(), why, bytes: mutant.encode() });
        }
    }

    fn and(mut self, other: Self) -> Self {
        for (kind, add) in other.rows {
            let row = self.rows.entry(kind).or_default();
            *row = row.and(add);
        }
        self.failed.extend(other.failed);
        self
    }

    /// Of all kinds.
    #[must_use]
    pub fn total(&self) -> Row {
        self.rows.values().fold(Row::default(), |sum, row| sum.and(*row))
    }
}

impl Row {
    fn and(self, other: Self) -> Self {
        Self {
            mutants: self.mutants + other.mutants,
            parsed: self.parsed + other.parsed,
            equal: self.equal + other.equal,
            verified: self.verified + other.verified,
            panics: self.panics + other.panics,
        }
    }

    /// The share that passed the outer parse, in percent.
    #[must_use]
    pub fn percent(&self) -> usize {
        self.parsed * 100 / self.mutants.max(1)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| Kind | Mutants | Passed the outer parse | Share | Equal meaning | Verified | Panics |")?;
        writeln!(f, "| --- | ---: | ---: | ---: | ---: | ---: | ---: |")?;
        let rows = self.rows.iter().map(|(kind, row)| (kind.as_str(), *row));
        for (name, row) in rows.chain([("all", self.total())]) {
            let Row { mutants, parsed, equal, verified, panics } = row;
            let percent = row.percent();
            writeln!(f, "| {name} | {mutants} | {parsed} | {percent} % | {equal} | {verified} | {panics} |")?;
        }
        Ok(())
    }
}
