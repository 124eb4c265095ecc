//! The tables of a run: the cases by the values of each axis, and the differences by row.

use std::collections::BTreeMap;

use super::answers::Answers;
use super::answers::Disagreement;
use super::axes::AXES;
use super::axes::Case;
use super::differences::Differences;

/// One case with the answers about it.
pub(super) struct Asked {
    pub(super) number: usize,
    pub(super) case: Case,
    pub(super) answers: Answers,
    /// The name of the row of the list for its difference, if there is one.
    pub(super) row: Option<String>,
}

impl Asked {
    /// Whether it has a difference that is not listed.
    pub(super) fn is_unlisted(&self) -> bool {
        self.answers.disagreement().is_some() && self.row.is_none()
    }
}

/// Counts of cases with one value.
#[derive(Default)]
struct Counts {
    cases: usize,
    both_accept: usize,
    both_refuse: usize,
    /// Of those that both refuse: both name a check, and it is the same.
    same_check: usize,
    listed: usize,
    unlisted: usize,
}

impl Counts {
    fn add(&mut self, asked: &Asked) {
        self.cases += 1;
        let Answers { notation, verify, serve: _ } = &asked.answers;
        if asked.answers.disagreement().is_some() {
            if asked.is_unlisted() { self.unlisted += 1 } else { self.listed += 1 }
        } else if notation.is_accepted {
            self.both_accept += 1;
        } else {
            self.both_refuse += 1;
            self.same_check += usize::from(!notation.checks.is_empty() && !verify.checks.is_empty());
        }
    }

    fn line(&self, text: &str) -> String {
        let Self { cases, both_accept, both_refuse, same_check, listed, unlisted } = self;
        format!("  {text:58} {cases:>6} {both_accept:>9} {both_refuse:>8} {same_check:>11} {listed:>7} {unlisted:>9}")
    }
}

/// One table with a part for each axis.
pub(super) fn by_axis(asked: &[Asked]) -> String {
    let mut lines = vec![format!(
        "  {:58} {:>6} {:>9} {:>8} {:>11} {:>7} {:>9}",
        "", "cases", "accepted", "refused", "same check", "listed", "unlisted"
    )];
    let mut all = Counts::default();
    asked.iter().for_each(|one| all.add(one));
    lines.push(all.line("all"));
    for (number, axis) in AXES.iter().enumerate() {
        lines.push(axis.title.to_owned());
        for (position, value) in axis.values.iter().enumerate() {
            let mut counts = Counts::default();
            asked.iter().filter(|one| one.case.row()[number] == position).for_each(|one| counts.add(one));
            lines.push(counts.line(value.text));
        }
    }
    lines.join("\n")
}

/// The rows whose difference no case has.
pub(super) fn absent<'a>(differences: &'a Differences, asked: &[Asked]) -> Vec<&'a str> {
    let rows = differences.rows().iter().map(|row| row.name.as_str());
    rows.filter(|name| !asked.iter().any(|one| one.row.as_deref() == Some(name))).collect()
}

/// The number of cases with each row's difference, by the kinds that the row names.
fn by_row(differences: &Differences, asked: &[Asked]) -> BTreeMap<(String, Disagreement), usize> {
    let rows = differences.rows().iter();
    let mut counts: BTreeMap<(String, Disagreement), usize> =
        rows.flat_map(|row| row.kinds.iter().map(|kind| ((row.name.clone(), *kind), 0))).collect();
    for one in asked {
        if let (Some(row), Some(kind)) = (&one.row, one.answers.disagreement()) {
            *counts.entry((row.clone(), kind)).or_default() += 1;
        }
    }
    counts
}

/// The list of differences with the number of cases of each.
pub(super) fn differences(differences: &Differences, asked: &[Asked]) -> String {
    let counts = by_row(differences, asked);
    let lines = differences.rows().iter().map(|row| {
        let count = |kind| counts.get(&(row.name.clone(), kind)).copied().unwrap_or_default();
        let kinds: Vec<String> = row.kinds.iter().map(|kind| format!("{} {kind:?}", count(*kind))).collect();
        format!("{:>7}  {row}", kinds.join(", "))
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// A case with all three answers, and the command that runs it alone.
pub(super) fn details(asked: &Asked, command: &str) -> String {
    let Asked { number, case, answers: Answers { notation, verify, serve }, row: _ } = asked;
    let values: Vec<String> = case.texts().map(|(axis, value)| format!("{axis}: {value}")).collect();
    let indented = |text: &str| text.lines().map(|line| format!("      {line}")).collect::<Vec<_>>().join("\n");
    format!(
        "case {number}: {}\n  notation  {notation}\n{}\n  verify    {verify}\n{}\n  serve     {serve}\n{}\n  alone: {command}",
        values.join("; "),
        indented(&notation.text),
        indented(&verify.text),
        if serve.text == verify.text { String::new() } else { indented(&serve.text) },
    )
}
