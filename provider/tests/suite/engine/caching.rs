//! Which verdicts are cached or shared, and for how long.

use std::sync::Arc;
use std::time::Duration;

use countersign::engine::Deadline;
use countersign::engine::Engine;
use countersign::engine::ImageResult;
use countersign::engine::Verifier as _;
use countersign::policy_source::PolicyPoll;
use countersign_core::name::ImageRef;
use countersign_core::verdict::Code;
use countersign_core::verdict::ImageVerdict;
use countersign_core::verdict::VerdictKind;
use countersign_credentials::Credential;
use countersign_credentials::ReloadableCredential;
use countersign_credentials::Secret;
use countersign_http::Scheme;
use countersign_registry::RegistryEntry;
use countersign_registry::RegistrySettings;
use countersign_test_support::fixture::EngineFixture;
use countersign_test_support::fixture::policy;
use countersign_testkit::notation;
use countersign_testkit::notation::Signature;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::registry::Route;
use countersign_testkit::signer::Format;
use countersign_testkit::signer::SignRequest;

use crate::engine::signed;

#[tokio::test]
async fn a_cached_verdict_ends_with_the_signatures_expiry() {
    let fixture = EngineFixture::new().await;
    let chain = fixture.root.issue(CertSpec::leaf());
    let image = fixture.registry.push_image("app", "v1");
    let end = time::macros::datetime!(2026-11-21 12:00:30 UTC);
    Signature::new(&SignRequest::new(&chain, &image).expiry(end), Format::Cose).attach(
        &fixture.registry,
        "app",
        &image,
    );
    let reference = fixture.registry.reference("app", &image);
    assert_eq!(fixture.code(&reference).await, Code::Verified);
    fixture.at("2026-11-21T12:00:29Z");
    assert!(fixture.verify(&reference).await.cached);
    fixture.at("2026-11-21T12:00:30Z");
    assert_eq!(fixture.code(&reference).await, Code::Expired);
}

#[tokio::test]
async fn a_cached_verdict_ends_with_the_signatures_expiry_although_the_clock_is_set_back() {
    let fixture = EngineFixture::new().await;
    let chain = fixture.root.issue(CertSpec::leaf());
    let image = fixture.registry.push_image("app", "v1");
    let end = time::macros::datetime!(2026-11-21 12:01:00 UTC);
    Signature::new(&SignRequest::new(&chain, &image).expiry(end), Format::Cose).attach(
        &fixture.registry,
        "app",
        &image,
    );
    let reference = fixture.registry.reference("app", &image);
    let cached = async || fixture.verify_within(&reference, Duration::from_secs(200)).await.cached;
    assert!(!cached().await);
    fixture.at("2026-11-20T12:00:00Z");
    tokio::time::pause();
    for seconds in [0, 29] {
        tokio::time::advance(Duration::from_secs(seconds)).await;
        assert!(cached().await, "{seconds}");
    }
    tokio::time::advance(Duration::from_secs(31)).await;
    tokio::time::resume();
    assert!(!cached().await);
}

#[tokio::test]
async fn a_policy_change_is_effective_with_the_next_request() {
    let (fixture, image) = signed().await;
    let reference = fixture.registry.reference("app", &image);
    assert_eq!(fixture.code(&reference).await, Code::Verified);
    fixture.folder.write("truststore/x509/ca/main/root.pem", Authority::root(CertSpec::root()).pem());
    assert!(matches!(fixture.poll(), PolicyPoll::Loaded(_)));
    assert_eq!(fixture.code(&reference).await, Code::UntrustedChain);
}

#[tokio::test]
async fn rejections_do_not_evict_the_verdicts_of_good_images() {
    let fixture = EngineFixture::with(&policy(&["ca:main"], &["*"]), |settings| {
        settings.verdict_bytes = 16 * 1024;
        settings.rejected_lifetime = Duration::from_secs(600);
    })
    .await;
    let image = fixture.registry.push_image("app", "v1");
    notation::sign_image(&fixture.registry, "app", &image, &fixture.root.issue(CertSpec::leaf()));
    let good = fixture.registry.reference("app", &image);
    assert_eq!(fixture.code(&good).await, Code::Verified);
    let mut last = String::new();
    for number in 0..60 {
        let unsigned = fixture.registry.push_image(&format!("unsigned{number}"), "v1");
        last = fixture.registry.reference(&format!("unsigned{number}"), &unsigned);
        assert_eq!(fixture.code(&last).await, Code::Unsigned);
    }
    assert!(fixture.metric("countersign_cache_events_total{event=\"verdict-evicted\"}") > 30);
    assert!(fixture.verify(&last).await.cached);
    assert!(fixture.verify(&good).await.cached);
    // What the metrics say of it.
    let of =
        |what: &str, which: &str| fixture.metric(&format!("countersign_verdict_cache_{what}{{verdict=\"{which}\"}}"));
    assert_eq!(of("entries", "verified"), 1);
    assert!((1..=60 - 30).contains(&of("entries", "rejected")), "{}", of("entries", "rejected"));
    for (which, most) in [("verified", 14 * 1024), ("rejected", 2 * 1024)] {
        assert!((1..=most).contains(&of("bytes", which)), "{which} {}", of("bytes", which));
    }
    assert_eq!(fixture.metric("countersign_verdict_cache_hit_age_seconds_count"), 2);
}

#[tokio::test]
async fn verdicts_of_a_replaced_configuration_are_neither_kept_nor_counted() {
    let fixture = EngineFixture::new().await;
    let image = fixture.registry.push_image("app", "v1");
    notation::sign_image(&fixture.registry, "app", &image, &fixture.root.issue(CertSpec::leaf()));
    let reference = fixture.registry.reference("app", &image);
    let stored = || fixture.metric("countersign_cache_events_total{event=\"verdict-stored\"}");
    let entries = || fixture.metric("countersign_verdict_cache_entries{verdict=\"verified\"}");
    assert_eq!(fixture.code(&reference).await, Code::Verified);
    assert_eq!((stored(), entries()), (1, 1));
    fixture.successor(|_| {}).take_over(&fixture.engine);
    assert_eq!(entries(), 0);
    assert_eq!(fixture.code(&reference).await, Code::Verified);
    assert_eq!((stored(), entries()), (1, 0));
}

#[tokio::test]
async fn verifies_a_moved_tag_again() {
    let (fixture, _) = signed().await;
    let reference = format!("{}/app:v1", fixture.registry.host());
    assert_eq!(fixture.code(&reference).await, Code::Verified);
    let evil = fixture.registry.push_image("app", "v1");
    let result = fixture.verify(&reference).await;
    assert_eq!((result.verdict.code(), result.digest.unwrap().as_str()), (Code::Unsigned, evil.digest.as_str()));
}

/// An engine over the files of `fixture`, whose registry gets a replaceable credential.
fn with_credential(fixture: &EngineFixture, credential: Credential) -> (Engine, Arc<ReloadableCredential>) {
    let source = Arc::new(ReloadableCredential::new(credential));
    let entry = RegistryEntry::new(fixture.registry.host().parse().expect("a host"), Credential::Anonymous);
    let entry = RegistryEntry { identities: Arc::clone(&source) as _, scheme: Scheme::Http, ..entry };
    let registries = RegistrySettings { registries: vec![entry], ..RegistrySettings::default() };
    (fixture.successor_over(registries), source)
}

async fn verify_by(engine: &Engine, image: &str) -> ImageResult {
    let request = engine.request(Arc::new(image.parse().expect("an image")), Deadline::after(Duration::from_secs(20)));
    engine.verify(request).await
}

#[tokio::test]
async fn a_cached_verdict_answers_questions_with_the_same_credential_only() {
    let (fixture, image) = signed().await;
    let reference = fixture.registry.reference("app", &image);
    let token = |token: &str| Credential::registry_token(Secret::new(token)).unwrap();
    let login = |user: &str, password: &str| Credential::basic(user, Secret::new(password)).unwrap();
    let (engine, source) = with_credential(&fixture, Credential::Anonymous);
    for (credential, cached) in [
        (Credential::Anonymous, false),
        (token("one"), false),
        (token("other"), false),
        (login("alice", "first"), false),
        (login("bob", "first"), false),
        (login("alice", "second"), true),
        (login("<token>", "one"), false),
        (login("<token>", "other"), false),
        (token("one"), true),
        (Credential::Anonymous, true),
    ] {
        source.replace(credential.clone());
        let result = verify_by(&engine, &reference).await;
        assert_eq!((result.verdict.code(), result.cached), (Code::Verified, cached), "{credential:?}");
    }
}

#[tokio::test]
async fn a_verdict_is_not_cached_if_the_credential_changed_meanwhile() {
    let (fixture, image) = signed().await;
    let reference = fixture.registry.reference("app", &image);
    let login = |user: &str| Credential::basic(user, Secret::new("password")).unwrap();
    let (engine, source) = with_credential(&fixture, login("alice"));
    let held = fixture.registry.when(Route::Blob).hold();
    let asked = tokio::spawn({
        let (engine, reference) = (engine.clone(), reference.clone());
        async move { verify_by(&engine, &reference).await }
    });
    fixture.registry.wait_for(Route::Blob, 1).await;
    source.replace(login("bob"));
    held.release();
    assert_eq!(asked.await.unwrap().verdict.code(), Code::Verified);
    for (user, cached) in [("alice", false), ("bob", false), ("alice", true), ("bob", true)] {
        source.replace(login(user));
        let result = verify_by(&engine, &reference).await;
        assert_eq!((result.verdict.code(), result.cached), (Code::Verified, cached), "{user}");
    }
}

/// A thousand requests at the same time for one image whose verdict is not in memory.
async fn a_thousand_share_one_verification(by_tag: bool) {
    const REQUESTS: usize = 1000;
    let (fixture, image) = signed().await;
    let host = fixture.registry.host();
    let reference = if by_tag { format!("{host}/app:v1") } else { fixture.registry.reference("app", &image) };
    let reference: Arc<ImageRef> = Arc::new(reference.parse().unwrap());
    let verify = || {
        let request = fixture.engine.request(Arc::clone(&reference), Deadline::after(Duration::from_secs(20)));
        tokio::spawn(fixture.engine.verify(request))
    };
    let held = fixture.registry.when(Route::Blob).hold();
    let asked: Vec<_> = (0..REQUESTS).map(|_| verify()).collect();
    fixture.registry.wait_for(Route::Blob, 1).await;
    held.release();
    let mut verdicts = Vec::new();
    for one in asked {
        verdicts.push(one.await.unwrap().verdict);
    }
    assert!(verdicts.iter().all(|verdict| verdict.code() == Code::Verified));
    // Without copies.
    assert!(verdicts.iter().all(|verdict| Arc::ptr_eq(verdict, &verdicts[0])));
    let routes: Vec<Route> = fixture.registry.requests().iter().map(|request| request.route).collect();
    let count = |wanted| routes.iter().filter(|route| **route == wanted).count();
    // The manifests of the image and of its signature.
    assert_eq!((routes.len(), count(Route::Manifest), count(Route::Referrers), count(Route::Blob)), (4, 2, 1, 1));
    let again = verify().await.unwrap();
    assert!(again.cached && Arc::ptr_eq(&again.verdict, &verdicts[0]));
}

#[tokio::test]
async fn a_thousand_requests_for_a_tag_share_one_verification() {
    a_thousand_share_one_verification(true).await;
}

#[tokio::test]
async fn a_thousand_requests_for_a_digest_share_one_verification() {
    a_thousand_share_one_verification(false).await;
}

#[tokio::test]
async fn verification_continues_after_the_deadline_for_the_next_request() {
    let (fixture, image) = signed().await;
    let reference = fixture.registry.reference("app", &image);
    let held = fixture.registry.when(Route::Blob).hold();
    let late = fixture.verify_within(&reference, Duration::from_millis(300)).await;
    assert_eq!(late.verdict.kind(), VerdictKind::Inconclusive);
    let ImageVerdict::Inconclusive(inconclusive) = &*late.verdict else { panic!("late") };
    assert_eq!(inconclusive.reason.code, Code::RegistryTimeout);
    held.release();
    assert_eq!(fixture.code(&reference).await, Code::Verified);
    // A response that does not begin in time is asked for once more.
    let asked = fixture.registry.count(Route::Blob);
    assert!((1..=2).contains(&asked), "{asked}");
}

#[tokio::test]
async fn counts_cache_events_in_metrics() {
    let (fixture, image) = signed().await;
    for reference in [format!("{}/app:v1", fixture.registry.host()), fixture.registry.reference("app", &image)] {
        assert_eq!(fixture.code(&reference).await, Code::Verified);
    }
    let text = countersign::telemetry::metrics::encode_text(&fixture.metrics).unwrap();
    for (event, count) in [
        ("verdict-miss", 1),
        ("verdict-stored", 1),
        ("verdict-hit", 1),
        ("verdict-evicted", 0),
        ("tag-miss", 1),
        ("tag-hit", 0),
    ] {
        let line = format!("countersign_cache_events_total{{event=\"{event}\"}} {count}");
        assert!(text.lines().any(|found| found == line), "want {line}");
    }
    for (cache, result, count) in
        [("verdicts", "hit", 1), ("verdicts", "miss", 1), ("tags", "hit", 0), ("tags", "miss", 1)]
    {
        let line = format!("countersign_cache_requests_total{{cache=\"{cache}\",result=\"{result}\"}} {count}");
        assert!(text.lines().any(|found| found == line), "want {line}");
    }
}

#[tokio::test]
async fn counts_requests_to_registries_by_their_entry() {
    let (fixture, image) = signed().await;
    let count = |registry: &str, stage: &str| {
        let labels = format!("registry=\"{registry}\",result=\"ok\",stage=\"{stage}\"");
        fixture.metric(&format!("countersign_registry_requests_total{{{labels}}}"))
    };
    let (asked, idle) = (fixture.registry.host(), fixture.other.host());
    assert_eq!(count(&asked, "referrers"), 0);
    assert_eq!(fixture.code(&fixture.registry.reference("app", &image)).await, Code::Verified);
    assert_eq!((count(&asked, "referrers"), count(&asked, "blob")), (1, 1));
    assert_eq!((count(&idle, "referrers"), count("unlisted", "referrers"), count("other", "referrers")), (0, 0, 0));
}

#[tokio::test]
async fn a_tag_that_moves_between_mutation_and_verification_admits_no_other_image() {
    let (fixture, image) = signed().await;
    let tagged = format!("{}/app:v1", fixture.registry.host());
    let resolved = fixture
        .engine
        .resolve(fixture.engine.request(Arc::new(tagged.parse().unwrap()), Deadline::after(Duration::from_secs(20))))
        .await;
    let stored = format!("{}/app@{}", fixture.registry.host(), resolved.unwrap());
    let evil = fixture.registry.push_image("app", "v1");
    let result = fixture.verify(&stored).await;
    assert_eq!((result.verdict.code(), result.digest.unwrap().as_str()), (Code::Verified, image.digest.as_str()));
    let result = fixture.verify(&tagged).await;
    assert_eq!((result.verdict.code(), result.digest.unwrap().as_str()), (Code::Unsigned, evil.digest.as_str()));
}

#[tokio::test]
async fn a_request_keeps_the_policy_snapshot_that_it_began_with() {
    let (fixture, image) = signed().await;
    let reference: Arc<countersign_core::name::ImageRef> =
        Arc::new(fixture.registry.reference("app", &image).parse().unwrap());
    let request = || fixture.engine.request(Arc::clone(&reference), Deadline::after(Duration::from_secs(20)));
    let begun = request();
    fixture.folder.write("truststore/x509/ca/main/root.pem", Authority::root(CertSpec::root()).pem());
    assert!(matches!(fixture.poll(), PolicyPoll::Loaded(_)));
    let later = request();
    for (request, code) in [(begun, Code::Verified), (later, Code::UntrustedChain)] {
        assert_eq!(fixture.engine.verify(request).await.verdict.code(), code);
    }
}

/// The cache key is the content of the policy: verdicts under a former policy are used again once it is restored.
#[tokio::test]
async fn verdicts_are_cached_by_the_content_of_the_policy() {
    let (fixture, image) = signed().await;
    let reference = fixture.registry.reference("app", &image);
    let root = "truststore/x509/ca/main/root.pem";
    assert_eq!(fixture.code(&reference).await, Code::Verified);
    assert!(fixture.verify(&reference).await.cached);
    fixture.folder.write(root, Authority::root(CertSpec::root()).pem());
    assert!(matches!(fixture.poll(), PolicyPoll::Loaded(_)));
    let result = fixture.verify(&reference).await;
    assert_eq!((result.verdict.code(), result.cached), (Code::UntrustedChain, false));
    fixture.folder.write(root, fixture.root.pem());
    assert!(matches!(fixture.poll(), PolicyPoll::Loaded(_)));
    let result = fixture.verify(&reference).await;
    assert_eq!((result.verdict.code(), result.cached), (Code::Verified, true));
}

/// Two statements and the stores that they name.
fn two_statements(app: &serde_json::Value, other: &serde_json::Value) -> String {
    serde_json::json!({ "version": "1.0", "trustPolicies": [app, other] }).to_string()
}

/// A statement named `name` for the repositories of `scopes`.
fn statement(name: &str, scopes: &[String], store: &str, level: &str) -> serde_json::Value {
    serde_json::json!({
        "name": name,
        "registryScopes": scopes,
        "signatureVerification": { "level": level },
        "trustStores": [store],
        "trustedIdentities": ["*"],
    })
}

#[tokio::test]
async fn a_change_of_another_statement_or_of_the_scopes_keeps_verdicts_and_each_of_the_own_one_does_not() {
    let (fixture, image) = signed().await;
    let reference = fixture.registry.reference("app", &image);
    let scope = |path: &str| format!("{}/{path}", fixture.registry.host());
    let (all, app) = (vec!["*".to_owned()], vec![scope("app")]);
    let other_root = Authority::root(CertSpec::root());
    fixture.folder.write("truststore/x509/ca/other/root.pem", other_root.pem());
    let cached_after = async |own: &serde_json::Value, other: &serde_json::Value| {
        fixture.folder.write("trustpolicy.json", two_statements(own, other));
        assert!(matches!(fixture.poll(), PolicyPoll::Loaded(_)));
        let result = fixture.verify(&reference).await;
        (result.verdict.code(), result.cached)
    };
    let own = statement("app", &app, "ca:main", "strict");
    let other = statement("other", &all, "ca:other", "strict");
    assert_eq!(cached_after(&own, &other).await, (Code::Verified, false));
    // The other statement: its level, its name, its store's name, its certificates.
    let permissive = statement("others", &all, "ca:main", "permissive");
    assert_eq!(cached_after(&own, &permissive).await, (Code::Verified, true));
    assert_eq!(cached_after(&own, &other).await, (Code::Verified, true));
    fixture.folder.write("truststore/x509/ca/other/root.pem", Authority::root(CertSpec::root()).pem());
    assert!(matches!(fixture.poll(), PolicyPoll::Loaded(_)));
    assert!(fixture.verify(&reference).await.cached);
    // The repositories of the statement.
    let more = statement("app", &[scope("app"), scope("more")], "ca:main", "strict");
    assert_eq!(cached_after(&more, &other).await, (Code::Verified, true));
    // Everything else of the statement.
    for (changed, code) in [
        (statement("app", &app, "ca:main", "permissive"), Code::Verified),
        (statement("app2", &app, "ca:main", "strict"), Code::Verified),
        (statement("app", &app, "ca:other", "strict"), Code::UntrustedChain),
    ] {
        assert_eq!(cached_after(&changed, &other).await, (code, false), "{changed}");
    }
    // Once another statement applies to the image, its verdict counts.
    assert_eq!(cached_after(&own, &other).await, (Code::Verified, true));
    let elsewhere = statement("app", &[scope("elsewhere")], "ca:main", "strict");
    assert_eq!(cached_after(&elsewhere, &other).await, (Code::UntrustedChain, false));
}
