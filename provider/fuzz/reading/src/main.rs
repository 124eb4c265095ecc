//! The second reading: what the product's parsers accept, and what they read, is compared with independent readers on the seeds of the
//! fuzz targets, changed seeds and corpora.
//!
//! `second-reading [FOLDER]`: also reads `FOLDER/corpus/{jws,cose,certificate,name,reference}`. Where both accept, the values that decide must be
//! equal. Who refuses what the other accepts must be listed in `disagreements.txt` with the reason; a kind that is not listed fails.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;

use countersign_fuzz_targets::Target;
use countersign_fuzz_targets::change;
use countersign_fuzz_targets::seeds;

mod certificate;
mod compare;
mod envelope;
mod name;
mod reference;

use compare::Comparison;

/// `KIND => REASON` on each line; the kind is the beginning of the words.
const LISTED: &str = include_str!("../disagreements.txt");

/// The targets whose parsers decide.
const TARGETS: [Target; 5] = [Target::Jws, Target::Cose, Target::Certificate, Target::Name, Target::Reference];

/// Changes of each seed.
const CHANGES: u32 = 500;
/// The limit on the length of inputs, as in `provider/fuzz/run`.
const MAX: usize = 64 * 1024;

fn main() -> ExitCode {
    let folder = std::env::args().nth(1).map(PathBuf::from);
    let mut report = Report::default();
    println!("| Parser | Inputs | Both accept | Both refuse | Only one |");
    println!("| --- | ---: | ---: | ---: | ---: |");
    for target in TARGETS {
        let counts = report.read(target, inputs(target, CHANGES, folder.as_deref()));
        let [all, equal, refused, one] = counts;
        println!("| {} | {all} | {equal} | {refused} | {one} |", target.name());
    }
    println!();
    report.print();
    if report.failures().next().is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// The comparisons of an input; several for a list of names.
fn comparisons(target: Target, input: &[u8]) -> Vec<Comparison> {
    match target {
        Target::Jws => vec![envelope::jws(input)],
        Target::Cose => vec![envelope::cose(input)],
        Target::Certificate => vec![certificate::certificate(input)],
        Target::Name => name::names(input),
        Target::Reference => vec![reference::reference(input)],
        other => panic!("{other:?} has no second reader"),
    }
}

/// What was found.
#[derive(Default)]
struct Report {
    /// Each with how often it was found, the name of the first input and the first input.
    kinds: BTreeMap<String, (usize, String, Vec<u8>)>,
    different: Vec<String>,
}

impl Report {
    /// Compares all inputs, and counts them: all, equal, refused by both, by one.
    fn read(&mut self, target: Target, inputs: impl Iterator<Item = (String, Vec<u8>)>) -> [usize; 4] {
        let mut counts = [0; 4];
        for (input, bytes) in inputs {
            for comparison in comparisons(target, &bytes) {
                counts[0] += 1;
                match comparison {
                    Comparison::Equal => counts[1] += 1,
                    Comparison::BothRefuse => counts[2] += 1,
                    Comparison::OnlyOne(kind) => {
                        counts[3] += 1;
                        self.kinds.entry(kind).or_insert_with(|| (0, input.clone(), bytes.clone())).0 += 1;
                    }
                    Comparison::Different(what) => self.different.push(format!("{input}: {what}")),
                }
            }
        }
        counts
    }

    /// Listed kinds with their reasons, and what is not listed.
    fn print(&self) {
        let mut listed = BTreeMap::<(&str, &str), usize>::new();
        for (kind, (count, ..)) in &self.kinds {
            if let Some(entry) = entry(kind) {
                *listed.entry(entry).or_default() += count;
            }
        }
        for ((kind, reason), count) in listed {
            println!("{count} × {kind}: {reason}");
        }
        for failure in self.failures() {
            println!("{failure}");
        }
    }

    /// What fails: different values, and kinds that are not listed.
    fn failures(&self) -> impl Iterator<Item = String> {
        let different = self.different.iter().map(|what| format!("DIFFERENT {what}"));
        let kinds = self.kinds.iter().filter(|(kind, _)| entry(kind).is_none());
        different.chain(kinds.map(|(kind, (count, name, input))| {
            format!("NOT LISTED {count} × {kind} ({name}: {})", compare::hex(&input[..input.len().min(2048)]))
        }))
    }
}

/// The entry of the list for a kind.
fn entry(kind: &str) -> Option<(&'static str, &'static str)> {
    let lines = LISTED.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_once(" => ")).find(|(known, _)| kind.starts_with(known))
}

/// The seeds, changes of them, and the files of the corpus, each with a name.
fn inputs(target: Target, changes: u32, folder: Option<&Path>) -> impl Iterator<Item = (String, Vec<u8>)> {
    let changed = move |(index, seed): (usize, Vec<u8>)| {
        let changes = (0..changes).filter_map(move |number| {
            Some((format!("seed {index} change {number}"), change(target, &seed, number, MAX)?))
        });
        changes.collect::<Vec<_>>()
    };
    let seeds = seeds(target);
    let whole = seeds.clone().into_iter().enumerate().map(|(index, seed)| (format!("seed {index}"), seed));
    let corpus =
        folder.map(|folder| folder.join("corpus").join(target.name())).and_then(|path| std::fs::read_dir(path).ok());
    let files = corpus.into_iter().flatten().flatten().map(|entry| entry.path());
    let read = files.filter_map(|path| Some((path.display().to_string(), std::fs::read(path).ok()?)));
    whole.chain(seeds.into_iter().enumerate().flat_map(changed)).chain(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_and_changes_of_them_have_only_listed_disagreements() {
        for target in TARGETS {
            let mut report = Report::default();
            let [_, equal, ..] = report.read(target, inputs(target, 20, None));
            assert!(equal > 0, "{target:?}");
            assert_eq!(report.failures().collect::<Vec<_>>(), [""; 0]);
        }
    }

    #[test]
    fn each_listed_kind_has_a_reason_and_no_other_one_covers_it() {
        let lines: Vec<_> = LISTED.lines().filter(|line| !line.starts_with('#')).collect();
        for line in &lines {
            let (kind, reason) = line.split_once(" => ").unwrap_or_else(|| panic!("{line}"));
            assert!(!reason.trim().is_empty() && kind.contains(" refused by "), "{line}");
            assert_eq!(entry(kind), Some((kind, reason)), "an earlier line has the same kind");
        }
    }

    #[test]
    fn a_kind_that_is_not_listed_fails() {
        let kinds = BTreeMap::from([("JWS refused by a third: x".to_owned(), (2, "seed 0".to_owned(), vec![0x7b]))]);
        let report = Report { kinds, different: vec!["seed 1: JWS: payload".to_owned()] };
        let failures: Vec<_> = report.failures().collect();
        assert_eq!(
            failures,
            ["DIFFERENT seed 1: JWS: payload", "NOT LISTED 2 × JWS refused by a third: x (seed 0: 7b)"]
        );
    }
}
