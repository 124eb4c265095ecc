//! Counters while a document is parsed, and how nested values are deserialized.

use std::cell::Cell;

use serde::de::DeserializeSeed;
use serde::de::Deserializer;

use super::error::JsonError;
use crate::limits::JsonLimits;

/// Counters for one document.
pub(super) struct State<'l> {
    pub(super) limits: &'l JsonLimits,
    values: Cell<usize>,
    /// Number of member names in open objects.
    pub(super) names: Cell<usize>,
}

impl<'l> State<'l> {
    pub(super) fn new(limits: &'l JsonLimits) -> Self {
        Self { limits, values: Cell::new(0), names: Cell::new(0) }
    }

    /// Counts one value.
    ///
    /// # Errors
    /// The document has more values than the limits allow.
    pub(super) fn count_value(&self) -> Result<(), JsonError> {
        let max = self.limits.values;
        if self.values.get() >= max {
            return Err(JsonError::new(format_args!("found more than {max} values, expected at most {max}")));
        }
        self.values.set(self.values.get() + 1);
        Ok(())
    }
}

/// Deserializes the values within an array, an object or a variant, with the same limits as other values.
pub(super) trait Nested: Copy {
    /// Reads one nested value with `seed`.
    fn read<'de, S: DeserializeSeed<'de>, D: Deserializer<'de>>(self, seed: S, inner: D) -> Result<S::Value, D::Error>;
}

/// A value within another, as a seed.
pub(super) struct NestedSeed<N, S> {
    pub(super) nested: N,
    pub(super) seed: S,
}

impl<'de, N: Nested, S: DeserializeSeed<'de>> DeserializeSeed<'de> for NestedSeed<N, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, inner: D) -> Result<S::Value, D::Error> {
        self.nested.read(self.seed, inner)
    }
}
