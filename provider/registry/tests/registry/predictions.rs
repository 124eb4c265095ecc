//! A host whose token service is known is not asked again with a 401; of requests about a repository of which nothing is known, one goes
//! first.

use countersign_core::name::ImageRef;
use countersign_credentials::Credential;
use countersign_credentials::Secret;
use countersign_http::Scheme;
use countersign_registry::Cause;
use countersign_registry::Registries;
use countersign_registry::RegistryEntry;
use countersign_registry::RegistryError;
use countersign_registry::RegistryErrorKind;
use countersign_registry::Stage;
use countersign_testkit::registry::Registry;
use countersign_testkit::registry::Reply;
use countersign_testkit::registry::Route;
use countersign_testkit::registry::TokenService;

use crate::support::PASSWORD;
use crate::support::SIGNATURE;
use crate::support::USER;
use crate::support::alice;
use crate::support::anonymous;
use crate::support::build;
use crate::support::entry;
use crate::support::settings;
use crate::support::soon;
use crate::support::with;

/// base64 of `alice:correct horse`
pub(crate) const ALICE: &str = "Basic YWxpY2U6Y29ycmVjdCBob3JzZQ==";

pub(crate) fn image(registry: &Registry, repository: &str) -> ImageRef {
    format!("{}/{repository}:v1", registry.host()).parse().unwrap()
}

pub(crate) async fn pin(registries: &Registries, registry: &Registry, repository: &str) -> Result<(), RegistryError> {
    registries.pin(&image(registry, repository), soon()).await.map(drop)
}

/// Route, status and whether there was an authorization, of each request.
pub(crate) fn sent(registry: &Registry) -> Vec<(Route, Option<u16>, bool)> {
    let of = |request: &countersign_testkit::registry::RecordedRequest| {
        (request.route, request.status(), request.authorization().is_some())
    };
    registry.requests().iter().map(of).collect()
}

/// A registry that requires tokens for `team/a` and `team/b`, whose token service is known from a request about `team/a`. Its journal is
/// empty.
pub(crate) async fn known(credential: Credential, service: &TokenService) -> (Registry, Registries) {
    let registry = Registry::start().await;
    registry.push_image("team/a", "v1");
    registry.push_image("team/b", "v1");
    registry.require_bearer(service);
    let registries = with(&registry, credential);
    pin(&registries, &registry, "team/a").await.unwrap();
    registry.clear_requests();
    (registry, registries)
}

pub(crate) fn user() -> TokenService {
    TokenService::for_user(USER, PASSWORD)
}

#[tokio::test]
async fn a_new_repository_of_a_known_host_needs_an_exchange_and_no_401() {
    let service = user();
    let (registry, registries) = known(alice(), &service).await;
    let pinned = registries.pin(&image(&registry, "team/b"), soon()).await.unwrap();
    let _ = registries.referrers(&pinned, SIGNATURE, soon()).await.unwrap();
    assert_eq!(
        sent(&registry),
        [(Route::Token, Some(200), true), (Route::Manifest, Some(200), true), (Route::Referrers, Some(200), true)]
    );
    let exchange = &registry.requests_to(Route::Token)[0];
    assert_eq!(exchange.query_values("scope"), ["repository:team/b:pull"]);
    assert_eq!(exchange.query_values("service"), ["testkit"]);
    assert_eq!(exchange.authorization(), Some(ALICE));
    assert_eq!(service.tokens_issued(), 2);
}

#[tokio::test]
async fn a_hundred_digests_of_a_new_repository_need_one_401_and_one_exchange() {
    let registry = Registry::start().await;
    let digests: Vec<_> = (0..100).map(|tag| registry.push_image("app", &format!("v{tag}")).digest).collect();
    let service = user();
    registry.require_bearer(&service);
    let registries = with(&registry, alice());
    for (repository, challenges) in [("app", 1), ("other", 0)] {
        for tag in 0..100 {
            registry.push_image(repository, &format!("v{tag}"));
        }
        registry.clear_requests();
        let calls: Vec<_> = (0..100)
            .map(|tag| {
                let registries = registries.clone();
                let image: ImageRef = format!("{}/{repository}:v{tag}", registry.host()).parse().unwrap();
                tokio::spawn(async move { registries.pin(&image, soon()).await })
            })
            .collect();
        for call in calls {
            assert!(call.await.unwrap().is_ok());
        }
        let sent = sent(&registry);
        let count = |status| sent.iter().filter(|(_, found, _)| *found == Some(status)).count();
        assert_eq!((count(401), count(200), sent.len()), (challenges, 101, 101 + challenges), "{repository}");
        assert_eq!(registry.count(Route::Token), 1, "{repository}");
    }
    assert_eq!((digests.len(), service.tokens_issued()), (100, 2));
}

#[tokio::test]
async fn requests_about_a_public_repository_wait_for_its_first_response_only() {
    let registry = Registry::start().await;
    for tag in 0..20 {
        registry.push_image("app", &format!("v{tag}"));
    }
    let registries = anonymous(&registry);
    let calls = |tags: std::ops::Range<usize>| {
        tags.map(|tag| {
            let registries = registries.clone();
            let image: ImageRef = format!("{}/app:v{tag}", registry.host()).parse().unwrap();
            tokio::spawn(async move { registries.pin(&image, soon()).await })
        })
        .collect::<Vec<_>>()
    };
    let held = registry.when(Route::Manifest).hold();
    let first = calls(0..1);
    registry.wait_for(Route::Manifest, 1).await;
    let others = calls(1..10);
    held.release();
    for call in first.into_iter().chain(others) {
        assert!(call.await.unwrap().is_ok());
    }
    // From then on they are sent at the same time: all of them are held.
    registry.clear_requests();
    let held = registry.when(Route::Manifest).hold();
    let calls = calls(10..20);
    registry.wait_for(Route::Manifest, 10).await;
    held.release();
    for call in calls {
        assert!(call.await.unwrap().is_ok());
    }
    assert_eq!(registry.requests().len(), 10);
}

#[tokio::test]
async fn a_first_request_without_a_response_does_not_keep_the_others() {
    let registry = Registry::start().await;
    registry.push_image("app", "v1");
    let hung = registry.when(Route::Manifest).times(1).never_answer();
    let registries = anonymous(&registry);
    let first = tokio::spawn({
        let (registries, image) = (registries.clone(), image(&registry, "app"));
        async move { registries.pin(&image, soon()).await }
    });
    registry.wait_for(Route::Manifest, 1).await;
    pin(&registries, &registry, "app").await.unwrap();
    first.abort();
    hung.remove();
}

#[tokio::test]
async fn a_token_for_no_repository_is_used_for_all_of_them() {
    let registry = Registry::start().await;
    registry.push_image("team/a", "v1");
    registry.push_image("team/b", "v1");
    let service = user();
    registry.serve_tokens(&service);
    let challenge = format!(r#"Bearer realm="{}/token",service="s",scope="aws""#, registry.url());
    registry.require_by(move |request| match request.authorization() {
        Some("Bearer testkit-token-1") => None,
        _ => Some(Reply::error(401, "UNAUTHORIZED").header("www-authenticate", &challenge)),
    });
    let registries = with(&registry, alice());
    pin(&registries, &registry, "team/a").await.unwrap();
    registry.clear_requests();
    pin(&registries, &registry, "team/b").await.unwrap();
    assert_eq!(sent(&registry), [(Route::Manifest, Some(200), true)]);
    assert_eq!(service.tokens_issued(), 1);
}

#[tokio::test]
async fn a_host_that_answers_without_a_challenge_predicts_nothing() {
    let registry = Registry::start().await;
    let registries = with(&registry, alice());
    for repository in ["team/a", "team/b"] {
        registry.push_image(repository, "v1");
        registry.clear_requests();
        pin(&registries, &registry, repository).await.unwrap();
        assert_eq!(sent(&registry), [(Route::Manifest, Some(200), false)]);
    }
}

#[tokio::test]
async fn a_predicted_exchange_that_is_denied_leads_to_what_happens_without_a_prediction() {
    for status in [400, 401, 403, 404] {
        // The registry requires the same exchange: its denial is the result, and the credential is not sent a second time.
        let (registry, registries) = known(alice(), &user()).await;
        registry.when(Route::Token).times(1).status(status);
        let error = pin(&registries, &registry, "team/b").await.unwrap_err();
        assert_eq!(error.stage, Stage::Token, "{status}");
        let kind = if [401, 403].contains(&status) { RegistryErrorKind::Denied } else { RegistryErrorKind::Failed };
        assert_eq!(error.kind(), kind, "{status}");
        assert_eq!(
            sent(&registry),
            [(Route::Token, Some(status), true), (Route::Manifest, Some(401), false)],
            "{status}"
        );
        // The repository is public.
        let (registry, registries) = known(alice(), &user()).await;
        registry.when(Route::Token).status(status);
        registry.require_no_auth();
        pin(&registries, &registry, "team/b").await.unwrap();
        pin(&registries, &registry, "team/b").await.unwrap();
        assert_eq!(
            sent(&registry),
            [
                (Route::Token, Some(status), true),
                (Route::Manifest, Some(200), false),
                (Route::Manifest, Some(200), false)
            ],
            "{status}"
        );
    }
}

#[tokio::test]
async fn a_refused_predicted_token_leads_to_what_happens_without_a_prediction() {
    let (registry, registries) = known(alice(), &user().only_repositories(&["team/a"])).await;
    let error = pin(&registries, &registry, "team/b").await.unwrap_err();
    assert!(matches!(error.cause, Cause::Denied { status: 401, .. }), "{error}");
    assert_eq!(
        sent(&registry),
        [
            (Route::Token, Some(200), true),
            (Route::Manifest, Some(401), true),
            (Route::Manifest, Some(401), false),
            (Route::Token, Some(200), true),
            (Route::Manifest, Some(401), true)
        ]
    );
    // A registry that refuses the token and sends the content to anybody.
    for status in [400, 401, 403] {
        let (registry, registries) = known(alice(), &user()).await;
        registry.require_by(move |request| request.authorization().map(|_| Reply::error(status, "UNAUTHORIZED")));
        pin(&registries, &registry, "team/b").await.unwrap();
        pin(&registries, &registry, "team/b").await.unwrap();
        assert_eq!(
            sent(&registry),
            [
                (Route::Token, Some(200), true),
                (Route::Manifest, Some(status), true),
                (Route::Manifest, Some(200), false),
                (Route::Manifest, Some(200), false)
            ],
            "{status}"
        );
    }
}

#[tokio::test]
async fn a_refused_predicted_token_is_requested_again_after_the_challenge() {
    let service = user();
    let (registry, registries) = known(alice(), &service).await;
    registry.when(Route::Manifest).times(1).status(401);
    pin(&registries, &registry, "team/b").await.unwrap();
    assert_eq!(service.tokens_issued(), 3);
    assert_eq!(
        sent(&registry),
        [
            (Route::Token, Some(200), true),
            (Route::Manifest, Some(401), true),
            (Route::Manifest, Some(401), false),
            (Route::Token, Some(200), true),
            (Route::Manifest, Some(200), true)
        ]
    );
}

#[tokio::test]
async fn entries_of_one_host_do_not_share_what_they_know() {
    let registry = Registry::start().await;
    registry.push_image("team/a", "v1");
    registry.push_image("other/b", "v1");
    registry.require_bearer(&user());
    let at = |path: &str, credential| RegistryEntry {
        scheme: Scheme::Http,
        ..RegistryEntry::new(format!("{}/{path}", registry.host()).parse().unwrap(), credential)
    };
    let bob = Credential::basic("bob", Secret::new("b")).unwrap();
    let registries = build(settings(vec![at("team", alice()), at("other", bob)])).0;
    pin(&registries, &registry, "team/a").await.unwrap();
    registry.clear_requests();
    assert!(pin(&registries, &registry, "other/b").await.is_err());
    assert_eq!(sent(&registry), [(Route::Manifest, Some(401), false), (Route::Token, Some(401), true)]);
    assert!(registry.requests().iter().all(|request| request.authorization() != Some(ALICE)));
}

#[tokio::test]
async fn another_configuration_predicts_nothing() {
    let (registry, registries) = known(alice(), &user()).await;
    let successor = registries.successor(settings(vec![entry(&registry, alice())])).unwrap();
    successor.take_over(&registries);
    pin(&successor, &registry, "team/b").await.unwrap();
    assert_eq!(
        sent(&registry),
        [(Route::Manifest, Some(401), false), (Route::Token, Some(200), true), (Route::Manifest, Some(200), true)]
    );
}

#[tokio::test]
async fn a_host_whose_challenges_differ_predicts_nothing() {
    let (registry, registries) = known(alice(), &user()).await;
    registry.push_image("team/c", "v1");
    // The service changes: the token of the former one is refused.
    registry.require_bearer(&user().service("second"));
    registry.when(Route::Token).times(1).status(403);
    pin(&registries, &registry, "team/b").await.unwrap();
    registry.clear_requests();
    pin(&registries, &registry, "team/c").await.unwrap();
    assert_eq!(
        sent(&registry),
        [(Route::Manifest, Some(401), false), (Route::Token, Some(200), true), (Route::Manifest, Some(200), true)]
    );
}
