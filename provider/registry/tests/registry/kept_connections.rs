//! Connections that are kept open after the last request, and TLS sessions that new connections resume.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use countersign_credentials::Credential;
use countersign_credentials::ReloadableCredential;
use countersign_registry::Registries;
use countersign_registry::RegistryEntry;
use countersign_registry::RegistrySettings;
use countersign_registry::resources::REQUESTS;
use countersign_testkit::registry::RecordedRequest;
use countersign_testkit::registry::Registry;
use countersign_testkit::registry::Reply;
use countersign_testkit::registry::Route;
use countersign_testkit::registry::TokenService;
use http::header::AUTHORIZATION;

use crate::support::Seen;
use crate::support::alice;
use crate::support::app;
use crate::support::build;
use crate::support::can_be_pinned;
use crate::support::entry;
use crate::support::secure;
use crate::support::settings;
use crate::support::start_secure;

const MINUTE: Duration = Duration::from_secs(60);

/// A client that keeps connections to these registries for ten minutes.
fn keeping(entries: Vec<RegistryEntry>) -> (Registries, Arc<Seen>) {
    let (registries, seen) = build(RegistrySettings { keep_connections: 10 * MINUTE, ..settings(entries) });
    registries.keep_connections();
    (registries, seen)
}

/// A registry of which an image was asked for, and the client, which keeps the connection.
async fn used() -> (Registry, Registries, Arc<Seen>) {
    let registry = Registry::start().await;
    registry.push_image("app", "v1");
    let (registries, seen) = keeping(vec![entry(&registry, Credential::Anonymous)]);
    can_be_pinned(&registries, &registry).await;
    (registry, registries, seen)
}

/// Advances the clock, and lets the tasks that wait for it run.
async fn advance(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
}

/// Lets half a minute pass so often, each time with the request that keeps the connection open.
async fn idle(registry: &Registry, seen: &Seen, half_minutes: usize) {
    for number in 1..=half_minutes {
        advance(Duration::from_secs(30)).await;
        registry.wait_for(Route::Ping, number).await;
        seen.until(REQUESTS, |in_use| in_use == 0).await;
    }
}

/// The method, path and credential of each request.
fn shown(requests: &[RecordedRequest]) -> Vec<String> {
    let show = |request: &RecordedRequest| {
        let credential = if request.headers.contains_key(AUTHORIZATION) { " with a credential" } else { "" };
        format!("{} {}{credential}", request.method, request.path)
    };
    requests.iter().map(show).collect()
}

#[tokio::test]
async fn the_first_request_after_five_minutes_needs_no_connection() {
    let (registry, registries, seen) = used().await;
    idle(&registry, &seen, 10).await;
    can_be_pinned(&registries, &registry).await;
    assert_eq!(registry.connections(), 1);
}

#[tokio::test]
async fn a_connection_is_not_kept_unless_the_settings_say_so() {
    let registry = Registry::start().await;
    registry.push_image("app", "v1");
    let (registries, _) = build(settings(vec![entry(&registry, Credential::Anonymous)]));
    registries.keep_connections();
    can_be_pinned(&registries, &registry).await;
    for _ in 0..10 {
        advance(Duration::from_secs(30)).await;
    }
    can_be_pinned(&registries, &registry).await;
    assert_eq!((registry.count(Route::Ping), registry.connections()), (0, 2));
}

#[tokio::test]
async fn requests_that_keep_a_connection_open_have_no_credential() {
    let registry = Registry::start().await;
    registry.push_image("app", "v1");
    registry.require_basic("alice", "correct horse");
    let (registries, seen) = keeping(vec![entry(&registry, alice())]);
    can_be_pinned(&registries, &registry).await;
    registry.clear_requests();
    idle(&registry, &seen, 2).await;
    assert_eq!(shown(&registry.requests()), ["HEAD /v2/", "HEAD /v2/"]);
}

#[tokio::test]
async fn token_services_and_blob_stores_are_kept_too() {
    let (registry, tokens, store) = (Registry::start().await, Registry::start().await, Registry::start().await);
    registry.push_image("app", "v1");
    store.push_image("app", "v1");
    let service = TokenService::for_user("alice", "correct horse").realm(&format!("{}/token", tokens.url()));
    registry.require_bearer(&service);
    tokens.serve_tokens(&service);
    registry.when(Route::Manifest).redirect(307, &format!("{}/v2/app/manifests/v1?signed=secret", store.url()));
    let entry_of = |registry: &Registry| entry(registry, Credential::Anonymous);
    let own = RegistryEntry { realm_hosts: vec![tokens.host().parse().unwrap()], ..entry(&registry, alice()) };
    let (registries, _) = keeping(vec![own, entry_of(&tokens), entry_of(&store)]);
    can_be_pinned(&registries, &registry).await;
    for server in [&registry, &tokens, &store] {
        server.clear_requests();
    }
    advance(Duration::from_secs(30)).await;
    registry.wait_for(Route::Ping, 1).await;
    tokens.wait_for(Route::Other, 1).await;
    store.wait_for(Route::Other, 1).await;
    assert_eq!(shown(&registry.requests()), ["HEAD /v2/"]);
    assert_eq!(shown(&tokens.requests()), ["HEAD /"]);
    assert_eq!(shown(&store.requests()), ["HEAD /"]);
    assert_eq!(store.requests()[0].query, None);
}

#[tokio::test]
async fn a_connection_is_kept_for_ten_minutes_after_the_last_request() {
    let (registry, registries, seen) = used().await;
    idle(&registry, &seen, 19).await;
    for _ in 0..4 {
        advance(Duration::from_secs(30)).await;
    }
    can_be_pinned(&registries, &registry).await;
    assert_eq!((registry.count(Route::Ping), registry.connections()), (19, 2));
}

#[tokio::test]
async fn no_connection_is_kept_to_registries_without_an_entry_or_with_a_limit_on_requests_per_second() {
    let (unlisted, limited) = (Registry::start().await, Registry::start().await);
    let mut entry = entry(&limited, Credential::Anonymous);
    entry.numbers.per_second = NonZeroU32::new(5);
    limited.push_image("app", "v1");
    let (registries, _) = keeping(vec![entry]);
    can_be_pinned(&registries, &limited).await;
    // Over https, which it does not speak.
    let image = format!("{}/app:v1", unlisted.host()).parse().unwrap();
    assert!(registries.pin(&image, crate::support::soon()).await.is_err());
    for _ in 0..4 {
        advance(Duration::from_secs(30)).await;
    }
    can_be_pinned(&registries, &limited).await;
    assert_eq!((limited.count(Route::Ping), limited.connections()), (0, 2));
}

#[tokio::test]
async fn no_connection_is_kept_to_a_registry_whose_credential_cannot_be_used() {
    let registry = Registry::start().await;
    registry.push_image("app", "v1");
    let source = Arc::new(ReloadableCredential::new(Credential::Anonymous));
    let identities = Arc::clone(&source) as _;
    let (registries, seen) = keeping(vec![RegistryEntry { identities, ..entry(&registry, Credential::Anonymous) }]);
    can_be_pinned(&registries, &registry).await;
    idle(&registry, &seen, 1).await;
    source.replace(Credential::Unusable("the file is missing".into()));
    for _ in 0..4 {
        advance(Duration::from_secs(30)).await;
    }
    source.replace(Credential::Anonymous);
    advance(Duration::from_secs(30)).await;
    registry.wait_for(Route::Ping, 2).await;
    assert_eq!(registry.count(Route::Ping), 2);
}

#[tokio::test]
async fn such_a_request_takes_no_place_of_the_limit_of_an_entry() {
    let registry = Registry::start().await;
    registry.push_image("app", "v1");
    let mut entry = entry(&registry, Credential::Anonymous);
    (entry.numbers.requests, entry.numbers.request_timeout) = (Some(1), Some(5 * MINUTE));
    let (registries, _) = keeping(vec![entry]);
    can_be_pinned(&registries, &registry).await;
    let held = registry.when(Route::Manifest).hold();
    let pin = {
        let (registries, image) = (registries.clone(), app(&registry));
        async move { registries.pin(&image, tokio::time::Instant::now() + 5 * MINUTE).await }
    };
    let pin = tokio::spawn(pin);
    registry.wait_for(Route::Manifest, 2).await;
    for _ in 0..4 {
        advance(Duration::from_secs(30)).await;
    }
    assert_eq!(registry.count(Route::Ping), 0);
    held.release();
    assert!(pin.await.unwrap().is_ok());
    advance(Duration::from_secs(30)).await;
    registry.wait_for(Route::Ping, 1).await;
}

#[tokio::test]
async fn the_refusal_of_such_a_request_pauses_nothing() {
    let (registry, registries, seen) = used().await;
    registry.when(Route::Ping).reply(Reply::status(429).header("retry-after", "60"));
    idle(&registry, &seen, 1).await;
    can_be_pinned(&registries, &registry).await;
    assert_eq!(registry.connections(), 1);
}

#[tokio::test]
async fn a_host_that_does_not_respond_is_asked_again_only_after_its_next_use() {
    let (registry, registries, seen) = used().await;
    let failing = registry.when(Route::Ping).close();
    idle(&registry, &seen, 1).await;
    for _ in 0..4 {
        advance(Duration::from_secs(30)).await;
    }
    let asked = registry.count(Route::Ping);
    failing.remove();
    can_be_pinned(&registries, &registry).await;
    registry.clear_requests();
    idle(&registry, &seen, 2).await;
    assert_eq!((asked, registry.count(Route::Ping)), (1, 2));
}

#[tokio::test]
async fn connections_of_former_settings_are_not_kept() {
    let (registry, registries, _) = used().await;
    let next = registries.successor(settings(vec![entry(&registry, Credential::Anonymous)])).unwrap();
    next.take_over(&registries);
    next.keep_connections();
    for _ in 0..4 {
        advance(Duration::from_secs(30)).await;
    }
    can_be_pinned(&next, &registry).await;
    assert_eq!(registry.count(Route::Ping), 0);
}

#[tokio::test]
async fn a_new_connection_resumes_the_session_of_the_server() {
    let (registry, ca) = start_secure().await;
    let (registries, _) = build(settings(vec![secure(&registry, &ca, Credential::Anonymous)]));
    for expected in [(1, 0), (2, 1), (3, 2)] {
        can_be_pinned(&registries, &registry).await;
        assert_eq!((registry.connections(), registry.resumed()), expected);
        // The connection is closed as idle.
        advance(2 * MINUTE).await;
    }
    advance(60 * MINUTE).await;
    can_be_pinned(&registries, &registry).await;
    assert_eq!((registry.connections(), registry.resumed()), (4, 2), "an old session was resumed");
}

#[tokio::test]
async fn a_session_is_not_resumed_under_other_authorities() {
    let (registry, ca) = start_secure().await;
    let (registries, _) = build(settings(vec![secure(&registry, &ca, Credential::Anonymous)]));
    can_be_pinned(&registries, &registry).await;
    // The same authority in another file, and one that did not issue the certificate.
    let other = countersign_testkit::pki::Authority::root(countersign_testkit::pki::CertSpec::root());
    let next = registries.successor(settings(vec![secure(&registry, &ca, Credential::Anonymous)])).unwrap();
    can_be_pinned(&next, &registry).await;
    let wrong = registries.successor(settings(vec![secure(&registry, &other, Credential::Anonymous)])).unwrap();
    let error = crate::support::pin_error(&wrong, &registry).await.to_string();
    assert!(error.contains("certificate"), "{error}");
    assert_eq!(registry.resumed(), 0);
}
