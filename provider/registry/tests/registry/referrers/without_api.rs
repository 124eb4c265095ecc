//! A host that was found to have no referrers API: its fallback tag is read first, and absence still needs both.

use std::time::Duration;

use countersign_registry::Cause;
use countersign_registry::Referrers;
use countersign_registry::Registries;
use countersign_testkit::registry;
use countersign_testkit::registry::Registry;
use countersign_testkit::registry::Route;

use super::digests;
use super::referrers;
use super::sample;
use crate::support::SIGNATURE;
use crate::support::anonymous;
use crate::support::pinned;
use crate::support::soon;

/// A registry without the API, with an image and a signature of it under the fallback tag.
async fn without_api() -> (Registry, Registries, String) {
    let registry = Registry::start().await;
    registry.referrers(registry::Referrers::FallbackTag);
    let image = registry.push_image("app", "v1");
    let signature = sample("signature", Some(SIGNATURE));
    registry.list_referrer("app", &image.digest, signature.clone());
    let registries = anonymous(&registry);
    (registry, registries, signature.digest)
}

/// The list that is enough if one of its entries verifies, and the routes of the requests for it.
async fn first(registries: &Registries, registry: &Registry) -> (Referrers, Vec<Route>) {
    let pinned = pinned(registries, registry).await;
    registry.clear_requests();
    let list = registries.first_referrers(&pinned, SIGNATURE, soon()).await.unwrap().clone();
    (list, registry.requests().iter().map(|request| request.route).collect())
}

#[tokio::test]
async fn after_the_first_image_only_the_tag_is_read() {
    let (registry, registries, signature) = without_api().await;
    let (list, routes) = first(&registries, &registry).await;
    assert_eq!(
        (digests(&list), list.later, routes),
        (vec![signature.clone()], false, vec![Route::Referrers, Route::Manifest])
    );
    for _ in 0..2 {
        let (list, routes) = first(&registries, &registry).await;
        assert_eq!((digests(&list), list.later, routes), (vec![signature.clone()], true, vec![Route::Manifest]));
    }
    // Whoever needs the whole list asks both.
    assert_eq!(digests(&referrers(&registries, &registry).await.unwrap()), [signature]);
    assert_eq!(registry.count(Route::Referrers), 1);
}

#[tokio::test]
async fn an_absence_is_known_after_both() {
    let (registry, registries, _) = without_api().await;
    let _ = first(&registries, &registry).await;
    let unsigned = registry.push_image("app", "v1");
    let (list, routes) = first(&registries, &registry).await;
    assert_eq!((list, routes), (Referrers::default(), vec![Route::Manifest, Route::Referrers]));
    // Entries of another type are none.
    registry.list_referrer("app", &unsigned.digest, sample("sbom", Some("application/spdx+json")));
    let (list, routes) = first(&registries, &registry).await;
    assert_eq!((list, routes), (Referrers::default(), vec![Route::Manifest, Route::Referrers]));
}

#[tokio::test]
async fn a_tag_that_cannot_be_read_is_not_the_end() {
    let (registry, registries, _) = without_api().await;
    let _ = first(&registries, &registry).await;
    let pinned = pinned(&registries, &registry).await;
    let _fault = registry.when(Route::Manifest).status(400);
    let error = registries.first_referrers(&pinned, SIGNATURE, soon()).await.unwrap_err();
    assert!(matches!(error.cause, Cause::NoList(_)), "{error}");
    // It has got the API.
    registry.referrers(registry::Referrers::Api);
    let list = registries.first_referrers(&pinned, SIGNATURE, soon()).await.unwrap();
    assert_eq!((list.entries.len(), list.later), (1, false));
}

#[tokio::test]
async fn a_host_that_has_got_the_api_is_asked_for_it_again() {
    let (registry, registries, _) = without_api().await;
    let _ = first(&registries, &registry).await;
    registry.referrers(registry::Referrers::Api);
    let other = registry.push_image("app", "v1");
    let new = sample("new", Some(SIGNATURE));
    registry.list_referrer("app", &other.digest, new.clone());
    // No tag is written by now.
    let (list, routes) = first(&registries, &registry).await;
    assert_eq!(
        (digests(&list), list.later, routes),
        (vec![new.digest.clone()], false, vec![Route::Manifest, Route::Referrers])
    );
    let (list, routes) = first(&registries, &registry).await;
    assert_eq!((digests(&list), routes), (vec![new.digest], vec![Route::Referrers]));
}

#[tokio::test]
async fn the_api_is_asked_for_again_after_ten_minutes() {
    let (registry, registries, _) = without_api().await;
    let _ = first(&registries, &registry).await;
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(601)).await;
    tokio::time::resume();
    assert_eq!(first(&registries, &registry).await.1, [Route::Referrers, Route::Manifest]);
}

#[tokio::test]
async fn a_host_whose_tags_are_absent_too_is_not_remembered() {
    let registry = Registry::start().await;
    registry.referrers(registry::Referrers::FallbackTag);
    registry.push_image("app", "v1");
    let registries = anonymous(&registry);
    for _ in 0..2 {
        assert_eq!(first(&registries, &registry).await.1, [Route::Referrers, Route::Manifest]);
    }
}
