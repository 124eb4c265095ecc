//! The files that ARCHITECTURE.md names.

use std::fs;
use std::path::PathBuf;

use crate::architecture::source::top;

/// The section with additions: the second cell of its rows names new files.
const ADDITIONS: &str = "## Where to add things";

fn text() -> String {
    fs::read_to_string(top().join("provider/ARCHITECTURE.md")).unwrap()
}

/// The text below a heading, up to the next one.
pub(crate) fn section(heading: &str) -> String {
    let text = text();
    let (_, after) =
        text.split_once(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("ARCHITECTURE.md has no {heading}"));
    after.split("\n#").next().unwrap().to_owned()
}

/// The words between backticks.
pub(crate) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Whether a word is the path of a file or folder, and not that of an endpoint, a pattern or code.
fn is_path(word: &str) -> bool {
    let is_file = [".rs", ".md", ".yaml", ".json", ".toml"].iter().any(|end| word.ends_with(end));
    (is_file || word.ends_with('/')) && !word.starts_with('/') && !word.contains([' ', '*', '{', '…', ':'])
}

/// Paths are relative to `provider/`.
fn file(word: &str) -> PathBuf {
    top().join("provider").join(word)
}

#[test]
fn every_file_that_the_document_names_exists() {
    let text = text();
    let additions = section(ADDITIONS);
    let mut blocks = text.split("```").step_by(2);
    let is_addition = |line: &str| line.starts_with('|') && additions.lines().any(|row| row == line);
    let lines = blocks.by_ref().flat_map(str::lines).filter(|line| !is_addition(line));
    let named: Vec<&str> = lines.flat_map(words).filter(|word| is_path(word)).collect();
    assert!(named.len() > 60, "{named:?}");
    let missing: Vec<_> = named.into_iter().filter(|word| !file(word).exists()).collect();
    assert_eq!(missing, [] as [&str; 0]);
}

#[test]
fn additions_name_new_files_in_existing_folders_and_existing_files_to_change() {
    let text = section(ADDITIONS);
    let rows: Vec<&str> = text.lines().filter(|line| line.starts_with('|')).skip(2).collect();
    assert!(rows.len() >= 10, "{rows:?}");
    for row in rows {
        let cells: Vec<&str> = row.split('|').collect();
        for new in words(cells[2]).filter(|word| is_path(word)) {
            assert!(!file(new).exists(), "{new} exists: remove it from the additions\n{row}");
            // A new submodule is in the folder of its module.
            let parent = file(new).parent().unwrap().to_owned();
            assert!(parent.is_dir() || parent.with_extension("rs").is_file(), "the folder of {new} does not exist");
        }
        let changed: Vec<&str> = words(cells[3]).filter(|word| is_path(word)).collect();
        assert!(!changed.is_empty(), "expected a file to change in {row}");
        for path in changed {
            assert!(file(path).exists(), "{path} does not exist\n{row}");
        }
    }
}
