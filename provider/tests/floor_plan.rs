//! The floor plan of ARCHITECTURE.md, kept by reading the sources: who uses whom within a crate, where the compiler would
//! allow circles, and what the crates' manifests must not hold.
//!
//! Read are the paths that begin with `crate::`, `super::` or a crate of ours, in code and not in comments. Test modules
//! may use what they like.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

/// Floor, module, and the whole list of modules that it may use. A module of the core is written `core::name`, one of
/// the provider `name`; the other crates are one module each. A new entry is a change of the architecture, and
/// ARCHITECTURE.md says the same.
const PLAN: &[(u8, &str, &[&str])] = &[
    (16, "main", &["cli"]),
    (
        16,
        "cli",
        &[
            "runtime",
            "clock",
            "files",
            "server",
            "json_model",
            "engine",
            "config",
            "policy_source",
            "telemetry",
            "http",
            "registry",
            "core::codec",
            "core::name",
            "core::verdict",
            "core::notation",
            "core::time",
        ],
    ),
    (
        15,
        "runtime",
        &[
            "server",
            "engine",
            "config",
            "policy_source",
            "telemetry",
            "clock",
            "files",
            "http",
            "registry",
            "core::name",
            "core::time",
        ],
    ),
    (
        14,
        "server",
        &[
            "protocol",
            "json_model",
            "engine",
            "telemetry",
            "clock",
            "config",
            "files",
            "core::codec",
            "core::name",
            "core::verdict",
            "core::notation",
            "core::time",
        ],
    ),
    (
        13,
        "protocol",
        &["json_model", "engine", "core::codec", "core::limits", "core::name", "core::notation", "core::verdict"],
    ),
    (12, "json_model", &["engine", "core::codec", "core::name", "core::verdict", "core::notation", "core::time"]),
    (
        11,
        "engine",
        &[
            "cache",
            "clock",
            "evidence",
            "policy_source",
            "telemetry",
            "http",
            "registry",
            "core::codec",
            "core::evidence",
            "core::limits",
            "core::name",
            "core::oci",
            "core::time",
            "core::policy",
            "core::verdict",
            "core::notation",
            "core::x509",
        ],
    ),
    (
        10,
        "policy_source",
        &["config", "files", "core::codec", "core::limits", "core::name", "core::time", "core::policy", "core::x509"],
    ),
    (
        10,
        "config",
        &[
            "files",
            "credentials",
            "http",
            "registry",
            "core::codec",
            "core::limits",
            "core::name",
            "core::time",
            "core::policy",
        ],
    ),
    (
        10,
        "telemetry",
        &["http", "registry", "core::codec", "core::name", "core::time", "core::verdict", "core::notation"],
    ),
    (10, "cache", &["http"]),
    (10, "clock", &["core::time"]),
    (10, "evidence", &["core::evidence"]),
    (9, "files", &[]),
    (9, "registry", &["credentials", "http", "core::codec", "core::limits", "core::name", "core::oci", "core::time"]),
    (8, "credentials", &["http", "core::codec", "core::limits", "core::name"]),
    (7, "http", &["core::codec", "core::limits", "core::name", "core::time"]),
    (6, "core::verdict", &["core::codec", "core::name", "core::notation", "core::reason", "core::time"]),
    (
        5,
        "core::notation",
        &[
            "core::codec",
            "core::crypto",
            "core::evidence",
            "core::limits",
            "core::name",
            "core::oci",
            "core::policy",
            "core::reason",
            "core::time",
            "core::x509",
        ],
    ),
    (5, "core::evidence", &["core::codec", "core::limits", "core::name", "core::policy", "core::time", "core::x509"]),
    (4, "core::policy", &["core::codec", "core::crypto", "core::limits", "core::name", "core::time", "core::x509"]),
    (3, "core::x509", &["core::codec", "core::crypto", "core::limits", "core::time"]),
    (3, "core::oci", &["core::codec", "core::limits", "core::name"]),
    (3, "core::reason", &["core::codec"]),
    (2, "core::crypto", &["core::codec"]),
    (2, "core::name", &["core::codec", "core::limits"]),
    (1, "core::codec", &["core::limits"]),
    (0, "core::limits", &[]),
    (0, "core::time", &[]),
    // Speaks bytes: what it shared with the core, both would misread.
    (0, "testkit", &[]),
];

/// Arrows within a floor.
const WITHIN_A_FLOOR: &[(&str, &str)] =
    &[("main", "cli"), ("policy_source", "config"), ("core::notation", "core::evidence")];

/// Source folders from the top of the repository, and what `crate` means in them.
const FOLDERS: &[(&str, &str)] = &[
    ("provider/src", ""),
    ("provider/core/src", "core::"),
    ("provider/http/src", "http"),
    ("provider/credentials/src", "credentials"),
    ("provider/registry/src", "registry"),
    ("provider/testkit/src", "testkit"),
];

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Rust files below a folder, in order, as paths from it. What is compiled is not read.
fn rust_files(folder: &Path) -> Vec<PathBuf> {
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

/// The code of a file: comments are taken out, and test modules at its foot.
fn code(text: &str) -> String {
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

/// The first name after every `prefix` that begins a path.
fn names_after<'a>(code: &'a str, prefix: &'a str) -> impl Iterator<Item = &'a str> {
    code.match_indices(prefix).filter_map(move |(at, _)| {
        let before = code[..at].chars().next_back();
        let begins = before.is_none_or(|c| !(c.is_alphanumeric() || matches!(c, '_' | ':' | '$')));
        let rest = &code[at + prefix.len()..];
        let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        begins.then_some(&rest[..end])
    })
}

/// The module that a file belongs to, and how many modules below the crate it stands.
fn module_of(file: &Path, home: &str) -> (String, usize) {
    let parts: Vec<_> = file.with_extension("").iter().map(|part| part.to_str().unwrap().to_owned()).collect();
    let depth = if parts == ["lib"] { 0 } else { parts.len() };
    if home.is_empty() || home.ends_with("::") {
        (format!("{home}{}", parts[0]), depth)
    } else {
        (home.to_owned(), depth)
    }
}

/// What a file uses of ours, as in the plan. An empty name is an import of several names at once.
fn uses(code: &str, home: &str, depth: usize) -> BTreeSet<String> {
    let in_crate = |name: &str| {
        if home.is_empty() || home.ends_with("::") { format!("{home}{name}") } else { home.to_owned() }
    };
    let mut used: BTreeSet<String> = names_after(code, "crate::").map(in_crate).collect();
    used.extend(
        names_after(code, &"super::".repeat(depth.max(1))).filter(|name| depth > 0 && *name != "super").map(in_crate),
    );
    used.extend(names_after(code, "countersign_core::").map(|name| format!("core::{name}")));
    used.extend(names_after(code, "countersign_http::").map(|_| "http".to_owned()));
    used.extend(names_after(code, "countersign_credentials::").map(|_| "credentials".to_owned()));
    used.extend(names_after(code, "countersign_registry::").map(|_| "registry".to_owned()));
    used.extend(names_after(code, "countersign_testkit::").map(|_| "testkit".to_owned()));
    used.extend(names_after(code, "countersign::").map(str::to_owned));
    used
}

fn is_test_file(file: &Path) -> bool {
    file.iter().any(|part| part == "tests" || part == "tests.rs")
}

#[test]
fn modules_use_only_what_the_floor_plan_says() {
    let plan: BTreeMap<&str, &[&str]> = PLAN.iter().map(|(_, module, may_use)| (*module, *may_use)).collect();
    let mut wrong = Vec::new();
    for (folder, home) in FOLDERS {
        let folder = top().join(folder);
        for path in rust_files(&folder) {
            let file = path.strip_prefix(&folder).unwrap();
            let (module, depth) = module_of(file, home);
            if is_test_file(file) || (depth == 0 && (home.is_empty() || home.ends_with("::"))) {
                continue;
            }
            let Some(may_use) = plan.get(module.as_str()) else {
                wrong.push(format!("{}: module {module} has no row in the plan", path.display()));
                continue;
            };
            for used in uses(&code(&fs::read_to_string(&path).unwrap()), home, depth) {
                if used != module && !may_use.contains(&used.as_str()) {
                    wrong.push(format!("{}: {module} uses {used:?}: want one of {may_use:?}", path.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn dependencies_never_point_up_and_form_no_cycle() {
    let floors: BTreeMap<&str, u8> = PLAN.iter().map(|(floor, module, _)| (*module, *floor)).collect();
    assert_eq!(floors.len(), PLAN.len(), "a module has two rows");
    for (floor, module, may_use) in PLAN {
        for used in *may_use {
            let below = floors.get(used).unwrap_or_else(|| panic!("{module} may use {used}, which has no row"));
            let within = WITHIN_A_FLOOR.contains(&(*module, *used));
            assert!(below < floor || (below == floor && within), "{module} on floor {floor} may use {used} on {below}");
        }
    }
    let circles: Vec<_> = WITHIN_A_FLOOR.iter().filter(|(from, to)| WITHIN_A_FLOOR.contains(&(*to, *from))).collect();
    assert_eq!(circles, [] as [&(&str, &str); 0]);
}

#[test]
fn the_architecture_names_every_module_on_its_floor() {
    let text = fs::read_to_string(top().join("provider/ARCHITECTURE.md")).unwrap();
    for (floor, module, _) in PLAN.iter().filter(|(_, module, _)| *module != "testkit") {
        let row = text.lines().find(|line| line.starts_with(&format!("| {floor} |")));
        let modules = row.and_then(|row| row.split('|').nth(2)).unwrap_or_default();
        let name = module.trim_start_matches("core::");
        assert!(
            modules.contains(&format!("`{name}`")),
            "floor {floor} in ARCHITECTURE.md does not have {module}: {modules}"
        );
    }
}

/// Names of the crates in a manifest's `[section]`.
fn dependencies(manifest: &str, section: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(top().join(manifest)).unwrap();
    let names: BTreeSet<String> = text
        .lines()
        .skip_while(|line| *line != format!("[{section}]"))
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split(['.', ' ', '=']).next())
        .filter(|name| !name.is_empty() && !name.starts_with('#'))
        .map(str::to_owned)
        .collect();
    assert!(!names.is_empty(), "{manifest} has no [{section}]");
    names
}

#[test]
fn the_core_has_no_io() {
    let core = dependencies("provider/core/Cargo.toml", "dependencies");
    for world in [
        "async-trait",
        "countersign-credentials",
        "countersign-http",
        "countersign-registry",
        "futures-util",
        "http",
        "hyper",
        "hyper-util",
        "log",
        "oci-client",
        "prometheus",
        "reqwest",
        "rustix",
        "rustls",
        "tokio",
        "tokio-rustls",
        "tracing",
        "tracing-subscriber",
        "ureq",
        "url",
    ] {
        assert!(!core.contains(world), "core depends on {world}");
    }
}

#[test]
fn the_testkit_reads_the_specification_by_itself() {
    let testkit = dependencies("provider/testkit/Cargo.toml", "dependencies");
    for ours in [
        "countersign",
        "countersign-core",
        "countersign-credentials",
        "countersign-http",
        "countersign-registry",
        "coset",
        "x509-parser",
    ] {
        assert!(!testkit.contains(ours), "testkit depends on {ours}");
    }
}

#[test]
fn only_tests_sign() {
    for manifest in
        ["provider/Cargo.toml", "provider/core/Cargo.toml", "provider/http/Cargo.toml", "provider/registry/Cargo.toml"]
    {
        let shipped = dependencies(manifest, "dependencies");
        for tests in ["countersign-testkit", "countersign-test-support", "countersign-core-test-support", "regorus"] {
            assert!(!shipped.contains(tests), "{manifest} ships {tests}");
        }
        // `countersign certs` issues certificates for the doors, which is not signing images.
        assert_eq!(shipped.contains("rcgen"), manifest == "provider/Cargo.toml", "{manifest}");
    }
    let issues: Vec<_> = rust_files(&top().join("provider/src"))
        .into_iter()
        .filter(|path| code(&fs::read_to_string(path).unwrap()).contains("rcgen"))
        .collect();
    assert_eq!(issues, [top().join("provider/src/cli/certs/authority.rs")]);
}

#[test]
fn the_crates_below_the_engine_have_no_word_for_signatures() {
    let folders =
        ["provider/credentials/src", "provider/http/src", "provider/registry/src"].map(|folder| top().join(folder));
    for path in folders.iter().flat_map(|folder| rust_files(folder)) {
        if is_test_file(path.strip_prefix(top()).unwrap()) {
            continue;
        }
        // An annotation is no notation.
        let code = code(&fs::read_to_string(&path).unwrap()).to_lowercase().replace("annotation", "");
        // TLS has signatures of its own.
        let code =
            if path.components().any(|part| part.as_os_str() == "tls") { code.replace("signature", "") } else { code };
        for word in ["notary", "notation", "signature", "jose", "application/cose", "coset", "trustpolicy", "verdict"] {
            assert!(!code.contains(word), "{} has the word {word}", path.display());
        }
    }
}

#[test]
fn http_has_no_word_for_registries() {
    for path in rust_files(&top().join("provider/http/src")) {
        if is_test_file(path.strip_prefix(top()).unwrap()) {
            continue;
        }
        let code = code(&fs::read_to_string(&path).unwrap()).to_lowercase();
        for word in ["registry", "registries", "manifest", "referrer", "docker", "artifact", "blob", "/v2/"] {
            assert!(!code.contains(word), "{} has the word {word}", path.display());
        }
    }
}

#[test]
fn no_file_has_dependencies_that_this_test_cannot_see() {
    let word = concat!("un", "safe ");
    let mut read = 0;
    for folder in ["provider", "e2e"] {
        for path in rust_files(&top().join(folder)) {
            let text = fs::read_to_string(&path).unwrap();
            let found = text.lines().find(|line| !line.trim_start().starts_with("//") && line.contains(word));
            assert_eq!(found, None, "{}", path.display());
            read += 1;
        }
    }
    assert!(read > 30, "only {read} files were read");
}

#[test]
fn reads_paths_as_the_compiler_does() {
    let code = code(
        "//! [`crate::comment`]\nuse crate::one;\nuse super::two::Two; // crate::aside\nlet x = crate::three::f(countersign_core::name::X);\n\
         use super::super::four;\nuse countersign_registry::Client;\nuse crate::{five, six};\n$crate::seven!();\nmy_crate::eight();\n\
         #[cfg(test)]\nmod tests {\n    use crate::nine;\n}\n",
    );
    let used = |home: &str, depth: usize| uses(&code, home, depth).into_iter().collect::<Vec<_>>();
    assert_eq!(used("", 1), ["", "core::name", "one", "registry", "three", "two"]);
    assert_eq!(used("", 2), ["", "core::name", "four", "one", "registry", "three"]);
    assert_eq!(used("core::", 2), ["core::", "core::four", "core::name", "core::one", "core::three", "registry"]);
    assert_eq!(module_of(Path::new("server/handler/door.rs"), ""), ("server".to_owned(), 3));
    assert_eq!(module_of(Path::new("lib.rs"), "core::").1, 0);
    assert_eq!(module_of(Path::new("said.rs"), "registry"), ("registry".to_owned(), 1));
}
