//! YAML as a tree with line numbers. Only this module uses the YAML library.
//!
//! A tree rather than derived structs, because derived ones stop at the first mistake. In a configuration, anchors,
//! aliases, merge keys, tags of an application and several documents are refused: it has no use for them. Manifests of
//! Kubernetes may have them, except the tags.

mod error;
mod parsed;
mod syntax;

use std::collections::HashSet;

use serde::Deserialize as _;
use serde_path_to_error::Segment;
use serde_saphyr::MergeKeyPolicy;
use serde_saphyr::Spanned;
use serde_saphyr::options::NonFiniteFloatPolicy;

pub use self::error::YamlError;
use self::parsed::Parsed;
use super::field_path::join;

/// Largest configuration file, in bytes: what a ConfigMap can hold.
pub const CONFIG_BYTES: usize = 1024 * 1024;

/// The limits of a configuration. The schema needs six levels. Ten thousand registries have fewer values.
const CONFIG: Limits =
    Limits { bytes: CONFIG_BYTES, levels: 16, values: 100_000, documents: 1, anchors: 0, aliased: 0 };

/// Largest file with manifests, in bytes: all pods of a cluster with a thousand of them.
pub const MANIFEST_BYTES: usize = 16 * 1024 * 1024;

/// Deepest nesting of a manifest. Definitions of custom resources have 40 levels.
pub const MANIFEST_DEPTH: usize = 64;

/// Most values of a file with manifests. A thousand pods have a third of it.
pub const MANIFEST_NODES: usize = 1_000_000;

/// The limits of a file with manifests. Manifests with anchors were written by people: they have few.
const MANIFESTS: Limits = Limits {
    bytes: MANIFEST_BYTES,
    levels: MANIFEST_DEPTH,
    values: MANIFEST_NODES,
    documents: 10_000,
    anchors: 10_000,
    aliased: 100_000,
};

/// Most of what one file may have.
struct Limits {
    bytes: usize,
    levels: usize,
    values: usize,
    documents: usize,
    /// Anchors, aliases and merge keys, each.
    anchors: usize,
    /// Events of the parser that are recorded below anchors, and that aliases stand for, each.
    aliased: usize,
}

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
    /// Also written with a fraction of zero, as `integer` of JSON Schema: `1024.0`, `1e3`.
    Whole(u64),
    /// Another number, as it is written.
    Number(String),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

/// A document of a file with manifests.
#[derive(Clone, Debug, PartialEq)]
pub struct ManifestDocument {
    /// The line on which it starts, counted from 1.
    pub line: u64,
    pub value: serde_json::Value,
}

/// Reads manifests of Kubernetes: any number of documents. Empty ones are left out. Anchors, aliases and merge keys are
/// expanded, as kubectl does.
///
/// # Errors
/// Above the limits, not YAML, a key twice, or a tag of an application.
pub fn load_manifests(text: &str) -> Result<Vec<ManifestDocument>, YamlError> {
    MANIFESTS.check_bytes(text)?;
    let documents: Vec<Spanned<serde_json::Value>> =
        serde_saphyr::from_multiple_with_options(text, MANIFESTS.options())
            .map_err(|error| YamlError::of(&error, String::new(), &MANIFESTS))?;
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
    CONFIG.check_bytes(text)?;
    let mut track = serde_path_to_error::Track::new();
    let parsed = serde_saphyr::with_deserializer_from_str_with_options(text, CONFIG.options(), |deserializer| {
        Spanned::<Parsed>::deserialize(serde_path_to_error::Deserializer::new(deserializer, &mut track))
    });
    match parsed {
        Ok(parsed) => Node::of(parsed, text, ""),
        Err(error) => {
            let parent = field(&track.path());
            let is_named = |key: &&str| parent.rsplit('.').next() != Some(*key);
            let key = key_before(text, error.location()).filter(is_named);
            let field = key.map_or_else(|| parent.clone(), |key| join(&parent, key));
            Err(YamlError::of(&error, field, &CONFIG))
        }
    }
}

/// The name of the key at which the library stopped. Each value of the file is the member `value` of a [`Spanned`].
fn field(path: &serde_path_to_error::Path) -> String {
    path.iter().skip(1).step_by(2).fold(String::new(), |parent, segment| match segment {
        Segment::Seq { index } => format!("{parent}[{index}]"),
        Segment::Map { key } => join(&parent, key),
        Segment::Enum { .. } | Segment::Unknown => parent,
    })
}

/// The key whose value starts at `location`, if both are in one line: the library reads the start of a value, an
/// anchor or a tag, before it reports the key.
fn key_before(text: &str, location: Option<serde_saphyr::Location>) -> Option<&str> {
    let location = location?;
    let line = text.lines().nth(usize::try_from(location.line().checked_sub(1)?).ok()?)?;
    let column = usize::try_from(location.column().checked_sub(1)?).ok()?;
    let end = line.char_indices().nth(column).map_or(line.len(), |(index, _)| index);
    let before = line.get(..end)?.trim_end();
    let value = before.rsplit(' ').next().filter(|word| word.starts_with(['!', '&']));
    let before = value.and_then(|value| before.strip_suffix(value)).unwrap_or(before);
    let key = before.trim_end().strip_suffix(':')?;
    let start = key.rfind(|character: char| !character.is_ascii_alphanumeric()).map_or(0, |index| index + 1);
    key.get(start..).filter(|key| !key.is_empty())
}

impl Limits {
    fn check_bytes(&self, text: &str) -> Result<(), YamlError> {
        if text.len() <= self.bytes {
            return Ok(());
        }
        let (found, expected) = (format!("{} bytes", text.len()), format!("at most {} bytes", self.bytes));
        Err(YamlError::new(0, String::new(), found, expected))
    }

    fn options(&self) -> serde_saphyr::Options {
        let merge_keys = if self.anchors == 0 { MergeKeyPolicy::Error } else { MergeKeyPolicy::default() };
        serde_saphyr::options! {
            budget: serde_saphyr::budget! {
                max_reader_input_bytes: Some(self.bytes),
                max_events: self.values.saturating_mul(4),
                max_aliases: self.anchors,
                max_anchors: self.anchors,
                max_recorded_anchor_events: self.aliased,
                max_depth: self.levels,
                max_inclusion_depth: 0,
                // The second document of a configuration has an error of its own.
                max_documents: self.documents.max(2),
                max_nodes: self.values,
                max_total_scalar_bytes: self.bytes,
                max_merge_keys: self.anchors,
            },
            alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: self.aliased },
            merge_keys: merge_keys,
            leading_zero_numbers_as_strings: true,
            underscored_numbers_as_strings: true,
            strict_booleans: true,
            reject_unsupported_tags: true,
            non_finite_float_policy: if self.anchors == 0 {
                NonFiniteFloatPolicy::PassThrough
            } else {
                NonFiniteFloatPolicy::Reject
            },
            with_snippet: false,
        }
    }
}

impl Node {
    /// `parsed`, which is in `text` and at the key `field`.
    ///
    /// # Errors
    /// A key twice: the library distinguishes the number 1 from the text "1", which are one key here.
    fn of(parsed: Spanned<Parsed>, text: &str, field: &str) -> Result<Self, YamlError> {
        let value = match parsed.value {
            Parsed::Nothing => Value::Nothing,
            Parsed::Boolean(value) => Value::Boolean(value),
            Parsed::Whole(value) => Value::Whole(value),
            Parsed::Number(value) => Value::Number(written(parsed.referenced, text, value)),
            Parsed::Text(value) => Value::Text(value),
            Parsed::List(list) => {
                let element = |(index, element)| Self::of(element, text, &format!("{field}[{index}]"));
                Value::List(list.into_iter().enumerate().map(element).collect::<Result<_, _>>()?)
            }
            Parsed::Map(entries) => {
                let mut names = HashSet::new();
                let mut map = Vec::new();
                for (key, entry) in entries {
                    let path = join(field, &key);
                    if !names.insert(key.clone()) {
                        return Err(YamlError::repeated(entry.referenced.line(), path, &key));
                    }
                    map.push((key, Self::of(entry, text, &path)?));
                }
                Value::Map(map)
            }
        };
        Ok(Self { line: parsed.referenced.line(), value })
    }
}

/// The number as it is in `text`.
fn written(location: serde_saphyr::Location, text: &str, number: f64) -> String {
    let span = location.span();
    let bytes = span.byte_offset().zip(span.byte_len()).and_then(|(start, length)| {
        let start = usize::try_from(start).ok()?;
        Some(start..start.checked_add(usize::try_from(length).ok()?)?)
    });
    let written = bytes.and_then(|bytes| text.get(bytes)).map(str::trim).filter(|text| !text.is_empty());
    written.map_or_else(|| number.to_string(), str::to_owned)
}

impl Value {
    /// For messages about a scalar: what it is, and the text, cut where it is long. A text with `@` is not shown: before
    /// that sign, URLs have a password.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Nothing => "nothing".to_owned(),
            Self::Boolean(value) => value.to_string(),
            Self::Whole(value) => format!("the number {value}"),
            Self::Number(text) => format!("the number {}", text.chars().take(SHOWN).collect::<String>()),
            Self::Text(text) if text.contains('@') => "a string with @, which is not shown".to_owned(),
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

    /// The elements of a list.
    pub(super) fn elements(&self) -> Option<&[Node]> {
        match self {
            Self::List(list) => Some(list),
            Self::Nothing | Self::Boolean(_) | Self::Whole(_) | Self::Number(_) | Self::Text(_) | Self::Map(_) => None,
        }
    }

    /// The value under a key of a map.
    pub(super) fn member(&self, key: &str) -> Option<&Node> {
        match self {
            Self::Map(keys) => keys.iter().find(|(name, _)| name == key).map(|(_, node)| node),
            Self::Nothing | Self::Boolean(_) | Self::Whole(_) | Self::Number(_) | Self::Text(_) | Self::List(_) => None,
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
