//! The kinds of values that more than one key has, except those with limits.

use std::marker::PhantomData;
use std::path::PathBuf;

use serde_json::json;

use super::Description;
use super::Effective;
use super::Kind;
use super::Sample;
use super::Section;
use super::names;
use crate::config::ListenAddress;
use crate::config::fields::Fields;
use crate::config::hints::Cut;
use crate::config::listen_address;
use crate::config::yaml::Value;

/// `true` or `false`; this unless written.
pub(in crate::config) struct Flag(pub(in crate::config) bool);

impl Kind for Flag {
    type Value = bool;

    fn read(&self, fields: &Fields<'_>, key: &'static str) -> bool {
        fields.boolean(key, self.0)
    }

    fn show(&self, key: &str, value: &bool, effective: &mut Effective) {
        effective.add(key, value);
    }

    fn describe(&self) -> Description {
        Description {
            sample: Sample::Value(self.0.to_string()),
            schema: json!({"type": ["boolean", "null"], "default": self.0}),
            limits: String::new(),
            is_required: false,
        }
    }
}

/// An address to listen on: all addresses of both families and `port` unless written.
pub(in crate::config) struct Address {
    pub(in crate::config) port: u16,
}

impl Kind for Address {
    type Value = ListenAddress;

    fn read(&self, fields: &Fields<'_>, key: &'static str) -> ListenAddress {
        let wanted = "an IP address or a host name with a port, or a port alone";
        let read = fields.text(key, wanted, &format!(":{}", self.port), |text| text.parse().ok());
        read.unwrap_or(ListenAddress::any(self.port))
    }

    fn show(&self, key: &str, value: &ListenAddress, effective: &mut Effective) {
        effective.add(key, value);
    }

    fn describe(&self) -> Description {
        let default = format!(":{}", self.port);
        Description {
            sample: Sample::Value(format!("{default:?}")),
            schema: json!({"type": ["string", "null"], "pattern": listen_address::PATTERN, "default": default}),
            limits: String::new(),
            is_required: false,
        }
    }
}

/// What a path is for the JSON Schema.
pub(in crate::config) const FILE_PATTERN: &str = r"^[^\u0000]+$";

/// The path of a file or directory. Relative ones start at the directory of the configuration.
pub(in crate::config) struct File {
    pub(in crate::config) example: &'static str,
    pub(in crate::config) in_sample: InSample,
}

/// Whether the reference sample has a key that has no default.
#[derive(Clone, Copy)]
pub(in crate::config) enum InSample {
    Written,
    CommentedOut,
}

impl File {
    /// One that the reference sample has.
    pub(in crate::config) const fn written(example: &'static str) -> Self {
        Self { example, in_sample: InSample::Written }
    }

    /// One that the reference sample has commented out, in place of another key.
    pub(in crate::config) const fn alternative(example: &'static str) -> Self {
        Self { example, in_sample: InSample::CommentedOut }
    }
}

impl Kind for File {
    type Value = Option<PathBuf>;

    fn read(&self, fields: &Fields<'_>, key: &'static str) -> Option<PathBuf> {
        fields.file(key, self.example)
    }

    fn show(&self, key: &str, value: &Option<PathBuf>, effective: &mut Effective) {
        if let Some(path) = value {
            effective.path(key, path);
        }
    }

    fn describe(&self) -> Description {
        let example = self.example.to_owned();
        Description {
            sample: match self.in_sample {
                InSample::Written => Sample::Value(example),
                InSample::CommentedOut => Sample::Alternative(example),
            },
            schema: json!({"type": ["string", "null"], "pattern": FILE_PATTERN, "examples": [self.example]}),
            limits: String::new(),
            is_required: false,
        }
    }
}

/// One of several words; the first is the default unless `default` says otherwise.
pub(in crate::config) struct Choice<T: 'static> {
    pub(in crate::config) words: &'static [(&'static str, T)],
    pub(in crate::config) default: T,
    /// The words as a message lists them.
    pub(in crate::config) wanted: &'static str,
}

impl<T: Copy + PartialEq + Sync> Choice<T> {
    fn word(&self, value: &T) -> &'static str {
        self.words.iter().find(|(_, one)| one == value).map_or("", |(word, _)| word)
    }
}

impl<T: Copy + PartialEq + Sync> Kind for Choice<T> {
    type Value = T;

    fn read(&self, fields: &Fields<'_>, key: &'static str) -> T {
        let of_word = |text: &str| self.words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        fields.text(key, self.wanted, "", of_word).unwrap_or(self.default)
    }

    fn show(&self, key: &str, value: &T, effective: &mut Effective) {
        effective.add(key, self.word(value));
    }

    fn describe(&self) -> Description {
        let mut words: Vec<_> = self.words.iter().map(|(word, _)| json!(word)).collect();
        words.push(serde_json::Value::Null);
        let default = self.word(&self.default);
        Description {
            sample: Sample::Value(default.to_owned()),
            schema: json!({"enum": words, "default": default}),
            limits: String::new(),
            is_required: false,
        }
    }
}

/// A DNS name of any case for the JSON Schema.
const DNS_NAME_PATTERN: &str =
    r"^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$";

/// A list of DNS names, at least one, in lower case.
pub(in crate::config) struct DnsNames {
    pub(in crate::config) default: &'static str,
}

impl Kind for DnsNames {
    type Value = Vec<String>;

    fn read(&self, fields: &Fields<'_>, key: &'static str) -> Vec<String> {
        if !fields.has(key) {
            return vec![self.default.to_owned()];
        }
        let names = fields.texts(key, ("a DNS name", self.default), Cut::SchemeAndPath, |text| {
            let name = text.to_ascii_lowercase();
            crate::config::is_dns_name(&name).then_some(name)
        });
        if matches!(fields.node(key).map(|node| &node.value), Some(Value::List(list)) if list.is_empty()) {
            fields.conflict(key, "an empty list", "at least one DNS name; without one no client could connect");
        }
        names
    }

    fn show(&self, key: &str, value: &Vec<String>, effective: &mut Effective) {
        effective.add(key, value.join(","));
    }

    fn describe(&self) -> Description {
        Description {
            sample: Sample::Value(format!("[{}]", self.default)),
            schema: json!({
                "type": ["array", "null"],
                "items": {"type": "string", "maxLength": 253, "pattern": DNS_NAME_PATTERN},
                "minItems": 1,
                "default": [self.default],
            }),
            limits: String::new(),
            is_required: false,
        }
    }
}

/// A map of keys.
pub(in crate::config) struct Nested<S>(pub(in crate::config) PhantomData<fn() -> S>);

impl<S> Nested<S> {
    pub(in crate::config) const NEW: Self = Self(PhantomData);
}

impl<S: Section> Kind for Nested<S> {
    type Value = S;

    fn read(&self, fields: &Fields<'_>, key: &'static str) -> S {
        S::read(&fields.section(key, names(S::KEYS)))
    }

    fn show(&self, key: &str, value: &S, effective: &mut Effective) {
        value.show(key, effective);
    }

    fn describe(&self) -> Description {
        Description {
            sample: Sample::Section(S::KEYS),
            schema: super::json_schema::of_map(S::KEYS),
            limits: String::new(),
            is_required: false,
        }
    }
}
