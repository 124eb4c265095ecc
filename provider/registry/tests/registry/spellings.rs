//! All spellings of a host share credential, caches and limits.

use std::time::Duration;

use countersign_core::name::ImageRef;
use countersign_credentials::Credential;
use countersign_registry::RegistryEntry;
use countersign_registry::RegistryErrorKind;
use countersign_registry::RegistrySettings;
use countersign_testkit::registry::Registry;
use countersign_testkit::registry::Route;
use countersign_testkit::registry::TokenService;

use crate::support::PASSWORD;
use crate::support::USER;
use crate::support::alice;
use crate::support::build;
use crate::support::entry;
use crate::support::settings;
use crate::support::soon;

fn spellings(registry: &Registry) -> [ImageRef; 4] {
    let port = registry.address().port();
    [
        format!("127.0.0.1:{port}"),
        format!("127.0.0.1:0{port}"),
        format!("[::ffff:7f00:1]:{port}"),
        format!("[0:0:0:0:0:FFFF:7F00:0001]:000{port}"),
    ]
    .map(|host| format!("{host}/app:v1").parse().unwrap())
}

#[tokio::test]
async fn uses_a_credential_for_every_spelling_and_exchanges_its_token_once() {
    // For every spelling in the settings.
    for own in 0..4 {
        let registry = Registry::start().await;
        registry.push_image("app", "v1");
        let bearer = TokenService::for_user(USER, PASSWORD);
        registry.require_bearer(&bearer);
        let images = spellings(&registry);
        let host = images[own].repository().host().as_str();
        let listed = RegistryEntry { pattern: host.parse().unwrap(), ..entry(&registry, alice()) };
        let (registries, _) = build(settings(vec![listed]));
        for image in &images {
            assert!(registries.pin(image, soon()).await.is_ok(), "{image}");
        }
        assert_eq!(bearer.tokens_issued(), 1);
    }
}

#[tokio::test]
async fn caches_a_tag_once_for_all_spellings() {
    let registry = Registry::start().await;
    registry.push_image("app", "v1");
    let lasting = RegistrySettings {
        tag_lifetime: Duration::from_secs(60),
        ..settings(vec![entry(&registry, Credential::Anonymous)])
    };
    let (registries, _) = build(lasting);
    for image in spellings(&registry) {
        let pinned = registries.pin(&image, soon()).await.unwrap();
        assert_eq!(pinned.repository().to_string(), image.repository().to_string(), "named as it was asked for");
    }
    assert_eq!(registry.requests().len(), 1);
}

#[tokio::test]
async fn a_back_off_holds_for_all_spellings() {
    let registry = Registry::start().await;
    registry.push_image("app", "v1");
    let (registries, _) = build(settings(vec![entry(&registry, Credential::Anonymous)]));
    registry.when(Route::Manifest).times(1).too_many_requests("50");
    for image in spellings(&registry) {
        let error = registries.pin(&image, soon()).await.unwrap_err();
        assert_eq!(error.kind(), RegistryErrorKind::Throttled, "{image}: {error}");
    }
    assert_eq!(registry.requests().len(), 1);
}

#[tokio::test]
async fn a_limit_is_shared_by_all_spellings() {
    let registry = Registry::start().await;
    registry.push_image("app", "v1");
    let one = RegistrySettings { requests_per_host: 1, ..settings(vec![entry(&registry, Credential::Anonymous)]) };
    let (registries, _) = build(one);
    let calls: Vec<_> = spellings(&registry)
        .map(|image| {
            let registries = registries.clone();
            tokio::spawn(async move { registries.pin(&image, soon()).await })
        })
        .into();
    for call in calls {
        assert!(call.await.unwrap().is_ok());
    }
    assert_eq!(registry.max_concurrent(), 1);
}
