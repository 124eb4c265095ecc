//! `verification.requiredMetadata`: by name of a statement, annotations that a signature must carry.

use std::collections::BTreeMap;

use serde_json::json;

use crate::config::fields::Fields;
use crate::config::schema::Description;
use crate::config::schema::Effective;
use crate::config::schema::Kind;
use crate::config::schema::Sample;
use crate::config::schema::Section as _;
use crate::config::schema::list_schema;
use crate::config::schema::names;
use crate::config::schema::section;
use crate::config::yaml::Node;
use crate::config::yaml::Value;

section! {
    /// One element, as written.
    pub(super) Entry {
        /// The name of a statement of the trust policy.
        statement "statement": Option<String> = Statement;
        /// Names with the values that they must have.
        annotations "annotations": BTreeMap<String, String> = Annotations;
    }
}

/// The whole list.
pub(in crate::config) struct RequiredMetadata;

impl Kind for RequiredMetadata {
    type Value = BTreeMap<String, BTreeMap<String, String>>;

    fn read(&self, fields: &Fields<'_>, key: &'static str) -> Self::Value {
        let mut required = BTreeMap::new();
        for (path, node) in fields.list(key) {
            let entry = fields.element(node, &path, names(Entry::KEYS));
            let Entry { statement, annotations } = Entry::read(&entry);
            let Some(statement) = statement else { continue };
            if required.insert(statement.clone(), annotations).is_some() {
                entry.conflict("statement", format_args!("{statement:?} twice"), "each statement once");
            }
        }
        required
    }

    fn show(&self, key: &str, value: &Self::Value, effective: &mut Effective) {
        for (statement, annotations) in value {
            effective.add(key, format_args!("{statement:?}:{annotations:?}"));
        }
    }

    fn describe(&self) -> Description {
        Description {
            sample: Sample::List(Entry::KEYS),
            schema: list_schema(Entry::KEYS),
            limits: String::new(),
            is_required: false,
        }
    }
}

/// The name of a statement.
pub(super) struct Statement;

impl Kind for Statement {
    type Value = Option<String>;

    fn read(&self, fields: &Fields<'_>, key: &'static str) -> Option<String> {
        let (wanted, example) = ("the name of a statement of the trust policy", "production");
        if !fields.has(key) {
            fields.missing(key, wanted, example);
        }
        fields.text(key, wanted, example, |text| (!text.is_empty()).then(|| text.to_owned()))
    }

    fn show(&self, key: &str, value: &Option<String>, effective: &mut Effective) {
        if let Some(statement) = value {
            effective.add(key, statement);
        }
    }

    fn describe(&self) -> Description {
        Description {
            sample: Sample::Value("production".to_owned()),
            schema: json!({"type": "string", "minLength": 1}),
            limits: String::new(),
            is_required: true,
        }
    }
}

/// Annotations with their values, at least one.
pub(super) struct Annotations;

impl Kind for Annotations {
    type Value = BTreeMap<String, String>;

    fn read(&self, fields: &Fields<'_>, key: &'static str) -> BTreeMap<String, String> {
        let mut annotations = BTreeMap::new();
        let wanted = "at least one annotation with its value";
        let example = "{io.example.pipeline: release}";
        match fields.node(key).map(|node| (node.line, &node.value)) {
            Some((_, Value::Map(entries))) if !entries.is_empty() => {
                for (name, Node { line, value }) in entries {
                    if let Value::Text(text) = value {
                        annotations.insert(name.clone(), text.clone());
                    } else {
                        let path = format!("{}.{name}", fields.path_of(key));
                        fields.mistake(*line, &path, value.describe(), "a string; put it in quotation marks", "\"1\"");
                    }
                }
            }
            Some((line, value)) => fields.mistake(line, &fields.path_of(key), value.kind(), wanted, example),
            None => fields.missing(key, wanted, example),
        }
        annotations
    }

    fn show(&self, key: &str, value: &BTreeMap<String, String>, effective: &mut Effective) {
        effective.add(key, format_args!("{value:?}"));
    }

    fn describe(&self) -> Description {
        Description {
            sample: Sample::Map { name: "io.example.pipeline", value: "release" },
            schema: json!({"type": "object", "additionalProperties": {"type": "string"}, "minProperties": 1}),
            limits: String::new(),
            is_required: true,
        }
    }
}
