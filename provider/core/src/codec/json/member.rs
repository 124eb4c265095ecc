//! Members of any type, for documents in which one invalid part must not invalidate the others.

use std::fmt;
use std::marker::PhantomData;

use serde::de::Deserialize;
use serde::de::Deserializer;
use serde::de::Error;
use serde::de::IgnoredAny;
use serde::de::MapAccess;
use serde::de::SeqAccess;
use serde::de::Visitor;
use serde_json::Number;

use crate::codec::truncate::Truncated;

/// The newtype name that marks an array of any length for the parser.
pub(super) const ANY_LENGTH: &str = "$countersign::AnyLength";

/// The newtype name that marks an object with any number of members for the parser. [`MORE`] is the last member if
/// the object has more than the document may have.
pub(crate) const ANY_MEMBERS: &str = "$countersign::AnyMembers";

/// See [`ANY_MEMBERS`]. No untrusted object has such a member.
pub(crate) const MORE: &str = "$countersign::more";

/// A value of any type. The contents of arrays and objects are dropped; `null` counts as absent.
///
/// At most `BYTES` bytes of a text are kept. A truncated one ends with `…`, which no media type and no digest
/// contains.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Member<const BYTES: usize = 512> {
    #[default]
    Absent,
    Boolean,
    Number(Number),
    Text(String),
    Array,
    Object,
}

impl<const BYTES: usize> Member<BYTES> {
    /// The type, for messages.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Absent => "nothing",
            Self::Boolean => "a boolean",
            Self::Number(_) => "a number",
            Self::Text(_) => "a text",
            Self::Array => "a list",
            Self::Object => "an object",
        }
    }
}

impl<'de, const BYTES: usize> Deserialize<'de> for Member<BYTES> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(MemberVisitor)
    }
}

struct MemberVisitor<const BYTES: usize>;

impl<'de, const BYTES: usize> Visitor<'de> for MemberVisitor<BYTES> {
    type Value = Member<BYTES>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Member::Absent)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Member::Boolean)
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Member::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Member::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        Number::from_f64(value).map(Member::Number).ok_or_else(|| E::custom("number is not finite"))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        if text.len() <= BYTES {
            return Ok(Member::Text(text.to_owned()));
        }
        let mut start = Truncated::new(BYTES, "…", 0);
        let _ = text.chars().all(|character| start.push(|kept| kept.push(character), str::len));
        Ok(Member::Text(start.into_string()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Member::Array)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Member::Object)
    }
}

/// An object whose contents are checked by the parser and dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AnyObject;

impl<'de> Deserialize<'de> for AnyObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor;

        impl<'de> Visitor<'de> for ObjectVisitor {
            type Value = AnyObject;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<AnyObject, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(AnyObject)
            }
        }

        deserializer.deserialize_map(ObjectVisitor)
    }
}

/// The first `MOST` elements of an array of any length. Further elements are checked and dropped; a mistake in them
/// still invalidates the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FirstOf<T, const MOST: usize> {
    pub(crate) list: Vec<T>,
    /// There are further elements.
    pub(crate) cut: bool,
}

impl<T, const MOST: usize> Default for FirstOf<T, MOST> {
    fn default() -> Self {
        Self { list: Vec::new(), cut: false }
    }
}

impl<'de, T: Deserialize<'de>, const MOST: usize> Deserialize<'de> for FirstOf<T, MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(ANY_LENGTH, FirstVisitor(PhantomData))
    }
}

struct FirstVisitor<T, const MOST: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const MOST: usize> Visitor<'de> for FirstVisitor<T, MOST> {
    type Value = FirstOf<T, MOST>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<FirstOf<T, MOST>, D::Error> {
        deserializer.deserialize_seq(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<FirstOf<T, MOST>, A::Error> {
        let mut first = FirstOf::default();
        while first.list.len() < MOST {
            match seq.next_element()? {
                Some(element) => first.list.push(element),
                None => return Ok(first),
            }
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {
            first.cut = true;
        }
        Ok(first)
    }
}
