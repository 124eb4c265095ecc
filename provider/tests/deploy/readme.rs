//! The overlay of deploy/README.md fits the base.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use crate::files::deployment;
use crate::files::documents;
use crate::files::read;
use crate::files::repository;
use crate::files::text;
use crate::files::texts;

/// The only block of YAML.
fn overlay() -> Json {
    let readme = read("deploy/README.md");
    let mut blocks = readme.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let block = blocks.next().unwrap();
    assert_eq!(blocks.next(), None);
    serde_saphyr::from_str(block).unwrap()
}

#[test]
fn the_overlay_makes_every_config_map_that_the_deployment_mounts() {
    let overlay = overlay();
    let volumes = deployment()["spec"]["template"]["spec"]["volumes"].take();
    let mounted: BTreeSet<_> =
        volumes.as_array().unwrap().iter().filter_map(|volume| volume["configMap"]["name"].as_str()).collect();
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
fn the_overlay_names_existing_folders_and_images() {
    let overlay = overlay();
    for name in texts(&overlay["resources"]).into_iter().chain(texts(&overlay["components"])) {
        // It is beside deploy/.
        assert!(repository("deploy").join(name).join("kustomization.yaml").is_file(), "{name}");
    }
    let image = deployment()["spec"]["template"]["spec"]["containers"][0]["image"].take();
    let (name, tag) = image.as_str().unwrap().rsplit_once(':').unwrap();
    assert_eq!((text(&overlay, "/images/0/name"), text(&overlay, "/images/0/newTag")), (name, tag));
    let own = documents("deploy/overlays/self-managed-certificates/kustomization.yaml")[0]["secretGenerator"].take();
    assert_eq!(overlay["secretGenerator"], own);
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
        ("e2e", "README.md"),
        ("provider", "ARCHITECTURE.md"),
        ("provider", "CHANGELOG.md"),
        ("provider", "DIVERGENCES.md"),
        ("provider", "MIGRATION.md"),
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
