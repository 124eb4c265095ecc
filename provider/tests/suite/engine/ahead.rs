//! Mutation starts the verification that is expected next; the verdict is that of the policy that is asked about.

use std::sync::Arc;
use std::time::Duration;

use countersign::engine::Deadline;
use countersign::engine::VerificationRequest;
use countersign::engine::Verifier as _;
use countersign_core::verdict::Code;
use countersign_test_support::fixture::EngineFixture;
use countersign_test_support::fixture::policy;
use countersign_testkit::notation;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::registry::Route;

const STARTED: &str = "countersign_cache_events_total{event=\"verdict-ahead\"}";
const REFUSED: &str = "countersign_cache_events_total{event=\"verdict-ahead-refused\"}";
const STORED: &str = "countersign_cache_events_total{event=\"verdict-stored\"}";

/// A fixture with the images `app:v1` and `other:v1`, signed under the trusted root.
async fn fixture(policy: &str, max_flights: usize) -> EngineFixture {
    let fixture = EngineFixture::with(policy, |settings| {
        settings.verify_ahead = true;
        settings.max_flights = max_flights;
    })
    .await;
    for repository in ["app", "other"] {
        let image = fixture.registry.push_image(repository, "v1");
        notation::sign_image(&fixture.registry, repository, &image, &fixture.root.issue(CertSpec::leaf()));
    }
    fixture
}

fn trusting() -> String {
    policy(&["ca:main"], &["*"])
}

fn tag(fixture: &EngineFixture, repository: &str) -> String {
    format!("{}/{repository}:v1", fixture.registry.host())
}

fn request(fixture: &EngineFixture, image: &str) -> VerificationRequest {
    fixture.engine.request(Arc::new(image.parse().unwrap()), Deadline::after(Duration::from_secs(20)))
}

/// The image with its digest, as mutation writes it.
async fn mutated(fixture: &EngineFixture, repository: &str) -> String {
    let digest = fixture.engine.resolve(request(fixture, &tag(fixture, repository))).await.unwrap();
    format!("{}/{repository}@{digest}", fixture.registry.host())
}

async fn until_stored(fixture: &EngineFixture, number: i64) {
    while fixture.metric(STORED) < number {
        tokio::task::yield_now().await;
    }
}

fn routes(fixture: &EngineFixture) -> Vec<Route> {
    fixture.registry.requests().iter().map(|request| request.route).collect()
}

#[tokio::test]
async fn the_request_after_mutation_joins_the_verification() {
    let fixture = fixture(&trusting(), 64).await;
    let held = fixture.registry.when(Route::Blob).hold();
    let image = mutated(&fixture, "app").await;
    fixture.registry.wait_for(Route::Blob, 1).await;
    let verified = tokio::spawn(fixture.engine.verify(request(&fixture, &image)));
    held.release();
    assert_eq!(verified.await.unwrap().verdict.code(), Code::Verified);
    assert_eq!(routes(&fixture), [Route::Manifest, Route::Referrers, Route::Manifest, Route::Blob]);
    assert_eq!((fixture.metric(STARTED), fixture.metric(REFUSED)), (1, 0));
}

#[tokio::test]
async fn the_request_after_mutation_finds_the_verdict() {
    let fixture = fixture(&trusting(), 64).await;
    for _ in 0..2 {
        let image = mutated(&fixture, "app").await;
        until_stored(&fixture, 1).await;
        assert!(fixture.verify(&image).await.cached);
    }
    // The second time the verdict was known.
    assert_eq!(fixture.metric(STARTED), 1);
}

#[tokio::test]
async fn a_digest_is_verified_ahead_too() {
    let fixture = fixture(&trusting(), 64).await;
    let image = mutated(&fixture, "app").await;
    until_stored(&fixture, 1).await;
    let other = fixture.registry.push_image("third", "v1");
    let other = fixture.registry.reference("third", &other);
    fixture.engine.expect(request(&fixture, &other));
    // Nothing is stored about an image without signatures here.
    fixture.registry.wait_for(Route::Referrers, 2).await;
    assert_eq!(fixture.code(&other).await, Code::Unsigned);
    assert!(fixture.verify(&image).await.cached);
    assert_eq!(fixture.metric(STARTED), 2);
}

#[tokio::test]
async fn the_verdict_is_that_of_the_policy_that_is_asked_about() {
    let fixture = fixture(&trusting(), 64).await;
    let held = fixture.registry.when(Route::Blob).times(1).hold();
    let image = mutated(&fixture, "app").await;
    fixture.registry.wait_for(Route::Blob, 1).await;
    fixture.folder.write("truststore/x509/ca/main/root.pem", Authority::root(CertSpec::root()).pem());
    let _ = fixture.poll();
    assert_eq!(fixture.code(&image).await, Code::UntrustedChain);
    held.release();
    until_stored(&fixture, 1).await;
    assert_eq!(fixture.code(&image).await, Code::UntrustedChain);
}

#[tokio::test]
async fn nothing_is_verified_ahead_where_the_policy_asks_for_nothing_or_the_settings_exclude_it() {
    let skip = policy(&["ca:main"], &["*"]).replace("strict", "skip");
    let skip = skip.replace("\"trustStores\":[\"ca:main\"],", "").replace("\"trustedIdentities\":[\"*\"],", "");
    for (policy, is_on) in [(skip, true), (trusting(), false)] {
        let fixture = EngineFixture::with(&policy, |settings| {
            settings.verify_ahead = is_on;
        })
        .await;
        fixture.registry.push_image("app", "v1");
        mutated(&fixture, "app").await;
        assert_eq!((routes(&fixture), fixture.metric(STARTED)), (vec![Route::Manifest], 0));
    }
}

#[tokio::test]
async fn verifications_after_mutation_take_at_most_a_quarter_of_the_capacity() {
    let fixture = fixture(&trusting(), 4).await;
    // Another host, as each has a quarter of the capacity too.
    let image = fixture.other.push_image("app", "v1");
    notation::sign_image(&fixture.other, "app", &image, &fixture.root.issue(CertSpec::leaf()));
    let other = format!("{}/app:v1", fixture.other.host());
    let held = fixture.registry.when(Route::Blob).hold();
    mutated(&fixture, "app").await;
    fixture.registry.wait_for(Route::Blob, 1).await;
    assert_eq!(fixture.engine.resolve(request(&fixture, &other)).await.unwrap().as_str(), image.digest);
    assert_eq!((fixture.metric(STARTED), fixture.metric(REFUSED)), (1, 1));
    assert_eq!(fixture.code(&other).await, Code::Verified);
    held.release();
}

#[tokio::test]
async fn an_image_does_not_queue_twice() {
    let fixture = fixture(&trusting(), 1).await;
    let held = fixture.registry.when(Route::Manifest).times(1).hold();
    let first = tokio::spawn(fixture.engine.verify(request(&fixture, &tag(&fixture, "app"))));
    fixture.registry.wait_for(Route::Manifest, 1).await;
    let second = tokio::spawn(fixture.engine.verify(request(&fixture, &tag(&fixture, "other"))));
    tokio::task::yield_now().await;
    held.release();
    for image in [first, second] {
        assert_eq!(image.await.unwrap().verdict.code(), Code::Verified);
    }
    let repositories: Vec<bool> =
        fixture.registry.requests().iter().map(|request| request.path.contains("/app/")).collect();
    assert_eq!(repositories, [true, true, true, true, false, false, false, false]);
}

#[tokio::test]
async fn a_thousand_mutations_of_a_tag_share_one_flight_and_start_one_verification() {
    let fixture = fixture(&trusting(), 64).await;
    let held = fixture.registry.when(Route::Manifest).times(1).hold();
    let resolve = || tokio::spawn(fixture.engine.resolve(request(&fixture, &tag(&fixture, "app"))));
    let asked: Vec<_> = (0..1000).map(|_| resolve()).collect();
    fixture.registry.wait_for(Route::Manifest, 1).await;
    held.release();
    let mut digests = Vec::new();
    for one in asked {
        digests.push(one.await.unwrap().unwrap());
    }
    digests.dedup();
    assert_eq!(digests.len(), 1);
    let image = format!("{}/app@{}", fixture.registry.host(), digests[0]);
    assert_eq!(fixture.code(&image).await, Code::Verified);
    assert_eq!(routes(&fixture), [Route::Manifest, Route::Referrers, Route::Manifest, Route::Blob]);
    assert_eq!(fixture.metric(STARTED), 1);
}
