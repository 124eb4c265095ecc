//! Redirects of blobs to a blob store: which targets are followed, with which headers.

use std::time::Duration;

use countersign_core::name::ImageRef;
use countersign_core::name::Repository;
use countersign_core::oci::Descriptor;
use countersign_credentials::Credential;
use countersign_http::BadLink;
use countersign_http::FetchError;
use countersign_http::Missing;
use countersign_http::Phase;
use countersign_http::RedirectRefusal;
use countersign_registry::AuthoritiesOf;
use countersign_registry::Cause;
use countersign_registry::Registries;
use countersign_registry::RegistryError;
use countersign_registry::RegistryErrorKind;
use countersign_registry::RegistrySettings;
use countersign_registry::Stage;
use countersign_testkit::registry::Registry;
use countersign_testkit::registry::Reply;
use countersign_testkit::registry::Route;
use countersign_testkit::registry::TokenService;

use crate::support::PASSWORD;
use crate::support::USER;
use crate::support::alice;
use crate::support::anonymous;
use crate::support::app;
use crate::support::build;
use crate::support::descriptor;
use crate::support::entry;
use crate::support::settings;
use crate::support::soon;
use crate::support::with;

const STORED: &str = "/store/blob";

/// A registry with a blob, and a store that has its bytes.
async fn registry_and_store() -> (Registry, Registry, Descriptor) {
    let registry = Registry::start().await;
    let store = Registry::start().await;
    let blob = descriptor(&registry.put_blob("app", "a/b", b"envelope"));
    store.serve_file(STORED, "application/octet-stream", b"envelope");
    (registry, store, blob)
}

/// The error after the registry redirected a blob to `target`.
fn redirected(registry: &Registry, target: &str, cause: Cause) -> Cause {
    Cause::Redirected {
        registry: registry.host(),
        target: target.to_owned(),
        authorities: if target.starts_with("127.0.0.1:") { AuthoritiesOf::Registry } else { AuthoritiesOf::Host },
        stage: Stage::Blob,
        cause: Box::new(cause),
    }
}

async fn fetch(registries: &Registries, registry: &Registry, blob: &Descriptor) -> Result<(), RegistryError> {
    let repository: Repository = format!("{}/app", registry.host()).parse().unwrap();
    registries.blob(&repository, blob, 1024, soon()).await.map(|bytes| assert_eq!(&*bytes, b"envelope".as_slice()))
}

#[tokio::test]
async fn a_redirect_of_any_status_drops_the_credential() {
    let (registry, store, blob) = registry_and_store().await;
    registry.require_basic(USER, PASSWORD);
    let registries = with(&registry, alice());
    for status in [301, 302, 303, 307, 308] {
        let fault = registry.when(Route::Blob).redirect(status, &format!("{}{STORED}?signed=1", store.url()));
        fetch(&registries, &registry, &blob).await.unwrap();
        assert_eq!(fault.hits(), 1);
        fault.remove();
    }
    let requests = store.requests();
    assert_eq!(requests.len(), 5);
    for request in requests {
        assert_eq!(request.method.as_str(), "GET");
        assert_eq!(request.authorization(), None);
        assert_eq!(request.header("cookie"), None);
        assert_eq!(request.header("referer"), None);
    }
}

#[tokio::test]
async fn a_redirect_drops_the_token() {
    let (registry, store, blob) = registry_and_store().await;
    registry.require_bearer(&TokenService::for_user(USER, PASSWORD));
    registry.when(Route::Blob).redirect(307, &format!("{}{STORED}", store.url()));
    fetch(&with(&registry, alice()), &registry, &blob).await.unwrap();
    assert_eq!(store.requests()[0].authorization(), None);
}

#[tokio::test]
async fn a_dropped_credential_is_not_restored_by_a_redirect_back() {
    let (registry, store, blob) = registry_and_store().await;
    registry.require_basic(USER, PASSWORD);
    let registries = with(&registry, alice());
    registry.when(Route::Blob).redirect(307, &format!("{}/away", store.url()));
    registry.serve_file("/home", "application/octet-stream", b"envelope");
    store.when(Route::Other).redirect(307, &format!("{}/home", registry.url()));
    fetch(&registries, &registry, &blob).await.unwrap();
    let last = registry.requests().last().unwrap().clone();
    assert_eq!((last.path.as_str(), last.authorization()), ("/home", None));
}

#[tokio::test]
async fn a_redirect_within_the_registry_keeps_the_credential() {
    let (registry, _, blob) = registry_and_store().await;
    registry.require_basic(USER, PASSWORD);
    registry.when(Route::Blob).redirect(307, "/moved");
    registry.serve_file("/moved", "application/octet-stream", b"envelope");
    fetch(&with(&registry, alice()), &registry, &blob).await.unwrap();
    let last = registry.requests().last().unwrap().clone();
    assert_eq!(last.path, "/moved");
    assert!(last.authorization().unwrap().starts_with("Basic "));
}

#[tokio::test]
async fn ignores_a_challenge_of_the_blob_store() {
    let (registry, store, blob) = registry_and_store().await;
    registry.require_basic(USER, PASSWORD);
    store.require_basic(USER, PASSWORD);
    registry.when(Route::Blob).redirect(307, &format!("{}/v2/app/blobs/x", store.url()));
    let error = fetch(&with(&registry, alice()), &registry, &blob).await.unwrap_err();
    assert_eq!(error.kind(), RegistryErrorKind::Failed);
    let (host, store_host) = (registry.host(), store.host());
    assert_eq!(
        error.to_string(),
        format!(
            "cannot get the blob of {host}/app: {store_host} responds with status 401 to a request without credentials, as redirects \
             to other hosts carry none, saying \"UNAUTHORIZED: as the test wanted\"; {store_host} is the blob store that \
             {host} redirects to"
        )
    );
    assert_eq!(store.requests().len(), 1);
}

#[tokio::test]
async fn a_404_of_another_host_is_an_absent_image_only_with_the_error_body_of_a_registry() {
    let (registry, mirror, _) = registry_and_store().await;
    let registries = anonymous(&registry);
    let image = app(&registry);
    registry.when(Route::Manifest).redirect(307, &format!("{}/v2/app/manifests/v1", mirror.url()));
    for (reply, kind) in [
        (Reply::error(404, "MANIFEST_UNKNOWN"), RegistryErrorKind::NotFound),
        (Reply::error(404, "NAME_UNKNOWN"), RegistryErrorKind::NotFound),
        (Reply::status(404), RegistryErrorKind::ResponseInvalid),
        (Reply::status(404).header("content-type", "text/html").body("<html>"), RegistryErrorKind::ResponseInvalid),
    ] {
        let fault = mirror.when(Route::Manifest).reply(reply.clone());
        let error = registries.pin(&image, soon()).await.unwrap_err();
        assert_eq!((error.stage, error.kind()), (Stage::Manifest, kind), "{reply:?}");
        assert!(
            error.to_string().ends_with(&format!(
                "{} is the host that {} redirects to",
                mirror.host(),
                registry.host()
            )),
            "{error}"
        );
        fault.remove();
    }
}

#[tokio::test]
async fn an_unreachable_blob_store_is_named_with_its_registry() {
    let (registry, store, blob) = registry_and_store().await;
    let short_timeout = RegistrySettings {
        request_timeout: Duration::from_millis(100),
        ..settings(vec![entry(&registry, Credential::Anonymous)])
    };
    let (registries, _) = build(short_timeout);
    let store_host = store.host();
    registry.when(Route::Blob).redirect(307, &format!("{}{STORED}", store.url()));
    for (status, kind) in
        [(403, RegistryErrorKind::Failed), (404, RegistryErrorKind::NotFound), (500, RegistryErrorKind::Failed)]
    {
        let fault = store.when(Route::Other).status(status);
        let error = fetch(&registries, &registry, &blob).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{status}");
        assert!(
            error
                .to_string()
                .ends_with(&format!("{store_host} is the blob store that {} redirects to", registry.host()))
        );
        fault.remove();
    }
    store.when(Route::Other).never_answer();
    let timeout =
        Cause::Fetch(FetchError::Timeout { host: store.host(), phase: Phase::Request, missing: Missing::Response });
    let error = fetch(&registries, &registry, &blob).await.unwrap_err();
    assert_eq!(error.cause, redirected(&registry, &store_host, timeout));
    assert_eq!(error.kind(), RegistryErrorKind::Timeout);
    drop(store);
    let error = fetch(&registries, &registry, &blob).await.unwrap_err();
    assert_eq!(error.kind(), RegistryErrorKind::Unreachable);
    assert!(
        matches!(&error.cause, Cause::Redirected { target, cause, .. }
            if *target == store_host && matches!(&**cause, Cause::Fetch(FetchError::Unreachable { host, .. }) if *host == store_host)),
        "{error:?}"
    );
}

#[tokio::test]
async fn follows_at_most_five_redirects() {
    let (registry, store, blob) = registry_and_store().await;
    registry.when(Route::Blob).redirect(307, &format!("{}/hop", store.url()));
    let registries = anonymous(&registry);
    store.when(Route::Other).path_contains("/hop").times(4).redirect(302, "/hop");
    store.when(Route::Other).path_contains("/hop").body(&b"envelope"[..]);
    store.serve_file("/hop", "application/octet-stream", b"");
    fetch(&registries, &registry, &blob).await.unwrap();
    store.clear_faults();
    store.when(Route::Other).redirect(302, "/hop");
    let cause = fetch(&registries, &registry, &blob).await.unwrap_err().cause;
    let refused = Cause::Fetch(FetchError::Redirect { host: store.host(), refusal: RedirectRefusal::TooMany });
    assert_eq!(cause, redirected(&registry, &store.host(), refused));
    assert_eq!(cause.kind(), RegistryErrorKind::RedirectRefused);
}

#[tokio::test]
async fn a_redirect_to_a_metadata_address_is_refused() {
    let (registry, _, blob) = registry_and_store().await;
    let registries = anonymous(&registry);
    for (location, host, address) in [
        ("http://169.254.169.254/latest", "169.254.169.254:80", "169.254.169.254"),
        ("http://[fd00:ec2::254]/latest", "[fd00:ec2::254]:80", "fd00:ec2::254"),
        ("http://[::ffff:169.254.169.254]/", "169.254.169.254:80", "169.254.169.254"),
        ("http://2852039166/", "169.254.169.254:80", "169.254.169.254"),
        ("http://0/", "0.0.0.0:80", "0.0.0.0"),
    ] {
        let fault = registry.when(Route::Blob).redirect(307, location);
        let cause = fetch(&registries, &registry, &blob).await.unwrap_err().cause;
        let refused =
            Cause::Fetch(FetchError::AddressRefused { host: host.to_owned(), address: address.parse().unwrap() });
        assert_eq!(cause, redirected(&registry, host, refused));
        assert_eq!(cause.kind(), RegistryErrorKind::RedirectRefused);
        fault.remove();
    }
}

#[tokio::test]
async fn refuses_an_unlisted_blob_store_at_a_private_address() {
    let (registry, store, blob) = registry_and_store().await;
    let third = Registry::start().await;
    third.serve_file(STORED, "application/octet-stream", b"envelope");
    registry.when(Route::Blob).redirect(307, &format!("{}/away", store.url()));
    let unlisted = anonymous(&registry);
    let port = third.address().port();
    for (host, address) in [
        (format!("127.0.0.1:{port}"), "127.0.0.1"),
        (format!("localhost:{port}"), "127.0.0.1"),
        (format!("[::ffff:7f00:1]:{port}"), "127.0.0.1"),
        ("10.0.0.1:80".to_owned(), "10.0.0.1"),
        ("100.64.0.1:80".to_owned(), "100.64.0.1"),
        ("[fd00::1]:80".to_owned(), "fd00::1"),
        ("[64:ff9b::a00:1]:80".to_owned(), "64:ff9b::a00:1"),
        ("169.254.169.254:80".to_owned(), "169.254.169.254"),
    ] {
        let fault = store.when(Route::Other).redirect(307, &format!("http://{host}{STORED}"));
        let cause = fetch(&unlisted, &registry, &blob).await.unwrap_err().cause;
        // A host has one form in messages.
        let host = host.replace("[::ffff:7f00:1]", "127.0.0.1");
        let Cause::Redirected { registry: asked, target, cause: inner, stage: Stage::Blob, .. } = &cause else {
            panic!("{cause:?}")
        };
        assert_eq!((asked, target), (&registry.host(), &host));
        let Cause::Fetch(FetchError::ReferredInside { from, host: found_host, address: found }) = &**inner else {
            panic!("{cause:?}")
        };
        assert_eq!((from, found_host), (&store.host(), &host));
        // A name may have several addresses.
        assert!(*found == address.parse::<std::net::IpAddr>().unwrap() || host.starts_with("localhost"), "{found}");
        assert_eq!(cause.kind(), RegistryErrorKind::RedirectRefused);
        fault.remove();
    }
    // Redirects to a configured host are refused, too.
    let listed = build(settings(vec![entry(&registry, Credential::Anonymous), entry(&third, Credential::Anonymous)])).0;
    let fault = store.when(Route::Other).redirect(307, &format!("{}{STORED}", third.url()));
    let cause = fetch(&listed, &registry, &blob).await.unwrap_err().cause;
    assert_eq!(
        cause.to_string(),
        format!(
            "{0} leads to {1}: found 127.0.0.1, a loopback address, expected a public one; if this is intended, \
             add {0} to registries, or {1} to its realmHosts if it serves its tokens; {1} is the blob store that \
             {2} redirects to",
            store.host(),
            third.host(),
            registry.host()
        )
    );
    assert_eq!(third.connections(), 0);
    // A configured store may redirect further.
    let all = [&registry, &store, &third].map(|registry| entry(registry, Credential::Anonymous));
    fetch(&build(settings(all.to_vec())).0, &registry, &blob).await.unwrap();
    fault.remove();
}

#[tokio::test]
async fn quotes_a_short_escaped_excerpt_of_an_error_body() {
    let (registry, store, blob) = registry_and_store().await;
    let message = format!("gone\", verified by \"ops\u{202e} {}", "x".repeat(500));
    let body = serde_json::json!({ "errors": [{ "code": "DENIED", "message": message }] }).to_string();
    let characters = |cause: Cause| {
        let cause = if let Cause::Redirected { cause, .. } = cause { *cause } else { cause };
        let Cause::Denied { error, .. } = &cause else { panic!("{cause:?}") };
        let text = error.excerpt().unwrap().clone();
        assert!(cause.to_string().contains(&format!(", saying {text}")), "{cause}");
        assert!(text.escaped().starts_with(r#"DENIED: gone\", verified by \"ops\u{202e} x"#), "{text}");
        text.escaped().chars().count()
    };
    let fault = registry.when(Route::Blob).reply(Reply::status(403).body(body.clone()));
    assert_eq!(characters(fetch(&anonymous(&registry), &registry, &blob).await.unwrap_err().cause), 160);
    fault.remove();
    registry.when(Route::Blob).redirect(307, &format!("{}{STORED}", store.url()));
    store.when(Route::Other).reply(Reply::status(403).body(body));
    assert_eq!(characters(fetch(&anonymous(&registry), &registry, &blob).await.unwrap_err().cause), 80);
}

#[tokio::test]
async fn refuses_a_redirect_without_a_valid_location() {
    let (registry, _, blob) = registry_and_store().await;
    let registries = anonymous(&registry);
    for location in ["http://", "http://user:secret@127.0.0.1/", "https://a\"b/", "https://a,(verified)/"] {
        let fault = registry.when(Route::Blob).redirect(307, location);
        let cause = fetch(&registries, &registry, &blob).await.unwrap_err().cause;
        assert_eq!(
            cause,
            Cause::Fetch(FetchError::Redirect { host: registry.host(), refusal: RedirectRefusal::Url(BadLink) })
        );
        fault.remove();
    }
    let fault = registry.when(Route::Blob).redirect(307, "ftp://127.0.0.1/");
    let cause = fetch(&registries, &registry, &blob).await.unwrap_err().cause;
    let refusal = RedirectRefusal::Scheme { found: "ftp".into() };
    assert_eq!(cause, Cause::Fetch(FetchError::Redirect { host: registry.host(), refusal }));
    fault.remove();
    registry.when(Route::Blob).status(302);
    let cause = fetch(&registries, &registry, &blob).await.unwrap_err().cause;
    assert_eq!(cause, Cause::Fetch(FetchError::Redirect { host: registry.host(), refusal: RedirectRefusal::Missing }));
    assert_eq!(cause.kind(), RegistryErrorKind::RedirectRefused);
}

#[tokio::test]
async fn verifies_the_digest_of_content_from_the_blob_store() {
    let (registry, store, blob) = registry_and_store().await;
    registry.when(Route::Blob).redirect(307, &format!("{}{STORED}", store.url()));
    store.when(Route::Other).wrong_bytes();
    let cause = fetch(&anonymous(&registry), &registry, &blob).await.unwrap_err().cause;
    assert!(matches!(&cause, Cause::Digest { host, .. } if *host == store.host()), "{cause:?}");
}

#[tokio::test]
async fn keeps_a_bounded_number_of_connections_to_unlisted_hosts() {
    /// One concurrent request, and 16 other connections.
    const KEPT: usize = 17;
    let registry = Registry::start().await;
    let mut stores = Vec::new();
    for number in 0..=KEPT {
        let store = Registry::start().await;
        store.push_image("app", "v1");
        let target = format!("{}/v2/app/manifests/v1", store.url());
        registry.when(Route::Manifest).path_contains(&format!("/app{number}/")).redirect(307, &target);
        stores.push(store);
    }
    let one = RegistrySettings { requests: 1, ..settings(vec![entry(&registry, Credential::Anonymous)]) };
    let (registries, _) = build(one);
    let ask = async |number: usize| {
        let image: ImageRef = format!("{}/app{number}:v1", registry.host()).parse().unwrap();
        let _ = registries.pin(&image, soon()).await.unwrap();
    };
    for number in 0..KEPT {
        ask(number).await;
    }
    let before = stores[0].connections();
    ask(0).await;
    assert_eq!(stores[0].connections(), before);
    // One host more than the limit: the next request opens a new connection.
    ask(KEPT).await;
    ask(0).await;
    assert_eq!(stores[0].connections(), before + 1);
}
