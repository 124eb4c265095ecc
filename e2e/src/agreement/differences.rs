//! The list of differences between Countersign and notation, `e2e/data/agreement.json`: each row has the cases that it is about, both
//! answers, the clause and the reason. A run fails on a difference without a row. In a complete run, it also fails on a row without a
//! difference.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::Context;
use anyhow::ensure;
use serde::Deserialize;

use super::answers::Answers;
use super::answers::Check;
use super::answers::Disagreement;
use super::axes::AXES;
use super::axes::Case;
use crate::workdir::Workdir;

/// A kind of difference.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Row {
    /// What is different.
    pub(super) name: String,
    /// How it is different.
    pub(super) kinds: Vec<Disagreement>,
    /// The codes of Countersign, one of which is that of the verdict or of a signature.
    codes: Vec<String>,
    /// The checks that notation names and Countersign does not; other ones are another difference.
    #[serde(default)]
    notation: Vec<Check>,
    /// The cases that can differ so: for some axes, the values.
    cases: BTreeMap<String, Vec<String>>,
    /// Where it is decided: a section of `provider/DIVERGENCES.md`, and the beginning of a row of it.
    section: String,
    clause: String,
    reason: String,
}

impl Row {
    fn is_about(&self, case: &Case, answers: &Answers) -> bool {
        let Answers { notation, verify, serve: _ } = answers;
        answers.disagreement().is_some_and(|kind| self.kinds.contains(&kind))
            && self.codes.iter().any(|code| verify.codes.contains(code))
            && (notation.is_accepted || !notation.checks.is_empty())
            && notation.checks.difference(&verify.checks).all(|check| self.notation.contains(check))
            && case.texts().all(|(axis, value)| {
                self.cases.get(axis).is_none_or(|values| values.iter().any(|known| known == value))
            })
    }

    /// An error unless its axes and values exist.
    fn check(&self) -> anyhow::Result<()> {
        for (title, values) in &self.cases {
            let axis = AXES.iter().find(|axis| axis.title == title).with_context(|| format!("no axis {title:?}"))?;
            for value in values {
                ensure!(axis.values.iter().any(|known| known.text == value), "axis {title:?} has no value {value:?}");
            }
        }
        Ok(())
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, kinds: _, codes, notation, cases: _, section, clause, reason } = self;
        let codes = codes.join(", ");
        write!(
            f,
            "{name}\n         Countersign: {codes}; notation: {notation:?}\n         {section}: {clause}\n         {reason}"
        )
    }
}

/// The list.
pub(super) struct Differences(Vec<Row>);

impl Differences {
    pub(super) fn load(workdir: &Workdir) -> anyhow::Result<Self> {
        Self::read(workdir.project())
    }

    fn read(project: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(project.join("e2e/data/agreement.json")).context("no list of differences")?;
        let rows: Vec<Row> = serde_json::from_str(&text).context("the list of differences")?;
        rows.iter().try_for_each(|row| row.check().with_context(|| row.name.clone()))?;
        Ok(Self(rows))
    }

    pub(super) fn rows(&self) -> &[Row] {
        &self.0
    }

    /// The row for the difference of a case; `None` if it has no difference, or one that is not listed.
    pub(super) fn of(&self, case: &Case, answers: &Answers) -> Option<&Row> {
        self.0.iter().find(|row| row.is_about(case, answers))
    }

    /// An error unless the clause of every row is documented.
    pub(super) fn are_documented(&self, workdir: &Workdir) -> anyhow::Result<()> {
        let document = Document::read(workdir.project())?;
        self.0.iter().try_for_each(|row| {
            let is_wider = row.kinds.contains(&Disagreement::Wider);
            document.has(&row.section, &row.clause, is_wider).with_context(|| row.name.clone())
        })
    }
}

/// `provider/DIVERGENCES.md`.
pub(super) struct Document(String);

impl Document {
    pub(super) fn read(project: &Path) -> anyhow::Result<Self> {
        Ok(Self(fs::read_to_string(project.join("provider/DIVERGENCES.md")).context("no DIVERGENCES.md")?))
    }

    /// An error unless it has this row, marked as wider if it must be.
    pub(super) fn has(&self, section: &str, clause: &str, is_wider: bool) -> anyhow::Result<()> {
        let (_, rest) =
            self.0.split_once(&format!("## {section}\n")).with_context(|| format!("no section {section:?}"))?;
        let text = rest.split_once("\n## ").map_or(rest, |(section, _)| section);
        let line = text.lines().find(|line| line.strip_prefix("| ").is_some_and(|cells| cells.starts_with(clause)));
        let line = line.with_context(|| format!("no row {clause:?} in section {section:?} of DIVERGENCES.md"))?;
        ensure!(!is_wider || line.contains("**wider**"), "the row {clause:?} of DIVERGENCES.md does not say **wider**");
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_existing_values_and_a_clause() {
        let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let (differences, document) = (Differences::read(&project).unwrap(), Document::read(&project).unwrap());
        for row in differences.rows() {
            let is_wider = row.kinds.contains(&Disagreement::Wider);
            document.has(&row.section, &row.clause, is_wider).context(row.name.clone()).unwrap();
            assert!(!row.reason.is_empty(), "{}", row.name);
        }
    }

    #[test]
    fn a_clause_must_be_in_its_section_and_marked_if_it_is_wider() {
        let text =
            "# Title\n\n## One\n\n| clause a | x | y |\n| clause b (**wider**) | x | y |\n\n## Two\n\n| c | x | y |\n";
        let document = Document(text.to_owned());
        assert!(document.has("One", "clause a", false).is_ok());
        assert!(document.has("One", "clause b", true).is_ok());
        assert!(document.has("One", "clause a", true).is_err());
        assert!(document.has("One", "c |", false).is_err());
        assert!(document.has("Three", "c", false).is_err());
    }
}
