//! Why a text is not the JSON that was expected.

use std::fmt;

use serde::de::Expected;
use serde::de::Unexpected;

use crate::codec::excerpt::Excerpt;
use crate::codec::text::Text;

/// Why a text is not the JSON that was expected, in at most 256 bytes, with the place. Text from outside is in it only in
/// short, and without control characters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct JsonError {
    detail: Text,
}

impl JsonError {
    const BYTES: usize = 256;

    pub(super) fn new(detail: impl fmt::Display) -> Self {
        // An error about a text of a megabyte must not be another one, not even for a moment.
        Self { detail: Text::at_most(Self::BYTES, detail) }
    }
}

impl serde::de::Error for JsonError {
    fn custom<T: fmt::Display>(detail: T) -> Self {
        Self::new(detail)
    }

    /// In JSON's words.
    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        #[expect(clippy::wildcard_enum_match_arm, reason = "the others have the same name here and there")]
        match found {
            Unexpected::Unit => Self::new(format_args!("invalid type: null, expected {expected}")),
            Unexpected::Seq => Self::new(format_args!("invalid type: array, expected {expected}")),
            Unexpected::Map => Self::new(format_args!("invalid type: object, expected {expected}")),
            other => Self::new(format_args!("invalid type: {other}, expected {expected}")),
        }
    }
}

/// A name from outside.
pub(super) fn quoted(name: &str) -> Excerpt {
    Excerpt::at_most(48, name)
}
