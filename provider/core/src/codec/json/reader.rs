//! Checks that wrap serde_json's deserializer and every visitor.

use std::fmt;

use serde::de::DeserializeSeed;
use serde::de::Deserializer;
use serde::de::EnumAccess;
use serde::de::Error;
use serde::de::MapAccess;
use serde::de::SeqAccess;
use serde::de::Unexpected;
use serde::de::Visitor;
use serde::forward_to_deserialize_any;

use super::arrays::Elements;
use super::error::JsonError;
use super::member::ANY_LENGTH;
use super::member::ANY_MEMBERS;
use super::objects::Members;
use super::objects::Rest;
use super::state::Nested;
use super::state::State;
use super::variants::Variant;

/// Which values are accepted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Any,
    /// No array, as serde's structs would read it by position.
    NoArray,
    /// Neither array nor object: the value is buffered, and reads from the buffer are not checked.
    Scalar,
    /// An array of any length, of which the visitor keeps a bounded part.
    LongArray,
    /// An object of any number of members. Members above the limit are skipped, and one member
    /// [`super::member::MORE`] is reported in their place.
    LongObject,
}

/// A value that is about to be read.
pub(super) struct Reader<'s, D> {
    inner: D,
    state: &'s State<'s>,
    /// Nesting levels that are left.
    depth: usize,
    shape: Shape,
}

impl<'s, D> Reader<'s, D> {
    /// The document itself.
    pub(super) fn new(inner: D, state: &'s State<'s>) -> Result<Self, JsonError> {
        state.count_value()?;
        Ok(Self { inner, state, depth: state.limits.depth, shape: Shape::Any })
    }

    fn shaped(self, shape: Shape) -> Self {
        Self { shape, ..self }
    }

    fn watch<V>(&self, visitor: V) -> Watch<'s, V> {
        Watch { visitor, state: self.state, depth: self.depth, shape: self.shape }
    }
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Reader<'_, D> {
    type Error = JsonError;

    /// All types are deserialized here, so that a type error is that of the visitor, which is short, and not that of
    /// serde_json, which quotes the whole text.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, JsonError> {
        let watch = self.watch(visitor);
        self.inner.deserialize_any(watch).map_err(JsonError::new)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, JsonError> {
        let watch = self.watch(visitor);
        self.inner.deserialize_option(watch).map_err(JsonError::new)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, JsonError> {
        let shape = match name {
            ANY_LENGTH => Shape::LongArray,
            ANY_MEMBERS => Shape::LongObject,
            _ => self.shape,
        };
        visitor.visit_newtype_struct(self.shaped(shape))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, JsonError> {
        self.shaped(Shape::NoArray).deserialize_any(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, JsonError> {
        let watch = self.watch(visitor);
        self.inner.deserialize_enum(name, variants, watch).map_err(JsonError::new)
    }

    /// A private method of serde, which serde calls for every type that it deserializes by trial. If serde removes
    /// it, this no longer compiles.
    fn __deserialize_content_v1<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, JsonError> {
        self.shaped(Shape::Scalar).deserialize_any(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map identifier ignored_any
    }
}

/// A visitor that receives values of serde_json after they are checked.
struct Watch<'s, V> {
    visitor: V,
    state: &'s State<'s>,
    depth: usize,
    shape: Shape,
}

impl<V> Watch<'_, V> {
    fn deeper(&self) -> Result<usize, JsonError> {
        self.depth.checked_sub(1).ok_or_else(|| {
            JsonError::new(format_args!("nested too deeply: expected at most {} levels", self.state.limits.depth))
        })
    }
}

macro_rules! pass {
    ($($method:ident: $type:ty),*) => {
        $(
            fn $method<E: Error>(self, value: $type) -> Result<V::Value, E> {
                self.visitor.$method::<JsonError>(value).map_err(E::custom)
            }
        )*
    };
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Watch<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visitor.expecting(f)
    }

    pass! {
        visit_bool: bool,
        visit_i64: i64,
        visit_i128: i128,
        visit_u64: u64,
        visit_u128: u128,
        visit_f64: f64,
        visit_str: &str,
        visit_borrowed_str: &'de str,
        visit_string: String
    }

    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.visitor.visit_unit::<JsonError>().map_err(E::custom)
    }

    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.visitor.visit_none::<JsonError>().map_err(E::custom)
    }

    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        let Self { visitor, state, depth, shape } = self;
        visitor.visit_some(Reader { inner, state, depth, shape }).map_err(D::Error::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        let max = match self.shape {
            Shape::Any | Shape::LongObject => self.state.limits.elements,
            Shape::LongArray => usize::MAX,
            Shape::NoArray | Shape::Scalar => {
                return Err(A::Error::custom(JsonError::invalid_type(Unexpected::Seq, &self.visitor)));
            }
        };
        let depth = self.deeper().map_err(A::Error::custom)?;
        let elements = Elements::new(inner, Level { state: self.state, depth }, max);
        self.visitor.visit_seq(elements).map_err(A::Error::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        if self.shape == Shape::Scalar {
            return Err(A::Error::custom(JsonError::invalid_type(Unexpected::Map, &self.visitor)));
        }
        let depth = self.deeper().map_err(A::Error::custom)?;
        let rest = if self.shape == Shape::LongObject { Rest::ReadOver } else { Rest::Refuse };
        let members = Members::new(inner, Level { state: self.state, depth }, self.state, rest);
        self.visitor.visit_map(members).map_err(A::Error::custom)
    }

    fn visit_enum<A: EnumAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        let depth = self.deeper().map_err(A::Error::custom)?;
        let variant = Variant::new(inner, Level { state: self.state, depth });
        self.visitor.visit_enum(variant).map_err(A::Error::custom)
    }
}

/// The values within an array, an object or a variant.
#[derive(Clone, Copy)]
struct Level<'s> {
    state: &'s State<'s>,
    /// Nesting levels that are left.
    depth: usize,
}

impl Nested for Level<'_> {
    fn read<'de, S: DeserializeSeed<'de>, D: Deserializer<'de>>(self, seed: S, inner: D) -> Result<S::Value, D::Error> {
        let Self { state, depth } = self;
        state.count_value().map_err(D::Error::custom)?;
        let shape = Shape::Any;
        seed.deserialize(Reader { inner, state, depth, shape }).map_err(D::Error::custom)
    }
}
