//! The checks, put around serde_json's deserializer and around every visitor that it is given.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::HashSet;
use std::fmt;

use serde::de::DeserializeSeed;
use serde::de::Deserializer;
use serde::de::EnumAccess;
use serde::de::Error;
use serde::de::IntoDeserializer as _;
use serde::de::MapAccess;
use serde::de::SeqAccess;
use serde::de::Unexpected;
use serde::de::VariantAccess;
use serde::de::Visitor;
use serde::de::value::BorrowedStrDeserializer;
use serde::de::value::StrDeserializer;
use serde::forward_to_deserialize_any;

use super::JsonError;
use super::member::CUT;
use super::quoted;
use crate::limits::JsonLimits;

/// Names with a meaning of their own in serde_json, where one of its features is switched on anywhere in the build: an
/// object with such a name would be read as another document.
const RESERVED: &str = "$serde_json::private::";

/// What was counted so far in one document.
pub(super) struct State<'l> {
    limits: &'l JsonLimits,
    values: Cell<usize>,
    /// Names of the members of all objects that are open.
    names: Cell<usize>,
}

impl<'l> State<'l> {
    pub(super) fn new(limits: &'l JsonLimits) -> Self {
        Self { limits, values: Cell::new(0), names: Cell::new(0) }
    }

    fn count(&self) -> Result<(), JsonError> {
        let most = self.limits.values;
        if self.values.get() >= most {
            return Err(JsonError::new(format_args!("more than {most} values: want fewer")));
        }
        self.values.set(self.values.get() + 1);
        Ok(())
    }
}

/// What may stand where a value is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Any,
    /// No array: serde's structs would read one by position.
    NoArray,
    /// Neither array nor object: the value is copied, and what is read from the copy is not checked.
    Scalar,
    /// An array of any length, of which the visitor keeps a bounded part.
    LongArray,
}

/// A value that is about to be read.
pub(super) struct Reader<'s, D> {
    inner: D,
    state: &'s State<'s>,
    /// Levels that are left.
    depth: usize,
    shape: Shape,
}

impl<'s, D> Reader<'s, D> {
    /// The document itself.
    pub(super) fn new(inner: D, state: &'s State<'s>) -> Result<Self, JsonError> {
        state.count()?;
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

    /// Everything goes through here: what a visitor does not take is then its own error, which is short, and not
    /// serde_json's, which quotes the whole text.
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
        let shape = if name == CUT { Shape::LongArray } else { self.shape };
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

    /// Not public in serde, and called by it for every type that guesses. Should it go, this does not compile any more.
    fn __deserialize_content_v1<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, JsonError> {
        self.shaped(Shape::Scalar).deserialize_any(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map identifier ignored_any
    }
}

/// A visitor that sees what serde_json found only after it was checked.
struct Watch<'s, V> {
    visitor: V,
    state: &'s State<'s>,
    depth: usize,
    shape: Shape,
}

impl<V> Watch<'_, V> {
    fn deeper(&self) -> Result<usize, JsonError> {
        self.depth.checked_sub(1).ok_or_else(|| {
            JsonError::new(format_args!("nested too deeply: want at most {} levels", self.state.limits.depth))
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
        let most = match self.shape {
            Shape::Any => self.state.limits.elements,
            Shape::LongArray => usize::MAX,
            Shape::NoArray | Shape::Scalar => {
                return Err(A::Error::custom(JsonError::invalid_type(Unexpected::Seq, &self.visitor)));
            }
        };
        let depth = self.deeper().map_err(A::Error::custom)?;
        let elements = Elements { inner, state: self.state, depth, most, read: 0 };
        self.visitor.visit_seq(elements).map_err(A::Error::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        if self.shape == Shape::Scalar {
            return Err(A::Error::custom(JsonError::invalid_type(Unexpected::Map, &self.visitor)));
        }
        let depth = self.deeper().map_err(A::Error::custom)?;
        let members = Members { inner, state: self.state, depth, names: Names::new(self.state) };
        self.visitor.visit_map(members).map_err(A::Error::custom)
    }

    fn visit_enum<A: EnumAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        let depth = self.deeper().map_err(A::Error::custom)?;
        let variant = Variant { inner, state: self.state, depth };
        self.visitor.visit_enum(variant).map_err(A::Error::custom)
    }
}

/// A value within an array or object, counted before it is read.
struct Inner<'s, S> {
    seed: S,
    state: &'s State<'s>,
    depth: usize,
    shape: Shape,
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Inner<'_, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, inner: D) -> Result<S::Value, D::Error> {
        let Self { seed, state, depth, shape } = self;
        state.count().map_err(D::Error::custom)?;
        seed.deserialize(Reader { inner, state, depth, shape }).map_err(D::Error::custom)
    }
}

struct Elements<'s, A> {
    inner: A,
    state: &'s State<'s>,
    depth: usize,
    most: usize,
    read: usize,
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Elements<'_, A> {
    type Error = JsonError;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, JsonError> {
        let Self { inner, state, depth, most, read } = self;
        let full = (*read == *most).then_some(*most);
        *read += 1;
        let seed = Inner { seed, state, depth: *depth, shape: Shape::Any };
        inner.next_element_seed(Element { seed, full }).map_err(JsonError::new)
    }
}

/// An element, unless there are as many already as there may be.
struct Element<S> {
    seed: S,
    full: Option<usize>,
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Element<S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, inner: D) -> Result<S::Value, D::Error> {
        match self.full {
            Some(most) => Err(D::Error::custom(format_args!("more than {most} elements in one array: want fewer"))),
            None => self.seed.deserialize(inner),
        }
    }
}

struct Members<'s, 'de, A> {
    inner: A,
    state: &'s State<'s>,
    depth: usize,
    names: Names<'s, 'de>,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Members<'_, 'de, A> {
    type Error = JsonError;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, JsonError> {
        let full = self.names.is_full();
        let Some(name) = self.inner.next_key_seed(Name { full }).map_err(JsonError::new)? else {
            return Ok(None);
        };
        if name.starts_with(RESERVED) {
            return Err(JsonError::new(format_args!("member {} is not allowed", quoted(&name))));
        }
        let value = match &name {
            Cow::Borrowed(name) => seed.deserialize(BorrowedStrDeserializer::new(name)),
            Cow::Owned(name) => {
                let name: StrDeserializer<'_, JsonError> = name.as_str().into_deserializer();
                seed.deserialize(name)
            }
        };
        self.names.add(name)?;
        value.map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, JsonError> {
        let seed = Inner { seed, state: self.state, depth: self.depth, shape: Shape::Any };
        self.inner.next_value_seed(seed).map_err(JsonError::new)
    }
}

/// The names of one object, in the text where they have no escapes.
struct Names<'s, 'de> {
    state: &'s State<'s>,
    seen: HashSet<Cow<'de, str>>,
}

impl<'s, 'de> Names<'s, 'de> {
    fn new(state: &'s State<'s>) -> Self {
        Self { state, seen: HashSet::new() }
    }

    fn is_full(&self) -> Option<usize> {
        let most = self.state.limits.members;
        (self.state.names.get() >= most).then_some(most)
    }

    fn add(&mut self, name: Cow<'de, str>) -> Result<(), JsonError> {
        if self.seen.contains(&name) {
            return Err(JsonError::new(format_args!("member {} stands twice", quoted(&name))));
        }
        self.seen.insert(name);
        self.state.names.set(self.state.names.get() + 1);
        Ok(())
    }
}

impl Drop for Names<'_, '_> {
    fn drop(&mut self) {
        self.state.names.set(self.state.names.get().saturating_sub(self.seen.len()));
    }
}

/// A name, unless there are as many already as there may be.
struct Name {
    full: Option<usize>,
}

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, inner: D) -> Result<Cow<'de, str>, D::Error> {
        match self.full {
            Some(most) => Err(D::Error::custom(format_args!(
                "more than {most} members in one object and those around it: want fewer"
            ))),
            None => inner.deserialize_str(self),
        }
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E>(self, name: &str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}

struct Variant<'s, A> {
    inner: A,
    state: &'s State<'s>,
    depth: usize,
}

impl<'s, 'de, A: EnumAccess<'de>> EnumAccess<'de> for Variant<'s, A> {
    type Error = JsonError;
    type Variant = Content<'s, A::Variant>;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self::Variant), JsonError> {
        let Self { inner, state, depth } = self;
        let seed = Inner { seed, state, depth, shape: Shape::Any };
        let (value, inner) = inner.variant_seed(seed).map_err(JsonError::new)?;
        Ok((value, Content { inner, state, depth }))
    }
}

/// What stands behind the name of a variant.
struct Content<'s, A> {
    inner: A,
    state: &'s State<'s>,
    depth: usize,
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for Content<'_, A> {
    type Error = JsonError;

    fn unit_variant(self) -> Result<(), JsonError> {
        self.inner.unit_variant().map_err(JsonError::new)
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, JsonError> {
        let Self { inner, state, depth } = self;
        inner.newtype_variant_seed(Inner { seed, state, depth, shape: Shape::Any }).map_err(JsonError::new)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, JsonError> {
        self.newtype_variant_seed(Shaped { visitor, is_struct: false })
    }

    /// As the content of a newtype variant, so that an array is refused here as well.
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
