//! What refers to an image, and when "none" may be said.

use std::fmt::Write as _;

use countersign_core::limits;
use countersign_registry::Cause;
use countersign_registry::LinkRefusal;
use countersign_registry::Referrers;
use countersign_registry::Registries;
use countersign_registry::RegistryError;
use countersign_registry::Stage;
use countersign_registry::Trouble;
use countersign_testkit::Descriptor;
use countersign_testkit::IMAGE_INDEX;
use countersign_testkit::registry;
use countersign_testkit::registry::Registry;
use countersign_testkit::registry::Reply;
use countersign_testkit::registry::Route;

use crate::support::SIGNATURE;
use crate::support::alice;
use crate::support::anonymous;
use crate::support::pinned;
use crate::support::soon;
use crate::support::with;

fn sample(seed: &str, artifact_type: Option<&str>) -> Descriptor {
    Descriptor { artifact_type: artifact_type.map(str::to_owned), ..Descriptor::sample(seed) }
}

/// Lists `count` signatures of `app:v1` and two other referrers.
fn list(registry: &Registry, count: usize) -> Vec<String> {
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

async fn referrers(registries: &Registries, registry: &Registry) -> Result<Referrers, RegistryError> {
    let pinned = pinned(registries, registry).await;
    registries.referrers(&pinned, SIGNATURE, soon()).await
}

fn digests(referrers: &Referrers) -> Vec<String> {
    referrers.entries.iter().map(|entry| entry.digest.to_string()).collect()
}

/// An answer of the referrers API that cannot be what it is.
fn page(body: impl Into<String>) -> Reply {
    Reply::status(200).header("content-type", IMAGE_INDEX).body(body.into())
}

#[tokio::test]
async fn the_registry_is_asked_to_filter_and_filtered_in_any_case() {
    for mode in [registry::Referrers::Api, registry::Referrers::ApiWithoutFilter, registry::Referrers::FallbackTag] {
        let registry = Registry::start().await;
        registry.referrers(mode);
        let expected = list(&registry, 3);
        let found = referrers(&anonymous(&registry), &registry).await.unwrap();
        assert_eq!(digests(&found), expected, "{mode:?}");
        assert_eq!((found.broken, found.cut), (0, false), "{mode:?}");
        let asked = registry.requests_to(Route::Referrers);
        assert_eq!(asked.len(), 1, "{mode:?}");
        assert_eq!(asked[0].query_values("artifactType"), [SIGNATURE], "{mode:?}");
    }
}

#[tokio::test]
async fn all_pages_are_read_in_order() {
    let registry = Registry::start().await;
    registry.page_size(2);
    let expected = list(&registry, 5);
    let found = referrers(&anonymous(&registry), &registry).await.unwrap();
    assert_eq!(digests(&found), expected);
    assert!(!found.cut);
    assert_eq!(registry.count(Route::Referrers), 3);
}

#[tokio::test]
async fn null_and_empty_lists_are_none() {
    let registry = Registry::start().await;
    list(&registry, 1);
    let registries = anonymous(&registry);
    for body in [r#"{"manifests":null}"#, r#"{"schemaVersion":2,"manifests":[]}"#, "{}"] {
        let fault = registry.when(Route::Referrers).reply(page(body));
        assert_eq!(referrers(&registries, &registry).await.unwrap(), Referrers::default(), "{body}");
        fault.lift();
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
    assert_eq!((found.broken, found.cut), (2, false));
}

#[tokio::test]
async fn endless_empty_pages_end_after_fifty() {
    let registry = Registry::start().await;
    list(&registry, 1);
    registry.when(Route::Referrers).endless_empty_pages();
    let found = referrers(&anonymous(&registry), &registry).await.unwrap();
    assert_eq!(found, Referrers { cut: true, ..Referrers::default() });
    assert_eq!(registry.count(Route::Referrers), limits::REFERRERS_PAGES);
}

#[tokio::test]
async fn entries_of_any_type_count_toward_the_limit() {
    let registry = Registry::start().await;
    list(&registry, 0);
    let registries = anonymous(&registry);
    let body = |count: usize| {
        let mut text = r#"{"manifests":["#.to_owned();
        for number in 0..count {
            let kind = if number % 2 == 0 { SIGNATURE } else { "application/spdx+json" };
            let comma = if number == 0 { "" } else { "," };
            write!(text, "{comma}{}", sample(&number.to_string(), Some(kind)).to_json()).unwrap();
        }
        text + "]}"
    };
    for (count, cut) in [(limits::REFERRERS_ENTRIES, false), (limits::REFERRERS_ENTRIES + 1, true)] {
        let fault = registry.when(Route::Referrers).reply(page(body(count)));
        let found = referrers(&registries, &registry).await.unwrap();
        assert_eq!((found.entries.len(), found.cut), (limits::REFERRERS_ENTRIES / 2, cut), "{count}");
        fault.lift();
    }
    // Full, and there would be more.
    registry.when(Route::Referrers).reply(page(body(limits::REFERRERS_ENTRIES)).header("link", "<?n=2>; rel=next"));
    registry.forget_requests();
    assert!(referrers(&registries, &registry).await.unwrap().cut);
    assert_eq!(registry.count(Route::Referrers), 1);
}

#[tokio::test]
async fn an_endless_page_is_cut_off() {
    let registry = Registry::start().await;
    list(&registry, 1);
    registry.when(Route::Referrers).endless_body();
    let error = referrers(&anonymous(&registry), &registry).await.unwrap_err();
    assert_eq!(error.cause, Cause::TooLarge { host: registry.host(), limit: 4 * 1024 * 1024 });
}

#[tokio::test]
async fn a_link_in_a_circle_is_refused() {
    let registry = Registry::start().await;
    list(&registry, 1);
    registry.when(Route::Referrers).reply(page("{}").header("link", "<?x=1>; rel=\"next\""));
    let error = referrers(&anonymous(&registry), &registry).await.unwrap_err();
    assert_eq!(error.cause, Cause::Link(LinkRefusal::Loop));
    assert_eq!(registry.count(Route::Referrers), 2);
}

#[tokio::test]
async fn a_link_to_another_host_port_or_scheme_is_refused_and_not_followed() {
    let registry = Registry::start().await;
    let other = Registry::start().await;
    registry.require_basic("alice", "correct horse");
    list(&registry, 1);
    let registries = with(&registry, alice());
    let wanted = registry.url();
    for (link, found) in [
        (format!("{}/v2/app/referrers/x", other.url()), other.url()),
        (format!("//{}/v2/app", other.host()), other.url()),
        (format!("https://{}/v2/app", registry.host()), format!("https://{}", registry.host())),
    ] {
        let fault = registry.when(Route::Referrers).header("link", &format!("<{link}>; rel=\"next\""));
        let error = referrers(&registries, &registry).await.unwrap_err();
        assert_eq!(
            error.cause,
            Cause::Link(LinkRefusal::Origin { found: found.as_str().into(), wanted: wanted.clone() })
        );
        fault.lift();
    }
    assert_eq!(other.connections(), 0);
}

#[tokio::test]
async fn a_bad_link_is_an_error_and_not_the_last_page() {
    let registry = Registry::start().await;
    list(&registry, 1);
    let registries = anonymous(&registry);
    let long = format!("</{}>; rel=next", "a".repeat(9000));
    for link in [long.as_str(), "<http://[>; rel=next", "<http://u:p@127.0.0.1/>; rel=next"] {
        let fault = registry.when(Route::Referrers).header("link", link);
        let error = referrers(&registries, &registry).await.unwrap_err();
        assert_eq!(error.cause, Cause::Link(LinkRefusal::Url));
        fault.lift();
    }
}

#[tokio::test]
async fn a_later_page_that_is_missing_or_no_index_is_an_error() {
    let registry = Registry::start().await;
    registry.page_size(1);
    list(&registry, 2);
    let registries = anonymous(&registry);
    let fault = registry.when(Route::Referrers).after(1).status(404);
    assert_eq!(referrers(&registries, &registry).await.unwrap_err().trouble(), Trouble::NotFound);
    fault.lift();
    registry.when(Route::Referrers).after(1).header("content-type", "text/html");
    assert_eq!(referrers(&registries, &registry).await.unwrap_err().trouble(), Trouble::AnswerInvalid);
}

#[tokio::test]
async fn without_the_api_the_fallback_tag_is_read_and_its_absence_means_none() {
    let registry = Registry::start().await;
    registry.referrers(registry::Referrers::FallbackTag);
    let image = registry.push_image("app", "v1");
    let registries = anonymous(&registry);
    assert_eq!(referrers(&registries, &registry).await.unwrap(), Referrers::default());
    let tag = format!("/v2/app/manifests/{}", image.digest.replace(':', "-"));
    assert_eq!(registry.requests().last().unwrap().path, tag);
    let signature = sample("late", Some(SIGNATURE));
    registry.list_referrer("app", &image.digest, signature.clone());
    assert_eq!(digests(&referrers(&registries, &registry).await.unwrap()), [signature.digest]);
}

#[tokio::test]
async fn a_page_of_another_kind_means_that_there_is_no_api() {
    let registry = Registry::start().await;
    let expected = list(&registry, 1);
    let registries = anonymous(&registry);
    registry.referrers(registry::Referrers::FallbackTag);
    registry
        .when(Route::Referrers)
        .reply(Reply::status(200).header("content-type", "text/html").body("<html>welcome</html>"));
    assert_eq!(digests(&referrers(&registries, &registry).await.unwrap()), expected);
}

#[tokio::test]
async fn no_other_answer_of_the_api_means_none() {
    let registry = Registry::start().await;
    list(&registry, 1);
    let registries = anonymous(&registry);
    for (reply, trouble) in [
        (Reply::error(404, "NAME_UNKNOWN"), Trouble::NotFound),
        (Reply::error(401, "UNAUTHORIZED"), Trouble::Denied),
        (Reply::error(403, "DENIED"), Trouble::Denied),
        (Reply::error(400, "UNSUPPORTED"), Trouble::Failed),
        (Reply::error(405, "UNSUPPORTED"), Trouble::Failed),
        (Reply::status(500), Trouble::Failed),
        (Reply::status(501), Trouble::Failed),
        (Reply::status(503), Trouble::Failed),
        (page("no json"), Trouble::AnswerInvalid),
        (page(format!(r#"{{"mediaType":"{}"}}"#, countersign_testkit::IMAGE_MANIFEST)), Trouble::AnswerInvalid),
    ] {
        let status = reply.clone();
        let fault = registry.when(Route::Referrers).reply(reply);
        registry.forget_requests();
        let error = referrers(&registries, &registry).await.unwrap_err();
        assert_eq!((error.stage, error.trouble()), (Stage::Referrers, trouble), "{status:?}");
        assert_eq!(registry.count(Route::Manifest), 1, "no fallback: {status:?}");
        fault.lift();
    }
}

#[tokio::test]
async fn no_other_answer_of_the_fallback_tag_means_none() {
    let registry = Registry::start().await;
    registry.referrers(registry::Referrers::FallbackTag);
    list(&registry, 1);
    let registries = anonymous(&registry);
    for (reply, trouble) in [
        (Reply::error(404, "NAME_UNKNOWN"), Trouble::NotFound),
        (Reply::error(400, "TAG_INVALID"), Trouble::Failed),
        (Reply::error(403, "DENIED"), Trouble::Denied),
        (Reply::error(500, "UNKNOWN"), Trouble::Failed),
        (Reply::status(200).header("content-type", "text/html").body("<html>"), Trouble::AnswerInvalid),
    ] {
        let status = reply.clone();
        let fault = registry.when(Route::Manifest).path_contains("sha256-").reply(reply);
        assert_eq!(referrers(&registries, &registry).await.unwrap_err().trouble(), trouble, "{status:?}");
        fault.lift();
    }
    registry.when(Route::Manifest).path_contains("sha256-").too_many_requests("60");
    assert_eq!(referrers(&registries, &registry).await.unwrap_err().trouble(), Trouble::Throttled);
}
