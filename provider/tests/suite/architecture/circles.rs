//! No modules import each other in a circle, in any crate.
//!
//! A module and its own submodules may import each other: they are one part. Of all other modules, those with a common
//! parent are compared, each with all of its submodules. So no two files import each other in a circle, but for a file and
//! the files of its own folder.

use std::collections::BTreeMap;

use crate::architecture::source::Crate;
use crate::architecture::source::top;

/// The source folder of each crate.
const FOLDERS: [&str; 11] = [
    "provider/src",
    "provider/service/src",
    "provider/core/src",
    "provider/http/src",
    "provider/credentials/src",
    "provider/registry/src",
    "provider/testkit/src",
    "provider/core/tests/support/src",
    "provider/tests/support/src",
    "provider/tests/fuzz/src",
    "e2e/src",
];

/// From a module to those with the same parent that it imports, and one import for each.
type Imports = BTreeMap<String, BTreeMap<String, String>>;

/// By parent: its submodules, and which of each other they import.
fn by_parent(read: &Crate) -> BTreeMap<Vec<String>, Imports> {
    let mut parents = BTreeMap::<Vec<String>, Imports>::new();
    for module in read.modules() {
        for target in read.imports(module) {
            let common = module.iter().zip(&target).take_while(|(one, other)| one == other).count();
            if let (Some(from), Some(to)) = (module.get(common), target.get(common)) {
                let import = format!("{} imports {}", module.join("::"), target.join("::"));
                let imports = parents.entry(module[..common].to_vec()).or_default();
                imports.entry(from.clone()).or_default().insert(to.clone(), import);
            }
        }
    }
    parents
}

/// The imports of one circle, if there is any.
fn circle(imports: &Imports) -> Option<Vec<&str>> {
    fn visit<'a>(module: &'a str, imports: &'a Imports, path: &mut Vec<&'a str>, done: &mut Vec<&'a str>) -> bool {
        if done.contains(&module) {
            return false;
        }
        if let Some(start) = path.iter().position(|other| *other == module) {
            path.drain(..start);
            return true;
        }
        path.push(module);
        for next in imports.get(module).into_iter().flat_map(BTreeMap::keys) {
            if visit(next, imports, path, done) {
                return true;
            }
        }
        path.pop();
        done.push(module);
        false
    }
    let mut done = Vec::new();
    let mut path = Vec::new();
    imports.keys().any(|module| visit(module, imports, &mut path, &mut done)).then(|| {
        let next = path.iter().cycle().skip(1);
        path.iter().zip(next).map(|(from, to)| imports[*from][*to].as_str()).collect()
    })
}

#[test]
fn no_modules_import_each_other_in_a_circle() {
    let mut modules = 0;
    let mut circles = Vec::new();
    for folder in FOLDERS {
        let read = Crate::read(&top().join(folder));
        modules += read.modules().count();
        for (parent, imports) in by_parent(&read) {
            if let Some(circle) = circle(&imports) {
                circles.push(format!("{folder} {}: {}", parent.join("::"), circle.join(", ")));
            }
        }
    }
    assert!(circles.is_empty(), "{}", circles.join("\n"));
    assert!(modules > 300, "only {modules} modules were read");
}

#[test]
fn finds_a_circle_of_three() {
    let import = |to: &str| (to.to_owned(), format!("to {to}"));
    let imports = Imports::from([
        ("a".to_owned(), BTreeMap::from([import("b")])),
        ("b".to_owned(), BTreeMap::from([import("c"), import("leaf")])),
        ("c".to_owned(), BTreeMap::from([import("d")])),
        ("d".to_owned(), BTreeMap::from([import("b")])),
    ]);
    assert_eq!(circle(&imports), Some(vec!["to c", "to d", "to b"]));
    let (first, _) = import("b");
    assert_eq!(circle(&Imports::from([("a".to_owned(), BTreeMap::from([(first, String::new())]))])), None);
}
