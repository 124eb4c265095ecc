//! Object members, counted and checked for duplicate names before serde receives them.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::de::DeserializeSeed;
use serde::de::Deserializer;
use serde::de::Error;
use serde::de::IgnoredAny;
use serde::de::IntoDeserializer as _;
use serde::de::MapAccess;
use serde::de::Visitor;
use serde::de::value::BorrowedStrDeserializer;
use serde::de::value::StrDeserializer;
use serde::de::value::UnitDeserializer;

use super::error::JsonError;
use super::error::quoted;
use super::member::MORE;
use super::state::Nested;
use super::state::NestedSeed;
use super::state::State;

/// Prefixes of names with a meaning in this parser, or in serde_json with features that the build may enable. An
/// object with such a name would be parsed as another document.
const RESERVED: [&str; 2] = ["$serde_json::private::", "$countersign::"];

/// Reads the members of an object.
pub(super) struct Members<'s, 'de, N, A> {
    inner: A,
    nested: N,
    names: Names<'s, 'de>,
    rest: Rest,
}

/// The handling of members above the limit.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Rest {
    Refuse,
    ReadOver,
    /// They were skipped, and one [`MORE`] was reported instead of them.
    Reported,
}

impl<'s, N, A> Members<'s, '_, N, A> {
    pub(super) fn new(inner: A, nested: N, state: &'s State<'s>, rest: Rest) -> Self {
        Self { inner, nested, names: Names::new(state), rest }
    }
}

impl<'de, N: Nested, A: MapAccess<'de>> Members<'_, 'de, N, A> {
    /// Skips the remaining members; returns whether there were any.
    fn read_over(&mut self) -> Result<bool, JsonError> {
        let mut more = false;
        while self.inner.next_key::<IgnoredAny>().map_err(JsonError::new)?.is_some() {
            self.next_value::<IgnoredAny>()?;
            more = true;
        }
        Ok(more)
    }
}

impl<'de, N: Nested, A: MapAccess<'de>> MapAccess<'de> for Members<'_, 'de, N, A> {
    type Error = JsonError;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, JsonError> {
        let full = self.names.is_full();
        match (self.rest, full) {
            (Rest::Reported, _) => return Ok(None),
            (Rest::ReadOver, Some(_)) => {
                if !self.read_over()? {
                    return Ok(None);
                }
                self.rest = Rest::Reported;
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
        if self.rest == Rest::Reported {
            return seed.deserialize(UnitDeserializer::new());
        }
        let seed = NestedSeed { nested: self.nested, seed };
        self.inner.next_value_seed(seed).map_err(JsonError::new)
    }
}

/// So many names are compared one by one, which takes less time than to hash them. Most objects have no more.
const COMPARED: usize = 16;

/// The names of one object, borrowed from the text unless they have escapes.
struct Names<'s, 'de> {
    state: &'s State<'s>,
    /// The first [`COMPARED`].
    first: Vec<Cow<'de, str>>,
    others: HashSet<Cow<'de, str>>,
}

impl<'s, 'de> Names<'s, 'de> {
    fn new(state: &'s State<'s>) -> Self {
        Self { state, first: Vec::new(), others: HashSet::new() }
    }

    fn is_full(&self) -> Option<usize> {
        let max = self.state.limits.members;
        (self.state.names.get() >= max).then_some(max)
    }

    fn add(&mut self, name: Cow<'de, str>) -> Result<(), JsonError> {
        if self.first.contains(&name) || self.others.contains(&name) {
            return Err(JsonError::new(format_args!("member {} is present twice", quoted(&name))));
        }
        if self.first.len() < COMPARED {
            self.first.push(name);
        } else {
            self.others.insert(name);
        }
        self.state.names.set(self.state.names.get() + 1);
        Ok(())
    }
}

impl Drop for Names<'_, '_> {
    fn drop(&mut self) {
        self.state.names.set(self.state.names.get().saturating_sub(self.first.len() + self.others.len()));
    }
}

/// A name, unless the limit is reached.
struct Name {
    full: Option<usize>,
}

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, inner: D) -> Result<Cow<'de, str>, D::Error> {
        match self.full {
            Some(max) => Err(D::Error::custom(format_args!(
                "found more than {max} members in one object and the objects around it, expected at most {max}"
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
