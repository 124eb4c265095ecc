//! The error for a text that is not the expected JSON.

use std::fmt;

use serde::de::Expected;
use serde::de::Unexpected;

use crate::codec::excerpt::Excerpt;
use crate::codec::text::Text;

/// The error for a text that is not the expected JSON, in at most 256 bytes, with the position. Untrusted text in it
/// is short and has no control characters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct JsonError {
    detail: Text,
}

impl JsonError {
    const BYTES: usize = 256;

    pub(super) fn new(detail: impl fmt::Display) -> Self {
        // Truncates while it writes: an error about a text of 1 MiB must not allocate another.
        Self { detail: Text::at_most(Self::BYTES, detail) }
    }
}

impl serde::de::Error for JsonError {
    fn custom<T: fmt::Display>(detail: T) -> Self {
        Self::new(detail)
    }

    /// Names the types as JSON does.
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

/// Quotes an untrusted name.
pub(super) fn quoted(name: &str) -> Excerpt {
    Excerpt::at_most(48, name)
}
