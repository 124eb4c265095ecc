//! Images whose work is late: the verdict names the host that has not responded, for what, and what had come.

use std::time::Duration;

use countersign_core::verdict::Code;
use countersign_core::verdict::ImageVerdict;
use countersign_core::verdict::LateCause;
use countersign_test_support::fixture::EngineFixture;
use countersign_testkit::registry::Registry;
use countersign_testkit::registry::Route;
use countersign_testkit::registry::TokenService;
use countersign_testkit::waited::without_times;

use crate::engine::signed;

const DEADLINE: Duration = Duration::from_millis(300);

const MANIFEST: &str = "the image's manifest was fetched";
const LIST: &str = "the list of signatures was fetched";
const SIGNATURES: &str = "its signatures were fetched and verified";

/// The message about an image whose work is late, and its remedy.
async fn late(fixture: &EngineFixture, image: &str) -> (String, String) {
    let result = fixture.verify_within(image, DEADLINE).await;
    let ImageVerdict::Inconclusive(inconclusive) = &*result.verdict else { panic!("{:?}", result.verdict) };
    assert_eq!((inconclusive.reason.code, result.cached), (Code::RegistryTimeout, false));
    assert_eq!(fixture.metric("countersign_cache_events_total{event=\"verdict-stored\"}"), 0);
    (without_times(inconclusive.reason.detail.as_str()), inconclusive.reason.advice().to_owned())
}

fn no_response(stage: &str, host: &str, step: &str) -> (String, String) {
    let found = format!("found no response of {host} for {step} after N s, expected a complete response");
    (format!("the request's deadline passed while {stage}: {found}"), LateCause::Response.advice().to_owned())
}

#[tokio::test]
async fn a_registry_that_does_not_respond_is_named_with_the_request() {
    for (route, stage, step) in [
        (Route::Manifest, MANIFEST, "the manifest of the image"),
        (Route::Referrers, LIST, "the list of referrers"),
        (Route::Blob, SIGNATURES, "the content of a referrer"),
    ] {
        let (fixture, image) = signed().await;
        fixture.registry.when(route).never_answer();
        let seen = late(&fixture, &fixture.registry.reference("app", &image)).await;
        assert_eq!(seen, no_response(stage, &fixture.registry.host(), step));
    }
}

#[tokio::test]
async fn a_body_that_stops_is_told_from_a_response_that_does_not_come() {
    let (fixture, image) = signed().await;
    fixture.registry.when(Route::Manifest).stalled_body();
    let (message, advice) = late(&fixture, &fixture.registry.reference("app", &image)).await;
    let expected = format!(
        "the request's deadline passed while {MANIFEST}: found only the beginning of the response of {} for the manifest of \
         the image after N s, expected a complete response",
        fixture.registry.host()
    );
    assert_eq!((message, advice), (expected, LateCause::Body.advice().to_owned()));
}

#[tokio::test]
async fn a_store_of_content_that_does_not_respond_is_named_in_place_of_its_registry() {
    let (fixture, image) = signed().await;
    let store = fixture.other.url();
    fixture.registry.redirect_blobs(move |request| format!("{store}{}", request.path));
    fixture.other.when_any().never_answer();
    let seen = late(&fixture, &fixture.registry.reference("app", &image)).await;
    assert_eq!(seen, no_response(SIGNATURES, &fixture.other.host(), "the content of a referrer"));
}

#[tokio::test]
async fn a_token_service_that_does_not_respond_is_named_in_place_of_its_registry() {
    let (fixture, image) = signed().await;
    let tokens = Registry::start().await;
    fixture.registry.require_bearer(&TokenService::anonymous().realm(&format!("{}/token", tokens.url())));
    tokens.when_any().never_answer();
    let seen = late(&fixture, &fixture.registry.reference("app", &image)).await;
    assert_eq!(seen, no_response(MANIFEST, &tokens.host(), "a token of the registry"));
}

#[tokio::test]
async fn each_image_names_its_own_host() {
    let (fixture, image) = signed().await;
    fixture.registry.when_any().never_answer();
    fixture.other.when_any().never_answer();
    let images = [fixture.registry.reference("app", &image), format!("{}/other:v1", fixture.other.host())];
    let (one, other) = tokio::join!(late(&fixture, &images[0]), late(&fixture, &images[1]));
    assert_eq!(one, no_response(MANIFEST, &fixture.registry.host(), "the manifest of the image"));
    assert_eq!(other, no_response(MANIFEST, &fixture.other.host(), "the manifest of the image"));
}
