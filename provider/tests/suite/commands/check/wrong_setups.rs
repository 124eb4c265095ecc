//! What wrong set-ups say, word for word: those of each service in its golden file, which `COUNTERSIGN_GOLDEN=rewrite` writes anew.
//! Those of Azure Container Registry and Artifact Registry are beside their other tests.

mod ecr;
mod key_vault;

use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;

/// Fails unless the file in `tests/golden` has these cases, each with what is said.
pub(super) fn assert_golden(file: &str, cases: &[(&str, Vec<String>)]) {
    let mut all = String::new();
    for (name, said) in cases {
        assert!(!said.is_empty(), "{name}: nothing is said");
        writeln!(all, "# {name}\n{}\n", said.join("\n")).unwrap();
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(file);
    if std::env::var_os("COUNTERSIGN_GOLDEN").is_some_and(|value| value == "rewrite") {
        std::fs::write(&path, &all).unwrap();
    }
    assert_eq!(all, std::fs::read_to_string(&path).unwrap_or_default());
}

/// The warnings of these kinds, as [`shown`].
pub(super) fn warnings(document: &Value, kinds: &[&str]) -> Vec<String> {
    let list = document["warnings"].as_array().unwrap().iter();
    let found = list.filter(|one| kinds.contains(&one["warning"].as_str().unwrap()));
    found
        .map(|one| shown(&format!("{}: {}", one["warning"].as_str().unwrap(), one["message"].as_str().unwrap())))
        .collect()
}

/// The text with `PORT`, `TIME` and `SESSION` in place of what differs from run to run.
fn shown(text: &str) -> String {
    let text = numbered(&numbered(text, "127.0.0.1:", "PORT"), "web-identity-token-", "SESSION");
    // The double writes its time in words.
    let text = match (text.find(", now 20"), text.find(": more than")) {
        (Some(from), Some(to)) if from < to => format!("{}, now TIME{}", &text[..from], &text[to..]),
        _ => text,
    };
    without_times(&text)
}

/// The text with `name` in place of each number after `before`.
fn numbered(text: &str, before: &str, name: &str) -> String {
    let mut parts = text.split(before);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |shown, part| {
        format!("{shown}{before}{name}{}", part.trim_start_matches(|byte: char| byte.is_ascii_digit()))
    })
}

/// Each word that is a time of this century is `TIME`: `2026-11-27T19:44:33Z`, `20261127T194433Z`, or in seconds.
fn without_times(text: &str) -> String {
    let is_time = |word: &str| {
        let digits = word.bytes().filter(u8::is_ascii_digit).count();
        let is_date = word.starts_with("20") && word.ends_with('Z') && word.contains('T') && digits >= 14;
        is_date || (word.len() == 10 && word.starts_with('1') && digits == 10)
    };
    let shown = |word: &str| {
        let time = word.trim_matches(|end: char| ",.;()".contains(end));
        if is_time(time) { word.replace(time, "TIME") } else { word.to_owned() }
    };
    text.split(' ').map(shown).collect::<Vec<_>>().join(" ")
}
