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
use countersign_test_support::world::World;
use countersign_test_support::world::policy;
use countersign_testkit::notation;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::registry::Route;
use tokio::task::JoinHandle;

/// A world with a second registry, `other`, and the signed image `app:v1` in the first.
async fn signed() -> World {
    let world = World::with(&policy(&["ca:main"], &["*"]), |settings| settings.max_flights = 256).await;
    let image = world.registry.push_image("app", "v1");
    notation::sign_image(&world.registry, "app", &image, &world.root.issue(CertSpec::leaf()));
    world
}

/// The amount of a limit in use.
fn in_use(world: &World, limit: &str) -> i64 {
    world.metric(&format!("countersign_limit_in_use{{limit=\"{limit}\"}}"))
}

/// How many verifications were refused because the share of a host was used up.
fn refused(world: &World) -> i64 {
    world.metric("countersign_limit_reached_total{limit=\"verifications\",scope=\"host\"}")
}

/// Requests this number of images of the other registry.
fn ask(world: &World, images: usize, time: Duration) -> Vec<JoinHandle<ImageResult>> {
    let ask = |number| {
        let image = format!("{}/app:v{number}", world.other.host()).parse().unwrap();
        tokio::spawn(world.engine.verify(world.engine.request(Arc::new(image), Deadline::after(time))))
    };
    (0..images).map(ask).collect()
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
    let world = signed().await;
    world.other.when_any().never_answer();
    let asked = ask(&world, 256, Duration::from_secs(3600));
    // As many requests as the host may have.
    world.other.wait_for(Route::Manifest, 32).await;
    assert_eq!(in_use(&world, "verifications"), 64);
    assert_eq!(world.code(&format!("{}/app:v1", world.registry.host())).await, Code::Verified);
    assert_eq!(world.other.count(Route::Manifest), 32);
    asked.iter().for_each(JoinHandle::abort);
}

#[tokio::test]
async fn names_the_used_up_share_and_its_size() {
    let world = signed().await;
    world.other.when_any().never_answer();
    let held = ask(&world, 64, Duration::from_secs(3600));
    world.other.wait_for(Route::Manifest, 32).await;
    let late = world.verify_within(&format!("{}/app:late", world.other.host()), Duration::from_millis(50)).await;
    let host = world.other.host();
    let ImageVerdict::Inconclusive(inconclusive) = late.verdict.as_ref() else { panic!("{late:?}") };
    assert_eq!(
        inconclusive.reason.to_string(),
        format!("overloaded: too many verifications in progress for {host}: found 64, expected at most 64")
    );
    assert_eq!(refused(&world), 1);
    held.iter().for_each(JoinHandle::abort);
}

#[tokio::test]
async fn refuses_at_once_when_waiting_is_useless() {
    let world = signed().await;
    world.other.when_any().never_answer();
    // The share, eight times as many that wait, and three more.
    let asked = ask(&world, 64 + 512 + 3, Duration::from_secs(3600));
    while asked.iter().filter(|one| one.is_finished()).count() < 3 {
        tokio::task::yield_now().await;
    }
    world.other.wait_for(Route::Manifest, 32).await;
    let (finished, waiting): (Vec<_>, Vec<_>) = asked.into_iter().partition(JoinHandle::is_finished);
    waiting.iter().for_each(JoinHandle::abort);
    for (code, detail) in ends(finished).await {
        let host = world.other.host();
        assert_eq!(code, Code::Overloaded);
        assert_eq!(detail, format!("too many verifications in progress for {host}: found 64, expected at most 64"));
    }
    assert_eq!((waiting.len(), refused(&world)), (64 + 512, 3));
}

#[tokio::test]
async fn abandoned_work_releases_its_permits() {
    let world = signed().await;
    world.other.when_any().never_answer();
    let asked = ask(&world, 64, Duration::from_secs(3600));
    world.other.wait_for(Route::Manifest, 32).await;
    asked.iter().for_each(JoinHandle::abort);
    for one in asked {
        assert!(one.await.unwrap_err().is_cancelled());
    }
    tokio::time::pause();
    let before = tokio::time::Instant::now();
    while in_use(&world, "verifications") > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // A paused clock advances to the next timer.
    assert!(before.elapsed() >= GRACE && before.elapsed() <= GRACE + Duration::from_millis(20));
    assert_eq!((in_use(&world, "requests"), in_use(&world, "answers"), in_use(&world, "bytes")), (0, 0, 0));
}

#[tokio::test]
async fn a_cached_verdict_needs_no_permit() {
    let world = World::with(&policy(&["ca:main"], &["*"]), |settings| settings.max_flights = 4).await;
    let other = &world.other;
    let image = other.push_image("app", "v1");
    notation::sign_image(other, "app", &image, &world.root.issue(CertSpec::leaf()));
    let reference = other.reference("app", &image);
    assert_eq!(world.code(&reference).await, Code::Verified);
    other.when_any().never_answer();
    let held = ask(&world, 1, Duration::from_secs(3600));
    world.other.wait_for(Route::Manifest, 3).await;
    assert_eq!(in_use(&world, "verifications"), 1);
    let again = world.verify(&reference).await;
    assert_eq!((again.verdict.code(), again.cached), (Code::Verified, true));
    held.iter().for_each(JoinHandle::abort);
}

#[tokio::test]
async fn a_slow_registry_gets_permits_again_once_it_answers() {
    let world = signed().await;
    let held = world.other.when(Route::Manifest).hold();
    let asked = ask(&world, 256, Duration::from_secs(3600));
    world.other.wait_for(Route::Manifest, 32).await;
    held.release();
    let ends = ends(asked).await;
    assert!(ends.iter().all(|(code, _)| *code == Code::ImageNotFound), "{ends:?}");
    assert_eq!(in_use(&world, "verifications"), 0);
}

#[tokio::test]
async fn a_reloaded_engine_shares_the_limits_and_drops_the_cache() {
    let world = signed().await;
    let good = format!("{}/app:v1", world.registry.host());
    assert_eq!(world.code(&good).await, Code::Verified);
    assert!(world.verify(&good).await.cached);
    world.other.when_any().never_answer();
    let held = ask(&world, 64, Duration::from_secs(3600));
    world.other.wait_for(Route::Manifest, 32).await;
    let used = || ["verifications", "requests", "answers"].map(|limit| in_use(&world, limit));
    assert_eq!(used(), [64, 32, 32]);

    let late = async |engine: &Engine, number| {
        let image = format!("{}/late:v{number}", world.other.host()).parse().unwrap();
        let late = engine.verify(engine.request(Arc::new(image), Deadline::after(Duration::from_millis(50)))).await;
        let ImageVerdict::Inconclusive(inconclusive) = late.verdict.as_ref() else { panic!("{late:?}") };
        inconclusive.reason.to_string()
    };
    let full = |limit: usize| {
        let host = world.other.host();
        format!("overloaded: too many verifications in progress for {host}: found 64, expected at most {limit}")
    };
    // Its limit applies once it is in use, and not before.
    let fewer = world.successor(|settings| settings.max_flights = 128);
    assert_eq!(late(&fewer, 1).await, full(64));
    fewer.take_over(&world.engine);
    assert_eq!(late(&fewer, 2).await, full(32));
    assert_eq!(late(&world.engine, 3).await, full(32));
    assert_eq!(used(), [64, 32, 32]);

    // The former engine verifies again and caches nothing; the new one caches.
    let cached = async |engine: &Engine| {
        let result = engine
            .verify(engine.request(Arc::new(good.parse().unwrap()), Deadline::after(Duration::from_secs(20))))
            .await;
        (result.verdict.code(), result.cached)
    };
    for _ in 0..2 {
        assert_eq!(cached(&world.engine).await, (Code::Verified, false));
    }
    assert_eq!(cached(&fewer).await, (Code::Verified, false));
    assert_eq!(cached(&fewer).await, (Code::Verified, true));

    // Repeated while the first requests are in progress.
    let mut newest = fewer;
    for number in 0..5 {
        let next = world.successor(|settings| settings.max_flights = 256);
        next.take_over(&newest);
        newest = next;
        assert_eq!(late(&newest, number).await, full(64));
    }
    assert_eq!(used(), [64, 32, 32]);
    // A higher limit has free permits at once.
    let more = world.successor(|settings| settings.max_flights = 512);
    more.take_over(&newest);
    assert_eq!(late(&more, 9).await.split(':').next(), Some("deadline-exceeded"));
    assert_eq!(used(), [65, 32, 32]);
    held.iter().for_each(JoinHandle::abort);
}
