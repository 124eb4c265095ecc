//! The overlay of deploy/README.md fits the base.

use std::collections::BTreeSet;
use std::path::Component;
use std::path::Path;
use std::path::PathBuf;

use serde_json::Value as Json;

use crate::documents::deploy::files::deployment;
use crate::documents::deploy::files::documents;
use crate::documents::deploy::files::read;
use crate::documents::deploy::files::repository;
use crate::documents::deploy::files::text;
use crate::documents::deploy::files::texts;

/// The blocks of YAML, each with the path of its file, which is in its first line.
fn files_of_the_user() -> Vec<(String, Json)> {
    let readme = read("deploy/README.md");
    let blocks = readme.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let path = |block: &str| block.lines().next().unwrap().strip_prefix("# ").unwrap().to_owned();
    blocks.map(|block| (path(block), serde_saphyr::from_str(block).unwrap())).collect()
}

fn overlay() -> Json {
    let mut files = files_of_the_user();
    let at = files.iter().position(|(path, _)| path == "my-cluster/kustomization.yaml").unwrap();
    files.remove(at).1
}

/// The overlay with its commented parts: the lines that begin a list entry, and those that continue one.
fn overlay_with_options() -> Json {
    let readme = read("deploy/README.md");
    let start = readme.find("# my-cluster/kustomization.yaml\n").unwrap();
    let lines = readme[start..].split("```").next().unwrap().lines().map(|line| {
        let entry =
            line.trim_start().strip_prefix("# ").filter(|rest| rest.starts_with("- ") || rest.starts_with("  "));
        entry.map_or_else(|| line.to_owned(), |entry| format!("{}{entry}", &line[..line.find('#').unwrap()]))
    });
    serde_saphyr::from_str(&lines.collect::<Vec<_>>().join("\n")).unwrap()
}

/// Names of the ConfigMaps of a list of volumes.
fn config_maps(volumes: &Json) -> BTreeSet<&str> {
    let required = |source: &&Json| source["optional"] != true;
    let volumes = volumes.as_array().unwrap().iter();
    let sources = |volume| {
        let projected = Json::pointer(volume, "/projected/sources").and_then(Json::as_array);
        projected.into_iter().flatten().map(|source| &source["configMap"]).chain([&volume["configMap"]])
    };
    volumes
        .flat_map(sources)
        .filter(|source| required(source) || source.get("items").is_some())
        .filter_map(|source| source["name"].as_str())
        .collect()
}

#[test]
fn the_overlay_makes_every_config_map_that_the_deployment_mounts() {
    let overlay = overlay();
    let volumes = deployment()["spec"]["template"]["spec"]["volumes"].take();
    // The optional one of the registries has no items.
    let mounted = config_maps(&volumes);
    assert_eq!(mounted.len(), 4, "{mounted:?}");
    let generators = overlay["configMapGenerator"].as_array().unwrap();
    let made: BTreeSet<_> = generators.iter().map(|generator| text(generator, "/name")).collect();
    assert_eq!(made, mounted);
    let base = documents("deploy/base/kustomization.yaml")[0]["configMapGenerator"].take();
    for generator in generators {
        let name = text(generator, "/name");
        assert_eq!(generator["namespace"], "countersign", "{name}");
        let theirs = base.as_array().unwrap().iter().find(|one| one["name"] == name);
        assert_eq!(generator.get("behavior").is_some(), theirs.is_some(), "{name}");
        // Whether the name gets a hash must not change on the way from the base.
        let hash = |one: &Json| one["options"]["disableNameSuffixHash"] != true;
        assert_eq!(hash(generator), theirs.is_some_and(hash), "{name}");
    }
}

#[test]
fn every_trust_store_of_the_overlay_is_a_file_of_a_config_map_at_its_path() {
    for (overlay, expected) in [
        (overlay(), &["x509/ca/release/release.crt"] as &[&str]),
        (overlay_with_options(), &["x509/ca/release/release.crt", "x509/tsa/release/tsa.crt"]),
    ] {
        let patch: Json = serde_saphyr::from_str(text(&overlay, "/patches/0/patch")).unwrap();
        let volume = &patch["spec"]["template"]["spec"]["volumes"][0];
        let sources = volume["projected"]["sources"].as_array().unwrap().iter().map(|source| &source["configMap"]);
        let generators = overlay["configMapGenerator"].as_array().unwrap();
        let paths: Vec<_> = sources
            .map(|source| {
                let (name, key) = (text(source, "/name"), text(source, "/items/0/key"));
                let generator = generators.iter().find(|one| one["name"] == name).unwrap();
                assert_eq!(texts(&generator["files"]), [key], "{name}");
                assert_eq!(generator["options"]["disableNameSuffixHash"], true, "{name}");
                assert_eq!(source["optional"], true, "{name}");
                text(source, "/items/0/path")
            })
            .collect();
        assert_eq!(paths, expected);
    }
}

#[test]
fn the_overlay_names_existing_folders_and_images() {
    let overlay = overlay();
    for (path, file) in files_of_the_user() {
        // The folder my-cluster is beside deploy/.
        let folder = repository(&path);
        let folder = folder.parent().unwrap();
        for name in texts(&file["resources"]).into_iter().chain(texts(&file["components"])) {
            let named = folder.join(name);
            let own = ["my-cluster/constraints", "my-cluster/exemptions"].map(repository);
            let exists =
                ["kustomization.yaml", "Kustomization"].iter().any(|file| normalized(&named).join(file).is_file());
            assert!(exists || own.map(|path| normalized(&path)).contains(&normalized(&named)), "{path}: {name}");
        }
    }
    // In the base, the same list of trust stores.
    let patch: Json = serde_saphyr::from_str(text(&overlay, "/patches/0/patch")).unwrap();
    let pod = deployment()["spec"]["template"]["spec"].take();
    let volume = pod["volumes"].as_array().unwrap().iter().find(|volume| volume["name"] == "truststore").unwrap();
    assert_eq!(patch["spec"]["template"]["spec"]["volumes"], serde_json::json!([volume]));
    let image = deployment()["spec"]["template"]["spec"]["containers"][0]["image"].take();
    let (name, tag) = image.as_str().unwrap().rsplit_once(':').unwrap();
    assert_eq!((text(&overlay, "/images/0/name"), text(&overlay, "/images/0/newTag")), (name, tag));
    let own = documents("deploy/overlays/self-managed-certificates/kustomization.yaml")[0]["secretGenerator"].take();
    assert_eq!(overlay["secretGenerator"], own);
}

/// A path without `..`, which need not exist.
fn normalized(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        if part == Component::ParentDir {
            plain.pop();
        } else {
            plain.push(part);
        }
    }
    plain
}

/// The anchors of a page: its headings in lower case, with hyphens for spaces and without punctuation.
fn anchors(page: &str) -> BTreeSet<String> {
    let headings = page.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    let slug = |c: char| match c {
        ' ' => Some('-'),
        c => (c.is_alphanumeric() || c == '-').then_some(c),
    };
    headings.map(|heading| heading.to_lowercase().chars().filter_map(slug).collect()).collect()
}

#[test]
fn links_point_to_existing_files_and_headings() {
    for (folder, page) in [
        ("", "README.md"),
        ("deploy", "README.md"),
        ("deploy/aks", "README.md"),
        ("deploy/eks", "README.md"),
        ("deploy/gke", "README.md"),
        ("e2e", "README.md"),
        ("provider", "ARCHITECTURE.md"),
        ("provider", "CHANGELOG.md"),
        ("provider", "DIVERGENCES.md"),
        ("provider", "MIGRATION.md"),
        ("provider", "CODES.md"),
        ("provider/docs", "metrics.md"),
        ("provider/docs", "private-registry.md"),
        ("provider/docs", "revocation.md"),
        ("provider/docs", "security.md"),
        ("provider/docs", "upgrade.md"),
        ("provider/docs/runbooks", "alerts.md"),
    ] {
        let folder = repository(folder);
        let text = std::fs::read_to_string(folder.join(page)).unwrap();
        for rest in text.split("](").skip(1) {
            let link = rest.split(')').next().unwrap();
            if link.starts_with("https://") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { folder.join(page) } else { folder.join(file) };
            assert!(target.exists(), "{page} links to {link}");
            if !anchor.is_empty() {
                let headings = anchors(&std::fs::read_to_string(&target).unwrap());
                assert!(headings.contains(anchor), "{page} links to {link}: found the headings {headings:?}");
            }
        }
    }
}
