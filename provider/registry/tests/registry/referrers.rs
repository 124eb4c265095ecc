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
    registry.list_referrer("app", &image.digest, sample("untyped", None));
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
    for (mode, untyped) in [
        (registry::Referrers::Api, 0),
        (registry::Referrers::ApiWithoutFilter, 1),
        (registry::Referrers::ApiWithoutTypes, 0),
        (registry::Referrers::FallbackTag, 1),
    ] {
        let registry = Registry::start().await;
        registry.referrers(mode);
        let expected = list(&registry, 3);
        let found = referrers(&anonymous(&registry), &registry).await.unwrap();
        assert_eq!(digests(&found), expected, "{mode:?}");
        assert_eq!((found.broken, found.untyped, found.incomplete), (0, untyped, None), "{mode:?}");
        let asked = registry.requests_to(Route::Referrers);
        assert_eq!(asked.len(), 1, "{mode:?}");
        assert_eq!(asked[0].query_values("artifactType"), [SIGNATURE], "{mode:?}");
    }
}

#[tokio::test]
async fn an_entry_without_a_type_is_used_only_if_the_registry_declares_its_filter() {
    let registry = Registry::start().await;
    list(&registry, 0);
    let registries = anonymous(&registry);
    let untyped = sample("untyped", None);
    let other = sample("sbom", Some("application/spdx+json"));
    let body = |annotations: &str| {
        let (untyped, other) = (untyped.to_json(), other.to_json());
        format!(r#"{{"schemaVersion":2,"manifests":[{untyped},{other},{untyped}]{annotations}}}"#)
    };
    let plain = || page(body(""));
    let annotated = |value: &str| {
        page(body(&format!(r#","annotations":{{"org.opencontainers.referrers.filtersApplied":"{value}"}}"#)))
    };
    for (reply, taken) in [
        (plain(), false),
        (plain().header("oci-filters-applied", "artifactType"), true),
        (plain().header("oci-filters-applied", "x, ArtifactType"), true),
        (plain().header("oci-filters-applied", "x").header("oci-filters-applied", "artifactType"), true),
        (plain().header("oci-filters-applied", ""), false),
        (plain().header("oci-filters-applied", "artifactTypes"), false),
        (annotated("artifactType"), true),
        (annotated("x,artifactType"), true),
        (annotated("x"), false),
    ] {
        let case = format!("{reply:?}");
        let fault = registry.when(Route::Referrers).reply(reply);
        let found = referrers(&registries, &registry).await.unwrap();
        let expected = if taken { vec![untyped.digest.clone()] } else { Vec::new() };
        assert_eq!((digests(&found), found.untyped), (expected, usize::from(!taken)), "{case}");
        assert_eq!(found.incomplete, None, "{case}");
        fault.remove();
    }
}

#[tokio::test]
async fn reads_the_filter_header_page_by_page() {
    let registry = Registry::start().await;
    list(&registry, 0);
    let (one, two) = (sample("one", None), sample("two", None));
    let body = |entry: &Descriptor| format!(r#"{{"manifests":[{}]}}"#, entry.to_json());
    let first = page(body(&one)).header("oci-filters-applied", "artifactType").header("link", "<?n=2>; rel=next");
    registry.when(Route::Referrers).times(1).reply(first);
    registry.when(Route::Referrers).reply(page(body(&two)));
    let found = referrers(&anonymous(&registry), &registry).await.unwrap();
    assert_eq!((digests(&found), found.untyped), (vec![one.digest], 1));
}

#[tokio::test]
async fn ignores_the_filter_header_of_a_fallback_index() {
    let registry = Registry::start().await;
    registry.referrers(registry::Referrers::FallbackTag);
    list(&registry, 0);
    let entry = sample("untyped", None).to_json();
    let annotations = r#"{"org.opencontainers.referrers.filtersApplied":"artifactType"}"#;
    registry.when(Route::Manifest).path_contains("sha256-").reply(
        page(format!(r#"{{"manifests":[{entry}],"annotations":{annotations}}}"#))
            .header("oci-filters-applied", "artifactType"),
    );
    let found = referrers(&anonymous(&registry), &registry).await.unwrap();
    assert_eq!(found, Referrers { untyped: 1, ..Referrers::default() });
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
