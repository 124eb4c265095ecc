//! Cached tags and manifests of several credentials.

use std::sync::Arc;
use std::time::Duration;

use countersign_core::name::ImageRef;
use countersign_credentials::Credential;
use countersign_credentials::ReloadableCredential;
use countersign_credentials::Secret;
use countersign_registry::Registries;
use countersign_registry::RegistryErrorKind;
use countersign_registry::RegistrySettings;
use countersign_testkit::registry::Registry;
use countersign_testkit::registry::Route;

use super::basic;
use super::entry;
use super::reloadable;
use crate::support::PASSWORD;
use crate::support::USER;
use crate::support::app;
use crate::support::build;
use crate::support::can_be_pinned;
use crate::support::pinned;
use crate::support::settings;
use crate::support::soon;

/// A registry with `app:v1`, cached for an hour, and the source of its credential.
async fn with_cached_tag(credential: Credential) -> (Registry, Registries, Arc<ReloadableCredential>) {
    let registry = Registry::start().await;
    registry.push_image("app", "v1");
    let source = Arc::new(ReloadableCredential::new(credential));
    let settings = settings(vec![entry(&registry, &source)]);
    let (registries, _) = build(RegistrySettings { tag_lifetime: Duration::from_secs(3600), ..settings });
    (registry, registries, source)
}

fn methods(registry: &Registry) -> Vec<String> {
    registry.requests().iter().map(|request| request.method.to_string()).collect()
}

#[tokio::test]
async fn a_tag_resolved_with_one_credential_is_not_cached_for_another() {
    let bob = || Credential::basic("bob", Secret::new("b")).unwrap();
    let (registry, registries, source) = with_cached_tag(basic(PASSWORD)).await;
    let by_alice = pinned(&registries, &registry).await;
    registry.push_image("app", "v1");
    source.replace(bob());
    assert!(registries.cached_pin(&app(&registry)).is_none());
    registry.clear_requests();
    let by_bob = pinned(&registries, &registry).await;
    assert_ne!(by_alice.descriptor(), by_bob.descriptor());
    assert_ne!(by_alice.credential_scope(), by_bob.credential_scope());
    // No HEAD is sent: the tag was not read with this credential.
    assert_eq!(methods(&registry), ["GET"]);
    // Another password of the same user is the same credential.
    source.replace(basic("changed"));
    assert_eq!(registries.cached_pin(&app(&registry)), Some(by_alice));
    source.replace(bob());
    assert_eq!(registries.cached_pin(&app(&registry)), Some(by_bob));
}

#[tokio::test]
async fn a_manifest_read_with_one_credential_is_read_again_with_another() {
    let (registry, registries, source) = with_cached_tag(basic(PASSWORD)).await;
    registry.require_basic(USER, PASSWORD);
    let by_tag = pinned(&registries, &registry).await;
    let image: ImageRef = format!("{}@{}", by_tag.repository(), by_tag.descriptor().digest).parse().unwrap();
    for other in [Credential::basic("bob", Secret::new("b")).unwrap(), Credential::Anonymous] {
        source.replace(other);
        let error = registries.pin(&image, soon()).await.unwrap_err();
        assert_eq!(error.kind(), RegistryErrorKind::Denied);
    }
}

#[tokio::test]
async fn a_head_of_a_tag_selects_among_manifests_read_with_the_same_credential() {
    let (registry, registries, source) = reloadable(basic(PASSWORD)).await;
    let by_alice = pinned(&registries, &registry).await;
    registry.push_image("app", "v1");
    source.replace(Credential::basic("bob", Secret::new("b")).unwrap());
    can_be_pinned(&registries, &registry).await;
    registry.tag("app", "v1", by_alice.descriptor().digest.as_str());
    registry.clear_requests();
    assert_eq!(pinned(&registries, &registry).await.descriptor(), by_alice.descriptor());
    assert_eq!(methods(&registry), ["HEAD", "GET"]);
}

#[tokio::test]
async fn a_manifest_read_while_the_credential_changed_is_cached_for_neither() {
    let (registry, registries, source) = with_cached_tag(basic(PASSWORD)).await;
    let held = registry.when(Route::Manifest).times(1).hold();
    let call = tokio::spawn({
        let (registries, image) = (registries.clone(), app(&registry));
        async move { registries.pin(&image, soon()).await }
    });
    registry.wait_for(Route::Manifest, 1).await;
    source.replace(Credential::basic("bob", Secret::new("b")).unwrap());
    held.release();
    assert!(call.await.unwrap().is_ok());
    for credential in [basic(PASSWORD), Credential::basic("bob", Secret::new("b")).unwrap()] {
        source.replace(credential);
        assert!(registries.cached_pin(&app(&registry)).is_none());
    }
}

#[tokio::test]
async fn a_tag_resolved_with_one_token_is_not_cached_for_another() {
    let token = |token: &str| Credential::registry_token(Secret::new(token)).unwrap();
    let (registry, registries, source) = with_cached_tag(token("one")).await;
    let first = pinned(&registries, &registry).await;
    source.replace(token("other"));
    assert!(registries.cached_pin(&app(&registry)).is_none());
    source.replace(token("one"));
    assert_eq!(registries.cached_pin(&app(&registry)), Some(first));
}
