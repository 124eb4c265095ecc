//! Images whose work is late: the verdict names the host that requested a pause, with its rest.

use std::time::Duration;

use countersign_core::verdict::Code;
use countersign_core::verdict::ImageVerdict;
use countersign_core::verdict::VerdictKind;
use countersign_test_support::fixture::EngineFixture;
use countersign_testkit::registry::Registry;
use countersign_testkit::registry::Reply;
use countersign_testkit::registry::Route;
use countersign_testkit::registry::TokenService;

use crate::engine::signed;

/// Far below the pauses here.
const DEADLINE: Duration = Duration::from_millis(300);

/// The code and the message, with the rest of the pause in seconds.
async fn late(fixture: &EngineFixture, image: &str) -> (Code, String, u64) {
    let result = fixture.verify_within(image, DEADLINE).await;
    assert_eq!((result.verdict.kind(), result.cached), (VerdictKind::Inconclusive, false));
    let ImageVerdict::Inconclusive(inconclusive) = &*result.verdict else { panic!("{:?}", result.verdict) };
    let detail = inconclusive.reason.detail.to_string();
    let (before, after) = detail.split_once(" requires a wait of ").unwrap_or_else(|| panic!("{detail}"));
    let (seconds, after) = after.split_once(" s").expect("a number of seconds");
    (inconclusive.reason.code, format!("{before} requires a wait of N s{after}"), seconds.parse().expect("seconds"))
}

fn expected(host: &str, stage: &str) -> String {
    format!("{host} requires a wait of N s, which does not end before the request's deadline: it ended while {stage}")
}

/// No verdict is in the cache.
fn assert_nothing_stored(fixture: &EngineFixture) {
    assert_eq!(fixture.metric("countersign_cache_events_total{event=\"verdict-stored\"}"), 0);
}

/// 429 with and without `Retry-After`, and how long the pause is at most.
fn refusals() -> [(Reply, u64); 2] {
    [(Reply::status(429), 5), (Reply::status(429).header("retry-after", "7"), 7)]
}

#[tokio::test]
async fn a_registry_that_throttles_is_named_with_the_rest_of_its_pause() {
    for (refusal, longest) in refusals() {
        for (route, stage) in [
            (Route::Manifest, "the image's manifest was fetched"),
            (Route::Referrers, "the list of signatures was fetched"),
            (Route::Blob, "its signatures were fetched and verified"),
        ] {
            let (fixture, image) = signed().await;
            fixture.registry.when(route).reply(refusal.clone());
            let (code, message, rest) = late(&fixture, &fixture.registry.reference("app", &image)).await;
            assert_eq!((code, message), (Code::RegistryThrottled, expected(&fixture.registry.host(), stage)));
            assert!((1..=longest).contains(&rest), "{rest}");
            // Another image of the host waits for the same pause, and sends nothing.
            let sent = fixture.registry.requests().len();
            fixture.registry.push_image("other", "v1");
            let (code, message, _) = late(&fixture, &format!("{}/other:v1", fixture.registry.host())).await;
            let stage = "the image's manifest was fetched";
            assert_eq!((code, message), (Code::RegistryThrottled, expected(&fixture.registry.host(), stage)));
            assert_eq!((fixture.registry.count(route), fixture.registry.requests().len()), (1, sent));
            assert_nothing_stored(&fixture);
        }
    }
}

#[tokio::test]
async fn a_store_of_content_that_throttles_is_named_in_place_of_its_registry() {
    let (fixture, image) = signed().await;
    let store = fixture.other.url();
    fixture.registry.redirect_blobs(move |request| format!("{store}{}", request.path));
    fixture.other.when_any().reply(Reply::status(429));
    let (code, message, _) = late(&fixture, &fixture.registry.reference("app", &image)).await;
    let stage = "its signatures were fetched and verified";
    assert_eq!((code, message), (Code::RegistryThrottled, expected(&fixture.other.host(), stage)));
    assert_nothing_stored(&fixture);
}

#[tokio::test]
async fn a_token_service_that_throttles_is_named() {
    let (fixture, image) = signed().await;
    let tokens = Registry::start().await;
    let service = TokenService::anonymous().realm(&format!("{}/token", tokens.url()));
    fixture.registry.require_bearer(&service);
    tokens.when_any().reply(Reply::status(429).header("retry-after", "2"));
    let (code, message, _) = late(&fixture, &fixture.registry.reference("app", &image)).await;
    let stage = "the image's manifest was fetched";
    assert_eq!((code, message), (Code::RegistryThrottled, expected(&tokens.host(), stage)));
    assert_eq!(tokens.requests().len(), 1);
    assert_nothing_stored(&fixture);
}

#[tokio::test]
async fn after_the_pause_the_work_goes_on_for_the_next_request() {
    let (fixture, image) = signed().await;
    let reference = fixture.registry.reference("app", &image);
    fixture.registry.when(Route::Manifest).times(1).reply(Reply::status(429).header("retry-after", "1"));
    let (code, ..) = late(&fixture, &reference).await;
    assert_eq!(code, Code::RegistryThrottled);
    assert_eq!(fixture.code(&reference).await, Code::Verified);
}
