//! Bearer tokens: one exchange, shared, replaced when refused; and Basic authentication.

use std::time::Duration;

use countersign_core::name::ImageRef;
use countersign_credentials::Credential;
use countersign_credentials::DockerConfig;
use countersign_credentials::Secret;
use countersign_http::FetchError;
use countersign_http::Missing;
use countersign_registry::Cause;
use countersign_registry::CredentialKind;
use countersign_registry::RegistryErrorKind;
use countersign_registry::RequestResult;
use countersign_registry::Stage;
use countersign_testkit::registry::Registry;
use countersign_testkit::registry::Reply;
use countersign_testkit::registry::Route;
use countersign_testkit::registry::TokenService;
use std::sync::Arc;

use crate::support::PASSWORD;
use crate::support::SIGNATURE;
use crate::support::USER;
use crate::support::alice;
use crate::support::anonymous;
use crate::support::app;
use crate::support::build;
use crate::support::can_be_pinned;
use crate::support::entry;
use crate::support::pin_error;
use crate::support::settings;
use crate::support::shortly;
use crate::support::soon;
use crate::support::with;

/// base64 of `alice:correct horse`
const ALICE: &str = "Basic YWxpY2U6Y29ycmVjdCBob3JzZQ==";

#[tokio::test]
async fn exchanges_an_anonymous_token_on_challenge_and_reuses_it() {
    let registry = Registry::start().await;
    registry.push_image("app", "v1");
    let bearer = TokenService::anonymous();
    registry.require_bearer(&bearer);
    let (registries, seen) = build(settings(vec![entry(&registry, Credential::Anonymous)]));
    let image = registries.pin(&app(&registry), soon()).await.unwrap();
    let _ = registries.referrers(&image, SIGNATURE, soon()).await.unwrap();
    assert_eq!(
        seen.all(),
        [
            (Stage::Manifest, RequestResult::Challenged),
            (Stage::Token, RequestResult::Ok),
            (Stage::Manifest, RequestResult::Ok),
            (Stage::Referrers, RequestResult::Ok),
        ]
    );
    let exchange = &registry.requests_to(Route::Token)[0];
    assert_eq!(exchange.query_values("scope"), ["repository:app:pull"]);
    assert_eq!(exchange.query_values("service"), ["testkit"]);
    assert_eq!(exchange.authorization(), None);
    assert_eq!(registry.count(Route::Ping), 0);
}

#[tokio::test]
async fn a_credential_goes_to_the_token_service_and_a_token_to_the_registry() {
    let registry = Registry::start().await;
    registry.push_image("app", "v1");
    registry.require_bearer(&TokenService::for_user(USER, PASSWORD));
    can_be_pinned(&with(&registry, alice()), &registry).await;
    let sent: Vec<_> =
        registry.requests().iter().map(|request| (request.route, request.authorization().map(str::to_owned))).collect();
    assert_eq!(
        sent,
        [
            (Route::Manifest, None),
            (Route::Token, Some(ALICE.to_owned())),
            (Route::Manifest, Some("Bearer testkit-token-1".to_owned())),
        ]
    );
}

#[tokio::test]
async fn twenty_callers_share_one_exchange() {
    let registry = Registry::start().await;
    registry.push_image("app", "v1");
    let bearer = TokenService::for_user(USER, PASSWORD);
    registry.require_bearer(&bearer);
    let held = registry.when(Route::Token).hold();
    let registries = with(&registry, alice());
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let (registries, image) = (registries.clone(), app(&registry));
            tokio::spawn(async move { registries.pin(&image, soon()).await })
        })
        .collect();
    registry.wait_for(Route::Token, 1).await;
    // The others wait for the response to the first one.
    assert_eq!(registry.count(Route::Manifest), 1);
    held.release();
    for call in calls {
        assert!(call.await.unwrap().is_ok());
    }
    assert_eq!(registry.count(Route::Token), 1);
    assert_eq!(bearer.tokens_issued(), 1);
}

#[tokio::test]
async fn an_exchange_continues_after_its_first_caller_stops_waiting() {
    let registry = Registry::start().await;
    registry.push_image("app", "v1");
    let bearer = TokenService::anonymous();
    registry.require_bearer(&bearer);
    let held = registry.when(Route::Token).hold();
    let registries = anonymous(&registry);
    let error = registries.pin(&app(&registry), shortly()).await.unwrap_err();
    assert_eq!(error.stage, Stage::Token);
    let Cause::Fetch(FetchError::Late(answer)) = &error.cause else { panic!("{error}") };
    assert_eq!(answer.host, registry.host());
    assert_eq!((answer.step, answer.missing), ("a token of the registry", Missing::Response));
    // Another caller stops waiting.
    let abandoned = tokio::spawn({
        let (registries, image) = (registries.clone(), app(&registry));
        async move { registries.pin(&image, soon()).await }
    });
    registry.wait_for(Route::Token, 1).await;
    abandoned.abort();
    held.release();
    can_be_pinned(&registries, &registry).await;
    assert_eq!(bearer.tokens_issued(), 1);
}

#[tokio::test]
async fn replaces_a_refused_token_once() {
    let registry = Registry::start().await;
    registry.push_image("app", "v1");
    let bearer = TokenService::anonymous();
    registry.require_bearer(&bearer);
    let registries = anonymous(&registry);
    can_be_pinned(&registries, &registry).await;
    bearer.revoke_all();
    registry.clear_requests();
    can_be_pinned(&registries, &registry).await;
    let routes: Vec<_> = registry.requests().iter().map(|request| request.route).collect();
    assert_eq!(routes, [Route::Manifest, Route::Token, Route::Manifest]);
    assert_eq!(bearer.tokens_issued(), 2);
}

#[tokio::test]
async fn a_refused_fresh_token_is_a_denial() {
    let registry = Registry::start().await;
    registry.push_image("app", "v1");
    let bearer = TokenService::anonymous().only_repositories(&["other"]);
    registry.require_bearer(&bearer);
    let (registries, seen) = build(settings(vec![entry(&registry, Credential::Anonymous)]));
    let cause = pin_error(&registries, &registry).await;
    assert!(matches!(cause, Cause::Denied { status: 401, credential: CredentialKind::Anonymous, .. }), "{cause:?}");
    assert_eq!(
        seen.all(),
        [
            (Stage::Manifest, RequestResult::Challenged),
            (Stage::Token, RequestResult::Ok),
            (Stage::Manifest, RequestResult::Denied),
        ]
    );
}

#[tokio::test]
async fn a_token_past_its_lifetime_is_renewed_before_it_is_sent() {
    let registry = Registry::start().await;
    registry.push_image("app", "v1");
    let bearer = TokenService::anonymous().expires_in(Some(0));
    registry.require_bearer(&bearer);
    let registries = anonymous(&registry);
    can_be_pinned(&registries, &registry).await;
    registry.clear_requests();
    can_be_pinned(&registries, &registry).await;
    let routes: Vec<_> = registry.requests().iter().map(|request| request.route).collect();
    assert_eq!(routes, [Route::Token, Route::Manifest]);
    assert_eq!(bearer.tokens_issued(), 2);
}

#[tokio::test]
async fn in_an_outage_of_the_token_service_a_token_serves_until_shortly_before_its_end_and_a_later_exchange_succeeds() {
    let registry = Registry::start().await;
    registry.push_image("app", "v1");
    let bearer = TokenService::for_user(USER, PASSWORD).expires_in(Some(300));
    registry.require_bearer(&bearer);
    let registries = with(&registry, alice());
    can_be_pinned(&registries, &registry).await;
    let outage = registry.when(Route::Token).status(500);
    advance(285).await;
    can_be_pinned(&registries, &registry).await;
    assert_eq!(registry.count(Route::Token), 1);
    // Ten seconds before its end it is not sent any more, so that it does not end on its way.
    advance(6).await;
    let cause = pin_error(&registries, &registry).await;
    assert_eq!(cause.kind(), RegistryErrorKind::Failed);
    assert!(
        registry.requests().iter().all(|request| request.route != Route::Token || !request.shows("testkit-token-1"))
    );
    outage.remove();
    can_be_pinned(&registries, &registry).await;
    assert_eq!(bearer.tokens_issued(), 2);
}

/// Moves tokio's clock, which lives of tokens use.
async fn advance(seconds: u64) {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(seconds)).await;
    tokio::time::resume();
}

#[tokio::test]
async fn repositories_and_credentials_do_not_share_tokens() {
    let registry = Registry::start().await;
    registry.push_image("team/a", "v1");
    registry.push_image("team/b", "v1");
    let bearer = TokenService::for_user(USER, PASSWORD).or_anonymous();
    registry.require_bearer(&bearer);
    let config =
        format!(r#"{{"auths":{{"{}/team/a":{{"username":"{USER}","password":"{PASSWORD}"}}}}}}"#, registry.host());
    let config = DockerConfig::parse("config.json", config.as_bytes()).unwrap();
    let registries = with(&registry, Credential::DockerConfig(Arc::new(config)));
    for name in ["team/a", "team/b"] {
        let image: ImageRef = format!("{}/{name}:v1", registry.host()).parse().unwrap();
        assert!(registries.pin(&image, soon()).await.is_ok());
    }
    let sent: Vec<_> = registry
        .requests_to(Route::Token)
        .iter()
        .map(|request| (request.query_values("scope").concat(), request.authorization().map(str::to_owned)))
        .collect();
    assert_eq!(
        sent,
        [("repository:team/a:pull".to_owned(), Some(ALICE.to_owned())), ("repository:team/b:pull".to_owned(), None)]
    );
}

#[tokio::test]
async fn sends_basic_credentials_after_the_first_challenge() {
    let registry = Registry::start().await;
    registry.push_image("app", "v1");
    registry.require_basic(USER, PASSWORD);
    let registries = with(&registry, alice());
    can_be_pinned(&registries, &registry).await;
    can_be_pinned(&registries, &registry).await;
    let sent: Vec<_> = registry.requests().iter().map(|request| request.authorization().map(str::to_owned)).collect();
    assert_eq!(sent, [None, Some(ALICE.to_owned()), Some(ALICE.to_owned())]);
}

#[tokio::test]
async fn reports_wrong_and_missing_basic_credentials_as_different_denials() {
    let registry = Registry::start().await;
    registry.push_image("app", "v1");
    registry.require_basic(USER, PASSWORD);
    let wrong = Credential::basic(USER, Secret::new("wrong")).unwrap();
    for (credential, kind, requests) in
        [(wrong, CredentialKind::Basic, 2), (Credential::Anonymous, CredentialKind::Anonymous, 1)]
    {
        registry.clear_requests();
        let cause = pin_error(&with(&registry, credential), &registry).await;
        assert!(matches!(cause, Cause::Denied { credential, .. } if credential == kind), "{cause:?}");
        assert_eq!(registry.requests().len(), requests);
    }
}

#[tokio::test]
async fn a_configured_bearer_token_is_sent_at_once_and_never_exchanged() {
    let registry = Registry::start().await;
    registry.push_image("app", "v1");
    let registries = with(&registry, Credential::registry_token(Secret::new("static-token")).unwrap());
    can_be_pinned(&registries, &registry).await;
    assert_eq!(registry.requests()[0].authorization(), Some("Bearer static-token"));
    registry.require_bearer(&TokenService::anonymous());
    let cause = pin_error(&registries, &registry).await;
    assert!(matches!(cause, Cause::Denied { credential: CredentialKind::Bearer, .. }), "{cause:?}");
    assert_eq!(registry.count(Route::Token), 0);
}

#[tokio::test]
async fn posts_an_identity_token_and_sends_it_in_no_header() {
    let registry = Registry::start().await;
    registry.push_image("app", "v1");
    registry.serve_file("/oauth2/token", "application/json", br#"{"access_token":"from-refresh"}"#);
    let challenge = format!(r#"Bearer realm="{}/oauth2/token",service="s""#, registry.url());
    registry.when(Route::Manifest).times(1).reply(Reply::status(401).header("www-authenticate", &challenge));
    let config = format!(r#"{{"auths":{{"{}":{{"identitytoken":"long-lived"}}}}}}"#, registry.host());
    let config = DockerConfig::parse("config.json", config.as_bytes()).unwrap();
    can_be_pinned(&with(&registry, Credential::DockerConfig(Arc::new(config))), &registry).await;
    let requests = registry.requests();
    assert_eq!((requests[1].method.as_str(), requests[1].path.as_str()), ("POST", "/oauth2/token"));
    assert_eq!(requests[1].query, None);
    assert_eq!(requests[1].authorization(), None);
    assert_eq!(requests[1].header("content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(requests[2].authorization(), Some("Bearer from-refresh"));
}

#[tokio::test]
async fn a_401_that_cannot_be_answered_is_a_denial() {
    let registry = Registry::start().await;
    registry.push_image("app", "v1");
    registry.when(Route::Manifest).reply(Reply::status(401).header("www-authenticate", "Negotiate"));
    let cause = pin_error(&with(&registry, alice()), &registry).await;
    assert!(matches!(cause, Cause::Challenge { .. }), "{cause:?}");
    assert_eq!(cause.kind(), RegistryErrorKind::Denied);
}

#[tokio::test]
async fn a_failing_token_service_is_no_denial_and_no_fallback_to_anonymous() {
    let registry = Registry::start().await;
    registry.push_image("app", "v1");
    registry.require_bearer(&TokenService::for_user(USER, PASSWORD).or_anonymous());
    let registries = with(&registry, alice());
    for (status, kind) in [
        (500, RegistryErrorKind::Failed),
        (403, RegistryErrorKind::Denied),
        (401, RegistryErrorKind::Denied),
        (404, RegistryErrorKind::Failed),
    ] {
        let fault = registry.when(Route::Token).status(status);
        registry.clear_requests();
        let error = registries.pin(&app(&registry), soon()).await.unwrap_err();
        assert_eq!((error.stage, error.kind()), (Stage::Token, kind), "{status}");
        assert!(registry.requests_to(Route::Token).iter().all(|it| it.authorization() == Some(ALICE)), "{status}");
        // At most the challenged request; none after the failure.
        assert!(registry.count(Route::Manifest) <= 1, "{status}");
        fault.remove();
    }
    let fault = registry.when(Route::Token).never_answer();
    let error = registries.pin(&app(&registry), shortly()).await.unwrap_err();
    assert_eq!((error.stage, error.kind()), (Stage::Token, RegistryErrorKind::Timeout));
    fault.remove();
}

#[tokio::test]
async fn a_404_of_the_token_service_says_nothing_about_the_image() {
    let registry = Registry::start().await;
    registry.push_image("app", "v1");
    registry.require_bearer(&TokenService::anonymous());
    let (registries, seen) = build(settings(vec![entry(&registry, Credential::Anonymous)]));
    registry.when(Route::Token).error(404, "NAME_UNKNOWN");
    let error = registries.pin(&app(&registry), soon()).await.unwrap_err();
    let host = registry.host();
    assert_eq!(
        error.to_string(),
        format!(
            "cannot get the token of {host}/app: {host} responds with status 404 to the request for a token, saying \
             \"NAME_UNKNOWN: as the test wanted\": expected a token; check the token service that the registry names, \
             and any proxy in front of it"
        )
    );
    assert_eq!(error.kind(), RegistryErrorKind::Failed);
    // For metrics it is the status that was received.
    assert_eq!(seen.all(), [(Stage::Manifest, RequestResult::Challenged), (Stage::Token, RequestResult::NotFound)]);
}

#[tokio::test]
async fn does_not_cache_a_failed_exchange() {
    let registry = Registry::start().await;
    registry.push_image("app", "v1");
    registry.require_bearer(&TokenService::anonymous());
    let registries = anonymous(&registry);
    registry.when(Route::Token).times(1).status(500);
    assert_eq!(pin_error(&registries, &registry).await.kind(), RegistryErrorKind::Failed);
    can_be_pinned(&registries, &registry).await;
}

#[tokio::test]
async fn the_deadline_covers_the_whole_call() {
    let registry = Registry::start().await;
    registry.push_image("app", "v1");
    registry.require_bearer(&TokenService::anonymous());
    registry.when_any().delay(Duration::from_millis(120));
    let start = tokio::time::Instant::now();
    let error = anonymous(&registry).pin(&app(&registry), shortly()).await.unwrap_err();
    assert_eq!(error.kind(), RegistryErrorKind::Timeout);
    assert!(start.elapsed() < Duration::from_secs(2));
}

/// A Docker configuration with this entry for the registry.
fn docker_config(registry: &Registry, entry: &str) -> Credential {
    let config = format!(r#"{{"auths":{{"{}":{entry}}}}}"#, registry.host());
    Credential::DockerConfig(Arc::new(DockerConfig::parse("config.json", config.as_bytes()).unwrap()))
}

#[tokio::test]
async fn a_password_that_is_a_file_is_sent_unchanged() {
    let key = "{\n  \"private_key\": \"-----BEGIN\\n\"\r\n}\n";
    let registry = Registry::start().await;
    registry.push_image("app", "v1");
    let entry = format!(r#"{{"username":"_json_key","password":{}}}"#, serde_json::to_string(key).unwrap());
    registry.require_bearer(&TokenService::for_user("_json_key", key));
    can_be_pinned(&with(&registry, docker_config(&registry, &entry)), &registry).await;
    registry.require_basic("_json_key", key);
    can_be_pinned(&with(&registry, docker_config(&registry, &entry)), &registry).await;
}

#[tokio::test]
async fn sends_no_request_to_a_registry_whose_entry_has_a_mistake() {
    let registry = Registry::start().await;
    registry.push_image("app", "v1");
    for entry in [r#"{"auth":"hunter2!"}"#, r#"{"username":"hunter2"}"#, r#"{"password":"hunter2"}"#, "[]"] {
        let (registries, seen) = build(settings(vec![self::entry(&registry, docker_config(&registry, entry))]));
        let error = registries.pin(&app(&registry), soon()).await.unwrap_err();
        assert_eq!(error.kind(), RegistryErrorKind::Misconfigured);
        let start = format!("no request is sent to {}: config.json: entry \"{}\" ", registry.host(), registry.host());
        assert!(error.cause.to_string().starts_with(&start), "{error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
        assert_eq!(seen.all(), []);
    }
    let unusable = Credential::Unusable("password: is empty".into());
    let error = with(&registry, unusable).pin(&app(&registry), soon()).await.unwrap_err();
    assert_eq!(error.cause, Cause::Misconfigured { host: registry.host(), why: "password: is empty".into() });
    assert_eq!(registry.connections(), 0);
}

#[tokio::test]
async fn an_empty_entry_is_an_anonymous_request() {
    let registry = Registry::start().await;
    registry.push_image("app", "v1");
    registry.require_bearer(&TokenService::anonymous());
    for entry in ["{}", "null", r#"{"auth":""}"#] {
        registry.clear_requests();
        can_be_pinned(&with(&registry, docker_config(&registry, entry)), &registry).await;
        assert_eq!(registry.requests_to(Route::Token)[0].authorization(), None);
    }
}

#[tokio::test]
async fn sends_no_request_to_a_disabled_registry_on_behalf_of_another_one() {
    let (registry, store) = (Registry::start().await, Registry::start().await);
    registry.push_image("app", "v1");
    registry.when(Route::Manifest).redirect(307, &format!("{}/x", store.url()));
    let disabled = self::entry(&store, Credential::Unusable("ca.pem: is empty".into()));
    let (registries, _) = build(settings(vec![self::entry(&registry, Credential::Anonymous), disabled]));
    let error = registries.pin(&app(&registry), soon()).await.unwrap_err();
    assert_eq!(error.kind(), RegistryErrorKind::Misconfigured);
    let detail = format!("no request is sent to {}: ca.pem: is empty", store.host());
    assert!(error.cause.to_string().contains(&detail), "{error}");
    assert_eq!(store.connections(), 0);
}
