//! docs/security.md: its tests exist, and it has all tests of `advisories`.

use std::collections::BTreeSet;
use std::fs;

use crate::architecture::source::rust_files;
use crate::architecture::source::top;
use crate::documents::markdown::read;

const PAGE: &str = "provider/docs/security.md";

/// The beginnings of the names of tests of attacks: the identifiers of advisories, and those of the lists without one.
const IDENTIFIERS: [&str; 6] = ["cve_", "ghsa_", "go_", "rustsec_", "found_", "abuse_"];

/// Words in backticks that may be functions: in lower case, with several parts.
fn functions_of(text: &str) -> BTreeSet<String> {
    let spans = text.split('`').skip(1).step_by(2);
    let is_function = |span: &&str| {
        span.matches('_').count() >= 2 && span.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    spans.filter(is_function).map(str::to_owned).collect()
}

/// The tests in these files: the functions after an attribute that makes them one.
fn tests_of<'a>(texts: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for text in texts {
        let mut is_test = false;
        for line in text.lines().map(str::trim) {
            let name = line.split("fn ").nth(1).and_then(|rest| rest.split('(').next());
            match name {
                Some(name) if is_test => {
                    found.insert(name.to_owned());
                    is_test = false;
                }
                Some(_) | None => is_test = is_test || line.starts_with("#[test]") || line.starts_with("#[tokio::test"),
            }
        }
    }
    found
}

fn texts_below(folder: &str) -> Vec<String> {
    rust_files(&top().join(folder)).iter().map(|path| fs::read_to_string(path).unwrap()).collect()
}

#[test]
fn every_test_that_the_page_names_exists() {
    let texts = texts_below("provider");
    let tests = tests_of(texts.iter().map(String::as_str));
    let named = functions_of(&read(PAGE));
    assert!(named.len() > 80, "{named:?}");
    let missing: Vec<_> = named.difference(&tests).collect();
    assert!(missing.is_empty(), "{PAGE} names tests that do not exist: {missing:#?}");
}

#[test]
fn the_tables_of_advisories_have_every_test_of_an_attack() {
    let page = read(PAGE);
    let (_, tables) = page.split_once("\n## Advisories\n").unwrap();
    let is_attack = |name: &String| IDENTIFIERS.iter().any(|identifier| name.starts_with(identifier));
    let listed: BTreeSet<String> = functions_of(tables).into_iter().filter(is_attack).collect();
    let mut texts = texts_below("provider/tests/suite/advisories");
    texts.push(read("provider/tests/memory/advisories.rs"));
    let tests = tests_of(texts.iter().map(String::as_str));
    let unnamed: Vec<_> = tests.iter().filter(|name| !is_attack(name)).collect();
    assert!(unnamed.is_empty(), "tests of attacks without an identifier: {unnamed:?}");
    assert_eq!(listed, tests);
}

/// An identifier in the name of a test is in the row of its table.
#[test]
fn the_row_of_a_test_has_its_identifier() {
    let page = read(PAGE);
    let (_, tables) = page.split_once("\n## Advisories\n").unwrap();
    for row in
        tables.lines().filter(|line| line.starts_with("| CVE") || line.starts_with("| G") || line.starts_with("| R"))
    {
        let identifiers = row.to_lowercase().replace('-', "_");
        let (first, rest) = identifiers[2..].split_once(" |").unwrap();
        // The first test is that of the row; a class of attacks may share the test of another advisory.
        let Some(test) = functions_of(rest).into_iter().next() else { continue };
        let own = test.split('_').take(3).collect::<Vec<_>>().join("_");
        let shared = ["cve_2023_46737", "cve_2007_6750", "cve_2019_11253", "rustsec_2024_0336"];
        assert!(first.contains(&own) || shared.iter().any(|one| first.starts_with(one)), "{test}: {row}");
    }
}

#[test]
fn the_readme_links_to_the_page() {
    assert!(read("README.md").contains("](provider/docs/security.md"));
}

#[test]
fn finds_tests_and_names_of_tests() {
    let found =
        tests_of(["#[test]\nfn a_b_c() {}\nfn d_e_f() {}\n#[tokio::test(start_paused = true)]\nasync fn g_h_i() {}\n"]);
    assert_eq!(found, BTreeSet::from(["a_b_c".to_owned(), "g_h_i".to_owned()]));
    assert_eq!(functions_of("`a_b_c`, `a.b`, `A_B_C` and `a_b`"), BTreeSet::from(["a_b_c".to_owned()]));
}
