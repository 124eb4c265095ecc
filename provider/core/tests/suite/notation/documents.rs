//! Refusals that all JSON parsers share.

use countersign_core::limits;
use countersign_core::oci::DescriptorError;
use countersign_core::oci::Index;
use countersign_core_test_support::schemas::schemas;
use countersign_core_test_support::sweep;
use countersign_testkit::Descriptor;
use countersign_testkit::variants;
use serde_json::Value as Json;
use serde_json::json;

#[test]
fn the_good_documents_are_read() {
    for schema in schemas() {
        assert_eq!(schema.check(schema.good.to_string().as_bytes()), Ok(()), "{}", schema.name);
    }
}

#[test]
fn no_object_of_any_document_may_be_an_array() {
    for schema in schemas() {
        let variants = variants::arrays_for_objects(&schema.good);
        assert!(!variants.is_empty());
        for variant in variants {
            assert!(schema.check(&variant.bytes).is_err(), "{}: {}", schema.name, variant.name);
        }
    }
}

#[test]
fn no_document_may_have_duplicate_members() {
    for schema in schemas() {
        for variant in variants::repeated_members(&schema.good) {
            let error = schema.check(&variant.bytes).unwrap_err();
            assert!(
                error.contains(" is present twice at line 1 column "),
                "{}: {}: {error}",
                schema.name,
                variant.name
            );
        }
    }
}

#[test]
fn no_huge_part_of_any_document_is_quoted_at_length() {
    for schema in schemas() {
        for variant in variants::json_of(&schema.good, schema.size(), sweep::some()) {
            if let Err(error) = schema.check(&variant.bytes) {
                let longest = error.lines().map(str::len).max().unwrap_or_default();
                assert!(longest <= 1200, "{}: {}: {longest}", schema.name, variant.name);
                assert!(error.len() <= 256 * 1024, "{}: {}: {}", schema.name, variant.name, error.len());
            }
        }
    }
}

fn entries(count: usize) -> Vec<Json> {
    let entry = |number: usize| {
        let signature = Descriptor {
            artifact_type: Some("application/vnd.cncf.notary.signature".to_owned()),
            ..Descriptor::sample(&format!("signature {number}"))
        };
        signature
            .annotation("io.cncf.notary.x509chain.thumbprint#S256", &format!("[\"{}\"]", "a".repeat(64)))
            .annotation("org.opencontainers.image.created", "2026-01-02T03:04:05Z")
            .to_json()
    };
    (0..count).map(entry).collect()
}

#[test]
fn reads_a_full_page_of_referrers_and_omits_the_rest() {
    let page = |count| Index::parse(json!({"manifests": entries(count)}).to_string().as_bytes()).unwrap();
    let full = page(limits::REFERRERS_ENTRIES);
    assert_eq!((full.entries.len(), full.cut), (1000, false));
    for entry in &full.entries {
        assert_eq!(entry.as_ref().unwrap().annotations.len(), 2);
    }
    let more = page(limits::REFERRERS_ENTRIES + 1);
    assert_eq!((more.entries.len(), more.cut), (1000, true));
    let zeros = format!(
        r#"{{"manifests":[0{}],"mediaType":"application/vnd.oci.image.index.v1+json"}}"#,
        ",0".repeat(2_000_000)
    );
    let zeros = Index::parse(zeros.as_bytes()).unwrap();
    assert_eq!((zeros.entries.len(), zeros.cut), (1000, true));
    assert_eq!(zeros.entries[0], Err(DescriptorError::NotAnObject { found: "a number" }));
}

#[test]
fn validates_the_document_after_the_last_kept_entry() {
    let page = |last: &str, more: &str| {
        let entries = vec!["{}"; 1000].join(",");
        Index::parse(format!(r#"{{"manifests":[{entries},{last}]{more}}}"#).as_bytes())
    };
    assert!(page("{}", "").is_ok());
    assert!(page("{\"a\":1,\"a\":1}", "").unwrap_err().to_string().contains("is present twice"));
    assert!(page("{}", ",\"mediaType\":\"a/b\"").unwrap_err().to_string().contains("\"a/b\""));
    assert!(page("{}", ",\"manifests\":[]").unwrap_err().to_string().contains("is present twice"));
}

#[test]
fn keeps_only_the_first_kilobytes_of_an_entrys_annotations() {
    let mut list = entries(2);
    for number in 0..900 {
        list[0]["annotations"][format!("z{number}")] = json!("");
    }
    list[1]["annotations"]["a"] = json!("x".repeat(3 * 1024 * 1024));
    let index = Index::parse(json!({"manifests": list}).to_string().as_bytes()).unwrap();
    for entry in &index.entries {
        let annotations = &entry.as_ref().unwrap().annotations;
        assert!(annotations.contains_key("io.cncf.notary.x509chain.thumbprint#S256"));
        let bytes: usize = annotations.iter().map(|(name, value)| name.len() + value.len() + 64).sum();
        assert!(bytes <= limits::ENTRY_ANNOTATION_BYTES, "{bytes}");
    }
}

#[test]
fn too_many_annotations_invalidate_only_their_entry() {
    let mut list = entries(3);
    for number in 0..100_000 {
        list[1]["annotations"][format!("z{number}")] = json!("");
    }
    let index = Index::parse(json!({"manifests": list}).to_string().as_bytes()).unwrap();
    let (member, found, expected) = ("annotations", "an object of too many members", "an object of strings");
    assert_eq!(index.entries[1], Err(DescriptorError::Type { member, found, expected }));
    assert!(index.entries[0].is_ok() && index.entries[2].is_ok());
}

#[test]
fn a_wrong_type_invalidates_only_its_entry() {
    let wrong = |member: &'static str, found: &'static str, expected: &'static str| {
        Err(DescriptorError::Type { member, found, expected })
    };
    for (member, value, error) in [
        ("mediaType", json!(["a/b"]), wrong("mediaType", "a list", "a text")),
        ("digest", json!({}), wrong("digest", "an object", "a text")),
        ("size", json!("2"), wrong("size", "a text", "a whole number")),
        ("size", json!(2.5), Err(DescriptorError::Size { found: "2.5".to_owned() })),
        ("size", json!(null), Err(DescriptorError::Missing("size"))),
        ("artifactType", json!(7), wrong("artifactType", "a number", "a text")),
        ("annotations", json!(["a"]), wrong("annotations", "a list", "an object of strings")),
        ("annotations", json!({"a": true}), wrong("annotations", "a boolean", "an object of strings")),
    ] {
        let mut list = entries(2);
        list[0][member] = value;
        let index = Index::parse(json!({"manifests": list}).to_string().as_bytes()).unwrap();
        assert_eq!(index.entries[0], error, "{member}");
        assert!(index.entries[1].is_ok(), "{member}");
    }
    for (entry, found) in
        [(json!([]), "a list"), (json!("x"), "a text"), (json!(null), "null"), (json!(true), "a boolean")]
    {
        let index = Index::parse(json!({"manifests": [entry]}).to_string().as_bytes()).unwrap();
        assert_eq!(index.entries, [Err(DescriptorError::NotAnObject { found })]);
    }
}

#[test]
fn case_and_parameters_of_a_media_type_do_not_matter_wherever_it_is_read() {
    use countersign_core::name::MediaType;
    use countersign_core::oci::ArtifactManifest;
    use countersign_core::oci::target_media_type;
    let odd = |media_type: &str| format!("{}; charset=utf-8", media_type.to_ascii_uppercase());
    let signature = "application/vnd.cncf.notary.signature";
    let mut entry = entries(1).remove(0);
    entry["mediaType"] = json!(odd(MediaType::OCI_MANIFEST));
    entry["artifactType"] = json!(odd(signature));
    let index = json!({"mediaType": odd(MediaType::OCI_INDEX), "manifests": [entry.clone()]});
    let index = Index::parse(index.to_string().as_bytes()).unwrap();
    let read = index.entries[0].as_ref().unwrap();
    assert_eq!(read.media_type, MediaType::OCI_MANIFEST);
    assert_eq!(read.artifact_type.as_deref(), Some(signature));

    for (media_type, body) in [
        (MediaType::OCI_MANIFEST, json!({"config": {}})),
        (MediaType::OCI_INDEX, json!({"manifests": []})),
        (MediaType::DOCKER_MANIFEST, json!({"config": {}, "layers": []})),
        (MediaType::DOCKER_LIST, json!({"manifests": []})),
    ] {
        let mut declared = body.clone();
        declared["mediaType"] = json!(odd(media_type));
        for header in [media_type.to_owned(), odd(media_type)] {
            for body in [&body, &declared] {
                let found = target_media_type(body.to_string().as_bytes(), &header).unwrap();
                assert_eq!(found.as_str(), media_type, "{header} {body}");
            }
        }
    }

    let legacy = json!({
        "mediaType": odd(MediaType::OCI_MANIFEST),
        "config": Descriptor { media_type: odd(signature), ..Descriptor::sample("config") }.to_json(),
        "layers": [Descriptor { media_type: odd("application/cose"), ..Descriptor::sample("layer") }.to_json()],
    });
    let manifest = odd(MediaType::OCI_MANIFEST).parse().unwrap();
    let read = ArtifactManifest::parse(legacy.to_string().as_bytes(), &manifest).unwrap();
    assert_eq!(read.artifact_type.as_deref(), Some(signature));
    assert_eq!(read.layers[0].media_type, "application/cose");
    let mut typed = legacy;
    typed["artifactType"] = json!(odd("application/vnd.example"));
    let read = ArtifactManifest::parse(typed.to_string().as_bytes(), &manifest).unwrap();
    assert_eq!(read.artifact_type.as_deref(), Some("application/vnd.example"));
    // A text that is not a media type is kept unchanged; the artifact is another one.
    typed["artifactType"] = json!("SBOM of mine");
    let read = ArtifactManifest::parse(typed.to_string().as_bytes(), &manifest).unwrap();
    assert_eq!(read.artifact_type.as_deref(), Some("SBOM of mine"));
}

#[test]
fn manifests_with_many_layers_and_annotations_are_read() {
    use countersign_core::name::MediaType;
    use countersign_core::oci::target_media_type;
    let annotations: Json =
        (0..200).map(|number| (format!("a{number}"), json!("b"))).collect::<serde_json::Map<_, _>>().into();
    let layers: Vec<Json> =
        (0..127).map(|number| Descriptor::sample(&format!("layer {number}")).annotation("a", "b").to_json()).collect();
    let config = Descriptor::sample("config").to_json();
    let manifest = json!({"config": config, "layers": layers, "annotations": annotations});
    let read = |manifest: &Json| target_media_type(manifest.to_string().as_bytes(), MediaType::OCI_MANIFEST);
    assert!(read(&manifest).is_ok());
    for (member, value) in [
        ("layers", json!(vec![json!({}); 10_001])),
        (
            "annotations",
            (0..10_001).map(|number| (format!("a{number}"), json!("b"))).collect::<serde_json::Map<_, _>>().into(),
        ),
        ("unknown", json!(vec![0; 10_001])),
    ] {
        let mut manifest = manifest.clone();
        manifest[member] = value;
        assert!(read(&manifest).unwrap_err().to_string().contains("more than 10000 "), "{member}");
    }
}
