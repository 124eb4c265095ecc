//! Lists of mistakes in error messages.

use std::fmt;

/// Displays the number of mistakes after `subject`, as in "the files have 2 mistakes", then each mistake on a line.
pub(crate) struct MistakeList<'a, S, T> {
    /// The subject with its verb.
    pub(crate) subject: S,
    pub(crate) mistakes: &'a [T],
}

impl<S: fmt::Display, T: fmt::Display> fmt::Display for MistakeList<'_, S, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.mistakes.len();
        write!(f, "{} {count} mistake{}", self.subject, if count == 1 { "" } else { "s" })?;
        for mistake in self.mistakes {
            write!(f, "\n  {mistake}")?;
        }
        Ok(())
    }
}
