//! What the observer learns about the entries of the settings.

use countersign_credentials::Credential;
use countersign_http::Scheme;
use countersign_registry::RegistryEntry;
use countersign_registry::Stage;
use countersign_testkit::registry::Registry;
use countersign_testkit::registry::TokenService;

use crate::support::app;
use crate::support::build;
use crate::support::entry;
use crate::support::settings;
use crate::support::soon;

#[tokio::test]
async fn requests_are_observed_under_the_entry_of_their_registry() {
    let registry = Registry::start().await;
    registry.push_image("app", "v1");
    registry.require_bearer(&TokenService::anonymous());
    let other = RegistryEntry::new("*.example.com".parse().unwrap(), Credential::Anonymous);
    let (registries, seen) = build(settings(vec![other, entry(&registry, Credential::Anonymous)]));
    assert_eq!(seen.entries(), ["*.example.com".to_owned(), registry.host()]);
    let _ = registries.pin(&app(&registry), soon()).await.unwrap();
    let under = |stage| (Some(registry.host()), stage);
    assert_eq!(seen.by_entry(), [under(Stage::Manifest), under(Stage::Token), under(Stage::Manifest)]);
}

#[tokio::test]
async fn requests_to_a_host_without_an_entry_are_observed_under_none() {
    let (registries, seen) = build(settings(Vec::new()));
    assert!(registries.pin(&"127.0.0.1:1/app:v1".parse().unwrap(), soon()).await.is_err());
    assert_eq!(seen.by_entry(), [(None, Stage::Manifest)]);
}

#[tokio::test]
async fn the_entries_of_other_settings_are_reported_when_they_come_into_use() {
    let (former, seen) = build(settings(Vec::new()));
    assert_eq!(seen.entries(), [""; 0]);
    let plain = RegistryEntry {
        scheme: Scheme::Http,
        ..RegistryEntry::new("A.example:5000".parse().unwrap(), Credential::Anonymous)
    };
    let next = former.successor(settings(vec![plain])).unwrap();
    assert_eq!(seen.entries(), [""; 0]);
    next.take_over(&former);
    assert_eq!(seen.entries(), ["A.example:5000"]);
}
