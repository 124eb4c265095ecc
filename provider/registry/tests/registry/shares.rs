//! A slow or hostile host uses up only its own share of every limit.

#![allow(
    clippy::wildcard_enum_match_arm,
    clippy::match_wildcard_for_single_variants,
    reason = "what is not expected fails the test"
)]

use std::time::Duration;

use countersign_core::name::ImageRef;
use countersign_core::name::Repository;
use countersign_core::oci::Descriptor;
use countersign_credentials::Credential;
use countersign_http::FetchError;
use countersign_http::LimitReached;
use countersign_http::PARSING;
use countersign_http::Scope;
use countersign_registry::Cause;
use countersign_registry::RegistryErrorKind;
use countersign_registry::RegistrySettings;
use countersign_registry::resources::BYTES;
use countersign_registry::resources::REQUESTS;
use countersign_testkit::IMAGE_MANIFEST;
use countersign_testkit::registry::Registry;
use countersign_testkit::registry::Route;
use countersign_testkit::registry::TokenService;

use crate::support::SIGNATURE;
use crate::support::app;
use crate::support::build;
use crate::support::can_be_pinned;
use crate::support::descriptor;
use crate::support::entry;
use crate::support::settings;
use crate::support::shortly;
use crate::support::soon;

const MIB: usize = 1024 * 1024;

/// The time limit for a body without progress.
const WINDOW: Duration = Duration::from_secs(2);

async fn two_registries() -> (Registry, Registry, RegistrySettings) {
    let (bad, good) = (Registry::start().await, Registry::start().await);
    good.push_image("app", "v1");
    let entries = vec![entry(&bad, Credential::Anonymous), entry(&good, Credential::Anonymous)];
    (bad, good, settings(entries))
}

/// Stores a manifest of `bytes` bytes as `app:v1`.
fn push_large(registry: &Registry, bytes: usize) {
    let start = format!(r#"{{"schemaVersion":2,"mediaType":"{IMAGE_MANIFEST}","config":{{}},"layers":[],"x":""#);
    let body = format!("{start}{}\"}}", "x".repeat(bytes - start.len() - 2));
    let digest = registry.put_manifest("app", IMAGE_MANIFEST, body.as_bytes()).digest;
    registry.tag("app", "v1", &digest);
}

#[tokio::test]
async fn stalled_bodies_use_only_their_hosts_share_and_end_early() {
    let (bad, good, settings) = two_registries().await;
    let (registries, seen) = build(settings);
    push_large(&bad, MIB);
    push_large(&good, 4 * MIB);
    bad.when(Route::Manifest).stalled_body();
    let stalled: Vec<_> = (0..32)
        .map(|_| {
            let (registries, image) = (registries.clone(), app(&bad));
            tokio::spawn(async move { registries.pin(&image, soon()).await.unwrap_err().cause })
        })
        .collect();
    // Requests without a permit have ended; the others have their permits.
    seen.until(REQUESTS, |requests| requests <= 16).await;
    let held = 16 * MIB;
    seen.until(BYTES, |bytes| bytes > i64::try_from(held / 2).unwrap()).await;
    assert!(seen.in_use(BYTES) <= i64::try_from(held).unwrap());
    can_be_pinned(&registries, &good).await;
    tokio::time::pause();
    let before = tokio::time::Instant::now();
    let (mut late, mut refused) = (0, 0);
    for one in stalled {
        match one.await.unwrap() {
            Cause::Fetch(FetchError::Stalled { host, received }) => {
                assert_eq!((host, received), (bad.host(), u64::try_from(MIB - 1).unwrap()));
                late += 1;
            }
            Cause::Fetch(FetchError::Limit(LimitReached {
                resource: BYTES,
                scope,
                at: None,
                found,
                limit,
                reduced: None,
            })) => {
                assert_eq!((scope, limit), (Scope::Host(bad.host().into()), held));
                assert!(found > limit);
                refused += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(late > 0 && refused >= 16 && late + refused == 32, "{late} {refused}");
    assert!(before.elapsed() <= WINDOW + Duration::from_millis(10));
    assert_eq!(seen.in_use(BYTES), 0);
}

#[tokio::test]
async fn a_slow_body_ends_early_and_is_not_retried() {
    let (bad, _good, settings) = two_registries().await;
    push_large(&bad, MIB);
    bad.when(Route::Manifest).slow_drip(Duration::from_millis(100));
    let (registries, _) = build(settings);
    let image = app(&bad);
    // Connected before the clock is paused: a paused clock advances to the next timer.
    let call = tokio::spawn(async move { registries.pin(&image, soon()).await.unwrap_err() });
    bad.wait_for(Route::Manifest, 1).await;
    tokio::time::pause();
    let error = call.await.unwrap();
    assert!(matches!(error.cause, Cause::Fetch(FetchError::Stalled { received: ..=30, .. })), "{:?}", error.cause);
    assert_eq!(error.kind(), RegistryErrorKind::Timeout);
    assert_eq!(bad.count(Route::Manifest), 1);
}

#[tokio::test]
async fn the_error_of_a_stalled_error_body_is_its_status() {
    let (bad, _good, settings) = two_registries().await;
    bad.when(Route::Manifest).error(403, "DENIED");
    bad.when(Route::Manifest).stalled_body();
    let (registries, _) = build(settings);
    let image = app(&bad);
    let call = tokio::spawn(async move { registries.pin(&image, soon()).await.unwrap_err() });
    bad.wait_for(Route::Manifest, 1).await;
    tokio::time::pause();
    assert_eq!(call.await.unwrap().kind(), RegistryErrorKind::Denied);
}

#[tokio::test]
async fn requests_to_a_host_that_never_answers_do_not_block_other_hosts() {
    let (bad, good, settings) = two_registries().await;
    let (registries, _) = build(settings);
    bad.when_any().never_answer();
    let calls: Vec<_> = (0..256)
        .map(|number| {
            let image: ImageRef = format!("{}/app:v{number}", bad.host()).parse().unwrap();
            let registries = registries.clone();
            tokio::spawn(async move { registries.pin(&image, soon()).await })
        })
        .collect();
    bad.wait_for(Route::Manifest, 32).await;
    can_be_pinned(&registries, &good).await;
    let error = registries.pin(&app(&bad), shortly()).await.unwrap_err();
    assert_eq!(
        error.cause.to_string(),
        format!("too many registry requests in progress for {}: found 32, expected at most 32", bad.host())
    );
    assert_eq!(error.kind(), RegistryErrorKind::Overloaded);
    assert_eq!(bad.requests().len(), 32);
    calls.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn a_token_service_that_never_answers_delays_only_its_own_registry() {
    let (bad, good, settings) = two_registries().await;
    let tokens = Registry::start().await;
    bad.require_bearer(&TokenService::anonymous().realm(&format!("{}/token", tokens.url())));
    good.require_bearer(&TokenService::anonymous());
    tokens.when(Route::Token).never_answer();
    let (registries, seen) = build(settings);
    let calls: Vec<_> = (0..64)
        .map(|number| {
            let image: ImageRef = format!("{}/app{number}:v1", bad.host()).parse().unwrap();
            let registries = registries.clone();
            tokio::spawn(async move { registries.pin(&image, soon()).await })
        })
        .collect();
    tokens.wait_for(Route::Token, 16).await;
    can_be_pinned(&registries, &good).await;
    // They count for the registry that needs the tokens.
    assert!(seen.in_use(REQUESTS) <= 32);
    calls.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn a_registry_cannot_use_up_the_token_service_of_another() {
    let (bad, good, mut settings) = two_registries().await;
    // The settings name the token service for only one registry.
    let tokens = Registry::start().await;
    settings.registries.push(entry(&tokens, Credential::Anonymous));
    let service = TokenService::anonymous().realm(&format!("{}/token", tokens.url()));
    for registry in [&bad, &good] {
        registry.require_bearer(&service);
    }
    tokens.serve_tokens(&service);
    tokens.when(Route::Token).path_contains("bad").never_answer();
    let (registries, _) = build(settings);
    let calls: Vec<_> = (0..64)
        .map(|number| {
            let image: ImageRef = format!("{}/bad{number}:v1", bad.host()).parse().unwrap();
            let registries = registries.clone();
            tokio::spawn(async move { registries.pin(&image, soon()).await })
        })
        .collect();
    // Half of the concurrent requests to the token service.
    tokens.wait_for(Route::Token, 16).await;
    can_be_pinned(&registries, &good).await;
    assert_eq!(tokens.count(Route::Token), 17);
    calls.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn a_registry_cannot_use_up_the_limits_of_another_by_redirects() {
    let (bad, good, settings) = two_registries().await;
    let (registries, _) = build(settings);
    let blob: Descriptor = descriptor(&bad.put_blob("app", "a/b", b"envelope"));
    bad.when(Route::Blob).redirect(307, &format!("{}/bad", good.url()));
    good.when(Route::Other).never_answer();
    let repository: Repository = format!("{}/app", bad.host()).parse().unwrap();
    let calls: Vec<_> = (0..64)
        .map(|_| {
            let (registries, repository, blob) = (registries.clone(), repository.clone(), blob.clone());
            tokio::spawn(async move { registries.blob(&repository, &blob, 1024, soon()).await })
        })
        .collect();
    good.wait_for(Route::Other, 16).await;
    bad.wait_for(Route::Blob, 32).await;
    can_be_pinned(&registries, &good).await;
    assert_eq!((bad.count(Route::Blob), good.count(Route::Other)), (32, 16));
    calls.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn documents_and_lists_count_until_they_are_dropped() {
    let (_, good, settings) = two_registries().await;
    let (registries, seen) = build(settings);
    let image = registries.pin(&app(&good), soon()).await.unwrap();
    let target = image.descriptor().digest.as_str();
    let blob = good.put_blob("app", "a/b", &[b'x'; 100_000]);
    for number in 0..10 {
        let entry = countersign_testkit::Descriptor::of(IMAGE_MANIFEST, number.to_string().as_bytes());
        let entry = countersign_testkit::Descriptor { artifact_type: Some(SIGNATURE.to_owned()), ..entry };
        good.list_referrer("app", target, entry);
    }
    assert_eq!(seen.in_use(BYTES), 0);
    let content = registries.blob(image.repository(), &descriptor(&blob), MIB, soon()).await.unwrap();
    assert_eq!((content.len(), seen.in_use(BYTES)), (100_000, 100_000));
    let mut list = registries.referrers(&image, SIGNATURE, soon()).await.unwrap();
    drop(content);
    let whole = list.bytes();
    assert!(seen.in_use(BYTES) >= i64::try_from(whole).unwrap() && whole > 10 * 100);
    list.entries.truncate(1);
    let rest = list.bytes();
    list.shrink_to(rest);
    assert_eq!(seen.in_use(BYTES), i64::try_from(rest).unwrap());
    drop(list);
    assert_eq!(seen.in_use(BYTES), 0);
}

#[tokio::test]
async fn parses_large_documents_on_a_blocking_thread() {
    let (_, good, settings) = two_registries().await;
    push_large(&good, 100 * 1024);
    let (registries, seen) = build(settings);
    // Acquired and released while this thread only waits.
    let image = registries.pin(&app(&good), soon()).await.unwrap();
    assert_eq!(seen.changes(PARSING), 2);
    let entry = format!(r#"{{"x":"{}"}}"#, "x".repeat(100 * 1024));
    good.when(Route::Referrers).body(format!(r#"{{"manifests":[{entry}]}}"#));
    let _ = registries.referrers(&image, SIGNATURE, soon()).await.unwrap();
    assert_eq!(seen.changes(PARSING), 2);
    assert_eq!(registries.parse(image.repository(), 100 * 1024, soon(), || 7).await, Ok(7));
    assert_eq!(seen.changes(PARSING), 2);
    assert_eq!(registries.parse(image.repository(), 64 * 1024, soon(), || 7).await, Ok(7));
    assert_eq!(seen.changes(PARSING), 0);
}

#[tokio::test]
async fn reloaded_settings_share_limits_and_back_off() {
    let (bad, good, settings) = two_registries().await;
    let (former, seen) = build(settings.clone());
    push_large(&bad, MIB);
    bad.when(Route::Manifest).stalled_body();
    let stalled: Vec<_> = (0..32)
        .map(|_| {
            let (registries, image) = (former.clone(), app(&bad));
            tokio::spawn(async move { registries.pin(&image, soon()).await })
        })
        .collect();
    seen.until(BYTES, |bytes| bytes > i64::try_from(8 * MIB).unwrap()).await;
    seen.until(REQUESTS, |requests| requests <= 16).await;
    let requests = seen.in_use(REQUESTS);

    let one = RegistrySettings { requests_per_host: 1, ..settings.clone() };
    let successor = former.successor(one).unwrap();
    successor.take_over(&former);
    // More requests are in progress than the new limit allows.
    let refused = successor.pin(&app(&bad), shortly()).await.unwrap_err();
    let found = usize::try_from(requests).unwrap();
    let scope = Scope::Host(bad.host().into());
    let reached = LimitReached { resource: REQUESTS, scope, at: None, found, limit: 1, reduced: None };
    assert_eq!(refused.cause, Cause::Fetch(FetchError::Limit(reached)));
    can_be_pinned(&successor, &good).await;
    assert!(seen.in_use(BYTES) <= i64::try_from(16 * MIB).unwrap());
    assert_eq!(seen.in_use(REQUESTS), requests);
    stalled.iter().for_each(tokio::task::JoinHandle::abort);
    seen.until(REQUESTS, |requests| requests == 0).await;
    assert_eq!(seen.in_use(BYTES), 0);

    good.when(Route::Manifest).too_many_requests("30");
    assert_eq!(successor.pin(&app(&good), shortly()).await.unwrap_err().kind(), RegistryErrorKind::Throttled);
    let next = successor.successor(settings).unwrap();
    let asked = good.count(Route::Manifest);
    assert_eq!(next.pin(&app(&good), shortly()).await.unwrap_err().kind(), RegistryErrorKind::Throttled);
    assert_eq!(good.count(Route::Manifest), asked);
}

#[tokio::test]
async fn a_reload_drops_caches_except_tokens_in_use() {
    let (_, good, settings) = two_registries().await;
    good.require_bearer(&TokenService::anonymous());
    let (former, _) = build(RegistrySettings { tag_lifetime: Duration::from_secs(3600), ..settings.clone() });
    can_be_pinned(&former, &good).await;
    assert!(former.cached_pin(&app(&good)).is_some());
    assert_eq!((good.count(Route::Manifest), good.count(Route::Token)), (2, 1));
    let successor = former.successor(settings).unwrap();
    successor.take_over(&former);
    assert!(former.cached_pin(&app(&good)).is_none());
    for manifests in [3, 4] {
        can_be_pinned(&former, &good).await;
        assert_eq!((good.count(Route::Manifest), good.count(Route::Token)), (manifests, 1));
    }
    can_be_pinned(&successor, &good).await;
    assert_eq!((good.count(Route::Manifest), good.count(Route::Token)), (6, 2));
}
