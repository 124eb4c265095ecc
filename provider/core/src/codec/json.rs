//! The one reader of JSON from outside: without ambiguity, within limits, in one pass.
//!
//! serde_json keeps the last of two members with one name, reads an array as a struct by position, and builds whatever
//! it is told to build, however much that is. Two readers of the same bytes could then see two documents, and a few
//! megabytes of `[0,0,…]` become hundreds. So every document is read through [`from_slice`], which checks while it
//! reads, before anything is built: no name twice in an object (names are compared after their escapes are resolved),
//! objects where structs are wanted, and the counts of [`JsonLimits`].
//!
//! # Memory
//! Beside the document, which is the caller's, reading takes at most three times its size, or 1 MiB where that is more
//! ([`JsonLimits`]): one text with escapes at a time, the names of the objects that are open, and what the target type
//! keeps.
//!
//! # What a type must not do
//! A type that guesses (`untagged`, `flatten`, `tag`) reads from a copy that this reader cannot see into. So it may only
//! guess between texts, numbers and booleans: arrays and objects are refused there. Internally tagged enums are not
//! to be used at all; `tests/readers.rs` holds the sources against that.

mod member;
mod parts;
mod reader;

use std::fmt;
use std::marker::PhantomData;

use serde::de::Deserialize;
use serde::de::DeserializeSeed;
use serde::de::Expected;
use serde::de::Unexpected;

use crate::codec::excerpt::Excerpt;
use crate::codec::text::Text;
use crate::limits::JsonLimits;

pub(crate) use member::ANY_MEMBERS;
pub(crate) use member::AnyObject;
pub(crate) use member::FirstOf;
pub(crate) use member::MORE;
pub(crate) use member::Member;
use reader::Reader;
use reader::State;

/// Why a text is not the JSON that was wanted, in at most 256 bytes, with the place. Text from outside is in it only in
/// short, and without control characters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct JsonError {
    detail: Text,
}

/// Reads exactly one `T`.
///
/// # Errors
/// Not UTF-8, not JSON, a name twice in one object, more than `limits` allow, anything after the value, or not the shape
/// of `T`; an array is not the shape of a struct.
pub fn from_slice<'de, T: Deserialize<'de>>(bytes: &'de [u8], limits: &JsonLimits) -> Result<T, JsonError> {
    let text = std::str::from_utf8(bytes).map_err(|error| JsonError::new(format_args!("not UTF-8: {error}")))?;
    from_str(text, limits)
}

/// As [`from_slice`], from text.
///
/// # Errors
/// As [`from_slice`].
pub fn from_str<'de, T: Deserialize<'de>>(text: &'de str, limits: &JsonLimits) -> Result<T, JsonError> {
    read(text, limits, PhantomData)
}

/// As [`from_slice`], for a reader that needs to know something.
///
/// # Errors
/// As [`from_slice`].
pub fn from_slice_seed<'de, S: DeserializeSeed<'de>>(
    bytes: &'de [u8],
    limits: &JsonLimits,
    seed: S,
) -> Result<S::Value, JsonError> {
    let text = std::str::from_utf8(bytes).map_err(|error| JsonError::new(format_args!("not UTF-8: {error}")))?;
    read(text, limits, seed)
}

fn read<'de, S: DeserializeSeed<'de>>(text: &'de str, limits: &JsonLimits, seed: S) -> Result<S::Value, JsonError> {
    let mut document = serde_json::Deserializer::from_str(text);
    let state = State::new(limits);
    let value = seed.deserialize(Reader::new(&mut document, &state)?)?;
    document.end().map_err(JsonError::new)?;
    Ok(value)
}

impl JsonError {
    const BYTES: usize = 256;

    fn new(detail: impl fmt::Display) -> Self {
        // An error about a text of a megabyte must not be another one, not even for a moment.
        Self { detail: Text::at_most(Self::BYTES, detail) }
    }
}

impl serde::de::Error for JsonError {
    fn custom<T: fmt::Display>(detail: T) -> Self {
        Self::new(detail)
    }

    /// In JSON's words.
    fn invalid_type(found: Unexpected<'_>, wanted: &dyn Expected) -> Self {
        #[expect(clippy::wildcard_enum_match_arm, reason = "the others have the same name here and there")]
        match found {
            Unexpected::Unit => Self::new(format_args!("invalid type: null, expected {wanted}")),
            Unexpected::Seq => Self::new(format_args!("invalid type: array, expected {wanted}")),
            Unexpected::Map => Self::new(format_args!("invalid type: object, expected {wanted}")),
            other => Self::new(format_args!("invalid type: {other}, expected {wanted}")),
        }
    }
}

/// A name from outside.
fn quoted(name: &str) -> Excerpt {
    Excerpt::at_most(48, name)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
