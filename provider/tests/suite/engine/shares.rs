//! The engine over registries on loopback, one of which is slow or hostile: only its own images are inconclusive, with
//! which messages, and all permits are released.

#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm, clippy::match_wildcard_for_single_variants)]

use std::sync::Arc;
use std::time::Duration;

use countersign::engine::Deadline;
use countersign::engine::Engine;
use countersign::engine::ImageResult;
use countersign::engine::Verifier as _;
use countersign_core::verdict::Code;
use countersign_core::verdict::ImageVerdict;
use countersign_http::GRACE;
use countersign_test_support::fixture::EngineFixture;
use countersign_test_support::fixture::policy;
use countersign_testkit::notation;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::registry::Route;
use tokio::task::JoinHandle;

/// A fixture with a second registry, `other`, and the signed image `app:v1` in the first.
async fn signed() -> EngineFixture {
    let fixture = EngineFixture::with(&policy(&["ca:main"], &["*"]), |settings| settings.max_flights = 256).await;
    let image = fixture.registry.push_image("app", "v1");
    notation::sign_image(&fixture.registry, "app", &image, &fixture.root.issue(CertSpec::leaf()));
    fixture
}

/// The amount of a limit in use.
fn in_use(fixture: &EngineFixture, limit: &str) -> i64 {
    fixture.metric(&format!("countersign_limit_in_use{{limit=\"{limit}\"}}"))
}

/// How many verifications were refused because the share of a host was used up.
fn refused(fixture: &EngineFixture) -> i64 {
    fixture.metric("countersign_limit_reached_total{limit=\"verifications\",scope=\"host\"}")
}

/// Requests this number of images of the other registry.
fn ask(fixture: &EngineFixture, images: usize, time: Duration) -> Vec<JoinHandle<ImageResult>> {
    ask_from(fixture, 0, images, time)
}

/// Requests the images with these numbers.
fn ask_from(fixture: &EngineFixture, from: usize, to: usize, time: Duration) -> Vec<JoinHandle<ImageResult>> {
    let ask = |number| {
        let image = format!("{}/app:v{number}", fixture.other.host()).parse().unwrap();
        tokio::spawn(fixture.engine.verify(fixture.engine.request(Arc::new(image), Deadline::after(time))))
    };
    (from..to).map(ask).collect()
}

async fn ends(asked: Vec<JoinHandle<ImageResult>>) -> Vec<(Code, String)> {
    let mut ends = Vec::new();
    for one in asked {
        match one.await.unwrap().verdict.as_ref() {
            ImageVerdict::Inconclusive(inconclusive) => {
                ends.push((inconclusive.reason.code, inconclusive.reason.detail.to_string()));
            }
            other => panic!("{other:?}"),
        }
    }
    ends
}

#[tokio::test]
async fn images_of_a_registry_that_never_answers_do_not_delay_those_of_others() {
    let fixture = signed().await;
    fixture.other.when_any().never_answer();
    let asked = ask(&fixture, 256, Duration::from_secs(3600));
    // As many requests as the host may have.
    fixture.other.wait_for(Route::Manifest, 32).await;
    assert_eq!(in_use(&fixture, "verifications"), 64);
    assert_eq!(fixture.code(&format!("{}/app:v1", fixture.registry.host())).await, Code::Verified);
    assert_eq!(fixture.other.count(Route::Manifest), 32);
    asked.iter().for_each(JoinHandle::abort);
}

#[tokio::test]
async fn names_the_used_up_share_and_its_size() {
    let fixture = signed().await;
    fixture.other.when_any().never_answer();
    let held = ask(&fixture, 64, Duration::from_secs(3600));
    fixture.other.wait_for(Route::Manifest, 32).await;
    let late = fixture.verify_within(&format!("{}/app:late", fixture.other.host()), Duration::from_millis(50)).await;
    let host = fixture.other.host();
    let ImageVerdict::Inconclusive(inconclusive) = late.verdict.as_ref() else { panic!("{late:?}") };
    assert_eq!(
        inconclusive.reason.to_string(),
        format!("overloaded: too many verifications in progress for {host}: found 64, expected at most 64")
    );
    assert_eq!(refused(&fixture), 1);
    held.iter().for_each(JoinHandle::abort);
}

#[tokio::test]
async fn refuses_at_once_when_too_many_wait() {
    let fixture = signed().await;
    fixture.other.when_any().never_answer();
    // The share, as many that wait as the memory for them allows, and three more.
    const WAITING: usize = 64 * 32;
    let asked = ask(&fixture, 64 + WAITING + 3, Duration::from_secs(3600));
    while asked.iter().filter(|one| one.is_finished()).count() < 3 {
        tokio::task::yield_now().await;
    }
    fixture.other.wait_for(Route::Manifest, 32).await;
    let (finished, waiting): (Vec<_>, Vec<_>) = asked.into_iter().partition(JoinHandle::is_finished);
    waiting.iter().for_each(JoinHandle::abort);
    for (code, detail) in ends(finished).await {
        let host = fixture.other.host();
        assert_eq!(code, Code::Overloaded);
        assert_eq!(detail, format!("too many verifications in progress for {host}: found 64, expected at most 64"));
    }
    assert_eq!((waiting.len(), refused(&fixture)), (64 + WAITING, 3));
}

#[tokio::test]
async fn abandoned_work_releases_its_permits() {
    let fixture = signed().await;
    fixture.other.when_any().never_answer();
    let asked = ask(&fixture, 64, Duration::from_secs(3600));
    fixture.other.wait_for(Route::Manifest, 32).await;
    asked.iter().for_each(JoinHandle::abort);
    for one in asked {
        assert!(one.await.unwrap_err().is_cancelled());
    }
    tokio::time::pause();
    let before = tokio::time::Instant::now();
    while in_use(&fixture, "verifications") > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // A paused clock advances to the next timer.
    assert!(before.elapsed() >= GRACE && before.elapsed() <= GRACE + Duration::from_millis(20));
    assert_eq!((in_use(&fixture, "requests"), in_use(&fixture, "answers"), in_use(&fixture, "bytes")), (0, 0, 0));
}

#[tokio::test]
async fn a_cached_verdict_needs_no_permit() {
    let fixture = EngineFixture::with(&policy(&["ca:main"], &["*"]), |settings| settings.max_flights = 4).await;
    let other = &fixture.other;
    let image = other.push_image("app", "v1");
    notation::sign_image(other, "app", &image, &fixture.root.issue(CertSpec::leaf()));
    let reference = other.reference("app", &image);
    assert_eq!(fixture.code(&reference).await, Code::Verified);
    other.when_any().never_answer();
    let held = ask(&fixture, 1, Duration::from_secs(3600));
    fixture.other.wait_for(Route::Manifest, 3).await;
    assert_eq!(in_use(&fixture, "verifications"), 1);
    let again = fixture.verify(&reference).await;
    assert_eq!((again.verdict.code(), again.cached), (Code::Verified, true));
    held.iter().for_each(JoinHandle::abort);
}

#[tokio::test]
async fn a_slow_registry_gets_permits_again_once_it_answers() {
    let fixture = signed().await;
    let held = fixture.other.when(Route::Manifest).hold();
    let asked = ask(&fixture, 256, Duration::from_secs(3600));
    fixture.other.wait_for(Route::Manifest, 32).await;
    held.release();
    let ends = ends(asked).await;
    assert!(ends.iter().all(|(code, _)| *code == Code::ImageNotFound), "{ends:?}");
    assert_eq!(in_use(&fixture, "verifications"), 0);
}

#[tokio::test]
async fn a_reloaded_engine_shares_the_limits_and_drops_the_cache() {
    let fixture = signed().await;
    let good = format!("{}/app:v1", fixture.registry.host());
    assert_eq!(fixture.code(&good).await, Code::Verified);
    assert!(fixture.verify(&good).await.cached);
    fixture.other.when_any().never_answer();
    let held = ask(&fixture, 64, Duration::from_secs(3600));
    fixture.other.wait_for(Route::Manifest, 32).await;
    let used = || ["verifications", "requests", "answers"].map(|limit| in_use(&fixture, limit));
    assert_eq!(used(), [64, 32, 32]);

    let late = async |engine: &Engine, number| {
        let image = format!("{}/late:v{number}", fixture.other.host()).parse().unwrap();
        let late = engine.verify(engine.request(Arc::new(image), Deadline::after(Duration::from_millis(50)))).await;
        let ImageVerdict::Inconclusive(inconclusive) = late.verdict.as_ref() else { panic!("{late:?}") };
        inconclusive.reason.to_string()
    };
    let full = |limit: usize| {
        let host = fixture.other.host();
        format!("overloaded: too many verifications in progress for {host}: found 64, expected at most {limit}")
    };
    // Its limit applies once it is in use, and not before.
    let fewer = fixture.successor(|settings| settings.max_flights = 128);
    assert_eq!(late(&fewer, 1).await, full(64));
    fewer.take_over(&fixture.engine);
    assert_eq!(late(&fewer, 2).await, full(32));
    assert_eq!(late(&fixture.engine, 3).await, full(32));
    assert_eq!(used(), [64, 32, 32]);

    // The former engine verifies again and caches nothing; the new one caches.
    let cached = async |engine: &Engine| {
        let result = engine
            .verify(engine.request(Arc::new(good.parse().unwrap()), Deadline::after(Duration::from_secs(20))))
            .await;
        (result.verdict.code(), result.cached)
    };
    for _ in 0..2 {
        assert_eq!(cached(&fixture.engine).await, (Code::Verified, false));
    }
    assert_eq!(cached(&fewer).await, (Code::Verified, false));
    assert_eq!(cached(&fewer).await, (Code::Verified, true));

    // Repeated while the first requests are in progress.
    let mut newest = fewer;
    for number in 0..5 {
        let next = fixture.successor(|settings| settings.max_flights = 256);
        next.take_over(&newest);
        newest = next;
        assert_eq!(late(&newest, number).await, full(64));
    }
    assert_eq!(used(), [64, 32, 32]);
    // A higher limit has free permits at once.
    let more = fixture.successor(|settings| settings.max_flights = 512);
    more.take_over(&newest);
    let host = fixture.other.host();
    assert_eq!(
        late(&more, 9).await,
        format!(
            "overloaded: too many registry requests in progress for {host}: found 32, expected at most 32, until the request's deadline: it \
             ended while the image's manifest was fetched"
        )
    );
    assert_eq!(used(), [65, 32, 32]);
    held.iter().for_each(JoinHandle::abort);
}

#[tokio::test(start_paused = true)]
async fn refuses_at_once_what_would_begin_after_its_deadline() {
    const HELD: Duration = Duration::from_secs(2);
    let fixture = EngineFixture::with(&policy(&["ca:main"], &["*"]), |settings| settings.max_flights = 16).await;
    // So that no request waits for the first one about the repository.
    fixture.other.push_image("app", "known");
    assert_eq!(fixture.code(&format!("{}/app:known", fixture.other.host())).await, Code::Unsigned);
    fixture.other.when(Route::Manifest).delay(HELD);
    // Four at a time. The first four measure how long one takes.
    let first = ask(&fixture, 4, Duration::from_secs(60));
    let others = ask_from(&fixture, 4, 12, Duration::from_secs(60));
    for one in first {
        assert_eq!(one.await.unwrap().verdict.code(), Code::ImageNotFound);
    }
    // Four are in progress, and four wait: the next one begins in two seconds and a half.
    let began = tokio::time::Instant::now();
    let late = fixture.verify_within(&format!("{}/late:v1", fixture.other.host()), Duration::from_millis(1800)).await;
    let ImageVerdict::Inconclusive(inconclusive) = late.verdict.as_ref() else { panic!("{late:?}") };
    let host = fixture.other.host();
    assert_eq!(
        inconclusive.reason.to_string(),
        format!(
            "overloaded: too many verifications in progress for {host}: found 4, expected at most 4; found 4 that wait, so that this one \
             would begin after about 2.5 s, expected it within 1.8 s"
        )
    );
    assert_eq!((began.elapsed(), refused(&fixture)), (Duration::ZERO, 1));
    // With more time it waits.
    let waits = fixture.verify_within(&format!("{host}/late:v2"), Duration::from_secs(30)).await;
    assert_eq!(waits.verdict.code(), Code::ImageNotFound);
    for one in others {
        assert_eq!(one.await.unwrap().verdict.code(), Code::ImageNotFound);
    }
    assert_eq!(in_use(&fixture, "verifications"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_slow_repository_does_not_make_images_of_a_fast_one_late_before_they_are() {
    const DEADLINE: Duration = Duration::from_millis(1800);
    // Eight at a time.
    let fixture = EngineFixture::with(&policy(&["ca:main"], &["*"]), |settings| settings.max_flights = 32).await;
    let registry = &fixture.registry;
    registry.when_any().path_contains("/slow/").delay(Duration::from_millis(1500));
    registry.when_any().path_contains("/app/").delay(Duration::from_millis(25));
    let chain = fixture.root.issue(CertSpec::leaf());
    let images: Vec<String> = (0..24)
        .map(|number| {
            let image = registry.push_image("app", &format!("v{number}"));
            notation::sign_image(registry, "app", &image, &chain);
            format!("{}/app:v{number}", registry.host())
        })
        .collect();
    // One or two of the eight at any time.
    let mut asked = Vec::new();
    let ask = |image: String| {
        let engine = fixture.engine.clone();
        tokio::spawn(async move {
            engine.verify(engine.request(Arc::new(image.parse().unwrap()), Deadline::after(DEADLINE))).await
        })
    };
    for number in 0..8 {
        registry.push_image("slow", &format!("v{number}"));
        asked.push(ask(format!("{}/slow:v{number}", registry.host())));
        tokio::time::sleep(Duration::from_millis(1900)).await;
    }
    assert!((1..=2).contains(&in_use(&fixture, "verifications")), "{}", in_use(&fixture, "verifications"));
    let burst: Vec<_> = images.into_iter().map(ask).collect();
    for one in burst {
        let result = one.await.unwrap();
        assert_eq!(result.verdict.code(), Code::Verified, "{:?}", result.verdict);
    }
    drop(asked);
}
