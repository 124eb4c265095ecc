//! Messages about a 401 or 403: the entry of `registries` that applies, and the source of the credential.

use std::sync::Arc;

use countersign_core::name::ImageRef;
use countersign_credentials::Credential;
use countersign_credentials::DockerConfig;
use countersign_credentials::Secret;
use countersign_registry::RegistrySettings;
use countersign_testkit::registry::Registry;
use countersign_testkit::registry::Reply;
use countersign_testkit::registry::Route;
use countersign_testkit::registry::TokenService;

use crate::support::build;
use crate::support::entry;
use crate::support::settings;
use crate::support::soon;

const FILES: &str = "credentials.usernameFile user and credentials.passwordFile password";

fn from_files() -> Credential {
    Credential::basic("alice", Secret::new("wrong")).unwrap().with_origin(FILES)
}

fn docker(auths: &str) -> Credential {
    let config = format!(r#"{{"auths": {{{auths}}}}}"#);
    Credential::DockerConfig(Arc::new(DockerConfig::parse("docker.json", config.as_bytes()).unwrap()))
}

/// The message about the image `team/app`, after the name of the registry.
async fn message(registry: &Registry, settings: RegistrySettings) -> String {
    let image: ImageRef = format!("{}/team/app:v1", registry.host()).parse().unwrap();
    let cause = build(settings).0.pin(&image, soon()).await.unwrap_err().cause;
    let text = cause.to_string();
    assert!(!text.contains("wrong"), "{text}");
    text.replace(&registry.host(), "REGISTRY")
}

#[tokio::test]
async fn a_denial_names_the_entry_and_the_source_of_the_credential() {
    let registry = Registry::start().await;
    let key = format!("{}/team", registry.host());
    let docker_entry = |name: &str, value: &str| docker(&format!(r#""{name}": {value}"#));
    let login = r#"{"username": "alice", "password": "wrong"}"#;
    let basic = "the configured user name and password";
    let none = "a request without credentials, as none are configured for it";
    let said = "saying \"UNAUTHORIZED: as the test wanted\"; registries[0] \"REGISTRY\" applies, with";
    registry.require_basic("alice", "right");
    for (credential, sent, source) in [
        (from_files(), basic, FILES),
        (docker_entry(&key, login), basic, "entry \"REGISTRY/team\" of credentials.dockerConfig docker.json"),
        (
            docker_entry(&key, "{}"),
            none,
            "entry \"REGISTRY/team\" of credentials.dockerConfig docker.json, which is empty",
        ),
        (
            docker_entry("other.example", login),
            none,
            "credentials.dockerConfig docker.json, which has no entry for this repository",
        ),
        (Credential::Anonymous, none, "no credentials"),
    ] {
        assert_eq!(
            message(&registry, settings(vec![entry(&registry, credential)])).await,
            format!("REGISTRY responds with status 401 to {sent}, {said} {source}")
        );
    }
}

#[tokio::test]
async fn a_403_without_a_challenge_says_that_the_configured_credentials_were_not_requested() {
    let registry = Registry::start().await;
    registry.when(Route::Manifest).reply(Reply::status(403));
    let of_docker = |value: &str| docker(&format!(r#""{}": {value}"#, registry.host()));
    let not_requested = "a request without credentials, as it did not ask for the configured ones";
    let entry_of_docker = "entry \"REGISTRY\" of credentials.dockerConfig docker.json";
    for (credential, sent, source) in [
        (from_files(), not_requested, FILES),
        (of_docker(r#"{"username": "alice", "password": "wrong"}"#), not_requested, entry_of_docker),
        (of_docker(r#"{"identitytoken": "wrong"}"#), not_requested, entry_of_docker),
        // It is sent at once.
        (of_docker(r#"{"registrytoken": "wrong"}"#), "the configured bearer token", entry_of_docker),
        (Credential::Anonymous, "a request without credentials, as none are configured for it", "no credentials"),
    ] {
        assert_eq!(
            message(&registry, settings(vec![entry(&registry, credential)])).await,
            format!("REGISTRY responds with status 403 to {sent}; registries[0] \"REGISTRY\" applies, with {source}")
        );
    }
}

#[tokio::test]
async fn a_403_with_a_page_says_so_and_is_no_missing_permission() {
    let registry = Registry::start().await;
    registry.push_image("team/app", "v1");
    registry.require_basic("alice", "wrong");
    let whole = async |reply: Reply| {
        let fault = registry.when(Route::Manifest).reply(reply);
        let image: ImageRef = format!("{}/team/app:v1", registry.host()).parse().unwrap();
        let settings = settings(vec![entry(&registry, from_files())]);
        let text = build(settings).0.pin(&image, soon()).await.unwrap_err().to_string();
        fault.remove();
        text.replace(&registry.host(), "REGISTRY")
    };
    let applies = format!("registries[0] \"REGISTRY\" applies, with {FILES}");
    let status = "REGISTRY responds with status 403 to the configured user name and password";
    let page = || Reply::status(403).header("content-type", "text/html").body("<html>blocked by the firewall</html>");
    assert_eq!(
        whole(page()).await,
        format!(
            "pulling the manifest of REGISTRY/team/app was refused: {status}, with a page that is no answer of a registry; {applies}"
        )
    );
    // Without a body, as for HEAD, and in JSON it is one.
    let missing = "there is no permission to pull the manifest of REGISTRY/team/app";
    assert_eq!(whole(Reply::status(403)).await, format!("{missing}: {status}; {applies}"));
    let json = Reply::status(403).header("content-type", "application/json").body(r#"{"error":"no"}"#);
    assert_eq!(whole(json).await, format!("{missing}: {status}; {applies}"));
}

#[tokio::test]
async fn a_denial_of_the_token_service_names_them_too() {
    let registry = Registry::start().await;
    registry.require_bearer(&TokenService::for_user("alice", "right"));
    for status in [401, 403] {
        let fault = registry.when(Route::Token).reply(Reply::status(status));
        assert_eq!(
            message(&registry, settings(vec![entry(&registry, from_files())])).await,
            format!(
                "REGISTRY responds with status {status} to the configured user name and password; registries[0] \
                 \"REGISTRY\" applies, with {FILES}"
            )
        );
        fault.remove();
    }
}

#[tokio::test]
async fn a_message_that_repeats_the_credential_of_the_request_ends_before_it() {
    let cut = "(cut: the text repeats a secret of the request)";
    let denied = |text: &str| {
        let body = format!(r#"{{"errors": [{{"code": "DENIED", "message": "{text}"}}]}}"#);
        Reply::status(403).header("content-type", "application/json").body(body)
    };
    let registry = Registry::start().await;
    registry.push_image("team/app", "v1");
    // "alice:wrong" in base64.
    for text in ["Authorization: Basic YWxpY2U6d3Jvbmc=", "password: wrong", "Authorization: Basic YWxpY2U6d3Jv"] {
        let fault = registry.when(Route::Manifest).reply(denied(text));
        registry.require_basic("alice", "wrong");
        let message = message(&registry, settings(vec![entry(&registry, from_files())])).await;
        let before = text.rsplit_once(' ').map_or(text, |(before, _)| before);
        assert!(message.contains(&format!("saying \"DENIED: {before} {cut}\"")), "{message}");
        fault.remove();
    }
}
