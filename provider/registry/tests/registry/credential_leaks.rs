//! Ways to get a credential to a host that it is not meant for, one test each: the classes of CVE-2025-27403 (Ratify sent tokens of
//! Azure to any host that looked like a registry), CVE-2024-45336 (Go put a credential back after a chain of redirects),
//! CVE-2020-15157 (containerd sent one to the address in a manifest) and their relatives.
//!
//! Every server here keeps a journal of its requests. The stranger is a host that the settings do not name for the credential; after
//! each attempt nothing that it received has the password, raw, in base64 or in a token.

use countersign_core::name::ImageRef;
use countersign_core::name::Repository;
use countersign_credentials::Credential;
use countersign_credentials::Secret;
use countersign_http::Scheme;
use countersign_registry::Mirrors;
use countersign_registry::Registries;
use countersign_registry::RegistryEntry;
use countersign_registry::RegistryPattern;
use countersign_testkit::registry::Referrers;
use countersign_testkit::registry::Registry;
use countersign_testkit::registry::Route;
use countersign_testkit::registry::TokenService;

use crate::support::PASSWORD;
use crate::support::SIGNATURE;
use crate::support::USER;
use crate::support::alice;
use crate::support::app;
use crate::support::build;
use crate::support::descriptor;
use crate::support::entry;
use crate::support::settings;
use crate::support::soon;

/// A registry with `app:v1` whose credential is alice's, and a stranger with an entry of its own, so that requests reach it.
async fn registry_and_stranger() -> (Registry, Registry, Registries) {
    let (registry, stranger) = (Registry::start().await, Registry::start().await);
    registry.push_image("app", "v1");
    let entries = vec![entry(&registry, alice()), entry(&stranger, Credential::Anonymous)];
    (registry, stranger, build(settings(entries)).0)
}

/// Fails if a request to `stranger` has an `Authorization`, or the password or the token of the registry anywhere in any form.
fn assert_knows_nothing(stranger: &Registry, tokens: &[&str]) {
    let mut secrets = vec![PASSWORD.to_owned(), PASSWORD.replace(' ', "+"), PASSWORD.replace(' ', "%20")];
    // In base64, alone and after the user name, whose length is a multiple of three.
    secrets.push("Y29ycmVjdCBob3JzZQ".to_owned());
    secrets.extend(tokens.iter().map(|&token| token.to_owned()));
    for request in stranger.requests() {
        assert_eq!(request.authorization(), None, "{request:?}");
        let headers: Vec<_> = request.headers.values().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        let all =
            format!("{} {:?} {headers:?} {}", request.path, request.query, String::from_utf8_lossy(&request.body));
        for secret in &secrets {
            assert!(!all.contains(secret.as_str()), "{request:?} has a secret");
        }
    }
}

#[tokio::test]
async fn by_a_realm_on_another_host() {
    let (registry, stranger, registries) = registry_and_stranger().await;
    let service = TokenService::for_user(USER, PASSWORD).realm(&format!("{}/token", stranger.url()));
    registry.require_bearer(&service);
    stranger.serve_tokens(&service);
    assert!(registries.pin(&app(&registry), soon()).await.is_err());
    assert_eq!(stranger.connections(), 0);
}

#[tokio::test]
async fn by_a_realm_whose_userinfo_is_the_registry() {
    let (registry, stranger, registries) = registry_and_stranger().await;
    for realm in [
        format!("http://{}@{}/token", registry.host(), stranger.host()),
        format!("http://{}:x@{}/token", registry.host(), stranger.host()),
        format!("http://{}\\@{}/token", registry.host(), stranger.host()),
        format!("http://{}#@{}/token", stranger.host(), registry.host()),
        format!("http://{}\\{}/token", stranger.host(), registry.host()),
        format!("http:/\\{}/token", stranger.host()),
        format!("//{}/token", stranger.host()),
    ] {
        registry.require_bearer(&TokenService::for_user(USER, PASSWORD).realm(&realm));
        assert!(registries.pin(&app(&registry), soon()).await.is_err(), "{realm}");
    }
    assert_eq!(stranger.connections(), 0);
}

#[tokio::test]
async fn by_a_redirect_of_the_token_request() {
    let (registry, stranger, registries) = registry_and_stranger().await;
    registry.require_bearer(&TokenService::for_user(USER, PASSWORD));
    for status in [301, 302, 303, 307, 308] {
        let fault = registry.when(Route::Token).redirect(status, &format!("{}/token", stranger.url()));
        assert!(registries.pin(&app(&registry), soon()).await.is_err());
        fault.remove();
    }
    assert_eq!(stranger.connections(), 0);
}

#[tokio::test]
async fn by_a_redirect_of_a_manifest_or_blob() {
    let (registry, stranger, registries) = registry_and_stranger().await;
    registry.require_basic(USER, PASSWORD);
    let blob = descriptor(&registry.put_blob("app", "a/b", b"envelope"));
    let repository: Repository = format!("{}/app", registry.host()).parse().unwrap();
    for status in [301, 302, 303, 307, 308] {
        let target = format!("{}/stored?X-Amz-Signature=1", stranger.url());
        let faults = [Route::Manifest, Route::Blob].map(|route| registry.when(route).redirect(status, &target));
        assert!(registries.pin(&app(&registry), soon()).await.is_err());
        assert!(registries.blob(&repository, &blob, 1024, soon()).await.is_err());
        faults.iter().for_each(countersign_testkit::registry::FaultHandle::remove);
    }
    assert!(stranger.requests().len() >= 10);
    assert_knows_nothing(&stranger, &[]);
}

#[tokio::test]
async fn by_a_redirect_away_and_back_to_a_path_that_the_stranger_chose() {
    let (registry, stranger, registries) = registry_and_stranger().await;
    registry.require_basic(USER, PASSWORD);
    let blob = descriptor(&registry.put_blob("app", "a/b", b"envelope"));
    registry.serve_file("/chosen", "application/octet-stream", b"envelope");
    registry.when(Route::Blob).redirect(307, &format!("{}/away", stranger.url()));
    stranger.when(Route::Other).redirect(307, &format!("{}/chosen", registry.url()));
    let repository: Repository = format!("{}/app", registry.host()).parse().unwrap();
    let _ = registries.blob(&repository, &blob, 1024, soon()).await;
    let chosen: Vec<_> = registry.requests().into_iter().filter(|request| request.path == "/chosen").collect();
    assert_eq!(chosen.len(), 1);
    assert_eq!(chosen[0].authorization(), None);
    assert_knows_nothing(&stranger, &[]);
}

#[tokio::test]
async fn by_the_link_to_a_further_page() {
    let (registry, stranger, registries) = registry_and_stranger().await;
    registry.require_basic(USER, PASSWORD);
    let pinned = registries.pin(&app(&registry), soon()).await.unwrap();
    registry.referrers(Referrers::Api);
    for link in [
        format!("{}/v2/app/referrers/next", stranger.url()),
        format!("//{}/v2/app/referrers/next", stranger.host()),
        format!("http://{}@{}/next", registry.host(), stranger.host()),
        format!("\\\\{}/next", stranger.host()),
    ] {
        let fault = registry.when(Route::Referrers).header("link", &format!("<{link}>; rel=\"next\""));
        let list = registries.referrers(&pinned, SIGNATURE, soon()).await.unwrap();
        assert!(list.incomplete.is_some(), "{link}");
        fault.remove();
    }
    assert_eq!(stranger.connections(), 0);
}

#[tokio::test]
async fn by_the_urls_of_a_descriptor() {
    let (registry, stranger, registries) = registry_and_stranger().await;
    registry.require_basic(USER, PASSWORD);
    let pinned = registries.pin(&app(&registry), soon()).await.unwrap();
    let index = format!(
        r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:{}","size":2,"artifactType":"{SIGNATURE}","urls":["{}/x"]}}]}}"#,
        "a".repeat(64),
        stranger.url()
    );
    registry.when(Route::Referrers).body(index);
    let list = registries.referrers(&pinned, SIGNATURE, soon()).await.unwrap();
    assert_eq!(list.entries.len(), 1);
    let repository: Repository = format!("{}/app", registry.host()).parse().unwrap();
    assert!(registries.manifest(&repository, &list.entries[0], 1024, soon()).await.is_err());
    assert_eq!(stranger.connections(), 0);
}

#[test]
fn by_a_look_alike_of_the_host() {
    // The patterns of clouds and of an operator, and hosts that only look as if they matched.
    for (pattern, look_alikes) in [
        (
            "*.azurecr.io",
            &[
                "azurecr.io",
                "evil.example",
                "a.azurecr.io.evil.example",
                "a.azurecr.io.",
                "evilazurecr.io",
                "a.b.azurecr.io",
                "a-azurecr.io",
                "a.azurecr.io:5000",
                "xn--azurecr-9xa.io",
                "a.xn--zurecr-8fa.io",
            ][..],
        ),
        (
            "*.dkr.ecr.*.amazonaws.com",
            &[
                "a.b.c.us-east-1.evil.example",
                "123456789012.dkr.ecr.us-east-1.amazonaws.com.evil.example",
                "dkr.ecr.us-east-1.amazonaws.com",
                "123456789012.dkr.ecr.us-east-1.evil.amazonaws.com",
                "123456789012.dkr.ecr.us-east-1.amazonaws.com.cn",
            ],
        ),
        (
            "registry.example.com",
            &[
                "registry.example.com.evil.example",
                "registry-example.com",
                "xregistry.example.com",
                "x.registry.example.com",
                "registry.example.com:8443",
                "xn--registr-uza.example.com",
                "registry.example.co",
            ],
        ),
    ] {
        let pattern: RegistryPattern = pattern.parse().unwrap();
        for look_alike in look_alikes {
            // One that is no name of a registry gets no request at all.
            let Ok(repository) = format!("{look_alike}/app").parse::<Repository>() else { continue };
            assert!(!pattern.is_for(&repository), "{look_alike} is not {pattern}");
        }
    }
    for not_a_host in [
        "registry.example.com./app",
        "user:secret@registry.example.com/app",
        "registry.example.com@evil.example/app",
        "registry.ex\u{430}mple.com/app",
        "registry.example.com%2fevil/app",
        "registry\u{3002}example.com/app",
    ] {
        assert!(not_a_host.parse::<ImageRef>().is_err(), "{not_a_host}");
    }
}

#[tokio::test]
async fn by_the_same_host_at_another_port() {
    let (registry, stranger, registries) = registry_and_stranger().await;
    registry.require_basic(USER, PASSWORD);
    stranger.push_image("app", "v1");
    stranger.require_basic(USER, PASSWORD);
    // Both are 127.0.0.1.
    assert!(registries.pin(&app(&stranger), soon()).await.is_err());
    assert!(!stranger.requests().is_empty());
    assert_knows_nothing(&stranger, &[]);
}

#[tokio::test]
async fn by_a_realm_with_another_spelling_of_an_allowed_host() {
    // `auth.example.com.` is not among them: it is the allowed host, and the dot is left out.
    let (registry, stranger, _) = registry_and_stranger().await;
    let named = RegistryEntry { realm_hosts: vec!["auth.example.com".parse().unwrap()], ..entry(&registry, alice()) };
    let registries = build(settings(vec![named, entry(&stranger, Credential::Anonymous)])).0;
    for realm in [
        format!("http://auth.example.com@{}/token", stranger.host()),
        "http://auth.example.com.evil.example/token".to_owned(),
        "http://auth.example.com:8080/token".to_owned(),
        "http://xn--uth-5cd.example.com/token".to_owned(),
        "http://\u{430}uth.example.com/token".to_owned(),
        "http://auth\u{3002}example.com/token".to_owned(),
        "http://auth.example.com%2eevil.example/token".to_owned(),
    ] {
        registry.require_bearer(&TokenService::for_user(USER, PASSWORD).realm(&realm));
        let error = registries.pin(&app(&registry), soon()).await.unwrap_err();
        assert_eq!(error.kind(), countersign_registry::RegistryErrorKind::Denied, "{realm}: {error}");
    }
    assert_eq!(stranger.connections(), 0);
}

#[tokio::test]
async fn by_a_mirror_that_asks_for_the_credential_of_the_registry() {
    let (registry, stranger, _) = registry_and_stranger().await;
    registry.require_basic(USER, PASSWORD);
    stranger.require_basic(USER, PASSWORD);
    let mirrors = Mirrors { locations: vec![stranger.host().parse().unwrap()], only: false };
    let own = RegistryEntry { mirrors, ..entry(&registry, alice()) };
    let registries = build(settings(vec![own, entry(&stranger, Credential::Anonymous)])).0;
    let _ = registries.pin(&app(&registry), soon()).await.unwrap();
    assert!(!stranger.requests().is_empty());
    assert_knows_nothing(&stranger, &[]);
}

#[tokio::test]
async fn by_a_mirror_whose_realm_is_the_registry() {
    let (registry, stranger, _) = registry_and_stranger().await;
    let bob = Credential::basic("bob", Secret::new("of the mirror")).unwrap();
    let service = TokenService::for_user("bob", "of the mirror").realm(&format!("{}/token", registry.url()));
    stranger.require_bearer(&service);
    let mirrors = Mirrors { locations: vec![stranger.host().parse().unwrap()], only: false };
    let own = RegistryEntry { mirrors, ..entry(&registry, alice()) };
    let theirs = RegistryEntry { scheme: Scheme::Http, ..entry(&stranger, bob) };
    let _ = build(settings(vec![own, theirs])).0.pin(&app(&registry), soon()).await.unwrap();
    // The credential of the mirror does not go to the registry either.
    assert!(registry.requests().iter().all(|request| request.authorization().is_none()));
    assert!(registry.requests().iter().all(|request| request.path != "/token"));
}

#[tokio::test]
async fn by_a_token_of_the_registry_after_a_redirect() {
    let (registry, stranger, registries) = registry_and_stranger().await;
    let service = TokenService::for_user(USER, PASSWORD);
    registry.require_bearer(&service);
    let blob = descriptor(&registry.put_blob("app", "a/b", b"envelope"));
    stranger.serve_file("/stored", "application/octet-stream", b"envelope");
    registry.when(Route::Blob).redirect(307, &format!("{}/stored", stranger.url()));
    let repository: Repository = format!("{}/app", registry.host()).parse().unwrap();
    let _ = registries.blob(&repository, &blob, 1024, soon()).await.unwrap();
    let sent: Vec<_> =
        registry.requests().iter().filter_map(|request| request.authorization().map(str::to_owned)).collect();
    let tokens: Vec<_> = sent.iter().filter_map(|header| header.strip_prefix("Bearer ")).collect();
    assert!(!tokens.is_empty());
    assert_knows_nothing(&stranger, &tokens);
}

/// Like [`registry_and_stranger`], but the token service of the registry is known from another repository.
async fn after_a_prediction() -> (Registry, Registry, Registries) {
    let (registry, stranger, registries) = registry_and_stranger().await;
    registry.push_image("known", "v1");
    registry.require_bearer(&TokenService::for_user(USER, PASSWORD));
    let known: ImageRef = format!("{}/known:v1", registry.host()).parse().unwrap();
    let _ = registries.pin(&known, soon()).await.unwrap();
    registry.clear_requests();
    (registry, stranger, registries)
}

#[tokio::test]
async fn by_another_realm_after_a_prediction() {
    // What becomes of the predicted exchange, and of the request with its token.
    for (exchange, token) in [(None, None), (Some(403), None), (Some(500), None), (None, Some(401)), (None, Some(403))]
    {
        for realm in
            ["http://STRANGER/token", "http://REGISTRY@STRANGER/token", "//STRANGER/token", "http:/\\STRANGER/token"]
        {
            let (registry, stranger, registries) = after_a_prediction().await;
            let realm = realm.replace("STRANGER", &stranger.host()).replace("REGISTRY", &registry.host());
            let service = TokenService::for_user(USER, PASSWORD).realm(&realm);
            registry.require_bearer(&service);
            stranger.serve_tokens(&service);
            if let Some(status) = exchange {
                registry.when(Route::Token).times(1).status(status);
            }
            if let Some(status) = token {
                registry.when(Route::Manifest).times(1).status(status);
            }
            let pinned = registries.pin(&app(&registry), soon()).await;
            assert_eq!(pinned.is_ok(), (exchange, token) == (None, None), "{realm} {exchange:?} {token:?} {pinned:?}");
            assert_eq!(stranger.connections(), 0, "{realm} {exchange:?} {token:?}");
        }
    }
}

#[tokio::test]
async fn by_a_redirect_of_a_predicted_exchange_or_of_a_request_with_its_token() {
    for status in [301, 302, 303, 307, 308] {
        let (registry, stranger, registries) = after_a_prediction().await;
        registry.when(Route::Token).redirect(status, &format!("{}/token", stranger.url()));
        assert!(registries.pin(&app(&registry), soon()).await.is_err());
        assert_eq!(stranger.connections(), 0);
        let (registry, stranger, registries) = after_a_prediction().await;
        registry.when(Route::Manifest).redirect(status, &format!("{}/stored", stranger.url()));
        assert!(registries.pin(&app(&registry), soon()).await.is_err());
        assert_eq!(registry.requests().len(), 2);
        assert_knows_nothing(&stranger, &["testkit-token-1", "testkit-token-2"]);
    }
}

#[tokio::test]
async fn by_a_prediction_for_the_same_host_at_another_port() {
    let (registry, stranger, registries) = after_a_prediction().await;
    stranger.push_image("app", "v1");
    stranger.require_bearer(&TokenService::anonymous());
    let _ = registries.pin(&app(&stranger), soon()).await.unwrap();
    assert!(registry.requests().is_empty());
    let sent: Vec<_> = stranger.requests().iter().map(|request| request.route).collect();
    assert_eq!(sent, [Route::Manifest, Route::Token, Route::Manifest]);
    for request in stranger.requests_to(Route::Token) {
        assert_eq!(request.authorization(), None);
    }
    assert!(stranger.requests().iter().all(|request| !request.shows(PASSWORD)));
}

#[tokio::test]
async fn by_a_realm_that_was_allowed_while_there_was_no_credential() {
    let (registry, stranger, _) = registry_and_stranger().await;
    registry.push_image("known", "v1");
    let service = TokenService::anonymous().realm(&format!("{}/token", stranger.url()));
    registry.require_bearer(&service);
    stranger.serve_tokens(&service);
    let source = std::sync::Arc::new(countersign_credentials::ReloadableCredential::new(Credential::Anonymous));
    let own = RegistryEntry { identities: std::sync::Arc::clone(&source) as _, ..entry(&registry, alice()) };
    let registries = build(settings(vec![own, entry(&stranger, Credential::Anonymous)])).0;
    let known: ImageRef = format!("{}/known:v1", registry.host()).parse().unwrap();
    let _ = registries.pin(&known, soon()).await.unwrap();
    assert_eq!(stranger.count(Route::Token), 1);
    source.replace(alice());
    let error = registries.pin(&app(&registry), soon()).await.unwrap_err();
    assert_eq!(error.kind(), countersign_registry::RegistryErrorKind::Denied);
    assert_eq!(stranger.count(Route::Token), 1);
    assert_knows_nothing(&stranger, &[]);
}

#[tokio::test]
async fn by_a_realm_over_plain_http_after_a_prediction() {
    let (registry, ca) = crate::support::start_secure().await;
    registry.push_image("known", "v1");
    registry.require_bearer(&TokenService::for_user(USER, PASSWORD));
    let stranger = Registry::start().await;
    let entries = vec![crate::support::secure(&registry, &ca, alice()), entry(&stranger, Credential::Anonymous)];
    let registries = build(settings(entries)).0;
    let known: ImageRef = format!("{}/known:v1", registry.host()).parse().unwrap();
    let _ = registries.pin(&known, soon()).await.unwrap();
    registry
        .require_bearer(&TokenService::for_user(USER, PASSWORD).realm(&format!("http://{}/token", stranger.host())));
    registry.when(Route::Token).times(1).status(403);
    let error = registries.pin(&app(&registry), soon()).await.unwrap_err();
    assert_eq!(error.kind(), countersign_registry::RegistryErrorKind::Denied);
    assert_eq!(stranger.connections(), 0);
}
