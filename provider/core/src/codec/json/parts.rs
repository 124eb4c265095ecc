//! The parts of arrays, objects and enums, each checked before serde sees it.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::de::DeserializeSeed;
use serde::de::Deserializer;
use serde::de::EnumAccess;
use serde::de::Error;
use serde::de::IgnoredAny;
use serde::de::IntoDeserializer as _;
use serde::de::MapAccess;
use serde::de::SeqAccess;
use serde::de::VariantAccess;
use serde::de::Visitor;
use serde::de::value::BorrowedStrDeserializer;
use serde::de::value::StrDeserializer;
use serde::de::value::UnitDeserializer;

use super::JsonError;
use super::member::MORE;
use super::quoted;
use super::reader::Inner;
use super::reader::State;

/// Names with a meaning of their own: here, and in serde_json where one of its features is switched on anywhere in the
/// build. An object with such a name would be read as another document.
const RESERVED: [&str; 2] = ["$serde_json::private::", "$countersign::"];

/// Reads the elements of an array.
pub(super) struct Elements<'s, A> {
    inner: A,
    state: &'s State<'s>,
    depth: usize,
    most: usize,
    read: usize,
}

impl<'s, A> Elements<'s, A> {
    /// At most `most` of them.
    pub(super) fn new(inner: A, state: &'s State<'s>, depth: usize, most: usize) -> Self {
        Self { inner, state, depth, most, read: 0 }
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Elements<'_, A> {
    type Error = JsonError;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, JsonError> {
        let Self { inner, state, depth, most, read } = self;
        let full = (*read == *most).then_some(*most);
        *read += 1;
        let seed = Inner { seed, state, depth: *depth };
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

/// Reads the members of an object.
pub(super) struct Members<'s, 'de, A> {
    inner: A,
    state: &'s State<'s>,
    depth: usize,
    names: Names<'s, 'de>,
    rest: Rest,
}

/// What becomes of more members than there may be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Rest {
    Refuse,
    ReadOver,
    /// They were read over, and [`MORE`] is what stands next.
    Told,
}

impl<'s, A> Members<'s, '_, A> {
    pub(super) fn new(inner: A, state: &'s State<'s>, depth: usize, rest: Rest) -> Self {
        Self { inner, state, depth, names: Names::new(state), rest }
    }
}

impl<'de, A: MapAccess<'de>> Members<'_, 'de, A> {
    /// Reads over what is left; whether anything was.
    fn read_over(&mut self) -> Result<bool, JsonError> {
        let mut more = false;
        while self.inner.next_key::<IgnoredAny>().map_err(JsonError::new)?.is_some() {
            self.next_value::<IgnoredAny>()?;
            more = true;
        }
        Ok(more)
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Members<'_, 'de, A> {
    type Error = JsonError;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, JsonError> {
        let full = self.names.is_full();
        match (self.rest, full) {
            (Rest::Told, _) => return Ok(None),
            (Rest::ReadOver, Some(_)) => {
                if !self.read_over()? {
                    return Ok(None);
                }
                self.rest = Rest::Told;
                return seed.deserialize(BorrowedStrDeserializer::new(MORE)).map(Some);
            }
            (Rest::ReadOver, None) | (Rest::Refuse, _) => {}
        }
        let Some(name) = self.inner.next_key_seed(Name { full }).map_err(JsonError::new)? else {
            return Ok(None);
        };
        if RESERVED.iter().any(|reserved| name.starts_with(reserved)) {
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
        if self.rest == Rest::Told {
            return seed.deserialize(UnitDeserializer::new());
        }
        let seed = Inner { seed, state: self.state, depth: self.depth };
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

/// Reads a variant of an enum.
pub(super) struct Variant<'s, A> {
    inner: A,
    state: &'s State<'s>,
    depth: usize,
}

impl<'s, A> Variant<'s, A> {
    pub(super) fn new(inner: A, state: &'s State<'s>, depth: usize) -> Self {
        Self { inner, state, depth }
    }
}

impl<'s, 'de, A: EnumAccess<'de>> EnumAccess<'de> for Variant<'s, A> {
    type Error = JsonError;
    type Variant = Content<'s, A::Variant>;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self::Variant), JsonError> {
        let Self { inner, state, depth } = self;
        let seed = Inner { seed, state, depth };
        let (value, inner) = inner.variant_seed(seed).map_err(JsonError::new)?;
        Ok((value, Content { inner, state, depth }))
    }
}

/// What stands behind the name of a variant.
pub(super) struct Content<'s, A> {
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
        inner.newtype_variant_seed(Inner { seed, state, depth }).map_err(JsonError::new)
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
