//! The JSON Schema of the configuration, for editors and pipelines. It describes the structure, not everything that
//! `countersign check` finds.

use serde_json::Map;
use serde_json::Value as Json;
use serde_json::json;

use super::Change;
use super::Keys;
use super::reference::one_line;

/// The schema of these keys as a document, draft 2020-12.
#[must_use]
pub(in crate::config) fn json_schema(root: Keys) -> String {
    let mut schema = of_map(root);
    if let Json::Object(members) = &mut schema {
        members.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
        members.insert("title".to_owned(), json!("Configuration of Countersign"));
    }
    format!("{schema:#}\n")
}

/// A map with these keys and no others.
pub(in crate::config) fn of_map(keys: Keys) -> Json {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for key in keys {
        let description = key.describe();
        let mut schema = description.schema;
        let mut text = one_line(key.doc(), &description.limits);
        if key.change() == Change::Restart {
            text.push_str(" A change needs a restart.");
        }
        if let Json::Object(members) = &mut schema {
            members.insert("description".to_owned(), json!(text));
        }
        properties.insert(key.name().to_owned(), schema);
        if description.is_required {
            required.push(key.name());
        }
    }
    let mut schema = json!({"type": ["object", "null"], "additionalProperties": false, "properties": properties});
    if !required.is_empty()
        && let Json::Object(members) = &mut schema
    {
        members.insert("type".to_owned(), json!("object"));
        members.insert("required".to_owned(), json!(required));
    }
    schema
}

/// `schema`, whose map must have the keys of one of the `alternatives`: the first ones with a value, the second ones
/// without.
pub(in crate::config) fn with_alternatives(mut schema: Json, alternatives: &[(&[&str], &[&str])]) -> Json {
    let alternative = |(present, absent): &(&[&str], &[&str])| {
        let mut properties = Map::new();
        properties.extend(present.iter().map(|key| ((*key).to_owned(), json!({"not": {"enum": [null, false]}}))));
        properties.extend(absent.iter().map(|key| ((*key).to_owned(), json!({"enum": [null, false]}))));
        json!({"required": present, "properties": properties})
    };
    if let Json::Object(members) = &mut schema {
        members.insert("anyOf".to_owned(), alternatives.iter().map(alternative).collect());
    }
    schema
}

/// A list of such maps.
pub(in crate::config) fn of_list(keys: Keys) -> Json {
    json!({"type": ["array", "null"], "items": of_map(keys), "default": []})
}
