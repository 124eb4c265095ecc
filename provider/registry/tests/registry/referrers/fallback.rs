//! The fallback tag, and when the absence of referrers is certain.

use countersign_core::oci::IndexError;
use countersign_registry::Cause;
use countersign_registry::Fallback;
use countersign_registry::Incomplete;
use countersign_registry::Referrers;
use countersign_registry::RegistryErrorKind;
use countersign_registry::Stage;
use countersign_testkit::IMAGE_INDEX;
use countersign_testkit::IMAGE_MANIFEST;
use countersign_testkit::registry;
use countersign_testkit::registry::Registry;
use countersign_testkit::registry::Reply;
use countersign_testkit::registry::Route;
use countersign_testkit::registry::TokenService;

use super::digests;
use super::empty;
use super::list;
use super::no_list;
use super::page;
use super::referrers;
use super::sample;
use crate::support::SIGNATURE;
use crate::support::anonymous;
use crate::support::app;
use crate::support::pinned;
use crate::support::soon;

#[tokio::test]
async fn without_the_api_the_fallback_tag_is_read_and_its_absence_means_none() {
    let registry = Registry::start().await;
    registry.referrers(registry::Referrers::FallbackTag);
    let image = registry.push_image("app", "v1");
    let registries = anonymous(&registry);
    assert_eq!(referrers(&registries, &registry).await.unwrap(), Referrers::default());
    let tag = format!("/v2/app/manifests/{}", image.digest.replace(':', "-"));
    let asked = registry.requests();
    assert_eq!(asked.last().unwrap().path, tag);
    // A registry may convert or hide other types if only an index is requested.
    assert_eq!(asked[1].header("accept"), Some(IMAGE_INDEX));
    assert_eq!(asked[2].header("accept"), asked[0].header("accept"));
    let signature = sample("late", Some(SIGNATURE));
    registry.list_referrer("app", &image.digest, signature.clone());
    assert_eq!(digests(&referrers(&registries, &registry).await.unwrap()), [signature.digest]);
}

#[tokio::test]
async fn a_fallback_tag_that_is_the_image_itself_means_none() {
    let registry = Registry::start().await;
    registry.referrers(registry::Referrers::FallbackTag);
    let amd64 = registry.push_image("app", "amd64");
    let registries = anonymous(&registry);
    for image in [registry.push_image("app", "v1"), registry.push_index("app", "v1", &[amd64.clone(), amd64])] {
        registry.tag("app", &image.digest.replace(':', "-"), &image.digest);
        // The platforms of an index are not referrers without a type.
        assert_eq!(referrers(&registries, &registry).await.unwrap(), Referrers::default(), "{}", image.media_type);
    }
}

#[tokio::test]
async fn an_image_manifest_instead_of_referrers_is_not_a_list() {
    let registry = Registry::start().await;
    let amd64 = registry.push_image("app", "amd64");
    let index = registry.push_index("app", "v1", &[amd64]);
    let registries = anonymous(&registry);
    let pinned = pinned(&registries, &registry).await;
    assert_eq!(pinned.descriptor().digest.as_str(), index.digest);
    registry.when(Route::Referrers).redirect(307, &format!("/v2/app/manifests/{}", index.digest));
    let error = registries.referrers(&pinned, SIGNATURE, soon()).await.unwrap_err();
    assert_eq!(no_list(&error).api, Cause::ImageItself { host: registry.host() });
    assert_eq!(error.kind(), RegistryErrorKind::ResponseInvalid);
}

#[tokio::test]
async fn another_manifest_under_the_fallback_tag_is_an_invalid_response() {
    let registry = Registry::start().await;
    registry.referrers(registry::Referrers::FallbackTag);
    let image = registry.push_image("app", "v1");
    let other = registry.push_image("app", "v2");
    registry.tag("app", &image.digest.replace(':', "-"), &other.digest);
    let error = referrers(&anonymous(&registry), &registry).await.unwrap_err();
    assert_eq!(error.kind(), RegistryErrorKind::ContentMismatch);
    let (found, expected) = (IMAGE_MANIFEST.into(), IMAGE_INDEX.into());
    let expected = Fallback::Failed(Cause::ContentType { host: registry.host(), found, expected });
    assert_eq!(no_list(&error).fallback, expected);
}

#[tokio::test]
async fn an_unexpected_response_of_the_api_reads_the_fallback_tag_and_never_means_none() {
    let registry = Registry::start().await;
    registry.referrers(registry::Referrers::FallbackTag);
    let image = registry.push_image("app", "v1");
    let registries = anonymous(&registry);
    let reply = Reply::status(200).header("content-type", "text/html").body("<html>welcome</html>");
    registry.when(Route::Referrers).reply(reply);
    let error = referrers(&registries, &registry).await.unwrap_err();
    let (host, tag) = (registry.host(), image.digest.replace(':', "-"));
    assert_eq!(
        error.to_string(),
        format!(
            "cannot get the referrers of {host}/app: the referrers API: Content-Type from {host}: found \
             \"text/html\", expected \"{IMAGE_INDEX}\"; the fallback tag {tag}: found 404; expected an image \
             index from one of them"
        )
    );
    assert_eq!(error.kind(), RegistryErrorKind::ResponseInvalid);
    registry.list_referrer("app", &image.digest, sample("sbom", Some("application/spdx+json")));
    let found = referrers(&registries, &registry).await.unwrap();
    let Some(Incomplete::Failed(error)) = &found.incomplete else { panic!("{found:?}") };
    assert_eq!((error.kind(), no_list(error).fallback.clone()), (RegistryErrorKind::ResponseInvalid, Fallback::Index));
    let expected = list(&registry, 1);
    let image = registry.push_image("app", "v1");
    registry.list_referrer("app", &image.digest, sample("signature 0", Some(SIGNATURE)));
    assert_eq!(digests(&referrers(&registries, &registry).await.unwrap()), expected);
}

#[tokio::test]
async fn a_refusal_of_the_api_with_a_404_of_the_fallback_tag_is_a_lack_of_support() {
    let registry = Registry::start().await;
    registry.referrers(registry::Referrers::FallbackTag);
    let image = registry.push_image("app", "v1");
    registry.when(Route::Referrers).error(405, "UNSUPPORTED");
    let error = referrers(&anonymous(&registry), &registry).await.unwrap_err();
    let (host, tag) = (registry.host(), image.digest.replace(':', "-"));
    assert_eq!(error.kind(), RegistryErrorKind::ReferrersUnsupported);
    assert_eq!(
        error.to_string(),
        format!(
            "cannot get the referrers of {host}/app: the registry has no referrers support; the referrers API: {host} \
             responds with status 405, saying \"UNSUPPORTED: as the test wanted\"; the fallback tag {tag}: found 404; expected an \
             image index from one of them"
        )
    );
}

#[tokio::test]
async fn reads_an_index_of_a_generic_content_type_which_never_means_none() {
    let registry = Registry::start().await;
    let expected = list(&registry, 1);
    let registries = anonymous(&registry);
    let entry = sample("signature 0", Some(SIGNATURE)).to_json();
    let body = format!(r#"{{"schemaVersion":2,"mediaType":"{IMAGE_INDEX}","manifests":[{entry}]}}"#);
    let reply =
        |content_type: &str, body: &str| Reply::status(200).header("content-type", content_type).body(body.to_owned());
    for content_type in
        ["application/json", "application/json; charset=utf-8", "text/plain", "application/octet-stream", ""]
    {
        let fault = registry.when(Route::Referrers).reply(reply(content_type, &body));
        let found = referrers(&registries, &registry).await.unwrap();
        assert_eq!(digests(&found), expected, "{content_type}");
        let Some(Incomplete::Failed(error)) = &found.incomplete else { panic!("{content_type}: {found:?}") };
        assert_eq!((error.kind(), &no_list(error).fallback), (RegistryErrorKind::ResponseInvalid, &Fallback::Absent));
        fault.remove();
    }
    // The document must declare itself an index, and the header must not declare another type.
    for (content_type, body) in [
        ("application/json", body.replace("mediaType\":\"application/vnd.oci.image.index", "x\":\"y")),
        ("text/html", body.clone()),
        (IMAGE_MANIFEST, body),
    ] {
        let fault = registry.when(Route::Referrers).reply(reply(content_type, &body));
        let error = referrers(&registries, &registry).await.unwrap_err();
        assert_eq!(no_list(&error).fallback, Fallback::Absent, "{content_type}");
        fault.remove();
    }
}

#[tokio::test]
async fn a_redirect_of_the_api_to_another_host_reads_the_fallback_tag() {
    let registry = Registry::start().await;
    let website = Registry::start().await;
    registry.referrers(registry::Referrers::FallbackTag);
    let expected = list(&registry, 1);
    let registries = anonymous(&registry);
    registry.when(Route::Referrers).redirect(303, &format!("{}/packages", website.url()));
    for status in [200, 401, 403, 404, 405, 429, 500, 503] {
        let fault = website.when(Route::Other).reply(Reply::status(status).header("retry-after", "1"));
        let found = referrers(&registries, &registry).await.unwrap();
        assert_eq!(digests(&found), expected, "{status}");
        // No response of another server is a result of the API, and there is no second request.
        let Some(Incomplete::Failed(error)) = &found.incomplete else { panic!("{status}: {found:?}") };
        assert_eq!(matches!(&no_list(error).api, Cause::Redirected { .. }), status != 200, "{status}: {error:?}");
        assert_eq!(fault.hits(), 1, "{status}");
        fault.remove();
    }
    drop(website);
    let found = referrers(&registries, &registry).await.unwrap();
    let Some(Incomplete::Failed(error)) = &found.incomplete else { panic!("{found:?}") };
    assert_eq!((digests(&found), error.kind()), (expected, RegistryErrorKind::Unreachable));
}

#[tokio::test]
async fn a_404_of_another_host_that_the_api_or_the_fallback_tag_is_redirected_to_never_means_none() {
    let registry = Registry::start().await;
    let other = Registry::start().await;
    registry.referrers(registry::Referrers::FallbackTag);
    let image = registry.push_image("app", "v1");
    let registries = anonymous(&registry);
    assert_eq!(referrers(&registries, &registry).await.unwrap(), Referrers::default());
    let tag = image.digest.replace(':', "-");
    let target = format!("{}/elsewhere", other.url());
    for reply in [
        Reply::status(404),
        Reply::status(404).header("content-type", "text/html").body("<html>"),
        Reply::error(404, "MANIFEST_UNKNOWN"),
        Reply::error(404, "NAME_UNKNOWN"),
    ] {
        let case = format!("{reply:?}");
        let answer = other.when(Route::Other).reply(reply);
        for api in [true, false] {
            let fault = match api {
                true => registry.when(Route::Referrers).redirect(307, &target),
                false => registry.when(Route::Manifest).path_contains(&tag).redirect(307, &target),
            };
            let error = referrers(&registries, &registry).await.unwrap_err();
            assert_eq!((error.stage, error.kind()), (Stage::Referrers, RegistryErrorKind::ResponseInvalid), "{case}");
            let no_list = no_list(&error);
            let (cause, is_redirected) = match (&no_list.api, &no_list.fallback) {
                (api @ Cause::Redirected { .. }, Fallback::Absent) => (api, true),
                (Cause::NotFound { .. }, Fallback::Failed(cause)) => (cause, false),
                found => panic!("{case}: {found:?}"),
            };
            assert_eq!(is_redirected, api, "{case}");
            let Cause::Redirected { target, cause, .. } = cause else { panic!("{case}: {cause:?}") };
            assert_eq!(*target, other.host(), "{case}");
            assert!(matches!(&**cause, Cause::NotFound { host, .. } if *host == other.host()), "{case}: {cause:?}");
            fault.remove();
        }
        answer.remove();
    }
    // The registry itself redirects the tag to another path of its own, where there is none: its own response.
    registry
        .when(Route::Manifest)
        .path_contains(&tag)
        .redirect(307, &format!("{}/v2/app/manifests/none", registry.url()));
    assert_eq!(referrers(&registries, &registry).await.unwrap(), Referrers::default());
}

#[tokio::test]
async fn a_failing_token_service_never_means_none() {
    let expected = |status| match status {
        401 | 403 => RegistryErrorKind::Denied,
        _ => RegistryErrorKind::Failed,
    };
    for (status, code) in [
        (401, "UNAUTHORIZED"),
        (403, "DENIED"),
        (404, "NOT_FOUND"),
        (404, "MANIFEST_UNKNOWN"),
        (404, "NAME_UNKNOWN"),
        (404, ""),
        (500, "UNKNOWN"),
        (503, ""),
    ] {
        let reply = if code.is_empty() { Reply::status(status) } else { Reply::error(status, code) };
        for (number, stage) in [(0, Stage::Token), (1, Stage::Token), (2, Stage::Referrers)] {
            let case = format!("{reply:?}, token {number}");
            let registry = Registry::start().await;
            registry.referrers(registry::Referrers::FallbackTag);
            let image = registry.push_image("app", "v1");
            // Every request needs a token of its own.
            registry.require_bearer(&TokenService::anonymous().expires_in(Some(0)));
            registry.when(Route::Token).after(number).reply(reply.clone());
            let registries = anonymous(&registry);
            let error = match registries.pin(&app(&registry), soon()).await {
                Ok(pinned) => registries.referrers(&pinned, SIGNATURE, soon()).await.map(drop).unwrap_err(),
                Err(error) => error,
            };
            assert_eq!((error.stage, error.kind()), (stage, expected(status)), "{case}");
            if number == 2 {
                let no_list = no_list(&error);
                assert_eq!(no_list.tag, image.digest.replace(':', "-"), "{case}");
                let Fallback::Failed(cause) = &no_list.fallback else { panic!("{case}: {no_list:?}") };
                assert_eq!(matches!(cause, Cause::TokenNotFound { .. }), status == 404, "{case}: {cause:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_404_of_the_token_service_after_a_challenge_for_the_fallback_tag_never_means_none() {
    let registry = Registry::start().await;
    registry.referrers(registry::Referrers::FallbackTag);
    registry.push_image("app", "v1");
    let registries = anonymous(&registry);
    let challenge = format!(r#"Bearer realm="{}/token",service="testkit",scope="other""#, registry.url());
    registry
        .when(Route::Manifest)
        .path_contains("sha256-")
        .reply(Reply::error(401, "UNAUTHORIZED").header("www-authenticate", &challenge));
    registry.when(Route::Token).error(404, "NOT_FOUND");
    let error = referrers(&registries, &registry).await.unwrap_err();
    assert_eq!(error.kind(), RegistryErrorKind::Failed);
    let Fallback::Failed(Cause::TokenNotFound { host, .. }) = &no_list(&error).fallback else { panic!("{error:?}") };
    assert_eq!(*host, registry.host());
    assert_eq!(registry.count(Route::Token), 1);
}

/// Responses of the API, with the kind of error if the fallback tag is a 404, and whether the tag is requested.
fn responses_of_the_api() -> Vec<(Reply, Option<RegistryErrorKind>, bool)> {
    let html = |status| Reply::status(status).header("content-type", "text/html").body("<html>");
    vec![
        (empty(), None, false),
        // A 404, which the specification defines as not supported, with any body.
        (Reply::status(404), None, true),
        (html(404), None, true),
        (Reply::error(404, "UNSUPPORTED"), None, true),
        (Reply::error(404, "NAME_UNKNOWN"), Some(RegistryErrorKind::NotFound), true),
        // Explicitly unsupported.
        (Reply::error(400, "UNSUPPORTED"), Some(RegistryErrorKind::ReferrersUnsupported), true),
        (Reply::status(402), Some(RegistryErrorKind::ReferrersUnsupported), true),
        (Reply::error(405, "UNSUPPORTED"), Some(RegistryErrorKind::ReferrersUnsupported), true),
        (Reply::status(406), Some(RegistryErrorKind::ReferrersUnsupported), true),
        (Reply::status(410), Some(RegistryErrorKind::ReferrersUnsupported), true),
        (Reply::status(415), Some(RegistryErrorKind::ReferrersUnsupported), true),
        (Reply::status(422), Some(RegistryErrorKind::ReferrersUnsupported), true),
        (Reply::status(501), Some(RegistryErrorKind::ReferrersUnsupported), true),
        // Denied only for the API.
        (Reply::error(401, "UNAUTHORIZED"), Some(RegistryErrorKind::Denied), true),
        (Reply::error(403, "DENIED"), Some(RegistryErrorKind::Denied), true),
        (html(403), Some(RegistryErrorKind::Denied), true),
        // No list.
        (html(200), Some(RegistryErrorKind::ResponseInvalid), true),
        (Reply::status(200), Some(RegistryErrorKind::ResponseInvalid), true),
        (
            Reply::status(200).header("content-type", "application/json").body("{}"),
            Some(RegistryErrorKind::ResponseInvalid),
            true,
        ),
        (page(""), Some(RegistryErrorKind::ResponseInvalid), true),
        (page("{}"), Some(RegistryErrorKind::ResponseInvalid), true),
        (page("[]"), Some(RegistryErrorKind::ResponseInvalid), true),
        (page("null"), Some(RegistryErrorKind::ResponseInvalid), true),
        (page("no json"), Some(RegistryErrorKind::ResponseInvalid), true),
        (page(r#"{"manifests":{}}"#), Some(RegistryErrorKind::ResponseInvalid), true),
        (
            page(format!(r#"{{"mediaType":"{IMAGE_MANIFEST}","manifests":[]}}"#)),
            Some(RegistryErrorKind::ResponseInvalid),
            true,
        ),
        (page("{}").header("content-encoding", "gzip"), Some(RegistryErrorKind::ResponseInvalid), true),
        (Reply::status(204), Some(RegistryErrorKind::Failed), true),
        (Reply::status(206), Some(RegistryErrorKind::Failed), true),
        (Reply::status(304), Some(RegistryErrorKind::Failed), true),
        (Reply::status(302), Some(RegistryErrorKind::RedirectRefused), true),
        (Reply::status(307).header("location", "ftp://127.0.0.1/"), Some(RegistryErrorKind::RedirectRefused), true),
        // Failures: no further request.
        (Reply::status(408), Some(RegistryErrorKind::Failed), false),
        (Reply::status(421), Some(RegistryErrorKind::Failed), false),
        (Reply::status(425), Some(RegistryErrorKind::Failed), false),
        (Reply::error(429, "TOOMANYREQUESTS").header("retry-after", "0"), Some(RegistryErrorKind::Throttled), false),
        (Reply::status(500), Some(RegistryErrorKind::Failed), false),
        (Reply::status(502), Some(RegistryErrorKind::Failed), false),
        (Reply::status(503), Some(RegistryErrorKind::Failed), false),
        (Reply::status(504), Some(RegistryErrorKind::Failed), false),
    ]
}

#[tokio::test]
async fn reports_none_only_after_an_index_or_two_404s() {
    for (reply, kind, asked) in responses_of_the_api() {
        let case = format!("{reply:?}");
        let registry = Registry::start().await;
        registry.push_image("app", "v1");
        registry.when(Route::Referrers).reply(reply);
        let found = referrers(&anonymous(&registry), &registry).await;
        match kind {
            None => assert_eq!(found.unwrap(), Referrers::default(), "{case}"),
            Some(kind) => {
                let error = found.unwrap_err();
                assert_eq!((error.stage, error.kind()), (Stage::Referrers, kind), "{case}");
            }
        }
        assert_eq!(registry.count(Route::Manifest), if asked { 2 } else { 1 }, "{case}");
    }
}

#[tokio::test]
async fn a_referrer_under_the_fallback_tag_is_used_after_any_response_of_the_api() {
    for (reply, kind, asked) in responses_of_the_api() {
        let case = format!("{reply:?}");
        let registry = Registry::start().await;
        registry.referrers(registry::Referrers::FallbackTag);
        let expected = list(&registry, 1);
        registry.when(Route::Referrers).reply(reply);
        let found = referrers(&anonymous(&registry), &registry).await;
        if asked {
            let found = found.unwrap();
            assert_eq!(digests(&found), expected, "{case}");
            let incomplete = found.incomplete.map(|why| match why {
                Incomplete::Failed(error) => error.kind(),
                Incomplete::Limit => panic!("{case}"),
            });
            assert_eq!(incomplete, kind, "{case}");
        } else {
            assert_eq!(
                found.map(|found| digests(&found)).map_err(|error| Some(error.kind())),
                match kind {
                    None => Ok(Vec::new()),
                    kind => Err(kind),
                }
            );
        }
    }
}

#[tokio::test]
async fn a_404_of_the_fallback_tag_with_any_error_body_means_none() {
    let registry = Registry::start().await;
    registry.referrers(registry::Referrers::FallbackTag);
    registry.push_image("app", "v1");
    let registries = anonymous(&registry);
    for body in [
        r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown","detail":{"Tag":"x"}}]}"#,
        r#"{"errors":[{"code":"NOT_FOUND","message":"artifact app:x not found"}]}"#,
        r#"{"errors":[{"code":"MANIFEST_UNKNOWN"}]}"#,
    ] {
        let reply = Reply::status(404).header("content-type", "text/plain").body(body);
        let fault = registry.when(Route::Manifest).path_contains("sha256-").reply(reply);
        assert_eq!(referrers(&registries, &registry).await.unwrap(), Referrers::default(), "{body}");
        fault.remove();
    }
}

#[tokio::test]
async fn no_other_response_for_the_fallback_tag_means_none() {
    let registry = Registry::start().await;
    registry.referrers(registry::Referrers::FallbackTag);
    list(&registry, 1);
    let registries = anonymous(&registry);
    let html = |status| Reply::status(status).header("content-type", "text/html").body("<html>");
    for (reply, kind) in [
        (Reply::error(404, "NAME_UNKNOWN"), RegistryErrorKind::NotFound),
        // A page of a proxy in front of the registry.
        (html(404), RegistryErrorKind::ResponseInvalid),
        (Reply::status(404), RegistryErrorKind::ResponseInvalid),
        (Reply::status(404).body("default backend - 404"), RegistryErrorKind::ResponseInvalid),
        (Reply::status(404).body(r#"{"errors":[]}"#), RegistryErrorKind::ResponseInvalid),
        (Reply::error(400, "TAG_INVALID"), RegistryErrorKind::Failed),
        (Reply::status(405), RegistryErrorKind::Failed),
        (Reply::error(403, "DENIED"), RegistryErrorKind::Denied),
        (Reply::error(500, "UNKNOWN"), RegistryErrorKind::Failed),
        (Reply::status(204), RegistryErrorKind::Failed),
        (html(200), RegistryErrorKind::ResponseInvalid),
        (Reply::status(200).header("content-type", "application/json").body("{}"), RegistryErrorKind::ResponseInvalid),
        (page(""), RegistryErrorKind::ResponseInvalid),
        (page("{}"), RegistryErrorKind::ResponseInvalid),
        (page("null"), RegistryErrorKind::ResponseInvalid),
        (Reply::status(302), RegistryErrorKind::RedirectRefused),
    ] {
        let case = format!("{reply:?}");
        let fault = registry.when(Route::Manifest).path_contains("sha256-").reply(reply);
        assert_eq!(referrers(&registries, &registry).await.unwrap_err().kind(), kind, "{case}");
        fault.remove();
    }
    registry.when(Route::Manifest).path_contains("sha256-").too_many_requests("60");
    assert_eq!(referrers(&registries, &registry).await.unwrap_err().kind(), RegistryErrorKind::Throttled);
}

#[tokio::test]
async fn reports_an_index_without_manifests() {
    let registry = Registry::start().await;
    registry.push_image("app", "v1");
    registry.when(Route::Referrers).reply(page(r#"{"schemaVersion":2}"#));
    let error = referrers(&anonymous(&registry), &registry).await.unwrap_err();
    assert_eq!(no_list(&error).api, Cause::Index(IndexError::NoManifests));
}
