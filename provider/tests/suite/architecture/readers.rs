//! That JSON from outside is read by the one strict reader, and by types that it can see into. Checked in the sources.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::path::PathBuf;

/// The sources of what runs in production, without their tests, each with its name from the top of the repository.
fn sources() -> Vec<(String, String)> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut found = Vec::new();
    for folder in [
        "provider/src",
        "provider/aws/src",
        "provider/azure/src",
        "provider/cloud/src",
        "provider/google/src",
        "provider/service/src",
        "provider/core/src",
        "provider/http/src",
        "provider/credentials/src",
        "provider/registry/src",
    ] {
        collect(&top.join(folder), &mut found);
    }
    let name = |path: &PathBuf| path.strip_prefix(top).unwrap().display().to_string();
    let text = |path: &PathBuf| fs::read_to_string(path).unwrap();
    let production = |text: String| text.split("\n#[cfg(test)]\n").next().unwrap().to_owned();
    found
        .iter()
        .filter(|path| !path.ends_with("tests.rs") && !path.components().any(|part| part.as_os_str() == "tests"))
        .map(|path| (name(path), production(text(path))))
        .collect()
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The sources that have `word`, beside those that may.
fn with(word: &str, allowed: &[&str]) -> Vec<String> {
    let sources = sources();
    assert!(sources.len() > 100, "{}", sources.len());
    let has = sources.into_iter().filter(|(_, text)| text.contains(word));
    has.map(|(name, _)| name).filter(|name| !allowed.contains(&name.as_str())).collect()
}

#[test]
fn only_the_strict_reader_gives_anything_to_serde_json() {
    for word in [
        "serde_json::from_",
        "serde_json::Deserializer",
        "serde_json::de",
        "serde_json::value::from",
        "use serde_json::from",
        "StreamDeserializer",
        ".json::<",
        ".json().await",
    ] {
        // The second one finds positions in documents that the first one has read.
        let allowed = ["provider/core/src/codec/json/document.rs", "provider/core/src/codec/json/position.rs"];
        assert_eq!(with(word, &allowed), [""; 0], "{word}");
    }
}

#[test]
fn only_one_module_reads_yaml_and_one_cbor() {
    let yaml = ["", "/error", "/parsed", "/syntax"].map(|file| format!("provider/service/src/config/yaml{file}.rs"));
    assert_eq!(with("serde_saphyr", &yaml.each_ref().map(String::as_str)), [""; 0]);
    assert_eq!(with("ciborium", &["provider/core/src/notation/envelope/cose.rs"]), [""; 0]);
}

/// Such types read from a copy, in which an array is accepted as an object.
#[test]
fn no_type_that_is_read_guesses_or_flattens() {
    for word in ["untagged", "flatten", "tag =", "content ="] {
        for (name, text) in sources() {
            for attribute in text.split("#[serde(").skip(1).filter_map(|rest| rest.split_once(")]")) {
                let (attribute, item) = attribute;
                // Types that are only serialized are not checked.
                let read = text.contains("Deserialize");
                assert!(!(read && attribute.contains(word)), "{name}: serde({attribute}) on {item:.60}");
            }
        }
    }
}
