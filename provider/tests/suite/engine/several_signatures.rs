//! Images with several signatures: which ones are fetched, and how many at a time.

use std::sync::Arc;
use std::time::Duration;

use countersign::engine::Deadline;
use countersign::engine::Verifier as _;
use countersign_core::verdict::Code;
use countersign_test_support::fixture::EngineFixture;
use countersign_testkit::Descriptor;
use countersign_testkit::notation::Signature;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::Chain;
use countersign_testkit::registry::Route;
use countersign_testkit::signer::Format;
use countersign_testkit::signer::SignRequest;

fn attach(fixture: &EngineFixture, image: &Descriptor, chain: &Chain, annotated: bool) {
    let signature = Signature::new(&SignRequest::new(chain, image), Format::Jws);
    let signature = if annotated { signature } else { signature.without_annotations() };
    signature.attach(&fixture.registry, "app", image);
}

/// An image with five signatures of a stranger, and after them one that is valid.
async fn with_six_signatures(annotated: bool) -> (EngineFixture, Descriptor) {
    let fixture = EngineFixture::new().await;
    let image = fixture.registry.push_image("app", "v1");
    let stranger = Authority::root(CertSpec::root());
    for _ in 0..5 {
        attach(&fixture, &image, &stranger.issue(CertSpec::leaf()), annotated);
    }
    attach(&fixture, &image, &fixture.root.issue(CertSpec::leaf()), annotated);
    (fixture, image)
}

async fn code_while_held(fixture: &EngineFixture, image: &Descriptor, fetched_at_a_time: usize) -> Code {
    let held = fixture.registry.when(Route::Blob).times(fetched_at_a_time).hold();
    let image = Arc::new(fixture.registry.reference("app", image).parse().unwrap());
    let request = fixture.engine.request(image, Deadline::after(Duration::from_secs(20)));
    let verified = tokio::spawn(fixture.engine.verify(request));
    fixture.registry.wait_for(Route::Blob, fetched_at_a_time).await;
    held.release();
    verified.await.unwrap().verdict.code()
}

#[tokio::test]
async fn of_signatures_that_claim_no_trusted_certificate_four_are_fetched_at_a_time() {
    let (fixture, image) = with_six_signatures(false).await;
    assert_eq!(code_while_held(&fixture, &image, 4).await, Code::Verified);
    assert_eq!(fixture.registry.count(Route::Blob), 6);
}

#[tokio::test]
async fn a_signature_that_claims_a_trusted_certificate_is_fetched_first_and_alone() {
    let (fixture, image) = with_six_signatures(true).await;
    assert_eq!(code_while_held(&fixture, &image, 1).await, Code::Verified);
    assert_eq!(fixture.registry.count(Route::Blob), 1);
}

#[tokio::test]
async fn after_a_signature_with_a_wrong_claim_four_are_fetched_at_a_time() {
    let (fixture, image) = with_six_signatures(false).await;
    let other = fixture.registry.push_image("other", "v1");
    // It is of another image, so it fails.
    let chain = fixture.root.issue(CertSpec::leaf());
    Signature::new(&SignRequest::new(&chain, &other), Format::Jws).attach(&fixture.registry, "app", &image);
    assert_eq!(code_while_held(&fixture, &image, 1).await, Code::Verified);
    assert_eq!(fixture.registry.count(Route::Blob), 7);
}
