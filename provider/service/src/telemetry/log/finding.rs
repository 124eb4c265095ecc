//! Findings about the configuration and its files as events: each is written once.

use countersign_core::codec::mismatch::Mismatch;
use countersign_core::codec::text;

/// Maximum number of files in one event.
const LISTED: usize = 20;

/// A mistake or a warning, as one event of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// A mistake in a file.
    Mistake {
        /// The file or directory.
        file: String,
        /// Counted from 1; `None` if the mistake has no line.
        line: Option<u64>,
        /// Empty for the file as a whole.
        field: String,
        /// The found and the expected value.
        mismatch: Mismatch,
    },
    /// A warning.
    Warning {
        /// A stable text.
        kind: &'static str,
        /// A sentence.
        message: String,
    },
}

impl Finding {
    fn log(&self) {
        match self {
            Self::Mistake { file, line, field, mismatch } => {
                let field = Some(field.as_str()).filter(|field| !field.is_empty());
                tracing::error!(file, line, field, found = mismatch.found(), expected = mismatch.expected(), "mistake");
            }
            Self::Warning { kind, message } => tracing::warn!(warning = kind, detail = message, "warning"),
        }
    }
}

/// The findings that are in the log and still apply.
#[derive(Clone, Debug, Default)]
pub struct LoggedFindings(Vec<Finding>);

impl LoggedFindings {
    /// Logs those of `findings` that are not logged yet. They replace the former ones, so that a finding that comes back
    /// is logged again.
    pub fn replace(&mut self, findings: Vec<Finding>) {
        let mut current: Vec<Finding> = Vec::with_capacity(findings.len());
        for finding in findings {
            if current.contains(&finding) {
                continue;
            }
            if !self.0.contains(&finding) {
                finding.log();
            }
            current.push(finding);
        }
        self.0 = current;
    }

    /// Logs `finding`, which applies until the process ends, unless it is logged.
    pub fn add(&mut self, finding: Finding) {
        if !self.0.contains(&finding) {
            finding.log();
            self.0.push(finding);
        }
    }
}

/// The number of mistakes among `findings`, and their files with the number in each.
#[must_use]
pub fn mistakes_by_file(findings: &[Finding]) -> (usize, String) {
    let mut files: Vec<(&str, usize)> = Vec::new();
    for finding in findings {
        let Finding::Mistake { file, .. } = finding else { continue };
        match files.iter_mut().find(|(name, _)| name == file) {
            Some((_, count)) => *count += 1,
            None => files.push((file, 1)),
        }
    }
    let total = files.iter().map(|(_, count)| count).sum();
    let files = files.iter().map(|(file, count)| format!("{file} ({count})"));
    (total, text::list(files, ", ", LISTED).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistake(file: &str, found: &str) -> Finding {
        Finding::Mistake { file: file.to_owned(), line: None, field: String::new(), mismatch: Mismatch::new(found) }
    }

    #[test]
    fn counts_mistakes_by_file_in_order() {
        let warning = Finding::Warning { kind: "a-warning", message: "x".to_owned() };
        let findings = [mistake("b", "x"), warning, mistake("a", "x"), mistake("b", "y")];
        assert_eq!(mistakes_by_file(&findings), (3, "b (2), a (1)".to_owned()));
        assert_eq!(mistakes_by_file(&[]), (0, String::new()));
    }

    #[test]
    fn a_finding_applies_until_it_is_replaced() {
        let mut logged = LoggedFindings::default();
        logged.replace(vec![mistake("a", "x"), mistake("a", "x"), mistake("b", "x")]);
        assert_eq!(logged.0, [mistake("a", "x"), mistake("b", "x")]);
        logged.add(mistake("b", "x"));
        logged.add(mistake("c", "x"));
        assert_eq!(logged.0.len(), 3);
        logged.replace(vec![mistake("b", "x")]);
        assert_eq!(logged.0, [mistake("b", "x")]);
    }
}
