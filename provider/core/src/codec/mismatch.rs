//! A mistake in two parts: the value found and the value expected. Programs use the parts, and messages the sentence,
//! which no program parses.

use std::fmt;

/// See the documentation of the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    found: String,
    expected: Option<String>,
}

impl Mismatch {
    /// A mistake without an expected value.
    #[must_use]
    pub fn new(found: impl fmt::Display) -> Self {
        Self { found: found.to_string(), expected: None }
    }

    /// Adds the expected value.
    #[must_use]
    pub fn expecting(self, expected: impl fmt::Display) -> Self {
        Self { expected: Some(expected.to_string()), ..self }
    }

    /// The same mistake, located in `place`.
    #[must_use]
    pub fn within(self, place: impl fmt::Display) -> Self {
        Self { found: format!("{place}: {}", self.found), ..self }
    }

    /// The same mistake with `subject` in front, to which the found value is the predicate.
    #[must_use]
    pub fn of(self, subject: impl fmt::Display) -> Self {
        Self { found: format!("{subject} {}", self.found), ..self }
    }

    /// The found value, without the word "found" at the start of the sentence.
    #[must_use]
    pub fn found(&self) -> &str {
        self.found.strip_prefix("found ").unwrap_or(&self.found)
    }

    /// The expected value.
    #[must_use]
    pub fn expected(&self) -> Option<&str> {
        self.expected.as_deref()
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { found, expected } = self;
        f.write_str(found)?;
        expected.iter().try_for_each(|expected| write!(f, ", expected {expected}"))
    }
}

/// An error with a found and an expected value.
pub trait Mismatched {
    /// Both parts.
    fn mismatch(&self) -> Mismatch;
}

/// Implements `Error` and `Display` for a [`Mismatched`] type: the text is that of the [`Mismatch`], and there is no
/// source.
#[macro_export]
macro_rules! mismatch_error {
    ($error:ty) => {
        impl ::std::fmt::Display for $error {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                ::std::fmt::Display::fmt(&$crate::codec::mismatch::Mismatched::mismatch(self), f)
            }
        }

        impl ::std::error::Error for $error {}
    };
}

pub use mismatch_error;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_both_parts_and_keeps_them_separate() {
        let mismatch = Mismatch::new("is, expected nothing").expecting("something").within("a").of("b");
        assert_eq!(mismatch.to_string(), "b a: is, expected nothing, expected something");
        assert_eq!((mismatch.found(), mismatch.expected()), ("b a: is, expected nothing", Some("something")));
        assert_eq!(Mismatch::new("x").to_string(), "x");
        let mismatch = Mismatch::new("found x").expecting("y");
        assert_eq!((mismatch.to_string().as_str(), mismatch.found()), ("found x, expected y", "x"));
    }
}
