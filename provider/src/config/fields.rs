//! Reads the keys of a YAML tree into typed values and collects every mistake on the way.
//!
//! A reading method never fails: it notes a [`Mistake`] and hands out the default, so that the next key is looked at
//! too. Whoever reads asks at the end whether the list is empty.

use std::cell::Cell;
use std::cell::RefCell;
use std::fmt;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use countersign_core::codec::text::Text;

use super::yaml::Node;
use super::yaml::Value;

/// One thing that is wrong in a configuration file, for the person who has to correct it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The configuration file.
    pub file: PathBuf,
    /// Counted from 1; 0 if the mistake has no place.
    pub line: u64,
    /// `registries[0].host`; empty for the file as a whole.
    pub field: Text,
    pub found: Text,
    pub wanted: Text,
    /// A value that would do; empty where the wanted text says it all.
    pub example: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, field, found, wanted, example } = self;
        write!(f, "{}", file.display())?;
        if *line > 0 {
            write!(f, ":{line}")?;
        }
        if !field.as_str().is_empty() {
            write!(f, ": {field}")?;
        }
        write!(f, ": found {found}: want {wanted}")?;
        if !example.is_empty() {
            write!(f, ", for example {example}")?;
        }
        Ok(())
    }
}

/// Most mistakes of one file that are kept. Who has more has the wrong file, or one mistake many times.
const MISTAKES: usize = 100;

/// The mistakes of one file, in the order of their lines.
#[derive(Debug)]
pub(super) struct Mistakes {
    file: PathBuf,
    list: RefCell<Vec<Mistake>>,
    left_out: Cell<usize>,
}

impl Mistakes {
    pub(super) fn new(file: &Path) -> Self {
        Self { file: file.to_owned(), list: RefCell::new(Vec::new()), left_out: Cell::new(0) }
    }

    pub(super) fn add(
        &self,
        line: u64,
        field: &str,
        found: impl fmt::Display,
        wanted: impl fmt::Display,
        example: &str,
    ) {
        let mut list = self.list.borrow_mut();
        if list.len() == MISTAKES {
            self.left_out.set(self.left_out.get() + 1);
            return;
        }
        list.push(Mistake {
            file: self.file.clone(),
            line,
            field: Text::of(field),
            found: Text::of(found),
            wanted: Text::of(wanted),
            example: example.to_owned(),
        });
    }

    /// Those that are kept. Of more the last one says how many are left out.
    pub(super) fn into_list(self) -> Vec<Mistake> {
        let mut list = self.list.into_inner();
        list.sort_by_key(|mistake| mistake.line);
        if self.left_out.get() > 0 {
            list.push(Mistake {
                file: self.file,
                line: 0,
                field: Text::default(),
                found: Text::of(format_args!("{} more mistakes", self.left_out.get())),
                wanted: Text::of("those above mended first"),
                example: String::new(),
            });
        }
        list
    }
}

/// The keys of one map. An absent map has none, so that all its keys have their defaults.
pub(super) struct Fields<'a> {
    path: String,
    line: u64,
    entries: &'a [(String, Node)],
    keys: &'static [&'static str],
    mistakes: &'a Mistakes,
}

impl<'a> Fields<'a> {
    /// The map `node`, which may have these `keys` and no others.
    pub(super) fn new(node: &'a Node, path: &str, keys: &'static [&'static str], mistakes: &'a Mistakes) -> Self {
        let entries: &[(String, Node)] = match &node.value {
            Value::Map(entries) => entries,
            Value::Nothing => &[],
            other @ (Value::Boolean(_) | Value::Whole(_) | Value::Number(_) | Value::Text(_) | Value::List(_)) => {
                mistakes.add(node.line, path, other.kind(), format_args!("the keys {}", keys.join(", ")), "");
                &[]
            }
        };
        let fields = Self { path: path.to_owned(), line: node.line, entries, keys, mistakes };
        for (key, value) in entries {
            if !keys.contains(&key.as_str()) {
                let wanted = format!("one of {}", keys.join(", "));
                mistakes.add(value.line, &fields.path_of(key), "an unknown key", wanted, "");
            }
        }
        fields
    }

    /// As [`Self::new`] for the map under `key`.
    pub(super) fn section(&self, key: &'static str, keys: &'static [&'static str]) -> Self {
        match self.node(key) {
            Some(node) => Self::new(node, &self.path_of(key), keys, self.mistakes),
            None => Self { path: self.path_of(key), line: self.line, entries: &[], keys, mistakes: self.mistakes },
        }
    }

    /// Whether `key` is written, with whatever value.
    pub(super) fn has(&self, key: &'static str) -> bool {
        self.node(key).is_some()
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
                self.mistakes.add(node.line, &self.path_of(key), other.kind(), "a list", "");
                Vec::new()
            }
        }
    }

    /// The texts of the list under `key`, read by `parse`.
    pub(super) fn texts<T>(
        &self,
        key: &'static str,
        wanted: &str,
        example: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Vec<T> {
        let read = |(path, node): (String, &Node)| {
            let value = node.value.text().and_then(&parse);
            if value.is_none() {
                self.mistakes.add(node.line, &path, node.value.describe(), wanted, example);
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
            self.mistakes.add(node.line, &self.path_of(key), node.value.describe(), wanted, example);
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
        self.read(key, wanted, example, |value| value.text().and_then(&parse))
    }

    pub(super) fn path(&self, key: &'static str, example: &str) -> Option<PathBuf> {
        self.text(key, "the path of a file or directory", example, |text| {
            (!text.is_empty() && !text.contains('\0')).then(|| PathBuf::from(text))
        })
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

    /// A whole number from `least` to `most`, both included.
    pub(super) fn number(&self, key: &'static str, default: usize, least: usize, most: usize) -> usize {
        let wanted = format!("a whole number from {least} to {most}");
        let read = self.read(key, &wanted, &default.to_string(), |value| match value {
            Value::Whole(value) => usize::try_from(*value).ok().filter(|value| (least..=most).contains(value)),
            Value::Nothing | Value::Boolean(_) | Value::Number(_) | Value::Text(_) | Value::List(_) | Value::Map(_) => {
                None
            }
        });
        read.unwrap_or(default)
    }

    /// A duration with its unit, from `least` to `most`, both included.
    pub(super) fn duration(&self, key: &'static str, default: Duration, least: Duration, most: Duration) -> Duration {
        let print = humantime::format_duration;
        let wanted = format!("a duration with its unit, from {} to {}", print(least), print(most));
        let example = print(default).to_string();
        let read = self.text(key, &wanted, &example, |text| {
            humantime::parse_duration(text).ok().filter(|value| (least..=most).contains(value))
        });
        read.unwrap_or(default)
    }

    /// Notes that `key` must be there and is not.
    pub(super) fn missing(&self, key: &'static str, wanted: &str, example: &str) {
        self.mistakes.add(self.line, &self.path_of(key), "nothing", wanted, example);
    }

    /// Notes that `key` stands where it must not, or has a value that does not go with another key.
    pub(super) fn conflict(&self, key: &'static str, found: impl fmt::Display, wanted: impl fmt::Display) {
        let line = self.node(key).map_or(self.line, |node| node.line);
        self.mistakes.add(line, &self.path_of(key), found, wanted, "");
    }

    pub(super) fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// The value under `key`. A key without a value counts as absent: its default applies.
    pub(super) fn node(&self, key: &'static str) -> Option<&'a Node> {
        debug_assert!(self.keys.contains(&key), "{key} is not among the section's keys");
        let found = self.entries.iter().find(|(name, _)| name == key).map(|(_, node)| node);
        found.filter(|node| node.value != Value::Nothing)
    }
}
