//! The shipped documents have the form that Gatekeeper and the API server demand.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value as Json;
use serde_json::json;

use crate::documents::templates::gatekeeper::documents;
use crate::documents::templates::gatekeeper::repository;
use crate::documents::templates::gatekeeper::template;

/// Paths of the YAML files below a folder of the repository, from its top.
fn yaml_files(folder: &str) -> Vec<String> {
    let mut files = Vec::new();
    for entry in fs::read_dir(repository(folder)).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let path = format!("{folder}/{name}");
        if repository(&path).is_dir() {
            files.extend(yaml_files(&path));
        } else if Path::new(&name).extension().is_some_and(|extension| extension == "yaml" || extension == "yml") {
            files.push(path);
        }
    }
    files.sort();
    files
}

fn text<'a>(document: &'a Json, pointer: &str) -> &'a str {
    document.pointer(pointer).and_then(Json::as_str).unwrap_or_default()
}

#[test]
fn every_document_is_a_named_kubernetes_object() {
    let mut seen = BTreeSet::new();
    // The documents in deploy are checked by tests/suite/documents/deploy.
    for folder in ["templates", "constraints"] {
        for file in yaml_files(folder) {
            let documents = documents(&file);
            assert_ne!(documents, [] as [Json; 0], "{file} is empty");
            for document in documents {
                let (version, kind) = (text(&document, "/apiVersion"), text(&document, "/kind"));
                let named = !text(&document, "/metadata/name").is_empty();
                assert!(!version.is_empty() && !kind.is_empty() && named, "{file}: {document}");
                seen.insert(kind.to_owned());
            }
        }
    }
    assert!(seen.contains("ConstraintTemplate") && seen.contains("CountersignImages"), "{seen:?}");
}

#[test]
fn templates_are_named_after_their_kind_and_have_one_rego_target() {
    for file in yaml_files("templates") {
        for template in documents(&file) {
            assert_eq!(text(&template, "/apiVersion"), "templates.gatekeeper.sh/v1", "{file}");
            let kind = text(&template, "/spec/crd/spec/names/kind");
            assert_eq!(text(&template, "/metadata/name"), kind.to_lowercase(), "{file}");
            let targets = template["spec"]["targets"].as_array().unwrap();
            assert_eq!(targets.len(), 1, "{file}");
            assert_eq!(targets[0]["target"], "admission.k8s.gatekeeper.sh", "{file}");
            // Gatekeeper would prefer a second engine, and CEL cannot call a provider.
            assert_eq!((targets[0].get("rego"), targets[0]["code"].as_array().unwrap().len()), (None, 1), "{file}");
        }
    }
}

/// The API server takes only structural schemas: a type at every level, and no keyword that it would ignore.
fn check_structural(schema: &Json, at: &str) {
    let known = ["type", "description", "properties", "items", "default", "minLength", "pattern"];
    for keyword in schema.as_object().unwrap().keys() {
        assert!(known.contains(&keyword.as_str()), "{at}: unknown keyword {keyword}");
    }
    match schema["type"].as_str() {
        Some("object") => {
            for (name, property) in schema["properties"].as_object().unwrap() {
                check_structural(property, &format!("{at}.{name}"));
            }
        }
        Some("array") => check_structural(&schema["items"], &format!("{at}[]")),
        Some("string") => assert!(schema.get("default").is_none_or(Json::is_string), "{at}: default is not a string"),
        Some("boolean") => assert!(schema.get("default").is_none_or(Json::is_boolean), "{at}: default is no boolean"),
        found => panic!("{at}: found type {found:?}, expected object, array, string or boolean"),
    }
}

#[test]
fn the_schema_of_the_parameters_is_structural_and_explained() {
    let template = template();
    let schema = template.pointer("/spec/crd/spec/validation/openAPIV3Schema").unwrap();
    check_structural(schema, "parameters");
    for (name, property) in schema["properties"].as_object().unwrap() {
        assert!(!text(property, "/description").is_empty(), "{name} has no description");
    }
    assert_eq!(schema["properties"]["provider"]["default"], "countersign-verify");
}

#[test]
fn sample_constraints_use_what_the_template_offers() {
    let template = template();
    let properties = template.pointer("/spec/crd/spec/validation/openAPIV3Schema/properties").unwrap();
    let mut matched = BTreeSet::new();
    for file in yaml_files("constraints") {
        for constraint in documents(&file) {
            assert_eq!(text(&constraint, "/apiVersion"), "constraints.gatekeeper.sh/v1beta1", "{file}");
            assert_eq!(text(&constraint, "/kind"), "CountersignImages", "{file}");
            let spec = &constraint["spec"];
            for parameter in spec["parameters"].as_object().unwrap().keys() {
                assert!(properties.get(parameter).is_some(), "{file}: unknown parameter {parameter}");
            }
            assert_eq!(spec["enforcementAction"], "deny", "{file}");
            assert_eq!(spec["match"]["source"], "Original", "{file}");
            let namespaces = json!(["kube-system", "gatekeeper-system", "countersign"]);
            assert_eq!(spec["match"]["excludedNamespaces"], namespaces, "{file}");
            for group in spec["match"]["kinds"].as_array().unwrap() {
                for kind in group["kinds"].as_array().unwrap() {
                    let (group, kind) = (group["apiGroups"][0].as_str().unwrap(), kind.as_str().unwrap());
                    assert!(matched.insert(format!("{group}/{kind}")), "{file} matches {group}/{kind} again");
                }
            }
        }
    }
    let known: BTreeSet<String> = crate::documents::templates::objects::KINDS.iter().map(|kind| kind.text()).collect();
    assert_eq!(matched, known);
}
