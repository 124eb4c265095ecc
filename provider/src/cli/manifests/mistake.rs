//! Mistakes in manifests, each with its location.

use std::fmt;

use countersign_core::codec::mismatch::Mismatch;
use countersign_core::codec::text::printable;

/// Maximum number of mistakes kept. More mean the wrong file, or one mistake many times.
const MISTAKES: usize = 100;

/// A mistake and its location.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::cli) struct ManifestMistake {
    /// Empty for all files together.
    pub(in crate::cli) file: String,
    /// The line on which the document starts, or of the mistake; 0 for none.
    pub(in crate::cli) line: u64,
    /// The document and the object; empty for the file as a whole.
    pub(in crate::cli) object: String,
    /// Empty for the object as a whole.
    pub(in crate::cli) field: String,
    pub(in crate::cli) mismatch: Mismatch,
}

impl ManifestMistake {
    /// A mistake of a file as a whole, or of its syntax.
    pub(super) fn of_file(file: &str, line: u64, mismatch: Mismatch) -> Self {
        Self { file: file.to_owned(), line, object: String::new(), field: String::new(), mismatch }
    }
}

impl fmt::Display for ManifestMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, object, field, mismatch } = self;
        let mut text = file.clone();
        if *line > 0 {
            text.push_str(&format!(":{line}"));
        }
        for part in [object, field] {
            if !part.is_empty() {
                let colon = if text.is_empty() { "" } else { ": " };
                text.push_str(&format!("{colon}{part}"));
            }
        }
        let colon = if text.is_empty() { "" } else { ": " };
        f.write_str(&printable(&format!("{text}{colon}{mismatch}")))
    }
}

/// All mistakes, up to a limit.
#[derive(Debug, Default)]
pub(in crate::cli) struct ManifestMistakes {
    list: Vec<ManifestMistake>,
    omitted: usize,
}

impl ManifestMistakes {
    pub(in crate::cli) fn add(&mut self, mistake: ManifestMistake) {
        if self.list.len() < MISTAKES {
            self.list.push(mistake);
        } else {
            self.omitted = self.omitted.saturating_add(1);
        }
    }

    pub(in crate::cli) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The mistakes that are kept. If there were more, the last entry has the number of the others.
    pub(in crate::cli) fn into_list(mut self) -> Vec<ManifestMistake> {
        if self.omitted > 0 {
            let mismatch = Mismatch::new(format_args!("found {} more mistakes", self.omitted))
                .expecting("the mistakes above to be corrected first");
            self.list.push(ManifestMistake::of_file("", 0, mismatch));
        }
        self.list
    }
}
