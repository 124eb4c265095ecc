//! Resolution of a reference to a verified digest.

use std::time::Duration;

use countersign_core::codec::excerpt::Excerpt;
use countersign_core::name::Digest;
use countersign_core::name::DigestAlgorithm;
use countersign_core::name::ImageRef;
use countersign_core::name::MediaType;
use countersign_core::oci::ManifestError;
use countersign_credentials::Credential;
use countersign_http::FetchError;
use countersign_http::Missing;
use countersign_http::Phase;
use countersign_registry::Cause;
use countersign_registry::RegistryErrorKind;
use countersign_registry::RegistrySettings;
use countersign_registry::RequestResult;
use countersign_registry::Stage;
use countersign_testkit::IMAGE_MANIFEST;
use countersign_testkit::registry::Registry;
use countersign_testkit::registry::Reply;
use countersign_testkit::registry::Route;

use crate::support::anonymous;
use crate::support::app;
use crate::support::build;
use crate::support::descriptor;
use crate::support::entry;
use crate::support::pin_error;
use crate::support::pinned;
use crate::support::settings;
use crate::support::shortly;
use crate::support::soon;

mod tags;

#[tokio::test]
async fn a_tag_is_pinned_with_one_get_of_the_manifest() {
    let registry = Registry::start().await;
    let pushed = registry.push_image("app", "v1");
    let registries = anonymous(&registry);
    let pinned = pinned(&registries, &registry).await;
    assert_eq!(pinned.descriptor(), &descriptor(&pushed));
    assert_eq!(pinned.repository().to_string(), format!("{}/app", registry.host()));
    let requests = registry.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!((requests[0].method.as_str(), requests[0].path.as_str()), ("GET", "/v2/app/manifests/v1"));
    assert_eq!(requests[0].header("accept-encoding"), Some("identity"));
    assert_eq!(requests[0].authorization(), None);
    for media_type in
        [MediaType::OCI_MANIFEST, MediaType::OCI_INDEX, MediaType::DOCKER_MANIFEST, MediaType::DOCKER_LIST]
    {
        assert!(requests[0].header("accept").unwrap().contains(media_type), "{media_type}");
    }
}

#[tokio::test]
async fn an_index_is_pinned_as_such() {
    let registry = Registry::start().await;
    let image = registry.push_image("app", "amd64");
    let index = registry.push_index("app", "v1", &[image]);
    let pinned = pinned(&anonymous(&registry), &registry).await;
    assert_eq!(pinned.descriptor(), &descriptor(&index));
}

#[tokio::test]
async fn a_digest_is_pinned_without_a_request() {
    let registry = Registry::start().await;
    let image = registry.push_image("app", "v1");
    let registries = anonymous(&registry);
    let by_digest: ImageRef = registry.reference("app", &image).parse().unwrap();
    assert_eq!(registries.resolve(&by_digest, soon()).await.unwrap().as_str(), image.digest);
    assert_eq!(registry.requests().len(), 0);
    assert_eq!(registries.resolve(&app(&registry), soon()).await.unwrap().as_str(), image.digest);
}

#[tokio::test]
async fn other_bytes_than_the_digest_names_are_refused_with_both_digests() {
    let registry = Registry::start().await;
    let body =
        br#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{},"layers":[]}"#;
    let asked = Digest::of(DigestAlgorithm::Sha256, b"something else");
    let wrong = registry.put_manifest_as("app", asked.as_str(), IMAGE_MANIFEST, body);
    let image: ImageRef = registry.reference("app", &wrong).parse().unwrap();
    let found = Digest::of(DigestAlgorithm::Sha256, body);
    let expected = Cause::Digest { host: registry.host(), found, expected: asked };
    let registries = anonymous(&registry);
    assert_eq!(registries.pin(&image, soon()).await.unwrap_err().cause, expected);
    // Wrong bytes are refused even with a correct or missing header.
    registry.when(Route::Manifest).without_header("docker-content-digest");
    assert_eq!(registries.pin(&image, soon()).await.unwrap_err().cause, expected);
}

#[tokio::test]
async fn a_long_digest_is_checked_with_its_own_algorithm() {
    let registry = Registry::start().await;
    let body = br#"{"schemaVersion":2,"config":{},"layers":[]}"#;
    let digest = Digest::of(DigestAlgorithm::Sha512, body);
    let pushed = registry.put_manifest_as("app", digest.as_str(), IMAGE_MANIFEST, body);
    let image: ImageRef = registry.reference("app", &pushed).parse().unwrap();
    let pinned = anonymous(&registry).pin(&image, soon()).await.unwrap();
    assert_eq!(pinned.descriptor().digest, digest);
}

#[tokio::test]
async fn the_digest_header_must_fit_the_bytes_or_be_absent() {
    let registry = Registry::start().await;
    let pushed = descriptor(&registry.push_image("app", "v1"));
    let registries = anonymous(&registry);
    let other = Digest::of(DigestAlgorithm::Sha256, b"other");
    let other_long = Digest::of(DigestAlgorithm::Sha512, b"other");
    for claimed in [other.as_str(), other_long.as_str(), "md5:00", ""] {
        let fault = registry.when(Route::Manifest).header("docker-content-digest", claimed);
        let (found, claimed) = (pushed.digest.clone(), Excerpt::of(claimed));
        let expected = Cause::DigestHeader { host: registry.host(), found, claimed };
        assert_eq!(pin_error(&registries, &registry).await, expected);
        fault.remove();
    }
    registry.when(Route::Manifest).without_header("docker-content-digest");
    assert_eq!(pinned(&registries, &registry).await.descriptor(), &pushed);
}

#[tokio::test]
async fn body_and_content_type_must_agree_on_an_image() {
    let registry = Registry::start().await;
    registry.push_image("app", "v1");
    let registries = anonymous(&registry);
    let fault = registry.when(Route::Manifest).header("content-type", MediaType::OCI_INDEX);
    let error = registries.pin(&app(&registry), soon()).await.unwrap_err();
    assert_eq!(
        error.cause,
        Cause::Target(ManifestError::MediaTypesDiffer {
            body: MediaType::OCI_MANIFEST.into(),
            header: MediaType::OCI_INDEX.into()
        })
    );
    assert_eq!(error.kind(), RegistryErrorKind::ResponseInvalid);
    fault.remove();

    registry.when(Route::Manifest).header("content-type", "application/vnd.oci.image.manifest.v1+json; charset=utf-8");
    assert!(registries.pin(&app(&registry), soon()).await.is_ok());
}

#[tokio::test]
async fn another_artifact_is_unsupported_and_a_proxys_page_is_an_invalid_response() {
    let registry = Registry::start().await;
    let artifact = registry.put_manifest("app", MediaType::OCI_ARTIFACT, b"{}");
    registry.tag("app", "v1", &artifact.digest);
    let registries = anonymous(&registry);
    assert_eq!(pin_error(&registries, &registry).await.kind(), RegistryErrorKind::Unsupported);
    for (content_type, body) in [("text/html", "<html>"), ("application/json", "{}")] {
        let reply = Reply::status(200).header("content-type", content_type).body(body);
        let fault = registry.when(Route::Manifest).reply(reply);
        assert_eq!(
            pin_error(&registries, &registry).await.kind(),
            RegistryErrorKind::ResponseInvalid,
            "{content_type}"
        );
        fault.remove();
    }
}

#[tokio::test]
async fn an_endless_or_overlong_manifest_is_cut_off_at_four_mebibytes() {
    let registry = Registry::start().await;
    registry.push_image("app", "v1");
    let registries = anonymous(&registry);
    let expected = Cause::Fetch(FetchError::TooLarge { host: registry.host(), limit: 4 * 1024 * 1024 });
    let fault = registry.when(Route::Manifest).endless_body();
    assert_eq!(pin_error(&registries, &registry).await, expected);
    fault.remove();
    registry.when(Route::Manifest).body(vec![b' '; 4 * 1024 * 1024 + 1]);
    assert_eq!(pin_error(&registries, &registry).await, expected);
}

#[tokio::test]
async fn encoded_and_broken_bodies_are_refused() {
    let registry = Registry::start().await;
    registry.push_image("app", "v1");
    let registries = anonymous(&registry);
    let fault = registry.when(Route::Manifest).header("content-encoding", "gzip");
    assert_eq!(
        pin_error(&registries, &registry).await,
        Cause::Fetch(FetchError::ContentEncoding { host: registry.host(), found: "gzip".into() })
    );
    fault.remove();
    let fault = registry.when(Route::Manifest).truncated_body();
    let cause = pin_error(&registries, &registry).await;
    assert!(matches!(cause, Cause::Fetch(FetchError::Broken { .. })), "{cause:?}");
    assert_eq!(cause.kind(), RegistryErrorKind::Unreachable);
    // Two retries.
    assert_eq!(fault.hits(), 3);
}

#[tokio::test]
async fn maps_each_status_to_its_failure() {
    let registry = Registry::start().await;
    registry.push_image("app", "v1");
    let registries = anonymous(&registry);
    for (status, kind) in [
        (404, RegistryErrorKind::NotFound),
        (403, RegistryErrorKind::Denied),
        (400, RegistryErrorKind::Failed),
        (405, RegistryErrorKind::Failed),
        (500, RegistryErrorKind::Failed),
        (501, RegistryErrorKind::Failed),
        (204, RegistryErrorKind::Failed),
        (206, RegistryErrorKind::Failed),
        (304, RegistryErrorKind::Failed),
    ] {
        let fault = registry.when(Route::Manifest).error(status, "ODD");
        let error = registries.pin(&app(&registry), soon()).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{status}");
        assert_eq!(fault.hits(), 1, "{status} is not requested again");
        fault.remove();
    }
}

#[tokio::test]
async fn an_error_names_the_image_the_host_and_the_error_body() {
    let registry = Registry::start().await;
    registry.push_image("app", "v1");
    registry.when(Route::Manifest).error(403, "DENIED");
    let error = anonymous(&registry).pin(&app(&registry), soon()).await.unwrap_err();
    let host = registry.host();
    assert_eq!(
        error.to_string(),
        format!(
            "pulling the manifest of {host}/app without credentials was refused: {host} responds with status 403 to a request without \
             credentials, as none are configured for it, saying \"DENIED: as the test wanted\"; registries[0] \"{host}\" applies, with no credentials"
        )
    );
}

#[tokio::test]
async fn a_missing_response_ends_at_the_deadline_or_the_request_timeout() {
    let registry = Registry::start().await;
    registry.push_image("app", "v1");
    registry.when(Route::Manifest).never_answer();
    let late = |missing| Cause::Fetch(FetchError::Timeout { host: registry.host(), phase: Phase::Request, missing });
    let expected = late(Missing::Response);
    let (registries, seen) = build(settings(vec![entry(&registry, Credential::Anonymous)]));
    assert_eq!(registries.pin(&app(&registry), shortly()).await.unwrap_err().cause, expected);
    assert_eq!(seen.all(), [(Stage::Manifest, RequestResult::Timeout)]);

    let short_timeout = RegistrySettings {
        request_timeout: Duration::from_millis(100),
        ..settings(vec![entry(&registry, Credential::Anonymous)])
    };
    assert_eq!(pin_error(&build(short_timeout).0, &registry).await, expected);
    registry.clear_faults();
    registry.when(Route::Manifest).slow_drip(Duration::from_millis(50));
    assert_eq!(registries.pin(&app(&registry), shortly()).await.unwrap_err().cause, late(Missing::Body));
}

#[tokio::test]
async fn retries_an_unreachable_registry_twice() {
    let registry = Registry::start().await;
    let (registries, seen) = build(settings(vec![entry(&registry, Credential::Anonymous)]));
    let image = app(&registry);
    drop(registry);
    let error = registries.pin(&image, soon()).await.unwrap_err();
    assert_eq!(error.kind(), RegistryErrorKind::Unreachable);
    assert_eq!(seen.all(), [(Stage::Manifest, RequestResult::Unreachable); 3]);
}

#[tokio::test]
async fn retries_failures_before_a_response_and_gateway_statuses() {
    let registry = Registry::start().await;
    registry.push_image("app", "v1");
    let (registries, seen) = build(settings(vec![entry(&registry, Credential::Anonymous)]));
    registry.when(Route::Manifest).times(1).close();
    registry.when(Route::Manifest).after(1).times(1).status(503);
    assert!(registries.pin(&app(&registry), soon()).await.is_ok());
    assert_eq!(
        seen.all(),
        [RequestResult::Unreachable, RequestResult::ServerError, RequestResult::Ok].map(|it| (Stage::Manifest, it))
    );
    let fault = registry.when(Route::Manifest).status(502);
    let cause = pin_error(&registries, &registry).await;
    assert!(matches!(cause, Cause::Status { status: 502, .. }), "{cause:?}");
    assert_eq!(fault.hits(), 3);
}
