//! The findings as events of the log, for the start of `countersign serve`.

use super::Findings;
use super::Mistake;
use super::Warning;
use crate::telemetry::log::Finding;
use crate::telemetry::log::LoggedFindings;

impl Findings {
    /// One event for each mistake and each warning.
    pub(in crate::cli) fn log(&self) -> LoggedFindings {
        let mistakes = self.mistakes.iter().map(|Mistake { file, line, field, named: _, mismatch }| Finding::Mistake {
            file: file.clone(),
            line: *line,
            field: field.clone(),
            mismatch: mismatch.clone(),
        });
        let warnings = self.warnings.iter();
        let warnings = warnings.map(|Warning { kind, message }| Finding::Warning { kind, message: message.clone() });
        let mut logged = LoggedFindings::default();
        logged.replace(mistakes.chain(warnings).collect());
        logged
    }
}
