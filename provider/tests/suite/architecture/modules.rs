//! The module table of ARCHITECTURE.md: which module may import which.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::architecture::document::section;
use crate::architecture::document::words;
use crate::architecture::source::Crate;
use crate::architecture::source::paths;
use crate::architecture::source::top;

/// Source folders, and what `crate` means in them: a prefix of modules, or one module of the table.
const FOLDERS: &[(&str, Home)] = &[
    ("provider/src", Home::Modules("")),
    ("provider/service/src", Home::Modules("")),
    ("provider/core/src", Home::Modules("core::")),
    ("provider/http/src", Home::Module("http")),
    ("provider/credentials/src", Home::Module("credentials")),
    ("provider/registry/src", Home::Module("registry")),
    ("provider/aws/src", Home::Module("aws")),
    ("provider/azure/src", Home::Module("azure")),
    ("provider/cloud/src", Home::Module("cloud")),
    ("provider/files/src", Home::Module("files")),
    ("provider/google/src", Home::Module("google")),
    ("provider/testkit/src", Home::Module("testkit")),
];

/// Crates whose modules have lists of their own in ARCHITECTURE.md, and their source folders.
const CRATES: [(&str, &str); 10] = [
    ("countersign-aws", "provider/aws/src"),
    ("countersign-azure", "provider/azure/src"),
    ("countersign-cloud", "provider/cloud/src"),
    ("countersign-files", "provider/files/src"),
    ("countersign-google", "provider/google/src"),
    ("countersign-http", "provider/http/src"),
    ("countersign-credentials", "provider/credentials/src"),
    ("countersign-registry", "provider/registry/src"),
    ("countersign-testkit", "provider/testkit/src"),
    ("countersign-e2e", "e2e/src"),
];

/// A row of the module table: the layer, and all modules that a module imports.
struct Row {
    layer: u8,
    imports: Vec<String>,
}

/// The module table of ARCHITECTURE.md.
fn table() -> BTreeMap<String, Row> {
    let text = section("## Module table");
    let mut table = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with('|')).skip(2) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let row = Row { layer: cells[1].parse().unwrap(), imports: words(cells[3]).map(str::to_owned).collect() };
        let module = words(cells[2]).next().unwrap();
        assert!(table.insert(module.to_owned(), row).is_none(), "{module} has two rows");
    }
    assert!(table.len() > 20, "the table has {} rows", table.len());
    table
}

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
            "countersign" | "countersign_service" => drop(used.insert(second.to_owned())),
            "countersign_core" => drop(used.insert(format!("core::{second}"))),
            "countersign_aws"
            | "countersign_azure"
            | "countersign_cloud"
            | "countersign_files"
            | "countersign_google"
            | "countersign_http"
            | "countersign_credentials"
            | "countersign_registry"
            | "countersign_testkit" => {
                used.insert(first.trim_start_matches("countersign_").to_owned());
            }
            _ => {}
        }
    }
    used
}

#[test]
fn modules_import_exactly_what_the_table_has() {
    let table = table();
    let mut imported = BTreeSet::new();
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
            let Some(row) = table.get(&module) else {
                wrong.push(format!("{folder} {}: module {module} has no row in the table", path.join("::")));
                continue;
            };
            for used in used.into_iter().filter(|used| *used != module) {
                if !row.imports.contains(&used) {
                    let (path, expected) = (path.join("::"), &row.imports);
                    wrong.push(format!("{folder} {path}: found an import of {used:?}, expected one of {expected:?}"));
                }
                imported.insert((module.clone(), used));
            }
        }
    }
    let expected = table.iter().flat_map(|(module, row)| row.imports.iter().map(|used| (module.clone(), used.clone())));
    wrong.extend(
        expected.filter(|one| !imported.contains(one)).map(|(module, used)| format!("{module} does not import {used}")),
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn imports_point_to_lower_layers_only() {
    let table = table();
    for (module, Row { layer, imports }) in &table {
        for used in imports {
            let below = table.get(used).unwrap_or_else(|| panic!("{module} imports {used}, which has no row")).layer;
            assert!(below < *layer, "{module} in layer {layer} imports {used} in layer {below}");
        }
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
