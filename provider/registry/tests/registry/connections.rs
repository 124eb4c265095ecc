//! How many connections a load takes.

use countersign_core::name::ImageRef;
use countersign_registry::Credential;
use countersign_registry::RegistrySettings;
use countersign_testkit::registry::Registry;
use futures_util::StreamExt as _;

use crate::support::SIGNATURE;
use crate::support::build;
use crate::support::entry;
use crate::support::settings;
use crate::support::soon;

const IMAGES: usize = 1500;

/// The connections after looking at [`IMAGES`] images over HTTP/1.1, two requests each, so many images at a time.
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

#[tokio::test]
async fn one_connection_serves_one_image_after_the_other() {
    assert_eq!(connections(1, 32).await, 1);
}

/// A connection may be opened for a request that then takes one that has just become free; it is kept for the next.
#[tokio::test]
async fn many_at_once_take_no_more_connections_than_requests_at_a_time() {
    for (at_once, requests_per_host) in [(32, 32), (256, 32), (64, 64)] {
        let found = connections(at_once, requests_per_host).await;
        assert!(found <= 2 * requests_per_host, "{found} connections for {requests_per_host} requests at a time");
    }
}
