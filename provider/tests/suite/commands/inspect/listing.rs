//! Which signatures are listed and counted.

use countersign_testkit::Descriptor;
use countersign_testkit::IMAGE_INDEX;
use countersign_testkit::IMAGE_MANIFEST;
use countersign_testkit::notation;
use countersign_testkit::registry::Reply;
use countersign_testkit::registry::Route;
use serde_json::Value;
use serde_json::json;

use crate::commands::inspect::Fixture;
use crate::commands::inspect::checks;

#[tokio::test]
async fn shows_signatures_of_a_skipped_repository_without_a_result() {
    let fixture = Fixture::new().await;
    let image = fixture.registry.push_image("mirror", "v1");
    notation::sign_image(&fixture.registry, "mirror", &image, &fixture.untrusted);
    let (code, document) = fixture.json("mirror:v1").await;
    assert_eq!(code, Some(0));
    assert_eq!(document["image"]["verdict"], "skipped");
    assert_eq!(document["target"]["digest"], image.digest);
    assert_eq!(document["signatures"][0]["result"], "not-judged");
    assert_eq!(
        checks(&document["signatures"][0]),
        [
            ["integrity", "skip", "passed", "-"],
            ["criticalAttributes", "skip", "passed", "-"],
            ["targetBinding", "skip", "passed", "-"],
        ]
    );

    let anonymous = fixture.registry.push_image("anonymous", "v1");
    notation::sign_image(&fixture.registry, "anonymous", &anonymous, &fixture.leaf);
    let (code, document) = fixture.json("anonymous:v1").await;
    assert_eq!(code, Some(1));
    assert_eq!(document["image"]["code"], "no-applicable-rule");
    assert_eq!(document["signatures"][0]["result"], "not-judged");
}

#[tokio::test]
async fn a_registry_that_does_not_answer_is_exit_code_2() {
    let fixture = Fixture::new().await;
    let (code, document) = fixture.json("app:missing").await;
    assert_eq!(code, Some(2));
    assert_eq!(document["problem"]["code"], "image-not-found");

    // Even where the verdict needs no registry.
    fixture.registry.push_image("mirror", "v1");
    fixture.registry.when(Route::Referrers).status(503);
    let (code, page) = fixture.run("inspect", "text", "mirror:v1").await;
    assert_eq!(code, Some(2));
    assert!(page.starts_with("skipped "), "{page}");
    assert!(page.contains("\n\n  problem     registry-failed: "), "{page}");
}

#[tokio::test]
async fn reads_referrers_without_a_type_and_omits_those_of_other_types() {
    let fixture = Fixture::new().await;
    let image = fixture.registry.push_image("app", "v1");
    let good = fixture.sign(&image, &fixture.leaf);
    let subject = image.to_json();
    let sbom = fixture.registry.put_manifest(
        "app",
        IMAGE_MANIFEST,
        format!(r#"{{"artifactType":"application/spdx+json","layers":[],"subject":{subject}}}"#).as_bytes(),
    );
    let bare = |entry: &Descriptor| Descriptor { artifact_type: None, ..entry.clone() };
    let index = json!({"schemaVersion": 2, "manifests": [bare(&good).to_json(), bare(&sbom).to_json()]});
    let page = Reply::status(200).header("content-type", IMAGE_INDEX).body(index.to_string());

    // The manifests say what they are.
    let filtered = page.clone().header("oci-filters-applied", "artifactType");
    for page in [page, filtered] {
        let fault = fixture.registry.when(Route::Referrers).reply(page);
        let (code, document) = fixture.json("app:v1").await;
        assert_eq!((code, &document["problem"]), (Some(0), &Value::Null));
        let found = document["signatures"].as_array().unwrap();
        assert_eq!((&document["found"], found.len()), (&json!(1), 1));
        assert_eq!(found[0]["digest"], good.digest);
        fault.remove();
    }
}

#[tokio::test]
async fn more_signatures_than_are_tried_are_counted() {
    let fixture = Fixture::with(
        json!({"level": "strict", "override": {"revocation": "skip"}}),
        "verification: {maxSignatures: 1}\n",
    )
    .await;
    let image = fixture.registry.push_image("app", "v1");
    fixture.sign(&image, &fixture.leaf);
    fixture.sign(&image, &fixture.untrusted);
    let (code, document) = fixture.json("app:v1").await;
    assert_eq!(code, Some(0));
    assert_eq!((document["found"].as_u64(), document["signatures"].as_array().unwrap().len()), (Some(2), 1));
    assert_eq!(document["problem"]["code"], "too-many-signatures");
}
