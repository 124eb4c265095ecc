//! The findings as events of the log, for the start of `countersign serve`.

use super::Findings;
use super::Mistake;
use super::Warning;

impl Findings {
    /// One event for each mistake and each warning.
    pub(in crate::cli) fn log(&self) {
        for Mistake { file, line, field, mismatch } in &self.mistakes {
            let field = Some(field.as_str()).filter(|field| !field.is_empty());
            tracing::error!(file, line, field, found = mismatch.found(), expected = mismatch.expected(), "mistake");
        }
        for Warning { kind, message } in &self.warnings {
            tracing::warn!(warning = kind, detail = message, "warning");
        }
    }
}
