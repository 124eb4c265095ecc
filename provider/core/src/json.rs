//! JSON without ambiguity: no repeated member names at any level, bounded depth, valid UTF-8, nothing after the value.
//!
//! serde_json keeps the last of two equal names in maps and ignores repeated unknown ones; two readers of the same
//! bytes could then see two different documents. Floor 0.

use std::collections::HashSet;
use std::fmt;

use serde::de::DeserializeOwned;
use serde::de::DeserializeSeed;
use serde::de::Deserializer;
use serde::de::Error as _;
use serde::de::MapAccess;
use serde::de::SeqAccess;
use serde::de::Visitor;

/// Why a text is not the JSON that was wanted. Carries the parser's own words, which name the place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct JsonError {
    detail: String,
}

/// Reads exactly one `T`.
///
/// # Errors
/// Not UTF-8, not JSON, a name twice in one object, nesting deeper than `depth`, anything after the value, or not
/// the shape of `T`.
pub fn from_slice<T: DeserializeOwned>(bytes: &[u8], depth: usize) -> Result<T, JsonError> {
    let text = std::str::from_utf8(bytes).map_err(|error| JsonError { detail: format!("not UTF-8: {error}") })?;
    from_str(text, depth)
}

/// As [`from_slice`], from text.
///
/// # Errors
/// As [`from_slice`].
pub fn from_str<T: DeserializeOwned>(text: &str, depth: usize) -> Result<T, JsonError> {
    let describe = |error: serde_json::Error| JsonError { detail: error.to_string() };
    let mut checker = serde_json::Deserializer::from_str(text);
    Unambiguous { depth }.deserialize(&mut checker).map_err(describe)?;
    checker.end().map_err(describe)?;
    serde_json::from_str(text).map_err(describe)
}

/// Walks a value without keeping it.
#[derive(Clone, Copy)]
struct Unambiguous {
    depth: usize,
}

impl Unambiguous {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        match self.depth.checked_sub(1) {
            Some(depth) => Ok(Self { depth }),
            None => Err(E::custom("nested too deeply")),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Unambiguous {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Unambiguous {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let inner = self.deeper()?;
        while seq.next_element_seed(inner)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let inner = self.deeper()?;
        let mut seen = HashSet::new();
        while let Some(name) = map.next_key::<String>()? {
            if seen.contains(&name) {
                return Err(A::Error::custom(format_args!("member {name:?} stands twice")));
            }
            seen.insert(name);
            map.next_value_seed(inner)?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        from_str::<serde_json::Value>(text, 3).unwrap_err().to_string()
    }

    #[test]
    fn refuses_a_name_twice_at_any_level() {
        assert_eq!(error(r#"{"a":1,"a":2}"#), "member \"a\" stands twice at line 1 column 10");
        assert_eq!(error(r#"{"x":[{"a":1,"a":1}]}"#), "member \"a\" stands twice at line 1 column 16");
        assert_eq!(error(r#"{"a":1,"\u0061":2}"#), "member \"a\" stands twice at line 1 column 15");
    }

    #[test]
    fn refuses_depth_trailing_bytes_and_bad_utf8() {
        assert_eq!(error("[[[[1]]]]"), "nested too deeply at line 1 column 4");
        assert_eq!(error("{} {}"), "trailing characters at line 1 column 4");
        assert_eq!(
            from_slice::<serde_json::Value>(b"\"\xff\"", 3).unwrap_err().to_string(),
            "not UTF-8: invalid utf-8 sequence of 1 bytes from index 1"
        );
        assert_eq!(error("\u{feff}{}"), "expected value at line 1 column 1");
    }

    #[test]
    fn reads_what_is_unambiguous() {
        let value: serde_json::Value = from_str(r#"{"a":[1,{"a":null}]}"#, 3).unwrap();
        assert_eq!(value, serde_json::json!({"a": [1, {"a": null}]}));
    }
}
