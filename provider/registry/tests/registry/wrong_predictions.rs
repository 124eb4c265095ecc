//! Registries and token services for which a prediction is wrong, or that try to get more by it than they would get without.

use std::sync::Arc;

use countersign_credentials::Credential;
use countersign_credentials::DockerConfig;
use countersign_credentials::Secret;
use countersign_registry::Cause;
use countersign_registry::Mirrors;
use countersign_registry::RegistryEntry;
use countersign_registry::RegistryErrorKind;
use countersign_registry::Stage;
use countersign_testkit::registry::FaultHandle;
use countersign_testkit::registry::Registry;
use countersign_testkit::registry::Reply;
use countersign_testkit::registry::Route;
use countersign_testkit::registry::TokenService;

use crate::predictions::ALICE;
use crate::predictions::image;
use crate::predictions::known;
use crate::predictions::pin;
use crate::predictions::sent;
use crate::predictions::user;
use crate::support::PASSWORD;
use crate::support::USER;
use crate::support::alice;
use crate::support::anonymous;
use crate::support::build;
use crate::support::entry;
use crate::support::settings;
use crate::support::shortly;
use crate::support::soon;
use crate::support::with;

#[tokio::test]
async fn an_absence_with_a_predicted_token_is_asked_for_again_as_without_a_prediction() {
    // Two registries behind one host: each hides its repositories from tokens of the other one.
    let registry = Registry::start().await;
    registry.push_image("team/a", "v1");
    registry.push_image("other/b", "v1");
    let service = user();
    registry.serve_tokens(&service);
    let realm = format!("{}/token", registry.url());
    registry.require_by(move |request| {
        let (service, scope, good) = if request.path.starts_with("/v2/team/") {
            ("one", "repository:team/a:pull", "Bearer testkit-token-1")
        } else {
            ("two", "repository:other/b:pull", "Bearer testkit-token-3")
        };
        let challenge = format!(r#"Bearer realm="{realm}",service="{service}",scope="{scope}""#);
        match request.authorization() {
            None => Some(Reply::error(401, "UNAUTHORIZED").header("www-authenticate", &challenge)),
            Some(token) if token == good => None,
            Some(_) => Some(Reply::error(404, "NAME_UNKNOWN")),
        }
    });
    let registries = with(&registry, alice());
    pin(&registries, &registry, "team/a").await.unwrap();
    registry.clear_requests();
    pin(&registries, &registry, "other/b").await.unwrap();
    let expected = [
        (Route::Token, Some(200), true),
        (Route::Manifest, Some(404), true),
        (Route::Manifest, Some(401), false),
        (Route::Token, Some(200), true),
        (Route::Manifest, Some(200), true),
    ];
    assert_eq!(sent(&registry), expected);
}

#[tokio::test]
async fn an_absence_with_the_token_that_is_required_is_final() {
    let (registry, registries) = known(alice(), &user()).await;
    let error = pin(&registries, &registry, "team/absent").await.unwrap_err();
    assert_eq!(error.kind(), RegistryErrorKind::NotFound);
    let once = [
        (Route::Token, Some(200), true),
        (Route::Manifest, Some(404), true),
        (Route::Manifest, Some(401), false),
        (Route::Manifest, Some(404), true),
    ];
    assert_eq!(sent(&registry), once);
    registry.clear_requests();
    assert!(pin(&registries, &registry, "team/absent").await.is_err());
    assert_eq!(sent(&registry), [(Route::Manifest, Some(404), true)]);
    // Nor was the token service forgotten.
    registry.clear_requests();
    pin(&registries, &registry, "team/b").await.unwrap();
    assert_eq!(sent(&registry), [(Route::Token, Some(200), true), (Route::Manifest, Some(200), true)]);
}

const OUTAGES: [fn(&Registry) -> FaultHandle; 6] = [
    |registry| registry.when(Route::Token).status(500),
    |registry| registry.when(Route::Token).times(1).status(410),
    |registry| registry.when(Route::Token).times(1).status(204),
    |registry| registry.when(Route::Token).times(1).body("{}"),
    |registry| registry.when(Route::Token).times(1).body(r#"{"token":"a b"}"#),
    |registry| registry.when(Route::Token).times(1).redirect(302, "/elsewhere"),
];

#[tokio::test]
async fn an_outage_of_a_token_service_is_no_error_for_a_repository_that_needs_no_token() {
    for (number, outage) in OUTAGES.into_iter().enumerate() {
        let (registry, registries) = known(alice(), &user()).await;
        registry.push_image("team/c", "v1");
        registry.require_no_auth();
        let _fault = outage(&registry);
        pin(&registries, &registry, "team/b").await.unwrap();
        assert_eq!(registry.count(Route::Token), 1, "{number}");
        let authorizations: Vec<_> =
            registry.requests_to(Route::Manifest).iter().map(|request| request.authorization().is_some()).collect();
        assert_eq!(authorizations, [false], "{number}");
        // And the token service is forgotten.
        registry.clear_requests();
        pin(&registries, &registry, "team/c").await.unwrap();
        assert_eq!(registry.count(Route::Token), 0, "{number}");
    }
}

#[tokio::test]
async fn an_outage_of_a_token_service_is_the_error_if_its_token_is_required() {
    for (number, outage) in OUTAGES.into_iter().enumerate() {
        let (registry, registries) = known(alice(), &user()).await;
        let _fault = outage(&registry);
        let error = pin(&registries, &registry, "team/b").await.unwrap_err();
        assert_eq!(error.stage, Stage::Token, "{number} {error}");
        assert_eq!(registry.count(Route::Manifest), 1, "{number}");
        assert!(!error.to_string().contains(PASSWORD), "{number}");
    }
}

#[tokio::test]
async fn nothing_is_absent_for_a_request_without_the_expected_token_that_could_not_be_had() {
    for status in [404, 403] {
        let (registry, registries) = known(alice(), &user()).await;
        registry.require_no_auth();
        let _hidden = registry.when(Route::Manifest).status(status);
        let _outage = registry.when(Route::Token).times(1).status(410);
        let error = pin(&registries, &registry, "team/b").await.unwrap_err();
        assert_eq!(error.stage, Stage::Token, "{error}");
        assert!(matches!(error.cause, Cause::Status { status: 410, .. }), "{error}");
    }
}

#[tokio::test]
async fn a_token_service_that_is_silent_to_the_deadline_is_the_error() {
    let (registry, registries) = known(alice(), &user()).await;
    registry.require_no_auth();
    let _fault = registry.when(Route::Token).never_answer();
    let error = registries.pin(&image(&registry, "team/b"), shortly()).await.unwrap_err();
    assert_eq!((error.stage, error.kind()), (Stage::Token, RegistryErrorKind::Timeout));
    assert_eq!(registry.count(Route::Manifest), 0);
}

#[tokio::test]
async fn a_token_service_at_the_host_of_the_registry_that_throttles_pauses_the_registry() {
    let (registry, registries) = known(alice(), &user()).await;
    registry.require_no_auth();
    let _fault = registry.when(Route::Token).times(1).too_many_requests("3600");
    let error = pin(&registries, &registry, "team/b").await.unwrap_err();
    assert_eq!((error.stage, error.kind()), (Stage::Manifest, RegistryErrorKind::Throttled));
    assert_eq!(registry.count(Route::Manifest), 0);
}

#[tokio::test]
async fn a_registry_that_refuses_everything_gets_a_limited_number_of_requests() {
    for (bare, expected) in [
        (false, vec![Some(200), Some(401), Some(401), Some(200), Some(401)]),
        // Without a challenge there is nothing to request a token from.
        (true, vec![Some(200), Some(401), Some(401)]),
    ] {
        let (registry, registries) = known(alice(), &user()).await;
        let realm = format!("{}/token", registry.url());
        registry.require_by(move |_| {
            let refusal = Reply::error(401, "UNAUTHORIZED");
            let challenge = format!(
                r#"Bearer realm="{realm}",service="testkit",scope="repository:team/b:pull",error="insufficient_scope""#
            );
            Some(if bare { refusal } else { refusal.header("www-authenticate", &challenge) })
        });
        assert!(pin(&registries, &registry, "team/b").await.is_err());
        let statuses: Vec<_> = sent(&registry).into_iter().map(|(_, status, _)| status).collect();
        assert_eq!(statuses, expected, "{bare}");
    }
}

#[tokio::test]
async fn a_basic_challenge_after_a_predicted_token_is_answered_by_the_credential_once() {
    let (registry, registries) = known(alice(), &user()).await;
    registry.require_basic(USER, PASSWORD);
    pin(&registries, &registry, "team/b").await.unwrap();
    let authorizations: Vec<_> = registry
        .requests_to(Route::Manifest)
        .iter()
        .map(|request| request.authorization().map(str::to_owned))
        .collect();
    assert_eq!(authorizations, [Some("Bearer testkit-token-2".to_owned()), None, Some(ALICE.to_owned())]);
    assert_eq!(registry.count(Route::Token), 1);
}

#[tokio::test]
async fn a_first_request_whose_body_never_ends_or_that_fails_does_not_fail_the_others() {
    let registry = Registry::start().await;
    registry.push_image("app", "v1");
    let ends: [fn(&Registry) -> FaultHandle; 4] = [
        |registry| registry.when(Route::Manifest).times(1).stalled_body(),
        |registry| registry.when(Route::Manifest).times(1).endless_body(),
        |registry| registry.when(Route::Manifest).times(1).status(403),
        |registry| registry.when(Route::Manifest).times(1).close(),
    ];
    for (number, end) in ends.into_iter().enumerate() {
        let registries = anonymous(&registry);
        let fault = end(&registry);
        registry.clear_requests();
        let first = tokio::spawn({
            let (registries, image) = (registries.clone(), image(&registry, "app"));
            async move { registries.pin(&image, soon()).await }
        });
        registry.wait_for(Route::Manifest, 1).await;
        let other = format!("{}/app@sha256:{}", registry.host(), "0".repeat(64)).parse().unwrap();
        // Absent, so the error is of the registry and not of the wait.
        assert_eq!(registries.pin(&other, soon()).await.unwrap_err().kind(), RegistryErrorKind::NotFound, "{number}");
        first.abort();
        fault.remove();
    }
}

#[tokio::test]
async fn credentials_of_one_file_for_paths_of_a_host_do_not_share_what_they_know() {
    let registry = Registry::start().await;
    for repository in ["team/a", "other/b", "public/c", "team/d"] {
        registry.push_image(repository, "v1");
    }
    registry.require_bearer(&user());
    let host = registry.host();
    let text = format!(
        r#"{{"auths": {{"{host}/team": {{"username": "{USER}", "password": "{PASSWORD}"}},
        "{host}/other": {{"username": "bob", "password": "b"}}}}}}"#
    );
    let config = DockerConfig::parse("config.json", text.as_bytes()).unwrap();
    let registries = with(&registry, Credential::DockerConfig(Arc::new(config)));
    pin(&registries, &registry, "team/a").await.unwrap();
    for (repository, is_anonymous) in [("other/b", false), ("public/c", true)] {
        registry.clear_requests();
        assert!(pin(&registries, &registry, repository).await.is_err());
        assert_eq!(
            sent(&registry),
            [(Route::Manifest, Some(401), false), (Route::Token, Some(401), !is_anonymous)],
            "{repository}"
        );
        assert!(registry.requests().iter().all(|request| !request.shows(PASSWORD)), "{repository}");
    }
    registry.clear_requests();
    pin(&registries, &registry, "team/d").await.unwrap();
    assert_eq!(sent(&registry), [(Route::Token, Some(200), true), (Route::Manifest, Some(200), true)]);
}

#[tokio::test]
async fn a_mirror_and_its_registry_do_not_share_what_they_know() {
    let (registry, mirror) = (Registry::start().await, Registry::start().await);
    for repository in ["app", "other"] {
        registry.push_image(repository, "v1");
        mirror.push_image(repository, "v1");
    }
    registry.require_bearer(&user());
    let of_mirror = TokenService::for_user("bob", "of the mirror");
    mirror.require_bearer(&of_mirror);
    let bob = Credential::basic("bob", Secret::new("of the mirror")).unwrap();
    let mirrors = Mirrors { locations: vec![mirror.host().parse().unwrap()], only: false };
    let registries =
        build(settings(vec![RegistryEntry { mirrors, ..entry(&registry, alice()) }, entry(&mirror, bob)])).0;
    pin(&registries, &registry, "app").await.unwrap();
    assert_eq!(registry.connections(), 0);
    // The mirror fails: the registry is asked for the first time, and what the mirror required is not expected of it.
    mirror.clear_requests();
    let _fault = mirror.when(Route::Manifest).status(404);
    pin(&registries, &registry, "other").await.unwrap();
    assert_eq!(mirror.requests()[0].route, Route::Token);
    assert_eq!(
        sent(&registry),
        [(Route::Manifest, Some(401), false), (Route::Token, Some(200), true), (Route::Manifest, Some(200), true)]
    );
    assert!(registry.requests().iter().all(|request| !request.shows("of the mirror")));
    assert!(mirror.requests().iter().all(|request| !request.shows(PASSWORD)));
}

#[tokio::test]
async fn many_callers_whose_predicted_token_is_refused_all_get_their_result() {
    let (registry, registries) = known(alice(), &user().only_repositories(&["team/a"])).await;
    let calls: Vec<_> = (0..30)
        .map(|_| {
            let (registries, image) = (registries.clone(), image(&registry, "team/b"));
            tokio::spawn(async move { registries.pin(&image, soon()).await })
        })
        .collect();
    for call in calls {
        let error = call.await.unwrap().unwrap_err();
        assert!(matches!(error.cause, Cause::Denied { status: 401, .. }), "{error}");
    }
    // Of each at most: exchange, refusal, challenge, exchange, refusal.
    assert!(registry.requests().len() <= 30 * 5);
}

#[tokio::test]
async fn a_first_caller_that_goes_away_does_not_keep_the_others() {
    let registry = Registry::start().await;
    registry.push_image("team/a", "v1");
    registry.push_image("team/b", "v1");
    registry.require_bearer(&user());
    let registries = with(&registry, alice());
    let held = registry.when(Route::Manifest).times(1).never_answer();
    let first = tokio::spawn({
        let (registries, image) = (registries.clone(), image(&registry, "team/a"));
        async move { registries.pin(&image, soon()).await }
    });
    registry.wait_for(Route::Manifest, 1).await;
    // Another repository of the host does not wait for it.
    pin(&registries, &registry, "team/b").await.unwrap();
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    held.remove();
    pin(&registries, &registry, "team/a").await.unwrap();
}
