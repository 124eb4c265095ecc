//! What is wrong with something, in two parts: what was found, and what is expected in its place. Programs read
//! the parts; people read the sentence. No program parses the sentence.

use std::fmt;

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    found: String,
    expected: Option<String>,
}

impl Mismatch {
    /// Where what was found says it all.
    #[must_use]
    pub fn new(found: impl fmt::Display) -> Self {
        Self { found: found.to_string(), expected: None }
    }

    /// With what is expected in its place.
    #[must_use]
    pub fn expecting(self, expected: impl fmt::Display) -> Self {
        Self { expected: Some(expected.to_string()), ..self }
    }

    /// The same, found within `place`.
    #[must_use]
    pub fn within(self, place: impl fmt::Display) -> Self {
        Self { found: format!("{place}: {}", self.found), ..self }
    }

    /// The same, about `subject`: what was found is a predicate.
    #[must_use]
    pub fn of(self, subject: impl fmt::Display) -> Self {
        Self { found: format!("{subject} {}", self.found), ..self }
    }

    /// What was found, without the word "found" at the beginning of the sentence.
    #[must_use]
    pub fn found(&self) -> &str {
        self.found.strip_prefix("found ").unwrap_or(&self.found)
    }

    /// What is expected in its place.
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

/// An error that says what was found and what is expected.
pub trait Mismatched {
    /// Both parts.
    fn mismatch(&self) -> Mismatch;
}

/// Makes an error of a type that is [`Mismatched`]: its text is that of the [`Mismatch`], and it has no source.
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
    fn the_sentence_has_both_parts_and_the_parts_stay_apart() {
        let mismatch = Mismatch::new("is, expected nothing").expecting("something").within("a").of("b");
        assert_eq!(mismatch.to_string(), "b a: is, expected nothing, expected something");
        assert_eq!((mismatch.found(), mismatch.expected()), ("b a: is, expected nothing", Some("something")));
        assert_eq!(Mismatch::new("x").to_string(), "x");
        let mismatch = Mismatch::new("found x").expecting("y");
        assert_eq!((mismatch.to_string().as_str(), mismatch.found()), ("found x, expected y", "x"));
    }
}
