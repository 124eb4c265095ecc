//! Images whose work is late: the verdict names the host that requested a pause, with its rest, or the limit for which it waited.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use countersign::engine::Deadline;
use countersign::engine::Engine;
use countersign::engine::Verifier as _;
use countersign_core::verdict::Code;
use countersign_core::verdict::ImageVerdict;
use countersign_core::verdict::VerdictKind;
use countersign_credentials::Credential;
use countersign_http::Scheme;
use countersign_registry::EntryNumbers;
use countersign_registry::RegistryEntry;
use countersign_registry::RegistrySettings;
use countersign_test_support::fixture::EngineFixture;
use countersign_testkit::registry::Registry;
use countersign_testkit::registry::Reply;
use countersign_testkit::registry::Route;
use countersign_testkit::registry::TokenService;
use countersign_testkit::waited::without_times;

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

/// The engine of the fixture over its registry alone, under an entry with these numbers.
fn limited(fixture: &EngineFixture, numbers: EntryNumbers) -> Engine {
    let pattern = fixture.registry.host().parse().expect("a pattern");
    let entry = RegistryEntry { scheme: Scheme::Http, numbers, ..RegistryEntry::new(pattern, Credential::Anonymous) };
    fixture.successor_over(RegistrySettings { registries: vec![entry], ..RegistrySettings::default() })
}

/// Code, message without the wait, and remedy.
async fn of_limit(engine: &Engine, image: &str, time: Duration) -> (Code, String, String) {
    let image = Arc::new(image.parse().expect("a reference"));
    let result = engine.verify(engine.request(image, Deadline::after(time))).await;
    let ImageVerdict::Inconclusive(inconclusive) = &*result.verdict else { panic!("{:?}", result.verdict) };
    let reason = &inconclusive.reason;
    (reason.code, without_times(reason.detail.as_str()), reason.advice().to_owned())
}

const RAISE: &str = "raise the setting that the message names or remove it, or verify fewer images of the registry at a time; the next \
                     request goes on with what this one has found";

#[tokio::test]
async fn an_image_that_waits_for_the_requests_in_a_second_of_its_entry_names_the_setting() {
    let (fixture, image) = signed().await;
    let numbers = EntryNumbers { per_second: NonZeroU32::new(1), ..EntryNumbers::default() };
    let engine = limited(&fixture, numbers);
    let host = fixture.registry.host();
    for reference in [fixture.registry.reference("app", &image), format!("{host}/app:v1")] {
        let (code, message, advice) = of_limit(&engine, &reference, DEADLINE).await;
        let (setting, after) = message.split_once(" requires a wait of ").expect(&message);
        assert_eq!(setting, format!("requestsPerSecond of registries[0] \"{host}\" (1)"));
        assert!(after.contains(", which does not end before the request's deadline: it ended while "), "{after}");
        assert_eq!((code, &*advice), (Code::RegistryThrottled, RAISE));
    }
}

#[tokio::test]
async fn an_image_that_waits_for_another_one_under_its_entry_names_the_setting() {
    let (fixture, image) = signed().await;
    let numbers = EntryNumbers { requests: Some(1), ..EntryNumbers::default() };
    let engine = limited(&fixture, numbers);
    let host = fixture.registry.host();
    fixture.registry.push_image("other", "v1");
    fixture.registry.when(Route::Manifest).path_contains("/other/").never_answer();
    let first = engine
        .request(Arc::new(format!("{host}/other:v1").parse().expect("a reference")), Deadline::after(60 * DEADLINE));
    let first = tokio::spawn(engine.verify(first));
    fixture.registry.wait_for(Route::Manifest, 1).await;
    for (reference, stage) in [
        (fixture.registry.reference("app", &image), "the image's manifest was fetched"),
        (format!("{host}/app:v1"), "the image's manifest was fetched"),
    ] {
        let message = format!(
            "maxRequests of registries[0] \"{host}\": found 1 requests in progress, expected at most 1, until the request's deadline: it \
             ended while {stage}"
        );
        assert_eq!(of_limit(&engine, &reference, DEADLINE).await, (Code::RegistryThrottled, message, RAISE.to_owned()));
    }
    first.abort();
}

#[tokio::test]
async fn an_image_that_waits_for_requests_of_its_host_names_that_limit() {
    let (fixture, image) = signed().await;
    let host = fixture.registry.host();
    let pattern = host.parse().expect("a pattern");
    let entry = RegistryEntry { scheme: Scheme::Http, ..RegistryEntry::new(pattern, Credential::Anonymous) };
    let registries = RegistrySettings { registries: vec![entry], requests_per_host: 1, ..RegistrySettings::default() };
    let engine = fixture.successor_over(registries);
    engine.take_over(&fixture.engine);
    fixture.registry.when(Route::Manifest).path_contains("/other/").never_answer();
    let first = engine
        .request(Arc::new(format!("{host}/other:v1").parse().expect("a reference")), Deadline::after(60 * DEADLINE));
    let first = tokio::spawn(engine.verify(first));
    fixture.registry.wait_for(Route::Manifest, 1).await;
    let message = format!(
        "too many registry requests in progress for {host}: found 1, expected at most 1, until the request's deadline: it ended while the \
         image's manifest was fetched"
    );
    let seen = of_limit(&engine, &fixture.registry.reference("app", &image), DEADLINE).await;
    assert_eq!(seen, (Code::Overloaded, message, Code::Overloaded.advice().to_owned()));
    first.abort();
}
