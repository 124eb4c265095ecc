//! Both lists of one registry, that of the referrers API and that of the fallback tag, where the settings require it.

use countersign_credentials::Credential;
use countersign_registry::Cause;
use countersign_registry::FallbackTag;
use countersign_registry::Incomplete;
use countersign_registry::Referrers;
use countersign_registry::Registries;
use countersign_registry::RegistryEntry;
use countersign_registry::RegistryErrorKind;
use countersign_testkit::registry;
use countersign_testkit::registry::Registry;
use countersign_testkit::registry::Reply;
use countersign_testkit::registry::Route;

use super::digests;
use super::empty;
use super::page;
use super::referrers;
use super::sample;
use crate::support::SIGNATURE;
use crate::support::build;
use crate::support::entry;
use crate::support::settings;

fn merging(registry: &Registry) -> Registries {
    let entry = RegistryEntry { fallback_tag: FallbackTag::Always, ..entry(registry, Credential::Anonymous) };
    build(settings(vec![entry])).0
}

/// A registry with a signature under the fallback tag, and its digest.
async fn with_tag() -> (Registry, String) {
    let registry = Registry::start().await;
    registry.referrers(registry::Referrers::EmptyApiAndFallbackTag);
    let image = registry.push_image("app", "v1");
    let old = sample("old", Some(SIGNATURE));
    registry.list_referrer("app", &image.digest, old.clone());
    (registry, old.digest)
}

#[tokio::test]
async fn entries_of_both_lists_are_found_once() {
    let (registry, old) = with_tag().await;
    let registries = merging(&registry);
    assert_eq!(digests(&referrers(&registries, &registry).await.unwrap()), std::slice::from_ref(&old));
    let new = sample("new", Some(SIGNATURE));
    let listed = format!(
        r#"{{"schemaVersion":2,"manifests":[{},{}]}}"#,
        new.to_json(),
        sample("old", Some(SIGNATURE)).to_json()
    );
    registry.when(Route::Referrers).reply(page(listed));
    let found = referrers(&registries, &registry).await.unwrap();
    assert_eq!((digests(&found), found.incomplete), (vec![new.digest, old], None));
}

#[tokio::test]
async fn absence_is_certain_after_both() {
    let registry = Registry::start().await;
    let image = registry.push_image("app", "v1");
    let registries = merging(&registry);
    registry.clear_requests();
    assert_eq!(referrers(&registries, &registry).await.unwrap(), Referrers::default());
    let paths: Vec<_> = registry.requests().into_iter().map(|request| request.path).collect();
    let (digest, tag) = (&image.digest, image.digest.replace(':', "-"));
    let expected = ["manifests/v1", &format!("referrers/{digest}"), &format!("manifests/{tag}")];
    assert_eq!(paths, expected.map(|path| format!("/v2/app/{path}")));
    // The image itself under the tag is no list.
    registry.tag("app", &tag, digest);
    assert_eq!(referrers(&registries, &registry).await.unwrap(), Referrers::default());
}

#[tokio::test]
async fn a_tag_that_cannot_be_read_makes_the_list_incomplete() {
    let (registry, _) = with_tag().await;
    let registries = merging(&registry);
    for (reply, kind, text) in [
        (Reply::error(403, "DENIED"), RegistryErrorKind::Denied, "responds with status 403 to a request without"),
        (Reply::error(500, "UNKNOWN"), RegistryErrorKind::Failed, "responds with status 500"),
        (Reply::status(404), RegistryErrorKind::ResponseInvalid, "responds with status 404 but without a registry's"),
        (Reply::error(404, "NAME_UNKNOWN"), RegistryErrorKind::ResponseInvalid, "responds that tag sha256-"),
        (page("[]"), RegistryErrorKind::ResponseInvalid, "index is not valid JSON"),
        // The last one: the host is paused.
        (
            Reply::error(429, "TOOMANYREQUESTS").header("retry-after", "50"),
            RegistryErrorKind::Throttled,
            "responds with status 429",
        ),
    ] {
        let fault = registry.when(Route::Manifest).path_contains("sha256-").reply(reply);
        let found = referrers(&registries, &registry).await.unwrap();
        fault.remove();
        let Some(Incomplete::Failed(error)) = &found.incomplete else { panic!("{text}: {found:?}") };
        assert!(matches!(error.cause, Cause::MergedTag { .. }), "{error:?}");
        assert_eq!(error.kind(), kind, "{text}");
        let (shown, host) = (error.to_string(), registry.host());
        let start = format!("cannot get the referrers of {host}/app: the fallback tag sha256-");
        assert!(shown.starts_with(&start) && shown.contains(text), "{shown}");
    }
}

#[tokio::test]
async fn a_failure_of_the_api_stays_one() {
    let (registry, old) = with_tag().await;
    let registries = merging(&registry);
    // The specification defines a 404 as "not supported".
    let fault = registry.when(Route::Referrers).status(404);
    let found = referrers(&registries, &registry).await.unwrap();
    assert_eq!((digests(&found), found.incomplete), (vec![old.clone()], None));
    fault.remove();
    let fault = registry.when(Route::Referrers).error(405, "UNSUPPORTED");
    let found = referrers(&registries, &registry).await.unwrap();
    assert_eq!((digests(&found), found.incomplete.is_some()), (vec![old], true));
    fault.remove();
    registry.when(Route::Referrers).status(500);
    assert_eq!(referrers(&registries, &registry).await.unwrap_err().kind(), RegistryErrorKind::Failed);
}

#[tokio::test]
async fn without_the_setting_the_list_of_the_api_is_complete() {
    let (registry, _) = with_tag().await;
    registry.when(Route::Referrers).reply(empty());
    let registries = build(settings(vec![entry(&registry, Credential::Anonymous)])).0;
    registry.clear_requests();
    assert_eq!(referrers(&registries, &registry).await.unwrap(), Referrers::default());
    assert_eq!(registry.requests().len(), 2);
}
