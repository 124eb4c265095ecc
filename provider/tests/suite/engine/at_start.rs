//! Images that the configuration names, when their registry does not have them or does not respond at the start. The clock is paused, and
//! advances when nothing is left to do.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use countersign_core::name::ImageRef;
use countersign_core::verdict::Code;
use countersign_test_support::fixture::EngineFixture;
use countersign_testkit::notation;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::registry::Route;
use tokio::time::Instant;

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// When the attempts begin, for images that could not be checked.
const ATTEMPTS: [Duration; 4] = [seconds(0), seconds(10), seconds(70), seconds(370)];

/// For the pace of the images and the answers of each attempt.
const TOLERANCE: Duration = seconds(1);

/// A registry, and when it was asked for manifests of tags of `app`, and for which.
struct Observed {
    fixture: EngineFixture,
    asked: Arc<Mutex<Vec<(Duration, String)>>>,
}

impl Observed {
    async fn new() -> Self {
        let fixture = EngineFixture::new().await;
        let (asked, began) = (Arc::new(Mutex::new(Vec::new())), Instant::now());
        let recorded = Arc::clone(&asked);
        fixture.registry.observe(move |request| {
            if request.route == Route::Manifest
                && let Some((_, tag)) = request.path.split_once("/app/manifests/v")
            {
                recorded.lock().unwrap().push((began.elapsed(), format!("v{tag}")));
            }
        });
        Self { fixture, asked }
    }

    fn image(&self, tag: &str) -> Arc<ImageRef> {
        Arc::new(format!("{}/app:{tag}", self.fixture.registry.host()).parse().unwrap())
    }

    fn sign(&self, tag: &str) {
        let image = self.fixture.registry.push_image("app", tag);
        notation::sign_image(&self.fixture.registry, "app", &image, &self.fixture.root.issue(CertSpec::leaf()));
    }

    /// The attempts in which the registry was asked for the tag.
    fn attempts(&self, tag: &str) -> Vec<usize> {
        let asked = self.asked.lock().unwrap();
        let times = asked.iter().filter(|(_, of)| of == tag).map(|(at, _)| *at);
        let attempt = |at: Duration| ATTEMPTS.iter().position(|begin| (*begin..*begin + TOLERANCE).contains(&at));
        times.map(|at| attempt(at).unwrap_or_else(|| panic!("{tag} at {at:?}"))).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn an_image_that_could_not_be_checked_at_the_start_is_verified_again_three_times() {
    let observed = Observed::new().await;
    observed.fixture.engine.verify_at_start(vec![observed.image("v1")]);
    tokio::time::sleep(seconds(3600)).await;
    assert_eq!(observed.attempts("v1"), [0, 1, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn an_image_is_not_verified_again_after_its_verdict() {
    let observed = Observed::new().await;
    observed.sign("v1");
    observed.fixture.registry.push_image("app", "v2-unsigned");
    observed.fixture.engine.verify_at_start(["v1", "v2-unsigned", "v3", "v4"].map(|tag| observed.image(tag)).to_vec());
    tokio::time::sleep(seconds(5)).await;
    observed.sign("v3");
    tokio::time::sleep(seconds(3600)).await;
    let attempts = ["v1", "v2-unsigned", "v3", "v4"].map(|tag| observed.attempts(tag));
    assert_eq!(attempts, [vec![0], vec![0], vec![0, 1], vec![0, 1, 2, 3]]);
}

#[tokio::test(start_paused = true)]
async fn an_image_that_is_verified_again_is_known_before_it_is_asked_for() {
    let observed = Observed::new().await;
    observed.fixture.engine.verify_at_start(vec![observed.image("v1")]);
    tokio::time::sleep(seconds(5)).await;
    observed.sign("v1");
    tokio::time::sleep(seconds(6)).await;
    observed.fixture.registry.clear_requests();
    let result = observed.fixture.verify(&observed.image("v1").to_string()).await;
    assert_eq!((result.verdict.code(), result.cached), (Code::Verified, true));
    // The fixture keeps no tags.
    assert_eq!(observed.fixture.registry.requests().len(), observed.fixture.registry.count(Route::Manifest));
}

#[tokio::test(start_paused = true)]
async fn an_image_whose_registry_does_not_respond_at_the_start_is_verified_when_it_does() {
    let observed = Observed::new().await;
    observed.sign("v1");
    let silent = observed.fixture.registry.when_any().status(503);
    observed.fixture.engine.verify_at_start(vec![observed.image("v1")]);
    tokio::time::sleep(seconds(40)).await;
    silent.remove();
    observed.fixture.registry.clear_requests();
    tokio::time::sleep(seconds(200)).await;
    assert_eq!(observed.fixture.registry.count(Route::Blob), 1);
    tokio::time::sleep(seconds(3600)).await;
    assert_eq!(observed.fixture.registry.count(Route::Blob), 1);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_keeps_the_rate_of_all_verifications_in_the_background() {
    let observed = Observed::new().await;
    let tags: Vec<String> = (0..20).map(|number| format!("v{number}")).collect();
    observed.fixture.engine.verify_at_start(tags.iter().map(|tag| observed.image(tag)).collect());
    tokio::time::sleep(seconds(3600)).await;
    let asked = observed.asked.lock().unwrap().clone();
    assert_eq!(asked.len(), 4 * 20);
    let steps = asked.windows(2).map(|pair| pair[1].0 - pair[0].0);
    let at_least = Duration::from_millis(48);
    assert!(steps.clone().all(|step| step >= at_least), "{:?}", steps.min());
}

#[tokio::test(start_paused = true)]
async fn the_engine_that_takes_over_verifies_what_is_not_decided() {
    let observed = Observed::new().await;
    observed.sign("v1");
    observed.fixture.engine.verify_at_start(vec![observed.image("v1"), observed.image("v2")]);
    tokio::time::sleep(seconds(5)).await;
    let next = observed.fixture.successor(|_| {});
    next.take_over(&observed.fixture.engine);
    tokio::time::sleep(seconds(3600)).await;
    let asked = observed.asked.lock().unwrap().clone();
    // Anew, and the former engine, which the fixture keeps, begins nothing.
    let expected = [("v1", 0), ("v2", 0), ("v2", 5), ("v2", 15), ("v2", 75), ("v2", 375)];
    let found: Vec<_> = asked.iter().map(|(at, tag)| (tag.as_str(), at.as_secs())).collect();
    assert_eq!(found, expected);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_verified_again_when_the_engine_is_gone() {
    let observed = Observed::new().await;
    let engine = observed.fixture.successor(|_| {});
    engine.verify_at_start(vec![observed.image("v1")]);
    tokio::time::sleep(seconds(5)).await;
    drop(engine);
    tokio::time::sleep(seconds(3600)).await;
    assert_eq!(observed.attempts("v1"), [0]);
}
