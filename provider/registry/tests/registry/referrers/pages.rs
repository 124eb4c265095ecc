//! Pages of the referrers API and their links.

use std::fmt::Write as _;

use countersign_core::limits;
use countersign_http::BadLink;
use countersign_http::FetchError;
use countersign_registry::Cause;
use countersign_registry::Incomplete;
use countersign_registry::LinkRefusal;
use countersign_registry::Referrers;
use countersign_registry::RegistryErrorKind;
use countersign_testkit::registry::Registry;
use countersign_testkit::registry::Reply;
use countersign_testkit::registry::Route;

use super::digests;
use super::list;
use super::no_list;
use super::page;
use super::referrers;
use super::sample;
use crate::support::SIGNATURE;
use crate::support::alice;
use crate::support::anonymous;
use crate::support::with;

/// The cause for which page `number` ended the list.
fn page_cause(found: &Referrers, number: usize) -> Cause {
    let Some(Incomplete::Failed(error)) = &found.incomplete else { panic!("not cut by a page: {found:?}") };
    let Cause::Page { number: page, cause } = &error.cause else { panic!("not a page: {error:?}") };
    assert_eq!(*page, number);
    Cause::clone(cause)
}

#[tokio::test]
async fn all_pages_are_read_in_order() {
    let registry = Registry::start().await;
    registry.page_size(2);
    let expected = list(&registry, 5);
    let found = referrers(&anonymous(&registry), &registry).await.unwrap();
    assert_eq!(digests(&found), expected);
    assert_eq!(found.incomplete, None);
    assert_eq!(registry.count(Route::Referrers), 3);
}

#[tokio::test]
async fn endless_empty_pages_end_after_fifty() {
    let registry = Registry::start().await;
    list(&registry, 1);
    registry.when(Route::Referrers).endless_empty_pages();
    let found = referrers(&anonymous(&registry), &registry).await.unwrap();
    assert_eq!(found, Referrers { incomplete: Some(Incomplete::Limit), ..Referrers::default() });
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
    for (count, cut) in [(limits::REFERRERS_ENTRIES, None), (limits::REFERRERS_ENTRIES + 1, Some(Incomplete::Limit))] {
        let fault = registry.when(Route::Referrers).reply(page(body(count)));
        let found = referrers(&registries, &registry).await.unwrap();
        assert_eq!((found.entries.len(), found.incomplete), (limits::REFERRERS_ENTRIES / 2, cut), "{count}");
        fault.remove();
    }
    // Full, with a link to a further page.
    registry.when(Route::Referrers).reply(page(body(limits::REFERRERS_ENTRIES)).header("link", "<?n=2>; rel=next"));
    registry.clear_requests();
    assert_eq!(referrers(&registries, &registry).await.unwrap().incomplete, Some(Incomplete::Limit));
    assert_eq!(registry.count(Route::Referrers), 1);
}

#[tokio::test]
async fn an_endless_page_is_cut_off() {
    let registry = Registry::start().await;
    list(&registry, 1);
    registry.when(Route::Referrers).endless_body();
    let error = referrers(&anonymous(&registry), &registry).await.unwrap_err();
    assert_eq!(
        no_list(&error).api,
        Cause::Fetch(FetchError::TooLarge { host: registry.host(), limit: 4 * 1024 * 1024 })
    );
}

#[tokio::test]
async fn a_cyclic_link_ends_the_list() {
    let registry = Registry::start().await;
    let expected = list(&registry, 1);
    registry.when(Route::Referrers).header("link", "<?x=1>; rel=\"next\"");
    let found = referrers(&anonymous(&registry), &registry).await.unwrap();
    assert_eq!(digests(&found), expected);
    assert_eq!(page_cause(&found, 3), Cause::Link(LinkRefusal::Loop));
    assert_eq!(registry.count(Route::Referrers), 2);
}

#[tokio::test]
async fn a_link_to_another_host_port_or_scheme_ends_the_list_and_is_not_followed() {
    let registry = Registry::start().await;
    let other = Registry::start().await;
    registry.require_basic("alice", "correct horse");
    let expected = list(&registry, 1);
    let registries = with(&registry, alice());
    let base = registry.url();
    for (link, found) in [
        (format!("{}/v2/app/referrers/x", other.url()), other.url()),
        (format!("//{}/v2/app", other.host()), other.url()),
        (format!("https://{}/v2/app", registry.host()), format!("https://{}", registry.host())),
    ] {
        let fault = registry.when(Route::Referrers).header("link", &format!("<{link}>; rel=\"next\""));
        let list = referrers(&registries, &registry).await.unwrap();
        assert_eq!(digests(&list), expected);
        let found = found.as_str().into();
        assert_eq!(page_cause(&list, 2), Cause::Link(LinkRefusal::Origin { found, expected: base.clone() }));
        fault.remove();
    }
    assert_eq!(other.connections(), 0);
}

#[tokio::test]
async fn a_malformed_link_leaves_the_list_incomplete() {
    let registry = Registry::start().await;
    let expected = list(&registry, 1);
    let registries = anonymous(&registry);
    let long = format!("</{}>; rel=next", "a".repeat(9000));
    for link in [long.as_str(), "<http://[>; rel=next", "<http://u:p@127.0.0.1/>; rel=next"] {
        let fault = registry.when(Route::Referrers).header("link", link);
        let found = referrers(&registries, &registry).await.unwrap();
        assert_eq!(digests(&found), expected);
        assert_eq!(page_cause(&found, 2), Cause::Link(LinkRefusal::Url(BadLink)));
        fault.remove();
    }
}

#[tokio::test]
async fn a_failed_later_page_ends_the_list_with_its_reason() {
    let registry = Registry::start().await;
    registry.page_size(1);
    let expected = list(&registry, 3);
    let registries = anonymous(&registry);
    for (reply, kind) in [
        // The registry itself linked the page, so the image exists.
        (Reply::status(404), RegistryErrorKind::ResponseInvalid),
        (Reply::error(404, "NAME_UNKNOWN"), RegistryErrorKind::ResponseInvalid),
        (Reply::error(401, "UNAUTHORIZED"), RegistryErrorKind::Denied),
        (Reply::status(403), RegistryErrorKind::Denied),
        (Reply::status(405), RegistryErrorKind::Failed),
        (Reply::status(500), RegistryErrorKind::Failed),
        (Reply::status(204), RegistryErrorKind::Failed),
        (Reply::error(429, "TOOMANYREQUESTS").header("retry-after", "0"), RegistryErrorKind::Throttled),
        (Reply::status(302).header("location", "ftp://127.0.0.1/"), RegistryErrorKind::RedirectRefused),
        (Reply::status(200).header("content-type", "text/html").body("<html>"), RegistryErrorKind::ResponseInvalid),
        (page("no json"), RegistryErrorKind::ResponseInvalid),
        (page("{}"), RegistryErrorKind::ResponseInvalid),
        (page("[]"), RegistryErrorKind::ResponseInvalid),
        (page(""), RegistryErrorKind::ResponseInvalid),
    ] {
        let case = format!("{reply:?}");
        let fault = registry.when(Route::Referrers).after(1).reply(reply);
        let found = referrers(&registries, &registry).await.unwrap();
        assert_eq!(digests(&found), expected[..1], "{case}");
        let Some(Incomplete::Failed(error)) = &found.incomplete else { panic!("{case}: {found:?}") };
        assert_eq!(error.kind(), kind, "{case}");
        assert!(error.to_string().contains("page 2 of the list: "), "{error}");
        fault.remove();
    }
    // Only a failure of the first page reads the fallback tag.
    assert_eq!(registry.requests().iter().filter(|request| request.path.contains("sha256-")).count(), 0);
}

#[tokio::test]
async fn a_truncated_or_endless_page_ends_the_list() {
    let registry = Registry::start().await;
    registry.page_size(1);
    let expected = list(&registry, 2);
    let registries = anonymous(&registry);
    let fault = registry.when(Route::Referrers).after(1).truncated_body();
    let found = referrers(&registries, &registry).await.unwrap();
    assert_eq!(
        (digests(&found), page_cause(&found, 2).kind()),
        (expected[..1].to_vec(), RegistryErrorKind::Unreachable)
    );
    fault.remove();
    registry.when(Route::Referrers).after(1).endless_body();
    let found = referrers(&registries, &registry).await.unwrap();
    assert_eq!(
        (digests(&found), page_cause(&found, 2).kind()),
        (expected[..1].to_vec(), RegistryErrorKind::ContentMismatch)
    );
}
