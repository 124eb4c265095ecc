//! Tags: the cache, and HEAD requests.

use std::time::Duration;

use countersign_core::name::Digest;
use countersign_core::name::DigestAlgorithm;
use countersign_core::name::ImageRef;
use countersign_core::name::MediaType;
use countersign_credentials::Credential;
use countersign_registry::RegistryErrorKind;
use countersign_registry::RegistrySettings;
use countersign_testkit::IMAGE_MANIFEST;
use countersign_testkit::registry::Registry;
use countersign_testkit::registry::Reply;
use countersign_testkit::registry::Route;
use countersign_testkit::registry::TokenService;
use http::Method;

use crate::support::anonymous;
use crate::support::app;
use crate::support::build;
use crate::support::descriptor;
use crate::support::entry;
use crate::support::pin_error;
use crate::support::pinned;
use crate::support::settings;
use crate::support::soon;

#[tokio::test]
async fn a_cached_tag_needs_no_request_until_the_lifetime_ends_and_its_digest_a_head() {
    let registry = Registry::start().await;
    let first = registry.push_image("app", "v1");
    let lasting = RegistrySettings {
        tag_lifetime: Duration::from_secs(3600),
        ..settings(vec![entry(&registry, Credential::Anonymous)])
    };
    let (registries, _) = build(lasting);
    let before = pinned(&registries, &registry).await;
    let moved = registry.push_image("app", "v1");
    assert_eq!(pinned(&registries, &registry).await, before);
    assert_eq!(registry.requests().len(), 1);
    let by_digest: ImageRef = registry.reference("app", &first).parse().unwrap();
    assert_eq!(registries.pin(&by_digest, soon()).await.unwrap(), before);
    assert_eq!(methods(&registry), ["GET", "HEAD"]);
    // The same digest in another repository needs a request.
    let elsewhere: ImageRef = registry.reference("other", &first).parse().unwrap();
    assert_eq!(registries.pin(&elsewhere, soon()).await.unwrap_err().kind(), RegistryErrorKind::NotFound);

    let without_cache = anonymous(&registry);
    assert_eq!(pinned(&without_cache, &registry).await.descriptor(), &descriptor(&moved));
    registry.tag("app", "v1", &first.digest);
    assert_eq!(pinned(&without_cache, &registry).await, before);
}

fn methods(registry: &Registry) -> Vec<String> {
    registry.requests().iter().map(|request| request.method.to_string()).collect()
}

#[tokio::test]
async fn a_known_digest_must_still_be_in_the_repository() {
    let registry = Registry::start().await;
    let first = registry.push_image("app", "v1");
    let registries = anonymous(&registry);
    let before = pinned(&registries, &registry).await;
    let image: ImageRef = registry.reference("app", &first).parse().unwrap();
    registry.clear_requests();
    assert_eq!(registries.pin(&image, soon()).await.unwrap(), before);
    assert_eq!(methods(&registry), ["HEAD"]);
    // A HEAD that names other content, or none, is followed by a GET; the latter stops them for some time.
    for (reply, expected) in [
        (
            Reply::status(200).header("docker-content-digest", &format!("sha256:{}", "0".repeat(64))),
            &["HEAD", "GET"][..],
        ),
        (Reply::status(200), &["HEAD", "GET"]),
        (Reply::status(200), &["GET"]),
    ] {
        registry.clear_requests();
        registry.when(Route::Manifest).method(Method::HEAD).times(1).reply(reply);
        assert_eq!(registries.pin(&image, soon()).await.unwrap(), before);
        assert_eq!(methods(&registry), expected);
    }
    let registries = anonymous(&registry);
    assert_eq!(registries.pin(&image, soon()).await.unwrap(), before);
    let missing = registry.when(Route::Manifest).error(404, "MANIFEST_UNKNOWN");
    assert_eq!(registries.pin(&image, soon()).await.unwrap_err().kind(), RegistryErrorKind::NotFound);
    missing.remove();
    registry.when(Route::Manifest).error(403, "DENIED");
    assert_eq!(registries.pin(&image, soon()).await.unwrap_err().kind(), RegistryErrorKind::Denied);
}

#[tokio::test]
async fn a_media_type_that_the_registry_stated_once_is_not_kept_against_what_it_states_later() {
    // The manifest does not state its type itself, as the specification allows.
    let body = br#"{"schemaVersion":2,"config":{},"layers":[]}"#;
    for by_tag in [true, false] {
        let registry = Registry::start().await;
        let pushed = registry.put_manifest("app", IMAGE_MANIFEST, body);
        registry.tag("app", "v1", &pushed.digest);
        let image = if by_tag { app(&registry) } else { registry.reference("app", &pushed).parse().unwrap() };
        let registries = anonymous(&registry);
        let wrong = registry.when(Route::Manifest).header("content-type", MediaType::DOCKER_MANIFEST);
        let first = registries.pin(&image, soon()).await.unwrap();
        assert_eq!(first.descriptor().media_type.as_str(), MediaType::DOCKER_MANIFEST);
        wrong.remove();
        // A signature is about the type too: with the former one every signature of the image is rejected.
        let second = registries.pin(&image, soon()).await.unwrap();
        assert_eq!(second.descriptor(), &descriptor(&pushed), "by tag: {by_tag}");
        registry.clear_requests();
        assert_eq!(registries.pin(&image, soon()).await.unwrap(), second);
        assert_eq!(methods(&registry), ["HEAD"]);
    }
}

#[tokio::test]
async fn a_head_with_another_media_type_than_that_of_the_manifest_costs_no_get_each_time() {
    for (stated, expected) in [
        // Not the type of a manifest.
        ("application/octet-stream", &["HEAD", "HEAD"][..]),
        ("text/plain; charset=utf-8", &["HEAD", "HEAD"]),
        ("application/json", &["HEAD", "HEAD"]),
        ("application/vnd.oci.image.manifest.v1+json; charset=utf-8", &["HEAD", "HEAD"]),
        // The GET decides, and HEADs are not sent for some time.
        (MediaType::DOCKER_MANIFEST, &["HEAD", "GET", "GET"]),
        (MediaType::OCI_INDEX, &["HEAD", "GET", "GET"]),
    ] {
        let registry = Registry::start().await;
        registry.push_image("app", "v1");
        let registries = anonymous(&registry);
        let before = pinned(&registries, &registry).await;
        registry.when(Route::Manifest).method(Method::HEAD).header("content-type", stated);
        registry.clear_requests();
        for _ in 0..2 {
            assert_eq!(pinned(&registries, &registry).await, before, "{stated}");
        }
        assert_eq!(methods(&registry), expected, "{stated}");
    }
}

#[tokio::test]
async fn a_known_tag_needs_one_head_request() {
    let registry = Registry::start().await;
    registry.require_bearer(&TokenService::anonymous());
    let first = registry.push_image("app", "v1");
    let registries = anonymous(&registry);
    let before = pinned(&registries, &registry).await;
    registry.clear_requests();
    assert_eq!(pinned(&registries, &registry).await, before);
    assert_eq!(registries.resolve(&app(&registry), soon()).await.unwrap().as_str(), first.digest);
    assert_eq!(methods(&registry), ["HEAD", "HEAD"]);
    let asked = &registry.requests()[0];
    assert_eq!(asked.path, "/v2/app/manifests/v1");
    assert!(asked.header("accept").unwrap().contains(MediaType::DOCKER_LIST));

    // Moved to an unknown digest: a GET reads the manifest.
    let moved = registry.push_image("app", "v1");
    registry.clear_requests();
    assert_eq!(pinned(&registries, &registry).await.descriptor(), &descriptor(&moved));
    assert_eq!(methods(&registry), ["HEAD", "GET"]);

    // And back to the former digest.
    registry.tag("app", "v1", &first.digest);
    registry.clear_requests();
    assert_eq!(pinned(&registries, &registry).await, before);
    assert_eq!(methods(&registry), ["HEAD"]);
}

#[tokio::test]
async fn an_unknown_tag_needs_one_get_request() {
    let registry = Registry::start().await;
    let image = registry.push_image("app", "v1");
    let registries = anonymous(&registry);
    let by_digest: ImageRef = registry.reference("app", &image).parse().unwrap();
    let before = registries.pin(&by_digest, soon()).await.unwrap();
    assert_eq!(pinned(&registries, &registry).await, before);
    assert_eq!(methods(&registry), ["GET", "GET"]);
}

#[tokio::test]
async fn a_head_that_names_a_digest_not_read_here_is_followed_by_a_get() {
    let registry = Registry::start().await;
    registry.push_image("app", "v1");
    let elsewhere = registry.push_image("other", "v1");
    let never = registry.push_image("app", "v2");
    let registries = anonymous(&registry);
    let before = pinned(&registries, &registry).await;
    // Read, but in another repository; or not at all.
    let _ = registries.pin(&registry.reference("other", &elsewhere).parse().unwrap(), soon()).await.unwrap();
    for claimed in [elsewhere.digest, never.digest] {
        let fault = registry.when(Route::Manifest).method(Method::HEAD).header("docker-content-digest", &claimed);
        for _ in 0..2 {
            registry.clear_requests();
            assert_eq!(pinned(&registries, &registry).await, before, "{claimed}");
            assert_eq!(methods(&registry), ["HEAD", "GET"], "{claimed}");
        }
        fault.remove();
    }
}

#[tokio::test]
async fn a_head_that_names_no_digest_is_followed_by_a_get_and_not_sent_again_soon() {
    let body = br#"{"schemaVersion":2,"config":{},"layers":[]}"#;
    let long = Digest::of(DigestAlgorithm::Sha512, body);
    let digest = Digest::of(DigestAlgorithm::Sha256, b"any");
    let header = |value: &str| Reply::status(200).header("docker-content-digest", value);
    let replies = [
        // Read before, but with an algorithm that is not used for tags.
        header(long.as_str()),
        header("md5:00"),
        header(""),
        header(&digest.as_str()[..70]),
        header(digest.as_str()).header("docker-content-digest", digest.as_str()),
        Reply::status(200),
    ];
    let refusals = [204, 302, 400, 401, 403, 404, 405, 500, 501].map(Reply::status);
    for reply in replies.into_iter().chain(refusals) {
        let case = format!("{reply:?}");
        let registry = Registry::start().await;
        registry.push_image("app", "v1");
        registry.push_image("other", "v1");
        let pushed = registry.put_manifest_as("app", long.as_str(), IMAGE_MANIFEST, body);
        let registries = anonymous(&registry);
        let before = pinned(&registries, &registry).await;
        let _ = registries.pin(&registry.reference("app", &pushed).parse().unwrap(), soon()).await.unwrap();
        let other: ImageRef = format!("{}/other:v1", registry.host()).parse().unwrap();
        let _ = registries.pin(&other, soon()).await.unwrap();
        registry.when(Route::Manifest).method(Method::HEAD).reply(reply);
        registry.clear_requests();
        assert_eq!(pinned(&registries, &registry).await, before, "{case}");
        assert_eq!(pinned(&registries, &registry).await, before, "{case}");
        assert_eq!(methods(&registry), ["HEAD", "GET", "GET"], "{case}");
        // Another repository is not affected.
        registry.clear_requests();
        let _ = registries.pin(&other, soon()).await.unwrap();
        assert_eq!(methods(&registry), ["HEAD", "GET"], "{case}");
    }
}

#[tokio::test(start_paused = true)]
async fn heads_are_tried_again_after_ten_minutes() {
    let registry = Registry::start().await;
    registry.push_image("app", "v1");
    let registries = anonymous(&registry);
    let before = pinned(&registries, &registry).await;
    registry.when(Route::Manifest).method(Method::HEAD).times(1).status(405);
    for (minutes, expected) in [(0, vec!["HEAD", "GET"]), (9, vec!["GET"]), (1, vec!["HEAD"])] {
        tokio::time::advance(Duration::from_secs(60 * minutes)).await;
        registry.clear_requests();
        assert_eq!(pinned(&registries, &registry).await, before);
        assert_eq!(methods(&registry), expected, "{minutes}");
    }
}

#[tokio::test]
async fn a_removed_tag_is_not_found() {
    let registry = Registry::start().await;
    registry.push_image("app", "v1");
    let registries = anonymous(&registry);
    let _ = pinned(&registries, &registry).await;
    registry.when(Route::Manifest).error(404, "MANIFEST_UNKNOWN");
    registry.clear_requests();
    for _ in 0..2 {
        assert_eq!(pin_error(&registries, &registry).await.kind(), RegistryErrorKind::NotFound);
    }
    assert_eq!(methods(&registry), ["HEAD", "GET", "HEAD", "GET"]);
}

#[tokio::test]
async fn a_failed_head_is_not_followed_by_a_get() {
    let registry = Registry::start().await;
    registry.push_image("app", "v1");
    let short_timeout = RegistrySettings {
        request_timeout: Duration::from_millis(100),
        ..settings(vec![entry(&registry, Credential::Anonymous)])
    };
    let (registries, _) = build(short_timeout);
    let _ = pinned(&registries, &registry).await;
    registry.clear_requests();
    let fault = registry.when(Route::Manifest).method(Method::HEAD).never_answer();
    assert_eq!(pin_error(&registries, &registry).await.kind(), RegistryErrorKind::Timeout);
    fault.remove();
    registry.when(Route::Manifest).method(Method::HEAD).too_many_requests("50");
    assert_eq!(pin_error(&registries, &registry).await.kind(), RegistryErrorKind::Throttled);
    assert_eq!(methods(&registry), ["HEAD", "HEAD"]);
}
