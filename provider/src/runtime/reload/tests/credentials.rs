//! A changed credential file: what is cached stays, and the next request to the registry uses the new content.

use std::time::Duration;

use countersign_core::verdict::Code;
use countersign_testkit::notation;
use countersign_testkit::registry::Registry;
use countersign_testkit::registry::Route;
use countersign_testkit::registry::TokenService;

use super::*;
use crate::engine::Deadline;
use crate::engine::ImageResult;
use crate::engine::Verifier as _;

/// base64 of `alice:second`
const SECOND: &str = "Basic YWxpY2U6c2Vjb25k";

/// A service with one registry that wants tokens of alice, whose password is in a file, and images `app` and `other` there.
struct WithRegistry {
    service: ReloadedService,
    registry: Registry,
    images: [String; 2],
}

/// A registry over TLS, as credentials are not sent in clear text, and the authority of its certificate.
async fn registry_and_authority() -> (Registry, Authority) {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let authority = Authority::root(CertSpec::root());
    let registry = Registry::start_tls(&authority.issue(CertSpec::tls_server(&["127.0.0.1"]))).await;
    (registry, authority)
}

impl WithRegistry {
    async fn start(more: &str) -> Self {
        let (registry, authority) = registry_and_authority().await;
        let root = Authority::root(CertSpec::root());
        let images = ["app", "other"].map(|repository| {
            let image = registry.push_image(repository, "v1");
            notation::sign_image(&registry, repository, &image, &root.issue(CertSpec::leaf()));
            registry.reference(repository, &image)
        });
        registry.require_bearer(&TokenService::for_user("alice", "first"));
        let service = ReloadedService::start_with(|folder| {
            folder.write(MAIN, root.pem());
            folder.write("registry.pem", authority.pem());
            folder.write("user", "alice");
            folder.write("password", "first");
            let host = registry.host();
            let entry = format!(
                "registries: [{{host: '{host}', ca: registry.pem, credentials: {{usernameFile: user, passwordFile: password}}}}{more}]"
            );
            folder.write("c.yaml", config(&entry));
        })
        .await;
        Self { service, registry, images }
    }

    async fn verify(&self, image: &str) -> ImageResult {
        let engine = self.service.task.engine.current.get();
        let deadline = Deadline::after(Duration::from_secs(20));
        engine.verify(engine.request(Arc::new(image.parse().unwrap()), deadline)).await
    }

    fn authorizations(&self) -> Vec<(Route, Option<String>)> {
        let requests = self.registry.requests();
        requests.iter().map(|request| (request.route, request.authorization().map(str::to_owned))).collect()
    }
}

#[tokio::test]
async fn a_new_password_keeps_verdicts_and_connections_and_is_used_by_the_next_exchange() {
    let mut fixture = WithRegistry::start("").await;
    let [app, other] = fixture.images.clone();
    assert_eq!(fixture.verify(&app).await.verdict.code(), Code::Verified);
    let connections = fixture.registry.connections();
    fixture.registry.clear_requests();
    fixture.registry.require_bearer(&TokenService::for_user("alice", "second"));
    fixture.service.folder.write("password", "second");
    assert_eq!(fixture.service.poll().file_status(), [""; 0]);
    let again = fixture.verify(&app).await;
    assert_eq!((again.verdict.code(), again.cached), (Code::Verified, true));
    assert_eq!(fixture.registry.requests().len(), 0);
    assert_eq!(fixture.verify(&other).await.verdict.code(), Code::Verified);
    let exchanges: Vec<_> = fixture.authorizations().into_iter().filter(|(route, _)| *route == Route::Token).collect();
    assert_eq!(exchanges, [(Route::Token, Some(SECOND.to_owned()))]);
    assert_eq!(fixture.registry.connections(), connections);
}

#[tokio::test]
async fn a_token_stays_when_the_file_of_another_registry_changes() {
    let more = ", {host: b.example, credentials: {usernameFile: user-b, passwordFile: password-b}}";
    let mut fixture = WithRegistry::start(more).await;
    let [app, _] = fixture.images.clone();
    assert_eq!(fixture.verify(&app).await.verdict.code(), Code::Verified);
    fixture.registry.clear_requests();
    fixture.service.folder.write("user-b", "bob");
    fixture.service.folder.write("password-b", "secret");
    assert_eq!(fixture.service.poll().file_status(), [""; 0]);
    // The tag is not cached: it needs a request, and no exchange.
    let by_tag = format!("{}/app:v1", fixture.registry.host());
    assert_eq!(fixture.verify(&by_tag).await.verdict.code(), Code::Verified);
    let sent = fixture.authorizations();
    assert!(!sent.is_empty() && sent.iter().all(|(route, sent)| *route != Route::Token && sent.is_some()), "{sent:?}");
}

#[tokio::test]
async fn a_password_that_is_emptied_leaves_the_former_one_in_use() {
    let mut fixture = WithRegistry::start("").await;
    let [_, other] = fixture.images.clone();
    fixture.service.folder.write("password", "");
    let file_status = fixture.service.poll().file_status();
    assert!(file_status[0].starts_with("[!]registries the files of the registries have 1 mistake"), "{file_status:?}");
    assert_eq!(fixture.verify(&other).await.verdict.code(), Code::Verified);
}

#[tokio::test]
async fn an_entry_that_breaks_disables_its_images_at_once_whatever_is_cached() {
    let (registry, authority) = registry_and_authority().await;
    let root = Authority::root(CertSpec::root());
    let image = registry.push_image("app", "v1");
    notation::sign_image(&registry, "app", &image, &root.issue(CertSpec::leaf()));
    registry.require_basic("alice", "first");
    let secret = |entry: &str| format!(r#"{{"auths": {{"{}": {entry}}}}}"#, registry.host());
    let service = ReloadedService::start_with(|folder| {
        folder.write(MAIN, root.pem());
        folder.write("registry.pem", authority.pem());
        folder.write("secret.json", secret(r#"{"username": "alice", "password": "first"}"#));
        let entry = format!(
            "registries: [{{host: '{}', ca: registry.pem, credentials: {{dockerConfig: secret.json}}}}]",
            registry.host()
        );
        folder.write("c.yaml", config(&entry));
    })
    .await;
    let reference = registry.reference("app", &image);
    let mut fixture = WithRegistry { service, registry, images: [reference.clone(), String::new()] };
    assert_eq!(fixture.verify(&reference).await.verdict.code(), Code::Verified);
    let broken = format!(r#"{{"auths": {{"{}": {{"auth": "!"}}}}}}"#, fixture.registry.host());
    fixture.service.folder.write("secret.json", &broken);
    fixture.service.poll();
    fixture.registry.clear_requests();
    assert_eq!(fixture.verify(&reference).await.verdict.code(), Code::RegistryMisconfigured);
    assert_eq!(fixture.registry.requests().len(), 0);
}
