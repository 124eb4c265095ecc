//! Golden files: one object per group, one member per case, sorted, written so that a difference is a line in git.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

use serde_json::Value as Json;

/// Lists and objects without nested ones are written on one line up to this length.
const WIDTH: usize = 110;

/// Maximum number of lines of a difference that are shown per entry.
const SHOWN: usize = 12;

pub(crate) type Entries = BTreeMap<String, Json>;

pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/behaviour/golden")
}

/// Compares a group with its golden file, or writes the file anew and then fails if it changed.
pub(crate) fn compare(group: &str, entries: &Entries) {
    let path = folder().join(format!("{group}.json"));
    let found = render(entries);
    let golden = fs::read_to_string(&path).unwrap_or_default();
    if found == golden {
        return;
    }
    let changes = changes(&serde_json::from_str(&golden).unwrap_or_default(), entries);
    if std::env::var_os("COUNTERSIGN_BEHAVIOUR").is_some_and(|value| value == "rewrite") {
        fs::write(&path, found).unwrap();
        panic!("{} is written anew; {changes}\nread `git diff`, then run the test without rewriting", path.display());
    }
    panic!("the behaviour is not that of {}: {changes}", path.display());
}

/// Lists added, removed and changed entries, with the first lines that differ.
fn changes(golden: &Entries, found: &Entries) -> String {
    let names: BTreeSet<&String> = golden.keys().chain(found.keys()).collect();
    let mut text = String::new();
    let mut count = 0;
    for name in names {
        let (before, after) = (golden.get(name), found.get(name));
        if before == after {
            continue;
        }
        count += 1;
        match (before, after) {
            (Some(_), None) => writeln!(text, "- {name}: removed").unwrap(),
            (None, _) => writeln!(text, "+ {name}: added").unwrap(),
            (Some(before), Some(after)) => {
                writeln!(text, "! {name}:").unwrap();
                let (before, after) = (entry(before), entry(after));
                let of = |page: &str| page.lines().map(str::to_owned).collect::<Vec<_>>();
                let (before, after) = (of(&before), of(&after));
                let removed = before.iter().filter(|line| !after.contains(line)).map(|line| format!("    - {line}"));
                let added = after.iter().filter(|line| !before.contains(line)).map(|line| format!("    + {line}"));
                for line in removed.take(SHOWN).chain(added.take(SHOWN)) {
                    writeln!(text, "{line}").unwrap();
                }
            }
        }
    }
    format!("{count} entries differ\n{text}")
}

fn entry(value: &Json) -> String {
    let mut out = String::new();
    write(&mut out, value, 0);
    out
}

fn render(entries: &Entries) -> String {
    let mut out = String::new();
    write(&mut out, &entries.iter().map(|(name, value)| (name.clone(), value.clone())).collect(), 0);
    out + "\n"
}

fn write(out: &mut String, value: &Json, depth: usize) {
    let line = value.to_string();
    let nested = |value: &Json| value.is_array() || value.is_object();
    let (open, close, members): (_, _, Vec<(String, &Json)>) = match value {
        Json::Array(list) if list.iter().any(nested) || line.len() > WIDTH => {
            ('[', ']', list.iter().map(|value| (String::new(), value)).collect())
        }
        Json::Object(members) if depth == 0 || members.values().any(nested) || line.len() > WIDTH => {
            // Sorted here too, whatever order the library keeps.
            let sorted: BTreeMap<_, _> = members.iter().collect();
            (
                '{',
                '}',
                sorted.into_iter().map(|(name, value)| (format!("{}: ", Json::from(name.as_str())), value)).collect(),
            )
        }
        Json::Array(_) | Json::Object(_) | Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {
            out.push_str(&line);
            return;
        }
    };
    out.push(open);
    for (index, (name, value)) in members.iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        write!(out, "{comma}\n{}{name}", "  ".repeat(depth + 1)).unwrap();
        write(out, value, depth + 1);
    }
    write!(out, "\n{}{close}", "  ".repeat(depth)).unwrap();
}
