//! Lists whose entries have no artifact type.

use countersign_core::verdict::Code;
use countersign_test_support::fixture::EngineFixture;
use countersign_testkit::Descriptor;
use countersign_testkit::IMAGE_INDEX;
use countersign_testkit::IMAGE_MANIFEST;
use countersign_testkit::notation::ManifestForm;
use countersign_testkit::notation::SIGNATURE_ARTIFACT_TYPE;
use countersign_testkit::notation::Signature;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::registry::Referrers;
use countersign_testkit::registry::Registry;
use countersign_testkit::registry::Route;
use countersign_testkit::signer::Format;
use countersign_testkit::signer::SignRequest;

use crate::engine::referrers::index;
use crate::engine::referrers::reason;

/// Stores a manifest that refers to `image` and is no signature.
fn put_referrer(registry: &Registry, image: &Descriptor, members: &str) -> Descriptor {
    let subject = image.to_json();
    let body = format!(r#"{{"schemaVersion":2,"mediaType":"{IMAGE_MANIFEST}",{members},"subject":{subject}}}"#);
    registry.put_manifest("app", IMAGE_MANIFEST, body.as_bytes())
}

#[tokio::test]
async fn signatures_are_found_in_a_list_that_names_no_types() {
    let forms = [ManifestForm::Current, ManifestForm::Legacy, ManifestForm::Artifact];
    let lists = [Referrers::ApiWithoutTypes, Referrers::ApiWithoutTypesAndFilter];
    for (form, list) in forms.into_iter().flat_map(|form| lists.map(|list| (form, list))) {
        let fixture = EngineFixture::new().await;
        fixture.registry.referrers(list);
        let image = fixture.registry.push_image("app", "v1");
        let chain = fixture.root.issue(CertSpec::leaf());
        let signature = Signature::new(&SignRequest::new(&chain, &image), Format::Jws).form(form);
        signature.attach(&fixture.registry, "app", &image);
        assert_eq!(fixture.code(&fixture.registry.reference("app", &image)).await, Code::Verified, "{form:?} {list:?}");
    }
}

#[tokio::test]
async fn other_artifacts_in_a_list_without_types_leave_the_image_unsigned() {
    let fixture = EngineFixture::new().await;
    let registry = &fixture.registry;
    let image = registry.push_image("app", "v1");
    let listed = [
        put_referrer(registry, &image, r#""artifactType":"application/spdx+json","config":{},"layers":[]"#),
        // Its type is clear; mistakes in the rest do not matter.
        put_referrer(registry, &image, r#""artifactType":"application/spdx+json","layers":[{"size":-1}]"#),
        put_referrer(registry, &image, r#""config":{"mediaType":"application/vnd.oci.image.config.v1+json"}"#),
        put_referrer(registry, &image, r#""layers":[]"#),
        // An index cannot be a signature, and is not fetched.
        Descriptor::of(IMAGE_INDEX, b"nowhere"),
    ];
    let filtered = |entries: &[Descriptor]| index(entries).header("oci-filters-applied", "artifactType");
    registry.when(Route::Referrers).times(1).reply(filtered(&listed));
    let reference = registry.reference("app", &image);
    let verdict = fixture.verify(&reference).await.verdict;
    assert_eq!(
        reason(&verdict).to_string(),
        "unsigned: no Notary Project signature found for this image: found none, expected at least one"
    );

    // A signature among them is found.
    let chain = fixture.root.issue(CertSpec::leaf());
    let good = Signature::new(&SignRequest::new(&chain, &image), Format::Cose).attach(registry, "app", &image);
    let with_signature: Vec<_> = listed.iter().cloned().chain([Descriptor { artifact_type: None, ..good }]).collect();
    registry.when(Route::Referrers).times(1).reply(filtered(&with_signature));
    assert_eq!(fixture.code(&reference).await, Code::Verified);
}

#[tokio::test]
async fn a_missing_entry_without_a_type_may_be_a_signature() {
    let fixture = EngineFixture::new().await;
    let image = fixture.registry.push_image("app", "v1");
    let gone = Descriptor::of(IMAGE_MANIFEST, b"nowhere");
    fixture.registry.when(Route::Referrers).reply(index(&[gone]).header("oci-filters-applied", "artifactType"));
    let verdict = fixture.verify(&fixture.registry.reference("app", &image)).await.verdict;
    assert_eq!(verdict.code(), Code::SignatureUnavailable);
}

#[tokio::test]
async fn an_entry_with_a_false_type_is_a_broken_signature() {
    let fixture = EngineFixture::new().await;
    let image = fixture.registry.push_image("app", "v1");
    let other = put_referrer(&fixture.registry, &image, r#""artifactType":"application/spdx+json","layers":[]"#);
    let wrong = Descriptor { artifact_type: Some(SIGNATURE_ARTIFACT_TYPE.to_owned()), ..other };
    fixture.registry.when(Route::Referrers).reply(index(&[wrong]));
    let code = fixture.code(&fixture.registry.reference("app", &image)).await;
    assert_eq!(code, Code::SignatureManifestInvalid);
}
