//! For a digest, the manifest and the list of signatures are requested at the same time; the manifest decides first.

use std::sync::Arc;
use std::time::Duration;

use countersign::engine::Deadline;
use countersign::engine::VerificationRequest;
use countersign::engine::Verifier as _;
use countersign_core::verdict::Code;
use countersign_test_support::fixture::EngineFixture;
use countersign_test_support::fixture::policy;
use countersign_testkit::Descriptor;
use countersign_testkit::IMAGE_MANIFEST;
use countersign_testkit::notation;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::registry::Referrers;
use countersign_testkit::registry::Reply;
use countersign_testkit::registry::Route;
use http::Method;

use crate::engine::signed;

/// The methods and routes of the requests so far.
fn requests(fixture: &EngineFixture) -> Vec<(Method, Route)> {
    fixture.registry.requests().iter().map(|request| (request.method.clone(), request.route)).collect()
}

fn by_digest(fixture: &EngineFixture, image: &Descriptor) -> String {
    fixture.registry.reference("app", image)
}

fn request(fixture: &EngineFixture, image: &Descriptor) -> VerificationRequest {
    let image = Arc::new(by_digest(fixture, image).parse().unwrap());
    fixture.engine.request(image, Deadline::after(Duration::from_secs(20)))
}

#[tokio::test]
async fn the_list_of_a_digest_is_requested_with_its_manifest_and_signatures_only_after_both() {
    let (fixture, image) = signed().await;
    let held = fixture.registry.when(Route::Manifest).times(1).hold();
    let verified = tokio::spawn(fixture.engine.verify(request(&fixture, &image)));
    fixture.registry.wait_for(Route::Referrers, 1).await;
    fixture.registry.wait_for(Route::Manifest, 1).await;
    assert_eq!(fixture.registry.requests().len(), 2);
    held.release();
    assert_eq!(verified.await.unwrap().verdict.code(), Code::Verified);
    let all = requests(&fixture);
    assert_eq!(all[2..], [(Method::GET, Route::Manifest), (Method::GET, Route::Blob)]);
}

#[tokio::test]
async fn a_tag_is_resolved_before_its_list_is_requested() {
    let (fixture, _) = signed().await;
    assert_eq!(fixture.code(&format!("{}/app:v1", fixture.registry.host())).await, Code::Verified);
    let routes: Vec<Route> = requests(&fixture).into_iter().map(|(_, route)| route).collect();
    assert_eq!(routes, [Route::Manifest, Route::Referrers, Route::Manifest, Route::Blob]);
}

#[tokio::test]
async fn a_manifest_that_cannot_be_read_is_the_reason_whatever_the_list_is() {
    for list in [Reply::status(500), Reply::error(403, "DENIED"), Reply::error(404, "NAME_UNKNOWN")] {
        let (fixture, image) = signed().await;
        fixture.registry.when(Route::Referrers).reply(list);
        fixture.registry.when(Route::Manifest).times(1).error(404, "MANIFEST_UNKNOWN");
        assert_eq!(fixture.code(&by_digest(&fixture, &image)).await, Code::ImageNotFound);
    }
    // The list is there first.
    let (fixture, image) = signed().await;
    let held = fixture.registry.when(Route::Manifest).times(1).hold();
    let verified = tokio::spawn(fixture.engine.verify(request(&fixture, &image)));
    fixture.registry.wait_for(Route::Referrers, 1).await;
    fixture.registry.put_manifest_as("app", &image.digest, IMAGE_MANIFEST, b"{}");
    held.release();
    assert_eq!(verified.await.unwrap().verdict.code(), Code::RegistryAnswerInvalid);
}

#[tokio::test]
async fn a_list_that_cannot_be_read_is_the_reason_if_the_manifest_is_there() {
    let (fixture, image) = signed().await;
    fixture.registry.when(Route::Referrers).reply(Reply::status(500));
    assert_eq!(fixture.code(&by_digest(&fixture, &image)).await, Code::RegistryFailed);
}

#[tokio::test]
async fn an_image_that_the_repository_no_longer_has_is_not_verified_again() {
    let fixture = EngineFixture::with(&policy(&["ca:main"], &["*"]), |settings| settings.verdict_bytes = 0).await;
    let image = fixture.registry.push_image("app", "v1");
    notation::sign_image(&fixture.registry, "app", &image, &fixture.root.issue(CertSpec::leaf()));
    let reference = by_digest(&fixture, &image);
    assert_eq!(fixture.code(&reference).await, Code::Verified);
    fixture.registry.clear_requests();
    assert_eq!(fixture.code(&reference).await, Code::Verified);
    let of_image = fixture.registry.requests_to(Route::Manifest).into_iter();
    let methods: Vec<Method> =
        of_image.filter(|request| request.path.contains(&image.digest)).map(|request| request.method).collect();
    assert_eq!(methods, [Method::HEAD]);
    fixture.registry.when(Route::Manifest).path_contains(&image.digest).error(404, "MANIFEST_UNKNOWN");
    assert_eq!(fixture.code(&reference).await, Code::ImageNotFound);
}

#[tokio::test]
async fn a_host_without_the_referrers_api_costs_as_many_requests_as_one_with_it() {
    let fixture = EngineFixture::new().await;
    fixture.registry.referrers(Referrers::FallbackTag);
    let chain = fixture.root.issue(CertSpec::leaf());
    let routes = |tag: &str| {
        let image = fixture.registry.push_image("app", tag);
        notation::sign_image(&fixture.registry, "app", &image, &chain);
        fixture.registry.clear_requests();
        let (fixture, image) = (&fixture, image);
        async move {
            assert_eq!(fixture.code(&by_digest(fixture, &image)).await, Code::Verified);
            let mut routes: Vec<Route> = requests(fixture).into_iter().map(|(_, route)| route).collect();
            // The first two are sent at once.
            routes[..2].sort_by_key(|route| *route != Route::Manifest);
            routes
        }
    };
    assert_eq!(routes("v1").await, [Route::Manifest, Route::Referrers, Route::Manifest, Route::Manifest, Route::Blob]);
    assert_eq!(routes("v2").await, [Route::Manifest, Route::Manifest, Route::Manifest, Route::Blob]);
}

#[tokio::test]
async fn a_signature_that_only_the_api_lists_is_found_although_the_host_had_no_api() {
    let fixture = EngineFixture::new().await;
    fixture.registry.referrers(Referrers::FallbackTag);
    let (chain, stranger) =
        (fixture.root.issue(CertSpec::leaf()), Authority::root(CertSpec::root()).issue(CertSpec::leaf()));
    let known = fixture.registry.push_image("app", "v1");
    notation::sign_image(&fixture.registry, "app", &known, &chain);
    assert_eq!(fixture.code(&by_digest(&fixture, &known)).await, Code::Verified);
    let image = fixture.registry.push_image("app", "v2");
    notation::sign_image(&fixture.registry, "app", &image, &stranger);
    assert_eq!(fixture.code(&by_digest(&fixture, &image)).await, Code::UntrustedChain);
    fixture.registry.referrers(Referrers::Api);
    let image = fixture.registry.push_image("app", "v3");
    notation::sign_image(&fixture.registry, "app", &image, &chain);
    fixture.registry.referrers(Referrers::FallbackTag);
    notation::sign_image(&fixture.registry, "app", &image, &stranger);
    fixture.registry.referrers(Referrers::Api);
    assert_eq!(fixture.code(&by_digest(&fixture, &image)).await, Code::Verified);
}
