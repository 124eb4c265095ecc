//! Array elements, counted before serde receives them.

use serde::de::DeserializeSeed;
use serde::de::Deserializer;
use serde::de::Error;
use serde::de::SeqAccess;

use super::error::JsonError;
use super::state::Nested;
use super::state::NestedSeed;

/// Reads the elements of an array.
pub(super) struct Elements<N, A> {
    inner: A,
    nested: N,
    max: usize,
    read: usize,
}

impl<N, A> Elements<N, A> {
    /// At most `max` of them.
    pub(super) fn new(inner: A, nested: N, max: usize) -> Self {
        Self { inner, nested, max, read: 0 }
    }
}

impl<'de, N: Nested, A: SeqAccess<'de>> SeqAccess<'de> for Elements<N, A> {
    type Error = JsonError;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, JsonError> {
        let Self { inner, nested, max, read } = self;
        let full = (*read == *max).then_some(*max);
        *read += 1;
        let seed = NestedSeed { nested: *nested, seed };
        inner.next_element_seed(Element { seed, full }).map_err(JsonError::new)
    }
}

/// An element, unless the limit is reached.
struct Element<S> {
    seed: S,
    full: Option<usize>,
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Element<S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, inner: D) -> Result<S::Value, D::Error> {
        match self.full {
            Some(max) => Err(D::Error::custom(format_args!(
                "found more than {max} elements in one array, \
             expected at most {max}"
            ))),
            None => self.seed.deserialize(inner),
        }
    }
}
