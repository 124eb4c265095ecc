//! Lists of referrers, and when an empty list is certain.

use countersign_registry::Cause;
use countersign_registry::NoList;
use countersign_registry::Referrers;
use countersign_registry::Registries;
use countersign_registry::RegistryError;
use countersign_testkit::Descriptor;
use countersign_testkit::IMAGE_INDEX;
use countersign_testkit::registry;
use countersign_testkit::registry::Registry;
use countersign_testkit::registry::Reply;
use countersign_testkit::registry::Route;

use crate::support::SIGNATURE;
use crate::support::anonymous;
use crate::support::pinned;
use crate::support::soon;

mod fallback;
mod merged;
mod pages;
mod without_api;

pub(super) fn sample(seed: &str, artifact_type: Option<&str>) -> Descriptor {
    Descriptor { artifact_type: artifact_type.map(str::to_owned), ..Descriptor::sample(seed) }
}

/// Lists `count` signatures of `app:v1` and two other referrers.
pub(super) fn list(registry: &Registry, count: usize) -> Vec<String> {
    let image = registry.push_image("app", "v1");
    let mut digests = Vec::new();
    registry.list_referrer("app", &image.digest, sample("sbom", Some("application/spdx+json")));
    for number in 0..count {
        let entry = sample(&format!("signature {number}"), Some(SIGNATURE));
        digests.push(entry.digest.clone());
        registry.list_referrer("app", &image.digest, entry);
    }
    digests
}

pub(super) async fn referrers(registries: &Registries, registry: &Registry) -> Result<Referrers, RegistryError> {
    let pinned = pinned(registries, registry).await;
    registries.referrers(&pinned, SIGNATURE, soon()).await.map(|kept| kept.clone())
}

pub(super) fn digests(referrers: &Referrers) -> Vec<String> {
    referrers.entries.iter().map(|entry| entry.digest.to_string()).collect()
}

/// A page of the referrers API with this body.
pub(super) fn page(body: impl Into<String>) -> Reply {
    Reply::status(200).header("content-type", IMAGE_INDEX).body(body.into())
}

/// An empty page of the referrers API.
pub(super) fn empty() -> Reply {
    page(r#"{"schemaVersion":2,"manifests":[]}"#)
}

pub(super) fn no_list(error: &RegistryError) -> &NoList {
    let Cause::NoList(no_list) = &error.cause else { panic!("the fallback tag was not requested: {error:?}") };
    no_list
}

#[tokio::test]
async fn requests_a_filter_and_filters_in_any_case() {
    for mode in [
        registry::Referrers::Api,
        registry::Referrers::ApiWithoutFilter,
        registry::Referrers::ApiWithoutTypes,
        registry::Referrers::FallbackTag,
    ] {
        let registry = Registry::start().await;
        registry.referrers(mode);
        let expected = list(&registry, 3);
        let found = referrers(&anonymous(&registry), &registry).await.unwrap();
        assert_eq!(digests(&found), expected, "{mode:?}");
        assert_eq!((found.broken, found.incomplete), (0, None), "{mode:?}");
        let asked = registry.requests_to(Route::Referrers);
        assert_eq!(asked.len(), 1, "{mode:?}");
        assert_eq!(asked[0].query_values("artifactType"), [SIGNATURE], "{mode:?}");
    }
}

#[tokio::test]
async fn an_entry_whose_type_is_not_stated_may_be_of_the_type_in_every_list() {
    const EMPTY: &str = "application/vnd.oci.empty.v1+json";
    let untyped = sample("untyped", None);
    let of_configuration = sample("of its configuration", Some(EMPTY));
    let others =
        [sample("sbom", Some("application/spdx+json")), sample("other", Some("application/vnd.oci.empty.v2+json"))];
    let entries = [&others[0], &untyped, &of_configuration, &others[1], &untyped]
        .map(|entry| entry.to_json().to_string())
        .join(",");
    let index = format!(r#"{{"schemaVersion":2,"mediaType":"{IMAGE_INDEX}","manifests":[{entries}]}}"#);
    let filtered = page(index.as_str()).header("oci-filters-applied", "artifactType");
    for (mode, route, reply) in [
        (registry::Referrers::Api, Route::Referrers, page(index.as_str())),
        (registry::Referrers::Api, Route::Referrers, filtered),
        (registry::Referrers::FallbackTag, Route::Manifest, page(index.as_str())),
    ] {
        let registry = Registry::start().await;
        registry.referrers(mode);
        list(&registry, 0);
        let case = format!("{reply:?}");
        let tag = if route == Route::Manifest { "sha256-" } else { "" };
        registry.when(route).path_contains(tag).reply(reply);
        let found = referrers(&anonymous(&registry), &registry).await.unwrap();
        assert_eq!(digests(&found), [&untyped, &of_configuration].map(|entry| entry.digest.clone()), "{case}");
        assert_eq!(
            found.entries.iter().map(|entry| &entry.artifact_type).collect::<Vec<_>>(),
            [&None, &None],
            "{case}"
        );
        assert_eq!((found.broken, found.incomplete), (0, None), "{case}");
    }
}

#[tokio::test]
async fn null_and_empty_lists_are_none() {
    let registry = Registry::start().await;
    list(&registry, 1);
    let registries = anonymous(&registry);
    for body in [r#"{"manifests":null}"#, r#"{"schemaVersion":2,"manifests":[]}"#] {
        let fault = registry.when(Route::Referrers).reply(page(body));
        assert_eq!(referrers(&registries, &registry).await.unwrap(), Referrers::default(), "{body}");
        fault.remove();
    }
}

#[tokio::test]
async fn broken_entries_are_counted_and_repeated_ones_dropped() {
    let registry = Registry::start().await;
    list(&registry, 0);
    let good = sample("good", Some(SIGNATURE));
    let json = good.to_json();
    registry.when(Route::Referrers).reply(page(format!(r#"{{"manifests":[{json},7,{json},{{}},{json}]}}"#)));
    let found = referrers(&anonymous(&registry), &registry).await.unwrap();
    assert_eq!(digests(&found), [good.digest]);
    assert_eq!((found.broken, found.incomplete), (2, None));
}
