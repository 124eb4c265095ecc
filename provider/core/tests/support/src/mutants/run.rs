//! Makes and judges a number of mutants on all processors, and counts.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashSet;
use std::fmt;
use std::hash::DefaultHasher;
use std::hash::Hash;
use std::hash::Hasher;
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

/// The counts of one kind or change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// Mutants that were judged.
    pub mutants: usize,
    /// Those that passed the outer parse.
    pub parsed: usize,
    /// Those that were accepted and mean the same as the original: see [`super::equal`].
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
    pub kinds: BTreeMap<Kind, Row>,
    /// By change. A mutant with two of them counts twice.
    pub changes: BTreeMap<Operator, Row>,
    /// At least the first hundred.
    pub failed: Vec<Failed>,
    /// Hashes of the mutants of each kind.
    seen: BTreeMap<Kind, HashSet<u64>>,
}

/// At least this share of each kind must pass the outer parse, in percent.
pub const SHARE: usize = 30;
/// Failures that a thread keeps.
const KEPT: usize = 100;
/// How many mutants a thread takes at a time.
const PORTION: usize = 256;

/// Makes and judges `count` mutants, as many of each kind. The changes of a number are the same in every run; signatures in the originals
/// have random parts.
#[must_use]
pub fn run(count: usize) -> Table {
    run_cases(&all(), count)
}

/// Makes and judges `count` mutants of these cases.
#[must_use]
pub fn run_cases(cases: &[Case], count: usize) -> Table {
    let kinds = by_kind(cases);
    let next = AtomicUsize::new(0);
    let work = || {
        let mut table = Table::default();
        loop {
            let from = next.fetch_add(PORTION, Ordering::Relaxed);
            if from >= count {
                return table;
            }
            for number in from..(from + PORTION).min(count) {
                let (case, index) = case_of(&kinds, number);
                table.add(case, number, mutant(case, number, index));
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
    let kinds = by_kind(&cases);
    let (case, index) = case_of(&kinds, number);
    let mutant = mutant(case, number, index);
    let bytes = mutant.bytes.clone();
    let mut table = Table::default();
    table.add(case, number, mutant);
    (bytes, table)
}

/// The cases of each kind that has some.
fn by_kind(cases: &[Case]) -> Vec<Vec<&Case>> {
    let kinds = Kind::ALL.map(|kind| cases.iter().filter(|case| case.kind == kind).collect::<Vec<_>>());
    kinds.into_iter().filter(|cases| !cases.is_empty()).collect()
}

/// The case of the mutant of this number, and which mutant of the case it is.
fn case_of<'c>(kinds: &[Vec<&'c Case>], number: usize) -> (&'c Case, usize) {
    let cases = &kinds[number % kinds.len()];
    let number = number / kinds.len();
    (cases[number % cases.len()], number / cases.len())
}

/// A changed document, its bytes, and how it was changed.
struct Mutant {
    document: Node,
    bytes: Vec<u8>,
    changes: Vec<Operator>,
}

/// Of the mutants of a case, every seventeenth is cut at the next byte of the original, the others have one or two changes. None is
/// identical to the original.
fn mutant(case: &Case, number: usize, index: usize) -> Mutant {
    let good = case.document.encode();
    if index.is_multiple_of(17) && case.document.form != Form::Documents {
        // A prime that has no divisor in common with most lengths, so that a short run reaches all parts.
        let length = index / 17 * 7919 % good.len();
        let bytes = good[..length].to_vec();
        let document = Node::leaf(Form::Bytes(bytes.clone()));
        return Mutant { document, bytes, changes: vec![Operator::Truncate] };
    }
    let mut random = RandomBytes::new(mixed(u64::try_from(number).unwrap()));
    let (mut document, mut changes) = (case.document.clone(), Vec::new());
    let wanted = 1 + random.below(2);
    // A change that is none is made again, at another place.
    for _ in 0..16 {
        let operator = Operator::choose(&mut random);
        if changes.len() < wanted && operator.apply(&mut document, &case.others, &mut random) {
            changes.push(operator);
        }
    }
    // The second one may have undone the first one.
    let mut bytes = document.encode();
    while bytes == good {
        (document, changes) = (case.document.clone(), vec![Operator::Flip]);
        Operator::Flip.apply(&mut document, &[], &mut random);
        bytes = document.encode();
    }
    Mutant { document, bytes, changes }
}

impl Table {
    fn add(&mut self, case: &Case, number: usize, mutant: Mutant) {
        let mut hasher = DefaultHasher::new();
        (&case.name, &mutant.bytes).hash(&mut hasher);
        self.seen.entry(case.kind).or_default().insert(hasher.finish());
        let mut row = Row { mutants: 1, ..Row::default() };
        // Caught only to report which mutant it was.
        let why = match catch_unwind(AssertUnwindSafe(|| (case.judge)(&mutant.document))) {
            Ok(outcome) => {
                row.parsed = usize::from(outcome.parsed);
                match outcome.verdict {
                    Verdict::Refused => None,
                    Verdict::EqualMeaning => {
                        row.equal = 1;
                        None
                    }
                    Verdict::Verified => {
                        row.verified = 1;
                        Some("was accepted")
                    }
                }
            }
            Err(_) => {
                row.panics = 1;
                Some("panicked")
            }
        };
        add(&mut self.kinds, case.kind, row);
        let changes: BTreeSet<Operator> = mutant.changes.into_iter().collect();
        changes.into_iter().for_each(|change| add(&mut self.changes, change, row));
        if let (Some(why), true) = (why, self.failed.len() < KEPT) {
            self.failed.push(Failed { number, name: case.name.clone(), why, bytes: mutant.bytes });
        }
    }

    fn and(mut self, other: Self) -> Self {
        other.kinds.into_iter().for_each(|(kind, row)| add(&mut self.kinds, kind, row));
        other.changes.into_iter().for_each(|(change, row)| add(&mut self.changes, change, row));
        self.failed.extend(other.failed);
        self.failed.sort_by_key(|failed| failed.number);
        other.seen.into_iter().for_each(|(kind, seen)| self.seen.entry(kind).or_default().extend(seen));
        self
    }

    /// Of all kinds.
    #[must_use]
    pub fn total(&self) -> Row {
        self.kinds.values().fold(Row::default(), |sum, row| sum.and(*row))
    }

    /// Why the counts are not as they must be; empty if they are: every kind and every change is there, none was accepted, none
    /// panicked, and at least [`SHARE`] of each kind passed the outer parse.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for kind in Kind::ALL {
            let row = self.kinds.get(&kind).copied().unwrap_or_default();
            let (name, found) = (kind.as_str(), row.percent());
            if row.mutants == 0 {
                problems.push(format!("{name}: found no mutant, expected some"));
            } else if found < SHARE {
                problems.push(format!("{name}: {found} % passed the outer parse, expected at least {SHARE} %"));
            }
            for (count, what) in [(row.verified, "were accepted"), (row.panics, "panicked")] {
                if count > 0 {
                    problems.push(format!("{name}: {count} mutants {what}, expected none"));
                }
            }
        }
        let missing = Operator::ALL.into_iter().filter(|change| !self.changes.contains_key(change));
        problems.extend(missing.map(|change| format!("{}: found no mutant, expected some", change.as_str())));
        problems
    }
}

fn add<K: Ord>(rows: &mut BTreeMap<K, Row>, key: K, row: Row) {
    let own = rows.entry(key).or_default();
    *own = own.and(row);
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

    /// Those that were not accepted.
    #[must_use]
    pub fn refused(&self) -> usize {
        self.mutants - self.equal - self.verified - self.panics
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let different = |kind| self.seen.get(kind).map_or(0, HashSet::len);
        let kinds: Vec<_> = self.kinds.iter().map(|(kind, row)| (kind.as_str(), *row, different(kind))).collect();
        let all = kinds.iter().map(|(_, _, different)| different).sum();
        writeln!(f, "| Kind | Different | {COLUMNS} |\n| --- | ---: {RULES}")?;
        for (name, row, different) in kinds.into_iter().chain([("all", self.total(), all)]) {
            writeln!(f, "| {name} | {different} | {row} |")?;
        }
        writeln!(f, "\n| Change | {COLUMNS} |\n| --- {RULES}")?;
        self.changes.iter().try_for_each(|(change, row)| writeln!(f, "| {} | {row} |", change.as_str()))
    }
}

const COLUMNS: &str = "Mutants | Passed the outer parse | Share | Refused | Equal meaning | Verified | Panics";
const RULES: &str = "| ---: | ---: | ---: | ---: | ---: | ---: | ---: |";

impl fmt::Display for Row {
    /// The cells of a table's row.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { mutants, parsed, equal, verified, panics } = self;
        let (percent, refused) = (self.percent(), self.refused());
        write!(f, "{mutants} | {parsed} | {percent} % | {refused} | {equal} | {verified} | {panics}")
    }
}
