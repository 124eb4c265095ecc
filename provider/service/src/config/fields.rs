//! Reads the keys of a YAML tree into typed values and collects every mistake on the way.
//!
//! A reading method never fails: it records a mistake and returns the default, so that the next key is read too. The
//! caller checks at the end whether there are mistakes.

use std::cell::RefCell;
use std::fmt;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use super::Purpose;
use super::field_path::join;
use super::hints;
use super::hints::Cut;
use super::mistakes::Mistakes;
use super::places::Place;
use super::places::Places;
use super::units;
use super::yaml::Node;
use super::yaml::Value;
use countersign_core::policy::StoreRef;

/// The context that all maps of one file share.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    /// Directory of the configuration file.
    pub(super) base: &'a Path,
    /// The directory below which absolute paths are, if that is not the root of the file system.
    pub(super) root: Option<&'a Path>,
    pub(super) purpose: Purpose,
    pub(super) mistakes: &'a Mistakes,
    pub(super) places: &'a RefCell<Places>,
}

/// The keys of one map. An absent map has none, so that all its keys have their defaults.
pub(super) struct Fields<'a> {
    path: String,
    line: u64,
    entries: &'a [(String, Node)],
    keys: Vec<&'static str>,
    context: Context<'a>,
}

impl<'a> Fields<'a> {
    /// The map `node`, which may have these `keys` and no others.
    pub(super) fn new(node: &'a Node, path: &str, keys: Vec<&'static str>, context: Context<'a>) -> Self {
        let entries: &[(String, Node)] = match &node.value {
            Value::Map(entries) => entries,
            Value::Nothing => &[],
            other @ (Value::Boolean(_) | Value::Whole(_) | Value::Number(_) | Value::Text(_) | Value::List(_)) => {
                let wanted = match &keys[..] {
                    [] => "{}, which has no keys".to_owned(),
                    keys => format!("the keys {}", keys.join(", ")),
                };
                context.mistakes.add(node.line, path, other.kind(), wanted, "");
                &[]
            }
        };
        let fields = Self { path: path.to_owned(), line: node.line, entries, keys, context };
        for (key, value) in entries {
            if !fields.keys.contains(&key.as_str()) {
                let wanted = match (&fields.keys[..], hints::key_for(key, &fields.keys)) {
                    ([], _) => "none".to_owned(),
                    (keys, None) => format!("one of {}", keys.join(", ")),
                    (keys, Some(meant)) => format!("one of {}; `{meant}` seems to be meant", keys.join(", ")),
                };
                context.mistakes.add(value.line, &fields.path_of(key), "an unknown key", wanted, "");
            }
        }
        fields
    }

    /// As [`Self::new`] for the map under `key`.
    pub(super) fn section(&self, key: &'static str, keys: Vec<&'static str>) -> Self {
        match self.node(key) {
            Some(node) => Self::new(node, &self.path_of(key), keys, self.context),
            None => Self { path: self.path_of(key), line: self.line, entries: &[], keys, context: self.context },
        }
    }

    /// As [`Self::new`] for an element of a list, which is at `path`.
    pub(super) fn element(&self, node: &'a Node, path: &str, keys: Vec<&'static str>) -> Self {
        Self::new(node, path, keys, self.context)
    }

    /// The purpose for which the configuration is read.
    pub(super) fn purpose(&self) -> Purpose {
        self.context.purpose
    }

    /// Whether `key` is written, with whatever value.
    pub(super) fn has(&self, key: &'static str) -> bool {
        self.node(key).is_some()
    }

    /// Whether a mistake under `key` was found so far.
    pub(super) fn has_mistake(&self, key: &str) -> bool {
        self.context.mistakes.concerns(&self.path_of(key))
    }

    /// The keys under which a mistake was found so far.
    pub(super) fn keys_with_mistakes(&self) -> Vec<&'static str> {
        self.keys.iter().copied().filter(|key| self.has_mistake(key)).collect()
    }

    /// Whether `key` is written without a value.
    pub(super) fn is_without_value(&self, key: &str) -> bool {
        self.entries.iter().any(|(name, node)| name == key && node.value == Value::Nothing)
    }

    /// Whether `key` is written with a map of keys.
    pub(super) fn is_map(&self, key: &'static str) -> bool {
        self.node(key).is_some_and(|node| matches!(node.value, Value::Map(_)))
    }

    /// The elements of the list under `key`; none if it is absent.
    pub(super) fn list(&self, key: &'static str) -> Vec<(String, &'a Node)> {
        let Some(node) = self.node(key) else { return Vec::new() };
        match &node.value {
            Value::List(list) => {
                list.iter().enumerate().map(|(index, node)| (format!("{}[{index}]", self.path_of(key)), node)).collect()
            }
            Value::Nothing => Vec::new(),
            other @ (Value::Boolean(_) | Value::Whole(_) | Value::Number(_) | Value::Text(_) | Value::Map(_)) => {
                self.context.mistakes.add(node.line, &self.path_of(key), other.kind(), "a list", "");
                Vec::new()
            }
        }
    }

    /// The texts of the list under `key`, read by `parse`.
    pub(super) fn texts<T>(
        &self,
        key: &'static str,
        (wanted, example): (&str, &str),
        cut: Cut,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Vec<T> {
        let read = |(path, node): (String, &Node)| {
            let value = node.value.as_str().and_then(&parse);
            if value.is_none() {
                self.wrong_text(node, &path, (wanted, example), cut, |text| parse(text).is_some());
            }
            value
        };
        self.list(key).into_iter().filter_map(read).collect()
    }

    /// The value under `key`, read by `parse`; `None` if it is absent or wrong.
    pub(super) fn read<T>(
        &self,
        key: &'static str,
        wanted: &str,
        example: &str,
        parse: impl Fn(&Value) -> Option<T>,
    ) -> Option<T> {
        let node = self.node(key)?;
        let value = parse(&node.value);
        if value.is_none() {
            self.context.mistakes.add(node.line, &self.path_of(key), node.value.describe(), wanted, example);
        }
        value
    }

    /// As [`Self::read`] for a text.
    pub(super) fn text<T>(
        &self,
        key: &'static str,
        wanted: &str,
        example: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        self.text_without(key, (wanted, example), Cut::SchemeAndPath, parse)
    }

    /// As [`Self::text`]. The message about a URL has the text that is left without `cut`, if that can be read.
    pub(super) fn text_without<T>(
        &self,
        key: &'static str,
        wanted_and_example: (&str, &str),
        cut: Cut,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let node = self.node(key)?;
        let value = node.value.as_str().and_then(&parse);
        if value.is_none() {
            self.wrong_text(node, &self.path_of(key), wanted_and_example, cut, |text| parse(text).is_some());
        }
        value
    }

    /// Records that the text `node` at `path` cannot be read.
    fn wrong_text(
        &self,
        node: &Node,
        path: &str,
        (wanted, example): (&str, &str),
        cut: Cut,
        is_readable: impl Fn(&str) -> bool,
    ) {
        let found = node.value.describe();
        match node.value.as_str().and_then(|text| hints::without_url(text, cut, is_readable)) {
            // It is better than any example.
            Some(hint) => self.context.mistakes.add(node.line, path, found, format_args!("{wanted}; {hint}"), ""),
            None => self.context.mistakes.add(node.line, path, found, wanted, example),
        }
    }

    /// The path of a file or directory. A relative one starts at the directory of the configuration, an absolute one at
    /// [`Context::root`].
    pub(super) fn file(&self, key: &'static str, example: &str) -> Option<PathBuf> {
        let path = self.text(key, "the path of a file or directory", example, |text| {
            let below = |root: &Path| Path::new(text).strip_prefix("/").ok().map(|path| root.join(path));
            let path = || self.context.root.and_then(below).unwrap_or_else(|| self.context.base.join(text));
            (!text.is_empty() && !text.contains('\0')).then(path)
        })?;
        let line = self.node(key).map_or(self.line, |node| node.line);
        self.context.places.borrow_mut().add_file(&path, Place { line, field: self.path_of(key) });
        Some(path)
    }

    /// Records that this map is the element of `trust.stores` about `store`.
    pub(super) fn is_store(&self, store: &StoreRef) {
        self.context.places.borrow_mut().add_store(store, self.place());
    }

    /// Records that this map is an element of `registries`.
    pub(super) fn is_registry(&self) {
        self.context.places.borrow_mut().add_registry(self.place());
    }

    fn place(&self) -> Place {
        Place { line: self.line, field: self.path.clone() }
    }

    pub(super) fn boolean(&self, key: &'static str, default: bool) -> bool {
        let read = self.read(key, "true or false", "", |value| match value {
            Value::Boolean(value) => Some(*value),
            Value::Nothing | Value::Whole(_) | Value::Number(_) | Value::Text(_) | Value::List(_) | Value::Map(_) => {
                None
            }
        });
        read.unwrap_or(default)
    }

    /// A whole number from `min` to `max`, both included.
    pub(super) fn number(&self, key: &'static str, default: usize, min: usize, max: usize) -> usize {
        let wanted = format!("a whole number from {min} to {max}");
        let read = self.read(key, &wanted, &default.to_string(), |value| match value {
            Value::Whole(value) => usize::try_from(*value).ok().filter(|value| (min..=max).contains(value)),
            Value::Nothing | Value::Boolean(_) | Value::Number(_) | Value::Text(_) | Value::List(_) | Value::Map(_) => {
                None
            }
        });
        read.unwrap_or(default)
    }

    /// A duration with its unit, from `min` to `max`, both included.
    pub(super) fn duration(&self, key: &'static str, default: Duration, min: Duration, max: Duration) -> Duration {
        let written = units::written_duration;
        let wanted = format!("a duration with its unit (h, m, s or ms), from {} to {}", written(min), written(max));
        let read = self.text(key, &wanted, &written(default), |text| {
            units::duration(text).filter(|value| (min..=max).contains(value))
        });
        read.unwrap_or(default)
    }

    /// A size, as a number of bytes or with a unit, from `min` to `max`, both included.
    pub(super) fn size(&self, key: &'static str, default: usize, min: usize, max: usize) -> usize {
        let written = units::written_size;
        let wanted = format!(
            "a number of bytes, or one with a unit (Ki, Mi, Gi, k, M or G), from {} to {}",
            written(min),
            written(max)
        );
        let read = self.read(key, &wanted, &written(default), |value| {
            let bytes = match value {
                Value::Whole(bytes) => Some(*bytes),
                Value::Text(text) => units::size(text),
                Value::Nothing | Value::Boolean(_) | Value::Number(_) | Value::List(_) | Value::Map(_) => None,
            };
            bytes.and_then(|bytes| usize::try_from(bytes).ok()).filter(|bytes| (min..=max).contains(bytes))
        });
        read.unwrap_or(default)
    }

    /// Records that the required `key` is missing.
    pub(super) fn missing(&self, key: &'static str, wanted: &str, example: &str) {
        self.context.mistakes.add(self.line, &self.path_of(key), "nothing", wanted, example);
    }

    /// Records that `key` is not allowed here, or that its value conflicts with another key.
    pub(super) fn conflict(&self, key: &'static str, found: impl fmt::Display, wanted: impl fmt::Display) {
        let line = self.node(key).map_or(self.line, |node| node.line);
        self.context.mistakes.add(line, &self.path_of(key), found, wanted, "");
    }

    /// As [`Self::conflict`] for the `key` of a section of this map.
    pub(super) fn conflict_in(
        &self,
        section: &'static str,
        key: &'static str,
        found: impl fmt::Display,
        wanted: impl fmt::Display,
    ) {
        let section_node = self.node(section);
        let entries: &[(String, Node)] = match section_node.map(|node| &node.value) {
            Some(Value::Map(entries)) => entries,
            Some(
                Value::Nothing
                | Value::Boolean(_)
                | Value::Whole(_)
                | Value::Number(_)
                | Value::Text(_)
                | Value::List(_),
            )
            | None => &[],
        };
        let node = entries.iter().find(|(name, node)| name == key && node.value != Value::Nothing);
        let line = node.map(|(_, node)| node.line).or(section_node.map(|node| node.line)).unwrap_or(self.line);
        self.mistake(line, &join(&self.path_of(section), key), found, wanted, "");
    }

    /// Records a mistake at another location.
    pub(super) fn mistake(
        &self,
        line: u64,
        field: &str,
        found: impl fmt::Display,
        wanted: impl fmt::Display,
        example: &str,
    ) {
        self.context.mistakes.add(line, field, found, wanted, example);
    }

    pub(super) fn path_of(&self, key: &str) -> String {
        join(&self.path, key)
    }

    /// The value under `key`. A key without a value counts as absent: its default applies.
    pub(super) fn node(&self, key: &'static str) -> Option<&'a Node> {
        assert!(self.keys.contains(&key), "{key} is not among the section's keys");
        let found = self.entries.iter().find(|(name, _)| name == key).map(|(_, node)| node);
        found.filter(|node| node.value != Value::Nothing)
    }
}
