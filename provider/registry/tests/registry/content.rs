//! Manifests of referrers and blobs: exactly the bytes of their descriptors.

use std::time::Duration;

use countersign_core::name::Digest;
use countersign_core::name::DigestAlgorithm;
use countersign_core::name::Repository;
use countersign_core::oci::Descriptor;
use countersign_http::FetchError;
use countersign_registry::Cause;
use countersign_registry::RegistryErrorKind;
use countersign_testkit::IMAGE_INDEX;
use countersign_testkit::IMAGE_MANIFEST;
use countersign_testkit::registry::Registry;
use countersign_testkit::registry::Route;

use crate::support::SIGNATURE;
use crate::support::anonymous;
use crate::support::app;
use crate::support::descriptor;
use crate::support::soon;

const LIMIT: usize = 1024 * 1024;

fn repository(registry: &Registry) -> Repository {
    format!("{}/app", registry.host()).parse().unwrap()
}

#[tokio::test]
async fn a_cold_image_by_tag_takes_four_requests() {
    let registry = Registry::start().await;
    let image = registry.push_image("app", "v1");
    let layer = registry.put_blob("app", "application/jose+json", b"envelope");
    let manifest = format!(
        r#"{{"schemaVersion":2,"mediaType":"{IMAGE_MANIFEST}","artifactType":"{SIGNATURE}","config":{{}},"layers":[{}],"subject":{}}}"#,
        layer.to_json(),
        image.to_json()
    );
    let stored = registry.put_manifest("app", IMAGE_MANIFEST, manifest.as_bytes());
    let registries = anonymous(&registry);
    let pinned = registries.pin(&app(&registry), soon()).await.unwrap();
    let referrers = registries.referrers(&pinned, SIGNATURE, soon()).await.unwrap();
    assert_eq!(referrers.entries.iter().map(|entry| entry.digest.as_str()).collect::<Vec<_>>(), [&stored.digest]);
    let found = registries.manifest(pinned.repository(), &referrers.entries[0], LIMIT, soon()).await.unwrap();
    assert_eq!(&*found, manifest.as_bytes());
    let found = registries.blob(pinned.repository(), &descriptor(&layer), LIMIT, soon()).await.unwrap();
    assert_eq!(&*found, b"envelope".as_slice());
    assert_eq!(registry.requests().len(), 4);
    assert_eq!(registry.connections(), 1);
}

#[tokio::test]
async fn detects_one_changed_bit() {
    let registry = Registry::start().await;
    let blob = descriptor(&registry.put_blob("app", "a/b", b"envelope"));
    let manifest = descriptor(&registry.put_manifest("app", IMAGE_MANIFEST, b"{}"));
    registry.when_any().wrong_bytes();
    let registries = anonymous(&registry);
    let error = registries.blob(&repository(&registry), &blob, LIMIT, soon()).await.unwrap_err();
    let found = Digest::of(DigestAlgorithm::Sha256, b"envelopd");
    assert_eq!(error.cause, Cause::Digest { host: registry.host(), found, expected: blob.digest });
    let error = registries.manifest(&repository(&registry), &manifest, LIMIT, soon()).await.unwrap_err();
    let found = Digest::of(DigestAlgorithm::Sha256, b"{|");
    assert_eq!(error.cause, Cause::Digest { host: registry.host(), found, expected: manifest.digest });
    assert_eq!(error.cause.kind(), RegistryErrorKind::ContentMismatch);
}

#[tokio::test]
async fn refuses_a_wrong_size_before_and_while_reading() {
    let registry = Registry::start().await;
    let registries = anonymous(&registry);
    let blob = descriptor(&registry.put_blob("app", "a/b", b"envelope"));
    for size in [0, 7, 9] {
        let wrong = Descriptor { size, ..blob.clone() };
        let error = registries.blob(&repository(&registry), &wrong, LIMIT, soon()).await.unwrap_err();
        assert_eq!(error.cause, Cause::Fetch(FetchError::Size { host: registry.host(), found: 8, expected: size }));
    }
    // Without a Content-Length the bytes are counted.
    let fault = registry.when(Route::Blob).slow_drip(Duration::from_millis(1));
    let wrong = Descriptor { size: 9, ..blob.clone() };
    let error = registries.blob(&repository(&registry), &wrong, LIMIT, soon()).await.unwrap_err();
    assert_eq!(error.cause, Cause::Fetch(FetchError::Size { host: registry.host(), found: 8, expected: 9 }));
    fault.remove();
    registry.when(Route::Blob).endless_body();
    let error = registries.blob(&repository(&registry), &blob, LIMIT, soon()).await.unwrap_err();
    assert_eq!(error.cause, Cause::Fetch(FetchError::TooLarge { host: registry.host(), limit: 8 }));
}

#[tokio::test]
async fn does_not_request_content_declared_larger_than_the_limit() {
    let registry = Registry::start().await;
    let blob = descriptor(&registry.put_blob("app", "a/b", b"envelope"));
    let error = anonymous(&registry).blob(&repository(&registry), &blob, 7, soon()).await.unwrap_err();
    assert_eq!(error.cause, Cause::DeclaredTooLarge { declared: 8, limit: 7 });
    assert_eq!(registry.requests().len(), 0);
}

#[tokio::test]
async fn a_manifest_comes_with_the_media_type_of_its_entry() {
    let registry = Registry::start().await;
    let manifest = descriptor(&registry.put_manifest("app", IMAGE_MANIFEST, b"{}"));
    let registries = anonymous(&registry);
    assert!(registries.manifest(&repository(&registry), &manifest, LIMIT, soon()).await.is_ok());
    assert_eq!(registry.requests()[0].header("accept"), Some(IMAGE_MANIFEST));
    registry.when(Route::Manifest).header("content-type", "application/json");
    let error = registries.manifest(&repository(&registry), &manifest, LIMIT, soon()).await.unwrap_err();
    let (found, expected) = ("application/json".into(), IMAGE_MANIFEST.into());
    assert_eq!(error.cause, Cause::ContentType { host: registry.host(), found, expected });
    assert_eq!(error.kind(), RegistryErrorKind::ResponseInvalid);
    registry.when(Route::Manifest).header("content-type", IMAGE_INDEX);
    let error = registries.manifest(&repository(&registry), &manifest, LIMIT, soon()).await.unwrap_err();
    assert_eq!(error.kind(), RegistryErrorKind::ContentMismatch);
}

#[tokio::test]
async fn distinguishes_missing_content_from_failures() {
    let registry = Registry::start().await;
    let blob = descriptor(&registry.put_blob("app", "a/b", b"envelope"));
    let registries = anonymous(&registry);
    registry.remove("app", blob.digest.as_str());
    let error = registries.blob(&repository(&registry), &blob, LIMIT, soon()).await.unwrap_err();
    assert_eq!(error.kind(), RegistryErrorKind::NotFound);
    registry.when(Route::Blob).status(500);
    let error = registries.blob(&repository(&registry), &blob, LIMIT, soon()).await.unwrap_err();
    assert_eq!(error.kind(), RegistryErrorKind::Failed);
}
