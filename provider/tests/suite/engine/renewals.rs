//! What is in memory is renewed near its end while it is in use.

use std::sync::Arc;
use std::time::Duration;

use countersign::engine::Deadline;
use countersign::engine::Verifier as _;
use countersign_core::name::ImageRef;
use countersign_core::verdict::Code;
use countersign_credentials::Credential;
use countersign_http::Scheme;
use countersign_registry::RegistryEntry;
use countersign_registry::RegistrySettings;
use countersign_test_support::fixture::EngineFixture;
use countersign_test_support::fixture::policy;
use countersign_testkit::notation;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::registry::Reply;
use countersign_testkit::registry::Route;

use crate::engine::evidence::fixture::CRL;
use crate::engine::evidence::fixture::Fixture;

const RENEWED: &str = "countersign_cache_events_total{event=\"verdict-renewed\"}";
const TAGS_RENEWED: &str = "countersign_cache_events_total{event=\"tag-renewed\"}";
/// Verifications in progress.
const IN_PROGRESS: &str = "countersign_limit_in_use{limit=\"verifications\"}";
const STORED: &str = "countersign_cache_events_total{event=\"verdict-stored\"}";

/// Longer than what passes in a test.
const LONG: Duration = Duration::from_secs(3600);

/// Verdicts are kept for 300 seconds, so that they are renewed after 240.
struct Site {
    fixture: EngineFixture,
    image: String,
}

impl Site {
    /// A signed image that was verified once.
    async fn verified() -> Self {
        let fixture = EngineFixture::with(&policy(&["ca:main"], &["*"]), |settings| {
            (settings.flight_time, settings.ahead_time) = (LONG, LONG);
        })
        .await;
        let image = fixture.registry.push_image("app", "v1");
        notation::sign_image(&fixture.registry, "app", &image, &fixture.root.issue(CertSpec::leaf()));
        let image = fixture.registry.reference("app", &image);
        let site = Self { fixture, image };
        assert_eq!(site.ask().await, (Code::Verified, false));
        site.fixture.registry.clear_requests();
        site
    }

    /// The code of the image's verdict, and whether it was in memory.
    async fn ask(&self) -> (Code, bool) {
        let result = self.fixture.verify_within(&self.image, LONG).await;
        (result.verdict.code(), result.cached)
    }

    fn requests(&self) -> usize {
        self.fixture.registry.requests().len()
    }

    async fn until(&self, series: &str, number: i64) {
        while self.fixture.metric(series) < number {
            tokio::task::yield_now().await;
        }
    }
}

/// Two signed images that were verified once.
async fn two_verified(fixture: &EngineFixture) -> [String; 2] {
    let images = ["one", "two"].map(|repository| {
        let image = fixture.registry.push_image(repository, "v1");
        notation::sign_image(&fixture.registry, repository, &image, &fixture.root.issue(CertSpec::leaf()));
        fixture.registry.reference(repository, &image)
    });
    for image in &images {
        assert_eq!(fixture.verify_within(image, LONG).await.verdict.code(), Code::Verified);
    }
    images
}

/// Moves the clock of lifetimes.
pub(super) async fn pass(seconds: u64) {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(seconds)).await;
    tokio::time::resume();
}

#[tokio::test]
async fn a_verdict_in_use_is_renewed_in_its_last_fifth() {
    let site = Site::verified().await;
    pass(238).await;
    assert_eq!((site.ask().await, site.requests()), ((Code::Verified, true), 0));
    pass(2).await;
    assert_eq!(site.ask().await, (Code::Verified, true));
    site.until(STORED, 2).await;
    assert_eq!(site.fixture.registry.count(Route::Manifest), 2);
    // Later than the end of the first one.
    pass(100).await;
    assert_eq!((site.ask().await, site.fixture.metric(RENEWED)), ((Code::Verified, true), 1));
}

#[tokio::test]
async fn a_verdict_that_is_not_in_use_is_not_renewed() {
    let site = Site::verified().await;
    pass(301).await;
    assert_eq!((site.requests(), site.ask().await), (0, (Code::Verified, false)));
    assert_eq!(site.fixture.metric(RENEWED), 0);
}

#[tokio::test]
async fn an_outage_during_the_renewal_is_not_remembered_and_not_asked_about_again() {
    let site = Site::verified().await;
    let down = site.fixture.registry.when_any().status(503);
    pass(241).await;
    assert_eq!(site.ask().await, (Code::Verified, true));
    site.until(RENEWED, 1).await;
    for _ in 0..20 {
        assert_eq!(site.ask().await, (Code::Verified, true));
    }
    assert_eq!(site.fixture.metric(RENEWED), 1);
    // The first verdict ends at its time.
    pass(60).await;
    let (code, cached) = site.ask().await;
    assert_eq!((code, cached), (Code::RegistryFailed, false));
    down.remove();
    // It is asked again after a moment.
    pass(1).await;
    assert_eq!(site.ask().await, (Code::Verified, false));
}

#[tokio::test]
async fn a_rejection_replaces_what_it_was_to_renew() {
    let site = Site::verified().await;
    let empty = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;
    let reply = Reply::status(200).header("content-type", "application/vnd.oci.image.index.v1+json").body(empty);
    site.fixture.registry.when(Route::Referrers).reply(reply);
    pass(241).await;
    assert_eq!(site.ask().await, (Code::Verified, true));
    while site.ask().await.1 {
        tokio::task::yield_now().await;
    }
    assert_eq!(site.ask().await.0, Code::Unsigned);
}

#[tokio::test]
async fn a_tag_in_use_is_renewed_in_its_last_fifth_and_the_image_that_it_moved_to_is_verified() {
    let site = Site::verified().await;
    let fixture = &site.fixture;
    let entry = RegistryEntry::new(fixture.registry.host().parse().unwrap(), Credential::Anonymous);
    let registries = vec![RegistryEntry { scheme: Scheme::Http, ..entry }];
    let registries =
        RegistrySettings { registries, tag_lifetime: Duration::from_secs(5), ..RegistrySettings::default() };
    let engine = fixture.successor_over(registries);
    let tag: Arc<ImageRef> = Arc::new(format!("{}/app:v1", fixture.registry.host()).parse().unwrap());
    let ask = async || {
        let result = engine.verify(engine.request(Arc::clone(&tag), Deadline::after(LONG))).await;
        (result.digest.unwrap().as_str().to_owned(), result.cached)
    };
    let (first, _) = ask().await;
    let moved = fixture.registry.push_image("app", "v1");
    notation::sign_image(&fixture.registry, "app", &moved, &fixture.root.issue(CertSpec::leaf()));
    pass(3).await;
    assert_eq!((ask().await, fixture.metric(TAGS_RENEWED)), ((first.clone(), true), 0));
    pass(1).await;
    assert_eq!(ask().await, (first, true));
    site.until(STORED, 3).await;
    assert_eq!((ask().await, fixture.metric(TAGS_RENEWED)), ((moved.digest, true), 1));
}

#[tokio::test]
async fn a_verdict_whose_renewal_found_no_place_is_renewed_by_the_next_request() {
    // One renewal at a time.
    let fixture = EngineFixture::with(&policy(&["ca:main"], &["*"]), |settings| {
        (settings.flight_time, settings.ahead_time, settings.max_flights) = (LONG, LONG, 7);
    })
    .await;
    let images = two_verified(&fixture).await;
    pass(241).await;
    let held = fixture.registry.when_any().hold();
    for image in &images {
        assert!(fixture.verify_within(image, LONG).await.cached);
    }
    assert_eq!(fixture.metric(RENEWED), 1);
    held.release();
    while fixture.metric(STORED) < 3 {
        tokio::task::yield_now().await;
    }
    for _ in 0..100 {
        assert!(fixture.verify_within(&images[1], LONG).await.cached);
        tokio::task::yield_now().await;
    }
    assert_eq!(fixture.metric(RENEWED), 2);
}

#[tokio::test]
async fn work_that_no_request_waits_for_is_limited_until_it_has_ended() {
    // One renewal at a time, which continues for two seconds after its time.
    let fixture = EngineFixture::with(&policy(&["ca:main"], &["*"]), |settings| {
        (settings.flight_time, settings.max_flights) = (LONG, 7);
        settings.ahead_time = Duration::from_millis(100);
    })
    .await;
    let images = two_verified(&fixture).await;
    pass(241).await;
    let held = fixture.registry.when_any().hold();
    assert!(fixture.verify_within(&images[0], LONG).await.cached);
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    pass(1).await;
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(fixture.verify_within(&images[1], LONG).await.cached);
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(fixture.metric(IN_PROGRESS), 1);
    held.release();
}

#[tokio::test]
async fn a_renewal_without_revocation_status_does_not_shorten_a_verdict_that_was_made_with_it() {
    // Without memory for evidence, each verification asks for it. An unchecked verdict would last for 30 seconds.
    let fixture = Fixture::with_engine(
        "permissive",
        |settings| settings.cache_bytes = 0,
        |settings| {
            (settings.flight_time, settings.ahead_time) = (LONG, LONG);
            settings.rejected_lifetime = Duration::from_secs(30);
        },
    )
    .await;
    let image = fixture.image(&fixture.signer_with_crl());
    assert_eq!(fixture.warnings_of(&image).await, []);
    fixture.requests();
    fixture.responder.when(CRL).status(503);
    pass(241).await;
    assert!(fixture.engine.verify(&image).await.cached);
    while fixture.engine.metric(IN_PROGRESS) == 0 {
        tokio::task::yield_now().await;
    }
    while fixture.engine.metric(IN_PROGRESS) > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!((fixture.engine.metric(RENEWED), fixture.warnings_of(&image).await), (1, vec![]));
    assert!(fixture.requests() > 0);
    pass(40).await;
    assert!(fixture.engine.verify(&image).await.cached);
}
