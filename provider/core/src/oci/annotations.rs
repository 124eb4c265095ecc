//! Annotations: texts by name, with a limit on their total size.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::Deserializer;
use serde::de::IgnoredAny;
use serde::de::MapAccess;
use serde::de::SeqAccess;
use serde::de::Visitor;

use crate::codec::json;
use crate::codec::json::Member;

/// Annotations as written. The first ones that fit into `BYTES` are kept, counting names, values and 64 bytes for
/// each; others are dropped. If there are more than the document may have, all are dropped, and the rest of the
/// document stays valid, as everyone with push access chooses their number.
#[derive(Clone, Debug, Default)]
pub(crate) struct RawAnnotations<const BYTES: usize> {
    texts: BTreeMap<String, String>,
    /// The type found instead of an object or of a text in it.
    other: Option<&'static str>,
}

/// The memory of an annotation in addition to its texts, in bytes.
const OVERHEAD: usize = 64;

impl<const BYTES: usize> RawAnnotations<BYTES> {
    /// The kept annotations, or the type found instead of texts.
    pub(crate) fn texts(self) -> Result<BTreeMap<String, String>, &'static str> {
        self.other.map_or(Ok(self.texts), Err)
    }

    fn other(found: &'static str) -> Self {
        Self { texts: BTreeMap::new(), other: Some(found) }
    }
}

impl<'de, const BYTES: usize> Deserialize<'de> for RawAnnotations<BYTES> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(json::ANY_MEMBERS, AnnotationsVisitor)
    }
}

struct AnnotationsVisitor<const BYTES: usize>;

impl<'de, const BYTES: usize> Visitor<'de> for AnnotationsVisitor<BYTES> {
    type Value = RawAnnotations<BYTES>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("annotations")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut annotations = RawAnnotations::default();
        let mut left = BYTES;
        while let Some(name) = map.next_key::<String>()? {
            if name == json::MORE {
                map.next_value::<IgnoredAny>()?;
                annotations.other = Some("an object of too many members");
                continue;
            }
            let value = match map.next_value::<Member<{ usize::MAX }>>()? {
                Member::Text(value) => value,
                other @ (Member::Absent | Member::Boolean | Member::Number(_) | Member::Array | Member::Object) => {
                    annotations.other = annotations.other.or(Some(other.kind()));
                    continue;
                }
            };
            let needed = name.len().saturating_add(value.len()).saturating_add(OVERHEAD);
            if let Some(rest) = left.checked_sub(needed) {
                left = rest;
                annotations.texts.insert(name, value);
            }
        }
        Ok(annotations)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(RawAnnotations::other("a list"))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(RawAnnotations::default())
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(RawAnnotations::other("a boolean"))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(RawAnnotations::other("a number"))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(RawAnnotations::other("a number"))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(RawAnnotations::other("a number"))
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(RawAnnotations::other("a text"))
    }
}
