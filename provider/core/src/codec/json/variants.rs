//! Enum variants, each checked before serde receives it.

use serde::de::DeserializeSeed;
use serde::de::Deserializer;
use serde::de::EnumAccess;
use serde::de::VariantAccess;
use serde::de::Visitor;

use super::error::JsonError;
use super::state::Nested;
use super::state::NestedSeed;

/// Reads a variant of an enum.
pub(super) struct Variant<N, A> {
    inner: A,
    nested: N,
}

impl<N, A> Variant<N, A> {
    pub(super) fn new(inner: A, nested: N) -> Self {
        Self { inner, nested }
    }
}

impl<'de, N: Nested, A: EnumAccess<'de>> EnumAccess<'de> for Variant<N, A> {
    type Error = JsonError;
    type Variant = Content<N, A::Variant>;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self::Variant), JsonError> {
        let Self { inner, nested } = self;
        let (value, inner) = inner.variant_seed(NestedSeed { nested, seed }).map_err(JsonError::new)?;
        Ok((value, Content { inner, nested }))
    }
}

/// The content of a variant.
pub(super) struct Content<N, A> {
    inner: A,
    nested: N,
}

impl<'de, N: Nested, A: VariantAccess<'de>> VariantAccess<'de> for Content<N, A> {
    type Error = JsonError;

    fn unit_variant(self) -> Result<(), JsonError> {
        self.inner.unit_variant().map_err(JsonError::new)
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, JsonError> {
        let Self { inner, nested } = self;
        inner.newtype_variant_seed(NestedSeed { nested, seed }).map_err(JsonError::new)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, JsonError> {
        self.newtype_variant_seed(Shaped { visitor, is_struct: false })
    }

    /// Deserialized as the content of a newtype variant, so that an array is refused.
    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, JsonError> {
        self.newtype_variant_seed(Shaped { visitor, is_struct: true })
    }
}

struct Shaped<V> {
    visitor: V,
    is_struct: bool,
}

impl<'de, V: Visitor<'de>> DeserializeSeed<'de> for Shaped<V> {
    type Value = V::Value;

    fn deserialize<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        if self.is_struct {
            inner.deserialize_struct("", &[], self.visitor)
        } else {
            inner.deserialize_seq(self.visitor)
        }
    }
}
