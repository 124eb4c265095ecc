//! YAML as a tree with line numbers. The only file that uses the YAML library.
//!
//! A tree rather than derived structs, because derived ones stop at the first mistake. In a configuration, anchors,
//! aliases, merge keys, tags of an application and several documents are refused: it has no use for them. Manifests of
//! Kubernetes may have them, except the tags.

use std::collections::HashSet;
use std::fmt;

use countersign_core::codec::excerpt::Excerpt;
use countersign_core::codec::text::Text;
use serde::Deserialize;
use serde::de::Deserializer;
use serde::de::Error as _;
use serde::de::MapAccess;
use serde::de::SeqAccess;
use serde::de::Visitor;
use serde_saphyr::MergeKeyPolicy;
use serde_saphyr::Spanned;

/// Largest configuration file, in bytes: what a ConfigMap can hold.
pub const CONFIG_BYTES: usize = 1024 * 1024;

/// Deepest nesting. The schema needs six levels.
const DEPTH: usize = 16;

/// Most values. Ten thousand registries have fewer.
const NODES: usize = 100_000;

/// A value and the line on which it starts, counted from 1.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    pub(super) line: u64,
    pub(super) value: Value,
}

/// A value of the file. Only unquoted `true` and `false` are booleans; whole numbers have no leading zero.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Nothing,
    Boolean(bool),
    Whole(u64),
    /// Negative, or with a fraction.
    Number(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

/// Why a text is not the YAML that was wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct YamlError {
    /// 0 if it has no line.
    pub(crate) line: u64,
    pub(crate) found: Text,
    pub(crate) wanted: &'static str,
}

/// Largest file with manifests, in bytes: all pods of a cluster with a thousand of them.
pub(crate) const MANIFEST_BYTES: usize = 16 * 1024 * 1024;

/// Deepest nesting of a manifest. Definitions of custom resources have 40 levels.
pub(crate) const MANIFEST_DEPTH: usize = 64;

/// Most values of a file with manifests. A thousand pods have a third of it.
pub(crate) const MANIFEST_NODES: usize = 1_000_000;

/// A document of a file with manifests.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ManifestDocument {
    /// The line on which it starts, counted from 1.
    pub(crate) line: u64,
    pub(crate) value: serde_json::Value,
}

/// Reads manifests of Kubernetes: any number of documents. Empty ones are left out. Anchors, aliases and merge keys are
/// expanded, as kubectl does.
///
/// # Errors
/// Above the limits, not YAML, a key twice, or a tag of an application.
pub(crate) fn load_manifests(text: &str) -> Result<Vec<ManifestDocument>, YamlError> {
    if text.len() > MANIFEST_BYTES {
        let found = Text::of(format_args!("{} bytes", text.len()));
        return Err(YamlError { line: 0, found, wanted: "at most 16777216 bytes" });
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_reader_input_bytes: Some(MANIFEST_BYTES),
            max_events: 4 * MANIFEST_NODES,
            max_aliases: 10_000,
            max_anchors: 10_000,
            max_depth: MANIFEST_DEPTH,
            max_inclusion_depth: 0,
            max_documents: 10_000,
            max_nodes: MANIFEST_NODES,
            max_total_scalar_bytes: MANIFEST_BYTES,
            max_merge_keys: 10_000,
        },
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        strict_booleans: true,
        reject_unsupported_tags: true,
        with_snippet: false,
    };
    let documents: Vec<Spanned<serde_json::Value>> =
        serde_saphyr::from_multiple_with_options(text, options).map_err(|error| {
            let found = Text::of("too much, or too many anchors or aliases");
            describe(error, (found, "at most 64 levels, 1000000 values and 10000 documents, anchors and aliases"))
        })?;
    let document = |spanned: Spanned<serde_json::Value>| ManifestDocument {
        line: spanned.referenced.line(),
        value: spanned.value,
    };
    Ok(documents.into_iter().map(document).collect())
}

/// Reads one document. An empty one is [`Value::Nothing`].
///
/// # Errors
/// Above the limits, not YAML, or with a feature that the module's description refuses.
pub(super) fn load_yaml(text: &str) -> Result<Node, YamlError> {
    if text.len() > CONFIG_BYTES {
        let found = Text::of(format_args!("{} bytes", text.len()));
        return Err(YamlError { line: 0, found, wanted: "at most 1048576 bytes" });
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_reader_input_bytes: Some(CONFIG_BYTES),
            max_events: 4 * NODES,
            max_aliases: 0,
            max_anchors: 0,
            max_depth: DEPTH,
            max_inclusion_depth: 0,
            max_documents: 2,
            max_nodes: NODES,
            max_total_scalar_bytes: CONFIG_BYTES,
            max_merge_keys: 0,
        },
        merge_keys: MergeKeyPolicy::Error,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        strict_booleans: true,
        reject_unsupported_tags: true,
        with_snippet: false,
    };
    let spanned: Spanned<Value> = serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let found = Text::of("an anchor, an alias, or too much");
        describe(error, (found, "no anchors or aliases, at most 16 levels and 100000 values"))
    })?;
    Ok(Node::from(spanned))
}

#[allow(clippy::wildcard_enum_match_arm, reason = "the library's errors are an open set")]
fn describe(error: serde_saphyr::Error, too_much: (Text, &'static str)) -> YamlError {
    use serde_saphyr::Error;
    let line = error.location().map_or(0, |location| location.line());
    let (found, wanted) = match error.without_snippet() {
        Error::DuplicateMappingKey { key: Some(key), .. } => {
            (Text::of(format_args!("{:?} twice", Excerpt::of(key))), "each key once")
        }
        Error::DuplicateMappingKey { key: None, .. } => (Text::of("a key twice"), "each key once"),
        Error::MultipleDocuments { .. } => (Text::of("a second document"), "one document"),
        Error::MergeKeyNotAllowed { .. } => (Text::of("a merge key (<<)"), "every key written out"),
        Error::Budget { .. } => too_much,
        other => (Text::of(other), "YAML 1.2"),
    };
    YamlError { line, found, wanted }
}

impl From<Spanned<Value>> for Node {
    fn from(spanned: Spanned<Value>) -> Self {
        Self { line: spanned.referenced.line(), value: spanned.value }
    }
}

impl Value {
    /// For messages about a scalar: what it is, and the text, cut where it is long.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Nothing => "nothing".to_owned(),
            Self::Boolean(value) => value.to_string(),
            Self::Whole(value) => format!("the number {value}"),
            Self::Number(value) => format!("the number {value}"),
            Self::Text(text) if text.chars().count() <= SHOWN => format!("{text:?}"),
            Self::Text(text) => format!("{:?} and more", text.chars().take(SHOWN).collect::<String>()),
            Self::List(_) | Self::Map(_) => self.kind().to_owned(),
        }
    }

    pub(super) fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Nothing | Self::Boolean(_) | Self::Whole(_) | Self::Number(_) | Self::List(_) | Self::Map(_) => None,
        }
    }

    /// For messages about a section: only what it is, as a text may be a secret in the wrong place.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Boolean(_) => "a boolean",
            Self::Whole(_) | Self::Number(_) => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Map(_) => "a map of keys",
        }
    }
}

/// Characters of a text that a message shows. The longest host name has 253.
const SHOWN: usize = 260;

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string, a number, a boolean, a list or a map of keys")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Boolean(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(u64::try_from(value).map_or(Value::Number(value as f64), Value::Whole))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Whole(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Number(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Nothing)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Nothing)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(element) = seq.next_element::<Spanned<Value>>()? {
            list.push(Node::from(element));
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries: Vec<(String, Node)> = Vec::new();
        // The library distinguishes the number 1 from the text "1", which are one key here.
        let mut names = HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            if !names.insert(key.clone()) {
                return Err(A::Error::custom(format_args!(
                    "{:?} twice, as a number and as a string",
                    Excerpt::of(&key)
                )));
            }
            entries.push((key, Node::from(map.next_value::<Spanned<Value>>()?)));
        }
        Ok(Value::Map(entries))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
