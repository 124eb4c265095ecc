//! The module table of ARCHITECTURE.md: which module may import which.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs;

use crate::document::section;
use crate::document::words;
use crate::source::Crate;
use crate::source::paths;
use crate::source::top;

/// Layer, module, and all modules that it may import. A module of core is written `core::name`, one of the provider
/// `name`; the other crates are one module each. A new entry is a change of the architecture: change ARCHITECTURE.md too.
const MODULES: &[(u8, &str, &[&str])] = &[
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
    // Never core: a misreading of a specification in one of the two must make a test fail.
    (0, "testkit", &[]),
];

/// Imports between modules of one layer.
const WITHIN_A_LAYER: &[(&str, &str)] =
    &[("main", "cli"), ("policy_source", "config"), ("core::notation", "core::evidence")];

/// Source folders, and what `crate` means in them: a prefix of modules, or one module of the table.
const FOLDERS: &[(&str, Home)] = &[
    ("provider/src", Home::Modules("")),
    ("provider/core/src", Home::Modules("core::")),
    ("provider/http/src", Home::Module("http")),
    ("provider/credentials/src", Home::Module("credentials")),
    ("provider/registry/src", Home::Module("registry")),
    ("provider/testkit/src", Home::Module("testkit")),
];

/// Crates whose modules have lists of their own in ARCHITECTURE.md, and their source folders.
const CRATES: [(&str, &str); 5] = [
    ("countersign-http", "provider/http/src"),
    ("countersign-credentials", "provider/credentials/src"),
    ("countersign-registry", "provider/registry/src"),
    ("countersign-testkit", "provider/testkit/src"),
    ("countersign-e2e", "e2e/src"),
];

#[derive(Clone, Copy)]
enum Home {
    /// Each module of the crate is one of the table, with this prefix.
    Modules(&'static str),
    /// The crate is one module of the table.
    Module(&'static str),
}

impl Home {
    fn name(self, module: &str) -> String {
        match self {
            Self::Modules(prefix) => format!("{prefix}{module}"),
            Self::Module(name) => name.to_owned(),
        }
    }
}

/// The modules of the table that a module imports. An import of several names at once has an empty name.
fn used(read: &Crate, module: &[String], home: Home) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    for path in paths(read.code(module)) {
        let [first, second, ..] = path[..] else { continue };
        match first {
            "crate" | "super" | "self" => {
                let absolute = read.absolute(module, &path).unwrap_or_default();
                used.extend(absolute.first().map(|name| home.name(name)));
            }
            "countersign" => drop(used.insert(second.to_owned())),
            "countersign_core" => drop(used.insert(format!("core::{second}"))),
            "countersign_http" | "countersign_credentials" | "countersign_registry" | "countersign_testkit" => {
                used.insert(first.trim_start_matches("countersign_").to_owned());
            }
            _ => {}
        }
    }
    used
}

#[test]
fn modules_import_only_what_the_table_allows() {
    let table: BTreeMap<&str, &[&str]> = MODULES.iter().map(|(_, module, may_use)| (*module, *may_use)).collect();
    let mut wrong = Vec::new();
    for (folder, home) in FOLDERS {
        let read = Crate::read(&top().join(folder));
        for path in read.modules() {
            let (module, used) = match (path.first(), home) {
                (Some(name), _) => (home.name(name), used(&read, path, *home)),
                (None, Home::Module(name)) => ((*name).to_owned(), used(&read, path, *home)),
                // `lib.rs` declares the modules; `main.rs` calls one.
                (None, Home::Modules("")) => {
                    let main = BTreeSet::from(["cli".to_owned()]);
                    let roots = used(&read, path, *home);
                    ("main".to_owned(), &roots & &main)
                }
                (None, Home::Modules(_)) => continue,
            };
            let Some(may_use) = table.get(module.as_str()) else {
                wrong.push(format!("{folder} {}: module {module} has no row in the table", path.join("::")));
                continue;
            };
            for used in used {
                if used != module && !may_use.contains(&used.as_str()) {
                    wrong.push(format!(
                        "{folder} {}: found an import of {used:?}, expected one of {may_use:?}",
                        path.join("::")
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn imports_point_to_lower_layers_only() {
    let layers: BTreeMap<&str, u8> = MODULES.iter().map(|(layer, module, _)| (*module, *layer)).collect();
    assert_eq!(layers.len(), MODULES.len(), "a module has two rows");
    for (layer, module, may_use) in MODULES {
        for used in *may_use {
            let below = layers.get(used).unwrap_or_else(|| panic!("{module} may use {used}, which has no row"));
            let within = WITHIN_A_LAYER.contains(&(*module, *used));
            assert!(below < layer || (below == layer && within), "{module} in layer {layer} may use {used} in {below}");
        }
    }
    let circles: Vec<_> = WITHIN_A_LAYER.iter().filter(|(from, to)| WITHIN_A_LAYER.contains(&(*to, *from))).collect();
    assert_eq!(circles, [] as [&(&str, &str); 0]);
}

#[test]
fn the_document_has_every_module_in_its_layer() {
    let text = fs::read_to_string(top().join("provider/ARCHITECTURE.md")).unwrap();
    for (layer, module, _) in MODULES.iter().filter(|(_, module, _)| *module != "testkit") {
        let row = text.lines().find(|line| line.starts_with(&format!("| {layer} |")));
        let modules = row.and_then(|row| row.split('|').nth(2)).unwrap_or_default();
        let name = module.trim_start_matches("core::");
        assert!(
            modules.contains(&format!("`{name}`")),
            "layer {layer} in ARCHITECTURE.md does not have {module}: {modules}"
        );
    }
}

/// The modules of a crate in the order of its list in ARCHITECTURE.md.
fn listed(name: &str) -> Vec<String> {
    let text = section(&format!("### {name}"));
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    rows.flat_map(|row| words(row.split('|').nth(1).unwrap_or_default()).map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

#[test]
fn modules_of_a_crate_import_only_those_listed_after_them() {
    for (name, folder) in CRATES {
        let read = Crate::read(&top().join(folder));
        let listed = listed(name);
        let position = |module: &str| listed.iter().position(|one| one == module);
        let modules: BTreeSet<&String> = read.modules().filter_map(|module| module.first()).collect();
        assert_eq!(listed.iter().collect::<BTreeSet<_>>(), modules, "{name}: the list in ARCHITECTURE.md");
        assert_eq!(listed.len(), modules.len(), "{name}: the list in ARCHITECTURE.md has a module twice");
        for module in read.modules().filter(|module| !module.is_empty()) {
            for target in read.imports(module).iter().filter_map(|target| target.first()) {
                let (from, to) = (position(&module[0]), position(target));
                assert!(from <= to, "{name}: {} imports {target}, which the list has before it", module.join("::"));
            }
        }
    }
}
