//! The reference sample: every key with its meaning, limits and default.

use super::Keys;
use super::Sample;
use super::restart_keys;

/// Maximum length of a line of a comment.
const WIDTH: usize = 120;

/// The reference sample of these keys as a YAML document, which is a valid configuration.
#[must_use]
pub(in crate::config) fn reference_sample(root: Keys) -> String {
    let restart = match restart_keys(root).split_last() {
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
        None => "none".to_owned(),
    };
    let head = [
        "Countersign: every key there is, with its default. Keys that are commented out have no default.".to_owned(),
        String::new(),
        "Durations are numbers with the units h, m, s and ms: 300ms, 1.8s, 10s, 5m, 1h30m. Sizes are numbers of bytes, alone or \
         with a unit: 16777216, 16Mi, 512Ki, 1.5Gi (powers of 1024), 4M (powers of 1000: k, M, G). Relative paths start at the directory of this file. Secrets are in files of their own, never here. A misspelt key is an error; all mistakes \
         of this file are reported at once."
            .to_owned(),
        format!("A change of this file needs no restart, but for {restart}."),
        "Made from the table of keys in src/config/sections; a test holds it against the table.".to_owned(),
    ];
    let mut page = Page::default();
    for paragraph in &head {
        page.comment("", paragraph);
    }
    for key in root {
        page.text.push('\n');
        page.key(*key, "", "");
    }
    page.text
}

/// The documentation of a key as one line: with its limits, without line breaks.
pub(super) fn one_line(doc: &str, limits: &str) -> String {
    let words: Vec<&str> = doc.split_whitespace().chain(limits.split_whitespace()).collect();
    words.join(" ")
}

#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    /// `text` in lines of at most [`WIDTH`], each a comment behind `indent`.
    fn comment(&mut self, indent: &str, text: &str) {
        let mut line = String::new();
        for word in text.split_whitespace() {
            if !line.is_empty() && indent.len() + 2 + line.len() + 1 + word.len() > WIDTH {
                self.text.push_str(&format!("{indent}# {line}\n"));
                line.clear();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        self.text.push_str(format!("{indent}# {line}").trim_end());
        self.text.push('\n');
    }

    /// A key with its documentation, behind `indent`. `element` replaces the indentation if the key begins an element
    /// of a list.
    fn key(&mut self, key: &dyn super::AnyKey, indent: &str, element: &str) {
        let description = key.describe();
        let doc = one_line(key.doc(), &description.limits);
        if !doc.is_empty() {
            self.comment(indent, &doc);
        }
        let begin = if element.is_empty() { indent } else { element };
        let name = key.name();
        match description.sample {
            Sample::Value(value) => self.text.push_str(&format!("{begin}{name}: {value}\n")),
            Sample::Alternative(value) => self.text.push_str(&format!("{begin}# {name}: {value}\n")),
            Sample::Section(keys) => {
                self.text.push_str(&format!("{begin}{name}:\n"));
                self.keys(keys, &format!("{indent}  "));
            }
            Sample::AlternativeSection(keys) => {
                self.text.push_str(&format!("{begin}# {name}:\n"));
                keys.iter().for_each(|key| self.key(*key, &format!("{indent}#   "), ""));
            }
            Sample::Map { name: example, value } => {
                self.text.push_str(&format!("{begin}{name}:\n{indent}  {example}: {value}\n"));
            }
            Sample::List(keys) => {
                self.text.push_str(&format!("{begin}{name}: []\n"));
                self.element(keys, &format!("{indent}# "));
            }
        }
    }

    fn keys(&mut self, keys: Keys, indent: &str) {
        for (number, key) in keys.iter().enumerate() {
            if number > 0 && indent.trim().is_empty() {
                self.text.push('\n');
            }
            self.key(*key, indent, "");
        }
    }

    /// A commented-out element of a list.
    fn element(&mut self, keys: Keys, comment: &str) {
        for (number, key) in keys.iter().enumerate() {
            let element = if number == 0 { format!("{comment}- ") } else { String::new() };
            self.key(*key, &format!("{comment}  "), &element);
        }
    }
}
