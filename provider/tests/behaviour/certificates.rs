//! Certificates as `inspect` shows them, once for all signatures of a group that have them.

use std::collections::BTreeMap;

use serde_json::Value as Json;
use serde_json::json;

/// Lines about one certificate in the text of `inspect`.
const LINES: usize = 6;

/// What was seen, by the name of the fingerprint.
#[derive(Default)]
pub(crate) struct Certificates(BTreeMap<String, Seen>);

#[derive(Default)]
struct Seen {
    json: Option<Json>,
    text: Option<Vec<String>>,
}

impl Certificates {
    /// Replaces every certificate that looks as it did before by its name.
    pub(crate) fn shorten_json(&mut self, document: &mut Json) {
        match document {
            Json::Object(members) if members.contains_key("notBefore") => {
                let Some(name) = members.get("sha256").and_then(Json::as_str).map(name_of) else { return };
                let seen = self.0.entry(name.clone()).or_default();
                if seen.json.get_or_insert_with(|| document.clone()) == document {
                    *document = json!(format!("(certificate {name})"));
                }
            }
            Json::Object(members) => members.values_mut().for_each(|value| self.shorten_json(value)),
            Json::Array(list) => list.iter_mut().for_each(|value| self.shorten_json(value)),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
        }
    }

    /// The same in the lines of a page.
    pub(crate) fn shorten_text(&mut self, lines: &mut Vec<String>) {
        let starts = (0..lines.len()).filter(|line| lines[*line].starts_with("  certificate ")).collect::<Vec<_>>();
        for start in starts.into_iter().rev() {
            let Some(block) = lines.get(start..start + LINES) else { continue };
            let Some(fingerprint) = block.iter().find_map(|line| line.strip_prefix("    sha256    ")) else { continue };
            let name = name_of(fingerprint);
            let seen = self.0.entry(name.clone()).or_default();
            if seen.text.get_or_insert_with(|| block.to_vec()) == block {
                lines.splice(start..start + LINES, [format!("(certificate {name})")]);
            }
        }
    }

    /// All of them.
    pub(crate) fn document(self) -> Json {
        let all = self.0.into_iter().map(|(name, Seen { json, text })| (name, json!({"json": json, "text": text})));
        all.collect::<serde_json::Map<_, _>>().into()
    }
}

fn name_of(fingerprint: &str) -> String {
    fingerprint.trim_start_matches("<sha256 of ").trim_end_matches('>').to_owned()
}
