//! Reads one document.

use std::marker::PhantomData;

use serde::de::Deserialize;
use serde::de::DeserializeSeed;

use super::error::JsonError;
use super::reader::Reader;
use super::state::State;
use crate::limits::JsonLimits;

/// Reads exactly one `T`.
///
/// # Errors
/// Not UTF-8, not JSON, a name twice in one object, more than `limits` allow, anything after the value, or not the
/// structure of `T`; an array is not the structure of a struct.
pub fn from_slice<'de, T: Deserialize<'de>>(bytes: &'de [u8], limits: &JsonLimits) -> Result<T, JsonError> {
    from_slice_seed(bytes, limits, PhantomData)
}

/// As [`from_slice`], from text.
///
/// # Errors
/// As [`from_slice`].
pub fn from_str<'de, T: Deserialize<'de>>(text: &'de str, limits: &JsonLimits) -> Result<T, JsonError> {
    read(text, limits, PhantomData)
}

/// As [`from_slice`], for a deserializer with state.
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
