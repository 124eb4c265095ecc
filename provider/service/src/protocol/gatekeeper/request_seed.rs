//! Reads a request and stores at most the allowed number of keys.

use std::collections::HashMap;
use std::fmt;

use serde::de::DeserializeSeed;
use serde::de::Deserializer;
use serde::de::Error as _;
use serde::de::IgnoredAny;
use serde::de::MapAccess;
use serde::de::SeqAccess;
use serde::de::Visitor;

/// The parsed parts of a request. A missing version or kind is an empty text.
pub(super) struct Read {
    pub(super) api_version: String,
    pub(super) kind: String,
    /// `None` if there are more distinct keys than allowed.
    pub(super) keys: Option<Vec<String>>,
}

/// Reads the whole document.
pub(super) struct RequestSeed {
    pub(super) max_keys: usize,
}

impl<'de> DeserializeSeed<'de> for RequestSeed {
    type Value = Read;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Read, D::Error> {
        deserializer.deserialize_struct("ProviderRequest", &["apiVersion", "kind", "request"], self)
    }
}

impl<'de> Visitor<'de> for RequestSeed {
    type Value = Read;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with request")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Read, A::Error> {
        let (mut api_version, mut kind, mut keys) = (String::new(), String::new(), None);
        while let Some(name) = map.next_key::<String>()? {
            match name.as_str() {
                "apiVersion" => api_version = map.next_value()?,
                "kind" => kind = map.next_value()?,
                "request" => keys = Some(map.next_value_seed(InnerSeed { max_keys: self.max_keys })?),
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(Read { api_version, kind, keys: keys.ok_or_else(|| A::Error::missing_field("request"))? })
    }
}

/// Reads `request`.
struct InnerSeed {
    max_keys: usize,
}

impl<'de> DeserializeSeed<'de> for InnerSeed {
    type Value = Option<Vec<String>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_struct("Request", &["keys"], self)
    }
}

impl<'de> Visitor<'de> for InnerSeed {
    type Value = Option<Vec<String>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with keys")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut keys = None;
        while let Some(name) = map.next_key::<String>()? {
            match name.as_str() {
                "keys" => keys = Some(map.next_value_seed(KeysSeed { max: self.max_keys })?),
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        keys.ok_or_else(|| A::Error::missing_field("keys"))
    }
}

/// Reads `keys`, each text once.
struct KeysSeed {
    max: usize,
}

impl<'de> DeserializeSeed<'de> for KeysSeed {
    type Value = Option<Vec<String>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for KeysSeed {
    type Value = Option<Vec<String>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of strings")
    }

    /// Go writes an empty list as null.
    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Some(Vec::new()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut positions: HashMap<String, usize> = HashMap::new();
        let mut too_many = false;
        while let Some(key) = seq.next_element::<String>()? {
            let position = positions.len();
            if too_many || positions.contains_key(&key) {
                continue;
            }
            if position == self.max {
                // Continues reading without storing keys, so that a malformed request is reported as such.
                too_many = true;
                positions = HashMap::new();
            } else {
                positions.insert(key, position);
            }
        }
        if too_many {
            return Ok(None);
        }
        let mut keys: Vec<_> = positions.into_iter().collect();
        keys.sort_unstable_by_key(|(_, position)| *position);
        Ok(Some(keys.into_iter().map(|(key, _)| key).collect()))
    }
}
