//! Whether a known result still stands: as long as nothing that it depends on has changed.

use std::sync::Arc;
use std::time::Duration;

use countersign::engine::Deadline;
use countersign::engine::Engine;
use countersign::engine::Standing;
use countersign::engine::VerificationRequest;
use countersign::engine::Verifier as _;
use countersign_core::verdict::Code;
use countersign_credentials::Credential;
use countersign_credentials::ReloadableCredential;
use countersign_http::Scheme;
use countersign_registry::RegistryEntry;
use countersign_registry::RegistrySettings;
use countersign_test_support::fixture::EngineFixture;
use countersign_test_support::fixture::policy;
use countersign_testkit::notation;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;

/// Longer than what passes in a test.
const LONG: Duration = Duration::from_secs(3600);

/// How long the digest of a tag counts.
const TAG_LIFETIME: Duration = Duration::from_secs(5);

const HITS: &str = "countersign_cache_events_total{event=\"verdict-hit\"}";

fn request(engine: &Engine, image: &str) -> VerificationRequest {
    engine.request(Arc::new(image.parse().unwrap()), Deadline::after(LONG))
}

/// What the known result about the image depends on.
fn standing(engine: &Engine, image: &str) -> Option<Standing> {
    let request = request(engine, image);
    engine.standing(&request, &engine.known(&request)?)
}

fn stands(engine: &Engine, standing: &Standing) -> bool {
    engine.stands(standing, &engine.snapshot())
}

/// With a signed image that was verified once, by digest.
async fn verified() -> (EngineFixture, String, Standing) {
    let fixture = EngineFixture::with(&policy(&["ca:main"], &["*"]), |settings| {
        (settings.flight_time, settings.ahead_time, settings.verdict_bytes) = (LONG, LONG, 16 * 1024);
    })
    .await;
    let image = sign(&fixture, "app");
    assert_eq!(fixture.verify_within(&image, LONG).await.verdict.code(), Code::Verified);
    let standing = standing(&fixture.engine, &image).unwrap();
    assert!(stands(&fixture.engine, &standing));
    (fixture, image, standing)
}

/// Signs a new image, and returns its reference by digest.
fn sign(fixture: &EngineFixture, repository: &str) -> String {
    let image = fixture.registry.push_image(repository, "v1");
    notation::sign_image(&fixture.registry, repository, &image, &fixture.root.issue(CertSpec::leaf()));
    fixture.registry.reference(repository, &image)
}

/// An engine that remembers tags, and a replaceable credential for the registry.
fn with_tags(fixture: &EngineFixture) -> (Engine, Arc<ReloadableCredential>) {
    let source = Arc::new(ReloadableCredential::new(Credential::Anonymous));
    let entry = RegistryEntry::new(fixture.registry.host().parse().unwrap(), Credential::Anonymous);
    let entry = RegistryEntry { identities: Arc::clone(&source) as _, scheme: Scheme::Http, ..entry };
    let registries =
        RegistrySettings { registries: vec![entry], tag_lifetime: TAG_LIFETIME, ..RegistrySettings::default() };
    (fixture.successor_over(registries), source)
}

async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

#[tokio::test]
async fn a_result_stands_for_a_second_at_most() {
    let (fixture, image, first) = verified().await;
    pass(Duration::from_millis(500)).await;
    assert!(stands(&fixture.engine, &first));
    pass(Duration::from_millis(500)).await;
    assert!(!stands(&fixture.engine, &first));
    assert!(stands(&fixture.engine, &standing(&fixture.engine, &image).unwrap()));
}

#[tokio::test]
async fn each_use_counts_as_a_hit() {
    let (fixture, _, standing) = verified().await;
    let (hits, ages) = (fixture.metric(HITS), fixture.metric("countersign_verdict_cache_hit_age_seconds_count"));
    for _ in 0..3 {
        assert!(stands(&fixture.engine, &standing));
    }
    fixture.at("2100-01-01T00:00:00Z");
    assert!(!stands(&fixture.engine, &standing));
    assert_eq!(fixture.metric(HITS), hits + 3);
    assert_eq!(fixture.metric("countersign_verdict_cache_hit_age_seconds_count"), ages + 3);
}

#[tokio::test]
async fn a_result_ends_when_its_certificates_do() {
    let (fixture, image, first) = verified().await;
    fixture.at("2100-01-01T00:00:00Z");
    assert!(!stands(&fixture.engine, &first));
    assert!(standing(&fixture.engine, &image).is_none());
}

#[tokio::test]
async fn a_result_does_not_stand_under_another_policy() {
    let (fixture, image, first) = verified().await;
    let former = fixture.engine.snapshot();
    fixture.folder.write("truststore/x509/ca/main/root.pem", Authority::root(CertSpec::root()).pem());
    fixture.poll();
    assert!(!stands(&fixture.engine, &first));
    assert!(standing(&fixture.engine, &image).is_none());
    // A request that began before.
    assert!(fixture.engine.stands(&first, &former));
}

#[tokio::test]
async fn a_result_does_not_stand_in_another_engine_nor_when_its_own_is_replaced() {
    let (fixture, image, standing) = verified().await;
    let next = fixture.successor(|_| {});
    let request = request(&next, &image);
    assert_eq!(next.verify(request).await.verdict.code(), Code::Verified);
    assert!(!stands(&next, &standing) && stands(&fixture.engine, &standing));
    next.take_over(&fixture.engine);
    assert!(!stands(&fixture.engine, &standing));
}

#[tokio::test]
async fn a_result_ends_when_its_verdict_is_evicted() {
    let (fixture, _, standing) = verified().await;
    let others: Vec<String> = (0..12).map(|number| sign(&fixture, &format!("other{number}"))).collect();
    for image in &others {
        assert_eq!(fixture.verify_within(image, LONG).await.verdict.code(), Code::Verified);
    }
    assert!(fixture.metric("countersign_cache_events_total{event=\"verdict-evicted\"}") > 0);
    assert!(!stands(&fixture.engine, &standing));
}

#[tokio::test]
async fn a_result_ends_when_its_verdict_is_due_to_be_renewed() {
    let (fixture, image, _) = verified().await;
    pass(Duration::from_millis(239_500)).await;
    let standing = standing(&fixture.engine, &image).unwrap();
    assert!(stands(&fixture.engine, &standing));
    pass(Duration::from_millis(600)).await;
    assert!(!stands(&fixture.engine, &standing));
}

#[tokio::test]
async fn a_result_ends_when_its_tag_is_due_moves_or_ends() {
    let (fixture, _, _) = verified().await;
    let (engine, _) = with_tags(&fixture);
    let tag = format!("{}/app:v1", fixture.registry.host());
    let ask = async || {
        let result = engine.verify(request(&engine, &tag)).await;
        (result.verdict.code(), result.digest.unwrap().as_str().to_owned())
    };
    let (_, first) = ask().await;
    pass(Duration::from_millis(3500)).await;
    let before = standing(&engine, &tag).unwrap();
    assert!(stands(&engine, &before));
    // The tag is due.
    pass(Duration::from_millis(600)).await;
    assert!(!stands(&engine, &before));
    let moved = fixture.registry.push_image("app", "v1");
    // This lookup starts the renewal.
    let due = standing(&engine, &tag).unwrap();
    assert!(stands(&engine, &due));
    assert_eq!(ask().await, (Code::Verified, first));
    while stands(&engine, &due) {
        tokio::task::yield_now().await;
    }
    assert_eq!(ask().await, (Code::Unsigned, moved.digest));
}

#[tokio::test]
async fn a_result_ends_with_the_lifetime_of_its_tag() {
    let (fixture, _, _) = verified().await;
    let (engine, _) = with_tags(&fixture);
    let tag = format!("{}/app:v1", fixture.registry.host());
    assert_eq!(engine.verify(request(&engine, &tag)).await.verdict.code(), Code::Verified);
    let down = fixture.registry.when_any().status(503);
    pass(Duration::from_millis(4100)).await;
    // Starts a renewal, which fails: what is in memory counts until its end.
    assert!(engine.known(&request(&engine, &tag)).is_some());
    let last = standing(&engine, &tag).unwrap();
    assert!(stands(&engine, &last));
    pass(Duration::from_millis(900)).await;
    assert!(!stands(&engine, &last));
    drop(down);
}

#[tokio::test]
async fn a_result_does_not_stand_with_another_credential_nor_with_none_that_can_be_used() {
    let (fixture, image, _) = verified().await;
    let (engine, source) = with_tags(&fixture);
    for image in [image, format!("{}/app:v1", fixture.registry.host())] {
        assert_eq!(engine.verify(request(&engine, &image)).await.verdict.code(), Code::Verified);
        let first = standing(&engine, &image).unwrap();
        let login = Credential::basic("alice", countersign_credentials::Secret::new("password")).unwrap();
        for credential in [login, Credential::Unusable("the file is missing".into())] {
            assert!(stands(&engine, &first));
            source.replace(credential);
            assert!(!stands(&engine, &first));
            assert!(standing(&engine, &image).is_none());
            source.replace(Credential::Anonymous);
        }
    }
}

#[tokio::test]
async fn only_a_verdict_in_memory_stands() {
    let (fixture, image, _) = verified().await;
    let request = request(&fixture.engine, &image);
    let known = fixture.engine.known(&request).unwrap();
    let equal = Arc::new(countersign_core::verdict::ImageVerdict::clone(&known.verdict));
    let other = countersign::engine::ImageResult { verdict: equal, ..known.clone() };
    assert!(fixture.engine.standing(&request, &other).is_none());
    assert!(fixture.engine.standing(&request, &countersign::engine::ImageResult { digest: None, ..known }).is_none());
}
