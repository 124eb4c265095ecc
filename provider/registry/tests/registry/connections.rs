//! The number of connections under load.

use countersign_core::name::ImageRef;
use countersign_credentials::Credential;
use countersign_registry::RegistrySettings;
use countersign_testkit::registry::Registry;
use countersign_testkit::registry::Route;
use futures_util::StreamExt as _;

use crate::support::SIGNATURE;
use crate::support::build;
use crate::support::can_be_pinned;
use crate::support::entry;
use crate::support::secure;
use crate::support::settings;
use crate::support::soon;
use crate::support::start_secure;

const IMAGES: usize = 600;

/// The number of connections after pinning [`IMAGES`] images over HTTP/1.1, with two requests each and `at_once`
/// images concurrently.
async fn connections(at_once: usize, requests_per_host: usize) -> usize {
    let registry = Registry::start().await;
    let digest = registry.push_image("app", "v0").digest;
    for number in 1..IMAGES {
        registry.tag("app", &format!("v{number}"), &digest);
    }
    let some = RegistrySettings { requests_per_host, ..settings(vec![entry(&registry, Credential::Anonymous)]) };
    let (registries, _) = build(some);
    let look = |number: usize| {
        let (registries, registry) = (registries.clone(), &registry);
        async move {
            let image: ImageRef = format!("{}/app:v{number}", registry.host()).parse().unwrap();
            let pinned = registries.pin(&image, soon()).await.unwrap();
            registries.referrers(&pinned, SIGNATURE, soon()).await.unwrap().entries.len()
        }
    };
    let found: Vec<usize> = futures_util::stream::iter((0..IMAGES).map(look)).buffer_unordered(at_once).collect().await;
    assert_eq!(found, [0; IMAGES]);
    assert_eq!(registry.requests().len(), 2 * IMAGES);
    registry.connections()
}

/// The number of connections to an unlisted blob store after `requests` redirected requests.
async fn connections_to_a_store(requests: usize, at_once: usize) -> usize {
    let (registry, store) = (Registry::start().await, Registry::start().await);
    store.push_image("app", "v1");
    let target = format!("{}/v2/app/manifests/v1", store.url());
    registry.when(Route::Manifest).redirect(307, &target);
    let (registries, _) = build(settings(vec![entry(&registry, Credential::Anonymous)]));
    let pin = |number: usize| {
        let image: ImageRef = format!("{}/app{number}:v1", registry.host()).parse().unwrap();
        let registries = registries.clone();
        async move { registries.pin(&image, soon()).await.is_ok() }
    };
    let found: Vec<bool> = futures_util::stream::iter((0..requests).map(pin)).buffer_unordered(at_once).collect().await;
    assert_eq!(found, vec![true; requests]);
    assert_eq!(store.count(Route::Manifest), requests);
    store.connections()
}

#[tokio::test]
async fn reuses_connections_to_unlisted_hosts() {
    assert_eq!(connections_to_a_store(20, 1).await, 1);
    let found = connections_to_a_store(400, 16).await;
    assert!(found <= 2 * 16, "{found} connections for 16 requests at a time");
}

#[tokio::test]
async fn one_connection_is_reused_for_several_images() {
    assert_eq!(connections(1, 32).await, 1);
}

/// A connection may be opened for a request that then takes one that has just become free; it is kept for the next.
#[tokio::test]
async fn opens_no_more_connections_than_concurrent_requests() {
    for (at_once, requests_per_host) in [(32, 32), (256, 32), (64, 64)] {
        let found = connections(at_once, requests_per_host).await;
        assert!(found <= 2 * requests_per_host, "{found} connections for {requests_per_host} requests at a time");
    }
}

/// So many requests at the same time over HTTPS, after a first one or not; the connections for them. The registry offers HTTP/2.
async fn connections_for_concurrent_requests(requests: usize, after_a_first_one: bool) -> usize {
    let (registry, ca) = start_secure().await;
    let (registries, _) = build(settings(vec![secure(&registry, &ca, Credential::Anonymous)]));
    if after_a_first_one {
        can_be_pinned(&registries, &registry).await;
    }
    registry.clear_requests();
    let held = registry.when(Route::Manifest).hold();
    let pin = |number: usize| {
        registry.push_image("app", &format!("v{number}"));
        let image: ImageRef = format!("{}/app:v{number}", registry.host()).parse().unwrap();
        let registries = registries.clone();
        tokio::spawn(async move { registries.pin(&image, soon()).await.is_ok() })
    };
    let asked: Vec<_> = (0..requests).map(pin).collect();
    registry.wait_for(Route::Manifest, requests).await;
    assert_eq!(registry.max_concurrent(), requests);
    held.release();
    for one in asked {
        assert!(one.await.unwrap());
    }
    registry.connections()
}

/// With HTTP/1.1 each of them would need a connection.
#[tokio::test]
async fn concurrent_requests_to_a_registry_that_offers_http2_share_a_connection() {
    assert_eq!(connections_for_concurrent_requests(16, true).await, 1);
    assert_eq!(connections_for_concurrent_requests(16, false).await, 1);
}
