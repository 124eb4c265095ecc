//! Mistakes of a trust policy: all are counted, the first ones are kept.

use super::problem::PolicyError;
use super::problem::PolicyProblem;
use crate::codec::excerpt::Excerpt;
use crate::codec::text::Text;

/// Mistakes in the order in which they were found.
#[derive(Clone, Debug, Default)]
pub(super) struct Mistakes {
    kept: Vec<PolicyError>,
    found: usize,
}

impl Mistakes {
    /// The number of mistakes, kept or not.
    pub(super) fn total(&self) -> usize {
        self.found
    }

    /// Counts a mistake without keeping it.
    pub(super) fn count(&mut self) {
        self.found += 1;
    }

    /// Counts a mistake, and keeps it if fewer than `max` are kept.
    pub(super) fn push(&mut self, max: usize, mistake: PolicyError) {
        self.found += 1;
        if self.kept.len() < max {
            self.kept.push(mistake);
        }
    }

    /// Pushes each of `others`.
    pub(super) fn append(&mut self, max: usize, others: &Self) {
        self.found += others.found;
        self.kept.extend(others.kept.iter().take(max.saturating_sub(self.kept.len())).cloned());
    }

    /// The kept mistakes and, if some were dropped, their number.
    pub(super) fn list(self, statement: Option<&Excerpt>) -> Vec<PolicyError> {
        let Self { mut kept, found } = self;
        if let Some(omitted) = found.checked_sub(kept.len()).filter(|omitted| *omitted > 0) {
            let problem = PolicyProblem::More { omitted };
            kept.push(PolicyError { statement: statement.cloned(), field: Text::default(), line: 0, problem });
        }
        kept
    }
}
