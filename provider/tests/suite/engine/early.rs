//! Verification before anybody asks: after a change, and of images that the configuration names.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use countersign_core::name::ImageRef;
use countersign_core::verdict::Code;
use countersign_test_support::fixture::EngineFixture;
use countersign_test_support::fixture::policy;
use countersign_testkit::notation;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::registry::Route;

/// The references with digests of signed images `app:v0`, `app:v1` and so on.
fn signed(fixture: &EngineFixture, count: usize) -> Vec<String> {
    let chain = fixture.root.issue(CertSpec::leaf());
    let push = |number| {
        let image = fixture.registry.push_image("app", &format!("v{number}"));
        notation::sign_image(&fixture.registry, "app", &image, &chain);
        fixture.registry.reference("app", &image)
    };
    (0..count).map(push).collect()
}

fn tag(fixture: &EngineFixture, number: usize) -> String {
    format!("{}/app:v{number}", fixture.registry.host())
}

fn again(fixture: &EngineFixture) -> i64 {
    fixture.metric("countersign_cache_events_total{event=\"verdict-again\"}")
}

/// Another policy with a statement of its own, so that former verdicts do not count.
fn change(fixture: &EngineFixture, identities: &[&str]) {
    fixture.folder.write("trustpolicy.json", policy(&["ca:main"], identities));
    let _ = fixture.poll();
}

#[tokio::test]
async fn what_was_verified_lately_is_verified_again_after_a_change() {
    let fixture = EngineFixture::new().await;
    let images = signed(&fixture, 3);
    assert_eq!(fixture.code(&images[0]).await, Code::Verified);
    assert_eq!(fixture.code(&tag(&fixture, 1)).await, Code::Verified);
    assert_eq!(fixture.code(&images[2]).await, Code::Verified);
    let lately = fixture.engine.verified_lately();
    let names: Vec<String> = lately.iter().map(ToString::to_string).collect();
    assert_eq!(names, [images[2].clone(), images[1].clone(), images[0].clone()]);
    // Without a change nothing of it is to be verified.
    fixture.registry.clear_requests();
    let other = fixture.registry.push_image("other", "v1");
    notation::sign_image(&fixture.registry, "other", &other, &fixture.root.issue(CertSpec::leaf()));
    let other = Arc::new(fixture.registry.reference("other", &other).parse().unwrap());
    fixture.engine.verify_early(lately.iter().cloned().chain([other]).collect());
    fixture.registry.wait_for(Route::Blob, 1).await;
    assert_eq!(again(&fixture), 1);

    fixture.registry.clear_requests();
    change(&fixture, &["x509.subject: C=CH, ST=ZH, O=Testkit"]);
    fixture.engine.verify_early(lately);
    fixture.registry.wait_for(Route::Blob, 3).await;
    assert_eq!(again(&fixture), 4);
    // The number is in the documentation of `cache.verifyAgain`.
    assert_eq!(fixture.registry.requests().len(), 3 * 4);
    for image in [&images[0], &images[1], &images[2]] {
        assert_eq!(fixture.code(image).await, Code::Verified);
    }
    assert_eq!(fixture.registry.count(Route::Blob), 3);
}

#[tokio::test]
async fn a_verdict_under_the_changed_trust_is_that_of_the_change() {
    let fixture = EngineFixture::new().await;
    let images = signed(&fixture, 1);
    assert_eq!(fixture.code(&images[0]).await, Code::Verified);
    fixture.folder.write("truststore/x509/ca/main/root.pem", Authority::root(CertSpec::root()).pem());
    let _ = fixture.poll();
    fixture.registry.clear_requests();
    fixture.engine.verify_early(fixture.engine.verified_lately());
    fixture.registry.wait_for(Route::Blob, 1).await;
    assert_eq!(fixture.code(&images[0]).await, Code::UntrustedChain);
}

#[tokio::test]
async fn only_verified_images_are_kept_and_as_many_as_the_settings_say() {
    let fixture = EngineFixture::with(&policy(&["ca:main"], &["*"]), |settings| settings.verify_again = 2).await;
    let images = signed(&fixture, 3);
    for image in &images {
        assert_eq!(fixture.code(image).await, Code::Verified);
    }
    let unsigned = fixture.registry.push_image("app", "unsigned");
    assert_eq!(fixture.code(&fixture.registry.reference("app", &unsigned)).await, Code::Unsigned);
    let lately: Vec<String> = fixture.engine.verified_lately().iter().map(ToString::to_string).collect();
    assert_eq!(lately, [images[2].clone(), images[1].clone()]);
    let none = fixture.successor(|settings| settings.verify_again = 0);
    assert_eq!(none.verified_lately(), [] as [Arc<ImageRef>; 0]);
    // The settings that follow decide how many are verified again.
    fixture.folder.write("truststore/x509/ca/main/other.pem", Authority::root(CertSpec::root()).pem());
    let _ = fixture.poll();
    fixture.registry.clear_requests();
    none.verify_early(fixture.engine.verified_lately());
    fixture.engine.verify_early(fixture.engine.verified_lately());
    fixture.registry.wait_for(Route::Blob, 2).await;
    for image in &images[1..] {
        assert_eq!(fixture.code(image).await, Code::Verified);
    }
    assert_eq!((fixture.registry.count(Route::Blob), again(&fixture)), (2, 2));
    // What a configuration has replaced keeps nothing.
    none.take_over(&fixture.engine);
    assert_eq!(fixture.engine.verified_lately(), [] as [Arc<ImageRef>; 0]);
}

#[tokio::test]
async fn a_later_change_ends_what_an_earlier_one_has_not_begun() {
    let fixture = EngineFixture::new().await;
    let images: Vec<Arc<ImageRef>> = signed(&fixture, 6).iter().map(|image| Arc::new(image.parse().unwrap())).collect();
    fixture.engine.verify_early(images[..2].to_vec());
    fixture.engine.verify_early(images[2..].to_vec());
    fixture.registry.wait_for(Route::Blob, 4).await;
    assert_eq!((fixture.registry.count(Route::Blob), again(&fixture)), (4, 4));
    assert_eq!(fixture.code(&images[5].to_string()).await, Code::Verified);
    assert_eq!(fixture.registry.count(Route::Blob), 4);
}

/// A fixture with a place for one image, and three images.
async fn with_one_place() -> (EngineFixture, Vec<Arc<ImageRef>>) {
    let fixture = EngineFixture::with(&policy(&["ca:main"], &["*"]), |settings| settings.max_flights = 4).await;
    let images = signed(&fixture, 3).iter().map(|image| Arc::new(image.parse().unwrap())).collect();
    (fixture, images)
}

/// The time in which three images begin.
async fn pass() {
    for _ in 0..3 {
        tokio::time::pause();
        tokio::time::advance(Duration::from_millis(50)).await;
        tokio::time::resume();
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_waits_for_a_place_has_not_begun() {
    let (fixture, images) = with_one_place().await;
    let held = fixture.registry.when(Route::Blob).times(1).hold();
    fixture.engine.verify_early(images[..2].to_vec());
    fixture.registry.wait_for(Route::Blob, 1).await;
    pass().await;
    fixture.engine.verify_early(images[2..].to_vec());
    held.release();
    fixture.registry.wait_for(Route::Blob, 2).await;
    assert_eq!(fixture.code(&images[2].to_string()).await, Code::Verified);
    assert_eq!((fixture.registry.count(Route::Blob), again(&fixture)), (2, 2));
}

#[tokio::test]
async fn an_engine_that_is_replaced_begins_nothing_more() {
    let (fixture, images) = with_one_place().await;
    let held = fixture.registry.when(Route::Blob).times(1).hold();
    fixture.engine.verify_early(images.clone());
    fixture.registry.wait_for(Route::Blob, 1).await;
    fixture.successor(|_| {}).take_over(&fixture.engine);
    held.release();
    // Joins the one that has begun.
    assert_eq!(fixture.code(&images[0].to_string()).await, Code::Verified);
    pass().await;
    assert_eq!((fixture.registry.count(Route::Blob), again(&fixture)), (1, 1));
}

#[tokio::test]
async fn an_image_of_the_configuration_is_verified_by_tag_or_digest_before_it_is_asked_for() {
    let fixture = EngineFixture::new().await;
    let images = signed(&fixture, 2);
    let named = [tag(&fixture, 0), images[1].clone()];
    fixture.engine.verify_at_start(named.iter().map(|image| Arc::new(image.parse().unwrap())).collect());
    // A change of the policy does not end it.
    fixture.engine.verify_early(Vec::new());
    fixture.registry.wait_for(Route::Blob, 2).await;
    for image in &named {
        assert_eq!(fixture.code(image).await, Code::Verified);
    }
    assert_eq!(fixture.registry.count(Route::Blob), 2);
}

#[tokio::test(start_paused = true)]
async fn twenty_images_a_second_are_verified_again() {
    const IMAGES: usize = 61;
    let fixture = EngineFixture::new().await;
    let images = signed(&fixture, IMAGES).iter().map(|image| Arc::new(image.parse().unwrap())).collect();
    let began = tokio::time::Instant::now();
    let starts = Arc::new(Mutex::new(Vec::new()));
    let recorded = Arc::clone(&starts);
    fixture.registry.observe(move |request| {
        if request.route == Route::Referrers {
            recorded.lock().unwrap().push(began.elapsed());
        }
    });
    fixture.engine.verify_early(images);
    fixture.registry.wait_for(Route::Blob, IMAGES).await;
    let starts = starts.lock().unwrap().clone();
    assert_eq!((starts.len(), again(&fixture)), (IMAGES, IMAGES as i64));
    for (number, start) in (0..).zip(starts) {
        let from = Duration::from_millis(50) * number;
        assert!((from..=from + Duration::from_millis(2)).contains(&start), "{number}: {start:?}");
    }
}
