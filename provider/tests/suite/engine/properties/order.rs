//! The order of what has none: signatures of an image, members of documents, files and certificates of a trust store.

use countersign_core::verdict::Code;
use countersign_core_test_support::property;
use countersign_core_test_support::property::Cases;
use countersign_core_test_support::property::same;
use countersign_core_test_support::random_bytes::RandomBytes;
use countersign_test_support::fixture::EngineFixture;
use countersign_testkit::Descriptor;
use countersign_testkit::IMAGE_INDEX;
use countersign_testkit::IMAGE_MANIFEST;
use countersign_testkit::notation::SIGNATURE_ARTIFACT_TYPE;
use countersign_testkit::notation::Signature;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::registry::Route;
use countersign_testkit::signer::Format;
use countersign_testkit::signer::SignRequest;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;
use serde_json::json;

use crate::engine::properties::adding::World;
use crate::engine::properties::run;
use crate::engine::properties::runtime;
use crate::engine::properties::signatures::expected;
use crate::engine::properties::signatures::kind;

#[test]
fn the_order_of_signatures_and_how_many_are_on_a_page_decide_neither_verdict_nor_code() {
    let runtime = runtime();
    let world = run(&runtime, World::new());
    let lists = vec(kind(), 0..=5).prop_flat_map(|kinds| (Just(kinds.clone()), Just(kinds).prop_shuffle()));
    property::holds(Cases { usual: 80, full: 1500 }, (lists, 1_usize..=5), |((kinds, shuffled), page)| {
        let registry = &world.fixture.engine.registry;
        registry.page_size(5);
        let one = run(&runtime, world.code(kinds));
        registry.page_size(*page);
        let other = run(&runtime, world.code(shuffled));
        same(&format!("{kinds:?} and {shuffled:?}"), &one, &other)?;
        same(&format!("{kinds:?}"), &expected(kinds), &one)
    });
}

/// The unsigned documents of an image with one signature, whose members are in an order of the seed.
async fn code_in_order(fixture: &EngineFixture, is_trusted: bool, seed: u64) -> Code {
    let (registry, mut random) = (&fixture.registry, RandomBytes::new(seed));
    let number = seed.to_string();
    let image = json!({
        "schemaVersion": 2,
        "mediaType": IMAGE_MANIFEST,
        "config": Descriptor::of("application/vnd.oci.image.config.v1+json", b"{}").to_json(),
        "layers": [Descriptor::of("application/vnd.oci.image.layer.v1.tar+gzip", b"layer").to_json()],
        "annotations": {"number": number, "another": "a"},
    });
    let image = registry.put_manifest("app", IMAGE_MANIFEST, random.reordered(&image).as_bytes());
    let stranger = Authority::root(CertSpec::root().common_name("stranger"));
    let root = if is_trusted { &fixture.root } else { &stranger };
    let request = SignRequest::new(&root.issue(CertSpec::leaf()), &image);
    let envelope: Value = serde_json::from_slice(&request.jws()).unwrap();
    let envelope = random.reordered(&envelope);
    let signature = Signature::of_request(&request, envelope.as_bytes(), Format::Jws);
    registry.put_blob("app", Format::Jws.media_type(), envelope.as_bytes());
    let manifest: Value = serde_json::from_slice(&signature.manifest(&image)).unwrap();
    let stored = registry.put_manifest("app", IMAGE_MANIFEST, random.reordered(&manifest).as_bytes());
    let entry = Descriptor { artifact_type: Some(SIGNATURE_ARTIFACT_TYPE.to_owned()), ..stored };
    let list =
        json!({"schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": [entry.annotation("a", "b").to_json()]});
    let list = registry.when(Route::Referrers).path_contains(&image.digest).body(random.reordered(&list));
    let code = fixture.code(&registry.reference("app", &image)).await;
    assert!(list.hits() > 0, "the list was requested");
    list.remove();
    code
}

#[test]
fn the_order_of_members_of_unsigned_documents_does_not_matter() {
    let runtime = runtime();
    let fixture = run(&runtime, EngineFixture::new());
    let models = (any::<bool>(), 1_u64..u64::MAX);
    property::holds(Cases { usual: 60, full: 1500 }, models, |(is_trusted, seed)| {
        let code = run(&runtime, code_in_order(&fixture, *is_trusted, *seed));
        same("code", &code, if *is_trusted { &Code::Verified } else { &Code::UntrustedChain })
    });
}

/// A file of a trust store: certificates by number, as PEM, or one of them as DER.
#[derive(Clone, Debug)]
struct File {
    name: &'static str,
    certificates: Vec<usize>,
    as_der: bool,
}

/// How three certificates are distributed over files, each in one of them at least.
fn files() -> impl Strategy<Value = Vec<File>> {
    let names = Just(vec!["a.pem", "b.crt", "0.pem", "Z.cer", "root.crt"]).prop_shuffle();
    let cuts = (1_usize..=3, 1_usize..=3);
    (names, Just(vec![0, 1, 2]).prop_shuffle(), cuts, any::<bool>()).prop_map(|(names, order, (one, two), as_der)| {
        let (first, second) = (one.min(two), one.max(two));
        let parts = [&order[..first], &order[first..second], &order[second..]];
        let parts = parts.into_iter().filter(|part| !part.is_empty()).zip(names);
        parts
            .map(|(part, name)| File { name, certificates: part.to_vec(), as_der: as_der && part.len() == 1 })
            .collect()
    })
}

#[test]
fn names_and_order_of_files_and_of_certificates_of_a_trust_store_do_not_matter() {
    let runtime = runtime();
    let fixture = run(&runtime, EngineFixture::new());
    let roots: Vec<Authority> =
        (0..4).map(|number| Authority::root(CertSpec::root().common_name(&format!("root {number}")))).collect();
    let signers: Vec<_> = roots.iter().map(|root| root.issue(CertSpec::leaf())).collect();
    property::holds(Cases { usual: 40, full: 1000 }, files(), |files| {
        let store = fixture.folder.path().join("truststore/x509/ca/main");
        std::fs::remove_dir_all(&store).map_err(|error| error.to_string())?;
        for file in files {
            let path = format!("truststore/x509/ca/main/{}", file.name);
            match file.as_der {
                true => fixture.folder.write(&path, roots[file.certificates[0]].der()),
                false => {
                    let pem: Vec<String> = file.certificates.iter().map(|number| roots[*number].pem()).collect();
                    fixture.folder.write(&path, pem.concat());
                }
            }
        }
        fixture.poll();
        for (number, signer) in (0..).zip(&signers) {
            let image = fixture.registry.push_image("app", "v1");
            Signature::new(&SignRequest::new(signer, &image), Format::Jws).attach(&fixture.registry, "app", &image);
            let code = run(&runtime, fixture.code(&fixture.registry.reference("app", &image)));
            // The last root is in no file.
            same(&format!("root {number}"), if number < 3 { &Code::Verified } else { &Code::UntrustedChain }, &code)?;
        }
        Ok(())
    });
}
