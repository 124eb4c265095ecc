//! A kind of texts that a type of their own reads.

use std::fmt;

use serde_json::json;

use super::Description;
use super::Effective;
use super::Kind;
use super::Sample;
use crate::config::fields::Fields;

/// A text that `parse` reads, without a default. Commented out in the reference sample.
pub(in crate::config) struct Parsed<T> {
    pub(in crate::config) parse: fn(&str) -> Option<T>,
    /// What a message expects.
    pub(in crate::config) wanted: &'static str,
    pub(in crate::config) example: &'static str,
    /// For the JSON Schema, which has not the whole grammar.
    pub(in crate::config) pattern: &'static str,
    pub(in crate::config) max_bytes: usize,
}

/// A [`Parsed`] text that the map must have.
pub(in crate::config) struct Required<T>(pub(in crate::config) Parsed<T>);

impl<T: fmt::Display> Kind for Required<T> {
    type Value = Option<T>;

    fn read(&self, fields: &Fields<'_>, key: &'static str) -> Option<T> {
        if !fields.has(key) {
            fields.missing(key, self.0.wanted, self.0.example);
        }
        self.0.read(fields, key)
    }

    fn show(&self, key: &str, value: &Option<T>, effective: &mut Effective) {
        self.0.show(key, value, effective);
    }

    fn describe(&self) -> Description {
        let Parsed { parse: _, wanted: _, example, pattern, max_bytes } = self.0;
        Description {
            sample: Sample::Value(example.to_owned()),
            schema: json!({"type": "string", "pattern": pattern, "maxLength": max_bytes, "examples": [example]}),
            limits: String::new(),
            is_required: true,
        }
    }
}

impl<T: fmt::Display> Kind for Parsed<T> {
    type Value = Option<T>;

    fn read(&self, fields: &Fields<'_>, key: &'static str) -> Option<T> {
        fields.text(key, self.wanted, self.example, |text| {
            (text.len() <= self.max_bytes).then(|| (self.parse)(text)).flatten()
        })
    }

    fn show(&self, key: &str, value: &Option<T>, effective: &mut Effective) {
        if let Some(value) = value {
            effective.add(key, value);
        }
    }

    fn describe(&self) -> Description {
        Description {
            sample: Sample::Alternative(self.example.to_owned()),
            schema: json!({
                "type": ["string", "null"],
                "pattern": self.pattern,
                "maxLength": self.max_bytes,
                "examples": [self.example],
            }),
            limits: String::new(),
            is_required: false,
        }
    }
}
