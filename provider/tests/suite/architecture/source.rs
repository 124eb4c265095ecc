//! Reads Rust sources: their modules, and the paths in their code.
//!
//! Comments and test modules are not read: tests may import what they need.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

/// The root of the repository.
pub(crate) fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Rust files below a folder, sorted. Build directories are not read.
pub(crate) fn rust_files(folder: &Path) -> Vec<PathBuf> {
    fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                if path.file_name().is_some_and(|name| name != "target") {
                    collect(&path, files);
                }
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    let mut files = Vec::new();
    collect(folder, &mut files);
    files.sort();
    files
}

pub(crate) fn is_test_file(file: &Path) -> bool {
    file.iter().any(|part| part == "tests" || part == "tests.rs")
}

/// The code of a file, without comments and without the test module at its end.
pub(crate) fn code(text: &str) -> String {
    let mut code = String::new();
    let mut after_cfg_test = false;
    for line in text.lines() {
        let line = line.trim();
        if after_cfg_test && line.starts_with("mod ") && line.ends_with('{') {
            break;
        }
        after_cfg_test = line == "#[cfg(test)]" || (after_cfg_test && line.starts_with("#["));
        if !line.starts_with("//") {
            code.push_str(line.split_once(" // ").map_or(line, |(code, _)| code));
            code.push('\n');
        }
    }
    code
}

/// A path in code: `crate::codec::Text` is `["crate", "codec", "Text"]`. The path before a group, `crate::{a, b}`, ends with
/// an empty name.
pub(crate) fn paths(code: &str) -> Vec<Vec<&str>> {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let mut found = Vec::new();
    let (mut rest, mut before) = (code, ' ');
    while let Some(start) = rest.find(is_name) {
        let previous = rest[..start].chars().next_back().unwrap_or(before);
        rest = &rest[start..];
        let mut path = Vec::new();
        loop {
            let end = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
            path.push(&rest[..end]);
            rest = &rest[end..];
            match rest.strip_prefix("::") {
                Some(next) if next.starts_with(is_name) || next.starts_with('{') => rest = next,
                Some(_) | None => break,
            }
        }
        before = 'a';
        if path.len() > 1 && !matches!(previous, ':' | '$' | '.') {
            found.push(path);
        }
    }
    found
}

/// The modules of one crate and their code. The root has the empty path; `lib.rs` and `main.rs` are both the root.
pub(crate) struct Crate {
    modules: BTreeMap<Vec<String>, String>,
    /// Items that a module re-exports, and where they are declared.
    reexports: BTreeMap<Vec<String>, Vec<String>>,
}

impl Crate {
    /// Reads all files below `folder`.
    pub(crate) fn read(folder: &Path) -> Self {
        let files = rust_files(folder);
        let files = files.iter().map(|path| (path.strip_prefix(folder).unwrap(), fs::read_to_string(path).unwrap()));
        Self::of(files.filter(|(file, _)| !is_test_file(file)).map(|(file, text)| (module_of(file), code(&text))))
    }

    fn of(files: impl Iterator<Item = (Vec<String>, String)>) -> Self {
        let mut modules = BTreeMap::<Vec<String>, String>::new();
        for (module, code) in files {
            modules.entry(module).or_default().push_str(&code);
        }
        let mut read = Self { modules, reexports: BTreeMap::new() };
        for (module, code) in &read.modules {
            for line in code.lines().filter(|line| is_reexport(line)) {
                let (_, import) = line.split_once(" use ").unwrap();
                let (path, alias) = import.trim_end_matches(';').split_once(" as ").unwrap_or((import, ""));
                let path: Vec<&str> = path.trim_end_matches(';').split("::").collect();
                let name = if alias.is_empty() { path[path.len() - 1] } else { alias };
                if let Some(target) = read.absolute(module, &path) {
                    read.reexports.insert([module.as_slice(), &[name.to_owned()]].concat(), target);
                }
            }
        }
        read
    }

    pub(crate) fn modules(&self) -> impl Iterator<Item = &Vec<String>> {
        self.modules.keys()
    }

    pub(crate) fn code(&self, module: &[String]) -> &str {
        &self.modules[module]
    }

    /// The path from the root of the crate, if `path` in `module` is one within the crate.
    pub(crate) fn absolute(&self, module: &[String], path: &[&str]) -> Option<Vec<String>> {
        let mut base = module.to_vec();
        let mut rest = path;
        match *path.first()? {
            "crate" => {
                base.clear();
                rest = &path[1..];
            }
            "self" => rest = &path[1..],
            "super" => {
                while rest.first() == Some(&"super") {
                    base.pop();
                    rest = &rest[1..];
                }
            }
            name => {
                base.push(name.to_owned());
                if !self.modules.contains_key(&base) {
                    return None;
                }
                rest = &path[1..];
            }
        }
        base.extend(rest.iter().map(|name| (*name).to_owned()));
        Some(base)
    }

    /// The modules that `module` imports from: for an item that is re-exported, the module that declares it. A re-export of
    /// the module itself is no import.
    pub(crate) fn imports(&self, module: &[String]) -> Vec<Vec<String>> {
        let code: String =
            self.code(module).lines().filter(|line| !is_reexport(line)).flat_map(|line| [line, "\n"]).collect();
        paths(&code).iter().filter_map(|path| self.absolute(module, path)).map(|path| self.declared_in(path)).collect()
    }

    fn declared_in(&self, mut path: Vec<String>) -> Vec<String> {
        // No chain of re-exports is longer.
        for _ in 0..10 {
            let Some((length, target)) =
                (1..=path.len()).rev().find_map(|length| Some((length, self.reexports.get(&path[..length])?)))
            else {
                break;
            };
            path = [target.as_slice(), &path[length..]].concat();
        }
        while !self.modules.contains_key(&path) && !path.is_empty() {
            path.pop();
        }
        path
    }
}

fn is_reexport(line: &str) -> bool {
    line.starts_with("pub") && line.ends_with(';') && line.split_once(" use ").is_some()
}

/// The path of the module in a file: `server/tls.rs` is `["server", "tls"]`.
fn module_of(file: &Path) -> Vec<String> {
    let parts: Vec<_> = file.with_extension("").iter().map(|part| part.to_str().unwrap().to_owned()).collect();
    if parts == ["lib"] || parts == ["main"] { Vec::new() } else { parts }
}

#[cfg(test)]
fn strings(path: &[&str]) -> Vec<String> {
    path.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn finds_paths_in_code_and_not_in_comments_and_tests() {
    let code = code(
        "//! [`crate::comment`]\nuse crate::one;\nuse super::two::Two; // crate::aside\nlet x = crate::three::f(other::X);\n\
         use crate::{five, six};\n$crate::seven!();\na.b::<c>();\n#[cfg(test)]\nmod tests {\n    use crate::nine;\n}\n",
    );
    let found: Vec<String> = paths(&code).iter().map(|path| path.join("::")).collect();
    assert_eq!(found, ["crate::one", "super::two::Two", "crate::three::f", "other::X", "crate::"]);
}

#[test]
fn resolves_paths_as_the_compiler_does() {
    let files = [
        ("lib.rs", "mod a;\nmod b;\npub use a::Item;\n"),
        ("a.rs", "mod inner;\npub(crate) use inner::Item;\nuse crate::b::f;\n"),
        ("a/inner.rs", "use super::super::b;\nuse super::other;\nuse self::x::y;\n"),
        ("b.rs", "use crate::Item;\nuse std::fmt;\n"),
    ];
    let read = Crate::of(files.iter().map(|(file, text)| (module_of(Path::new(file)), code(text))));
    let imports = |module: &[&str]| read.imports(&strings(module));
    assert_eq!(imports(&[]), [] as [Vec<String>; 0]);
    assert_eq!(imports(&["a"]), [strings(&["b"])]);
    assert_eq!(imports(&["a", "inner"]), [strings(&["b"]), strings(&["a"]), strings(&["a", "inner"])]);
    assert_eq!(imports(&["b"]), [strings(&["a", "inner"])]);
}
