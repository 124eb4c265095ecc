//! Authentication of the registry.

use std::time::Duration;

use countersign_testkit::registry::Registry;
use countersign_testkit::registry::Route;
use countersign_testkit::registry::TokenResponse;
use countersign_testkit::registry::TokenService;
use reqwest::Response;
use serde_json::Value;

use crate::REPOSITORY;
use crate::client;
use crate::get;
use crate::header;
use crate::manifest;

#[tokio::test]
async fn requires_and_records_basic_credentials() {
    let registry = Registry::start().await;
    registry.require_basic("user", "secret");
    let refused = get(&registry, "/v2/").await;
    assert_eq!(refused.status(), 401);
    assert_eq!(header(&refused, "www-authenticate"), r#"Basic realm="testkit""#);
    let send = |password| client().get(format!("{}/v2/", registry.url())).basic_auth("user", Some(password)).send();
    assert_eq!(send("wrong").await.unwrap().status(), 401);
    assert_eq!(send("secret").await.unwrap().status(), 200);
    let seen: Vec<_> = registry.requests().iter().map(|one| one.authorization().map(str::to_owned)).collect();
    assert_eq!(seen, [None, Some("Basic dXNlcjp3cm9uZw==".to_owned()), Some("Basic dXNlcjpzZWNyZXQ=".to_owned())]);
    assert_eq!(format!("{:?}", registry.requests()[2]), "GET /v2/");
}

async fn token(url: &str, scope: &str, credentials: Option<(&str, &str)>) -> Result<String, u16> {
    let mut request = client().get(format!("{url}?service=testkit&scope={scope}"));
    if let Some((user, password)) = credentials {
        request = request.basic_auth(user, Some(password));
    }
    let response = request.send().await.unwrap();
    match response.status().as_u16() {
        200 => {
            let json: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
            Ok(json["token"].as_str().unwrap().to_owned())
        }
        other => Err(other),
    }
}

async fn with_token(registry: &Registry, path: &str, token: &str) -> Response {
    client().get(format!("{}{path}", registry.url())).bearer_auth(token).send().await.unwrap()
}

#[tokio::test]
async fn a_token_is_accepted_for_its_repository() {
    let registry = Registry::start().await;
    registry.push_image(REPOSITORY, "v1");
    registry.push_image("other", "v1");
    registry.require_bearer(&TokenService::anonymous());
    let url = format!("{}/token", registry.url());

    let refused = get(&registry, &manifest("v1")).await;
    let challenge = format!(r#"Bearer realm="{url}",service="testkit",scope="repository:{REPOSITORY}:pull""#);
    assert_eq!((refused.status().as_u16(), header(&refused, "www-authenticate")), (401, challenge.as_str()));

    let token = token(&url, "repository:team/app:pull", None).await.unwrap();
    assert_eq!(with_token(&registry, &manifest("v1"), &token).await.status(), 200);
    assert_eq!(with_token(&registry, "/v2/", &token).await.status(), 200);
    let refused = with_token(&registry, "/v2/other/manifests/v1", &token).await;
    assert_eq!(refused.status(), 401);
    assert!(header(&refused, "www-authenticate").ends_with(r#"error="insufficient_scope""#));
    let refused = with_token(&registry, &manifest("v1"), "made-up").await;
    assert!(header(&refused, "www-authenticate").ends_with(r#"error="invalid_token""#));
}

#[tokio::test]
async fn tokens_require_the_credentials_of_the_service() {
    let registry = Registry::start().await;
    let url = format!("{}/token", registry.url());
    let scope = "repository:team/app:pull";
    registry.require_bearer(&TokenService::for_user("user", "secret"));
    assert_eq!(token(&url, scope, None).await, Err(401));
    assert_eq!(token(&url, scope, Some(("user", "wrong"))).await, Err(401));
    assert!(token(&url, scope, Some(("user", "secret"))).await.is_ok());
    registry.require_bearer(&TokenService::for_user("user", "secret").or_anonymous());
    assert!(token(&url, scope, None).await.is_ok());
    assert_eq!(token(&url, scope, Some(("user", "wrong"))).await, Err(401));
}

#[tokio::test]
async fn tokens_grant_access_to_the_named_repositories_only() {
    let registry = Registry::start().await;
    registry.push_image(REPOSITORY, "v1");
    registry.require_bearer(&TokenService::anonymous().only_repositories(&["public/app"]));
    let token = token(&format!("{}/token", registry.url()), "repository:team/app:pull", None).await.unwrap();
    assert_eq!(with_token(&registry, &manifest("v1"), &token).await.status(), 401);
}

#[tokio::test]
async fn tokens_expire() {
    let registry = Registry::start().await;
    registry.push_image(REPOSITORY, "v1");
    let service = TokenService::anonymous().lifetime(Duration::ZERO);
    registry.require_bearer(&service);
    let url = format!("{}/token", registry.url());
    let scope = "repository:team/app:pull";
    let ended = token(&url, scope, None).await.unwrap();
    assert_eq!(with_token(&registry, &manifest("v1"), &ended).await.status(), 401);

    let service = TokenService::anonymous().lifetime(Duration::from_secs(3600));
    registry.require_bearer(&service);
    let good = token(&url, scope, None).await.unwrap();
    assert_eq!(with_token(&registry, &manifest("v1"), &good).await.status(), 200);
    service.revoke_all();
    assert_eq!(with_token(&registry, &manifest("v1"), &good).await.status(), 401);
    assert_eq!(service.tokens_issued(), 1);
}

#[tokio::test]
async fn another_host_can_serve_the_tokens() {
    let registry = Registry::start().await;
    let other = Registry::start().await;
    registry.push_image(REPOSITORY, "v1");
    let url = format!("{}/token", other.url());
    let service = TokenService::anonymous().realm(&url).service("elsewhere");
    registry.require_bearer(&service);
    other.serve_tokens(&service);
    let refused = get(&registry, &manifest("v1")).await;
    assert!(header(&refused, "www-authenticate").starts_with(&format!(r#"Bearer realm="{url}",service="elsewhere""#)));
    let token = token(&url, "repository:team/app:pull", None).await.unwrap();
    assert_eq!(with_token(&registry, &manifest("v1"), &token).await.status(), 200);
    assert_eq!((registry.count(Route::Token), other.count(Route::Token)), (0, 1));
    assert_eq!(other.requests()[0].query_values("scope"), ["repository:team/app:pull"]);
}

#[tokio::test]
async fn token_responses_can_be_malformed() {
    let registry = Registry::start().await;
    for (answer, text) in [
        (TokenResponse::AccessToken, r#"{"access_token":"testkit-token-1","expires_in":9}"#),
        (TokenResponse::EmptyToken, r#"{"expires_in":9,"token":""}"#),
        (TokenResponse::NewlineInToken, r#"{"expires_in":9,"token":"testkit-token-1\r\nx-injected: yes"}"#),
        (TokenResponse::NumberAsToken, r#"{"expires_in":9,"token":7}"#),
        (TokenResponse::NoToken, r#"{"expires_in":9}"#),
        (TokenResponse::NotJson, "<html>"),
    ] {
        registry.serve_tokens(&TokenService::anonymous().expires_in(Some(9)).response(answer));
        assert_eq!(get(&registry, "/token").await.text().await.unwrap(), text);
    }
    registry.serve_tokens(&TokenService::anonymous().response(TokenResponse::Endless));
    let mut response = get(&registry, "/token").await;
    let mut got = 0;
    while got < 1 << 20 {
        got += response.chunk().await.unwrap().unwrap().len();
    }
}

#[tokio::test]
async fn authentication_precedes_faults() {
    let registry = Registry::start().await;
    registry.require_basic("user", "secret");
    let fault = registry.when(Route::Ping).status(500);
    assert_eq!(get(&registry, "/v2/").await.status(), 401);
    assert_eq!(fault.hits(), 0);
    registry.require_no_auth();
    assert_eq!(get(&registry, "/v2/").await.status(), 500);
    assert_eq!(fault.hits(), 1);
}
