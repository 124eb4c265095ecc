//! Identities that change: a credential is replaced while requests use it, and identities expire.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use countersign_core::name::ImageRef;
use countersign_credentials::AuthMethod;
use countersign_credentials::BoxFuture;
use countersign_credentials::Credential;
use countersign_credentials::CredentialError;
use countersign_credentials::CredentialName;
use countersign_credentials::CredentialScope;
use countersign_credentials::DockerConfig;
use countersign_credentials::ExpiringIdentities;
use countersign_credentials::Identity;
use countersign_credentials::IdentityFetcher;
use countersign_credentials::IdentityIssuer;
use countersign_credentials::IdentitySource;
use countersign_credentials::IssueFailure;
use countersign_credentials::ReloadableCredential;
use countersign_credentials::RepositoryScope;
use countersign_credentials::Secret;
use countersign_http::FetchError;
use countersign_http::Scheme;
use countersign_registry::Cause;
use countersign_registry::CredentialKind;
use countersign_registry::Registries;
use countersign_registry::RegistryEntry;
use countersign_registry::RegistryErrorKind;
use countersign_registry::Stage;
use countersign_testkit::registry::Registry;
use countersign_testkit::registry::Route;
use countersign_testkit::registry::TokenService;
use tokio::time::Instant;

use crate::support::PASSWORD;
use crate::support::SIGNATURE;
use crate::support::USER;
use crate::support::app;
use crate::support::build;
use crate::support::can_be_pinned;
use crate::support::pin_error;
use crate::support::pinned;
use crate::support::settings;
use crate::support::soon;

mod caches;

/// base64 of `alice:correct horse`
const ALICE: &str = "Basic YWxpY2U6Y29ycmVjdCBob3JzZQ==";

/// base64 of `alice:second`
const SECOND: &str = "Basic YWxpY2U6c2Vjb25k";

pub(super) fn basic(password: &str) -> Credential {
    Credential::basic(USER, Secret::new(password)).unwrap()
}

/// An entry for this registry over plain HTTP.
pub(super) fn entry(registry: &Registry, source: &Arc<ReloadableCredential>) -> RegistryEntry {
    let identities = Arc::clone(source) as _;
    let entry = RegistryEntry::new(registry.host().parse().unwrap(), Credential::Anonymous);
    RegistryEntry { identities, scheme: Scheme::Http, ..entry }
}

/// A registry with `app:v1`, whose credential can be replaced.
pub(super) async fn reloadable(credential: Credential) -> (Registry, Registries, Arc<ReloadableCredential>) {
    let registry = Registry::start().await;
    registry.push_image("app", "v1");
    let source = Arc::new(ReloadableCredential::new(credential));
    let (registries, _) = build(settings(vec![entry(&registry, &source)]));
    (registry, registries, source)
}

fn authorizations(registry: &Registry) -> Vec<(Route, Option<String>)> {
    let sent = |request: &countersign_testkit::registry::RecordedRequest| {
        (request.route, request.authorization().map(str::to_owned))
    };
    registry.requests().iter().map(sent).collect()
}

#[tokio::test]
async fn a_new_password_is_used_for_the_next_exchange_and_former_tokens_are_dropped() {
    let (registry, registries, source) = reloadable(basic(PASSWORD)).await;
    registry.require_bearer(&TokenService::for_user(USER, PASSWORD));
    can_be_pinned(&registries, &registry).await;
    registry.clear_requests();
    registry.require_bearer(&TokenService::for_user(USER, "second"));
    source.replace(basic("second"));
    can_be_pinned(&registries, &registry).await;
    let sent = authorizations(&registry);
    // The token of the former password is cached and has not expired.
    // Nor is there another challenge: the token service is known.
    assert_eq!(
        sent,
        [(Route::Token, Some(SECOND.to_owned())), (Route::Manifest, Some("Bearer testkit-token-1".to_owned()))]
    );
}

#[tokio::test]
async fn the_same_password_again_keeps_tokens_and_connections() {
    let (registry, registries, source) = reloadable(basic(PASSWORD)).await;
    let bearer = TokenService::for_user(USER, PASSWORD);
    registry.require_bearer(&bearer);
    can_be_pinned(&registries, &registry).await;
    let connections = registry.connections();
    registry.clear_requests();
    source.replace(basic(PASSWORD));
    can_be_pinned(&registries, &registry).await;
    assert_eq!(authorizations(&registry), [(Route::Manifest, Some("Bearer testkit-token-1".to_owned()))]);
    assert_eq!((bearer.tokens_issued(), registry.connections()), (1, connections));
}

#[tokio::test]
async fn another_entry_of_a_pull_secret_keeps_its_token() {
    let (registry, registries, source) = reloadable(Credential::Anonymous).await;
    registry.push_image("other", "v1");
    registry.require_bearer(&TokenService::for_user(USER, PASSWORD));
    let config = |password: &str| {
        let host = registry.host();
        let text = format!(
            r#"{{"auths": {{"{host}/app": {{"username": "{USER}", "password": "{PASSWORD}"}},
            "{host}/other": {{"username": "{USER}", "password": "{password}"}}}}}}"#
        );
        Credential::DockerConfig(Arc::new(DockerConfig::parse("config.json", text.as_bytes()).unwrap()))
    };
    source.replace(config(PASSWORD));
    let other: ImageRef = format!("{}/other:v1", registry.host()).parse().unwrap();
    can_be_pinned(&registries, &registry).await;
    assert!(registries.pin(&other, soon()).await.is_ok());
    registry.clear_requests();
    source.replace(config("wrong"));
    can_be_pinned(&registries, &registry).await;
    let error = registries.pin(&other, soon()).await.unwrap_err();
    assert_eq!((error.stage, error.kind()), (Stage::Token, RegistryErrorKind::Denied));
    // One request for the unchanged entry: its token is cached. The wrong password is sent once.
    let sent = authorizations(&registry);
    assert_eq!(sent[0], (Route::Manifest, Some("Bearer testkit-token-1".to_owned())));
    assert_eq!(sent[1..].iter().map(|(route, _)| *route).collect::<Vec<_>>(), [Route::Token, Route::Manifest]);
    assert_eq!(sent[2].1, None);
}

#[tokio::test]
async fn a_request_in_progress_keeps_its_credential() {
    let (registry, registries, source) = reloadable(basic(PASSWORD)).await;
    registry.require_bearer(&TokenService::for_user(USER, PASSWORD));
    let held = registry.when(Route::Manifest).times(1).hold();
    let call = tokio::spawn({
        let (registries, image) = (registries.clone(), app(&registry));
        async move { registries.pin(&image, soon()).await }
    });
    registry.wait_for(Route::Manifest, 1).await;
    source.replace(basic("second"));
    held.release();
    assert!(call.await.unwrap().is_ok());
    assert_eq!(authorizations(&registry)[1], (Route::Token, Some(ALICE.to_owned())));
}

#[tokio::test]
async fn an_unusable_credential_disables_its_registry_immediately_including_cached_results() {
    let (registry, registries, source) = reloadable(basic(PASSWORD)).await;
    registry.require_basic(USER, PASSWORD);
    let by_digest = pinned(&registries, &registry).await;
    let image: ImageRef = format!("{}@{}", by_digest.repository(), by_digest.descriptor().digest).parse().unwrap();
    registry.clear_requests();
    source.replace(Credential::Unusable("password: is empty".into()));
    for image in [&image, &app(&registry)] {
        let error = registries.pin(image, soon()).await.unwrap_err();
        assert_eq!(error.cause, Cause::Misconfigured { host: registry.host(), why: "password: is empty".into() });
    }
    let error = registries.referrers(&by_digest, SIGNATURE, soon()).await.unwrap_err();
    assert_eq!((error.stage, error.kind()), (Stage::Referrers, RegistryErrorKind::Misconfigured));
    assert_eq!(registry.requests().len(), 0);
    source.replace(basic(PASSWORD));
    assert_eq!(registries.pin(&image, soon()).await.unwrap(), by_digest);
}

#[tokio::test]
async fn a_removed_credential_and_its_token_are_no_longer_sent() {
    for bearer in [true, false] {
        let (registry, registries, source) = reloadable(basic(PASSWORD)).await;
        if bearer {
            registry.require_bearer(&TokenService::for_user(USER, PASSWORD));
        } else {
            registry.require_basic(USER, PASSWORD);
        }
        can_be_pinned(&registries, &registry).await;
        registry.clear_requests();
        source.replace(Credential::Anonymous);
        let cause = pin_error(&registries, &registry).await;
        assert_eq!(cause.kind(), RegistryErrorKind::Denied);
        assert!(authorizations(&registry).iter().all(|(_, sent)| sent.is_none()), "{:?}", authorizations(&registry));
    }
}

/// Issues user names and passwords, one after another, each valid for an hour.
#[derive(Clone, Debug, Default)]
struct Issuer {
    passwords: Arc<Mutex<Vec<Result<&'static str, CredentialError>>>>,
}

impl Issuer {
    /// Issues these in this order.
    fn of(passwords: &[&'static str]) -> Self {
        let passwords = passwords.iter().rev().map(|password| Ok(*password)).collect();
        Self { passwords: Arc::new(Mutex::new(passwords)) }
    }

    fn failing(error: CredentialError) -> Self {
        Self { passwords: Arc::new(Mutex::new(vec![Err(error)])) }
    }

    fn left(&self) -> usize {
        self.passwords.lock().unwrap().len()
    }
}

impl IdentityFetcher for Issuer {
    fn key(&self, scope: RepositoryScope<'_>) -> Result<String, CredentialError> {
        Ok(scope.host().to_string())
    }
}

impl IdentityIssuer for Issuer {
    type Key = String;

    fn key_bytes(key: &String) -> usize {
        key.len()
    }

    fn fetch(&self, _: &String) -> BoxFuture<'static, Result<Identity, CredentialError>> {
        let issued = self.passwords.lock().unwrap().pop().unwrap();
        Box::pin(async move {
            let method = AuthMethod::Basic { user: USER.to_owned(), password: Secret::new(issued?) };
            Ok(Identity::new(method, Some(Instant::now() + Duration::from_secs(3600))).unwrap())
        })
    }
}

fn issued(registry: &Registry, issuer: &Issuer) -> Registries {
    let entry = RegistryEntry::new(registry.host().parse().unwrap(), ExpiringIdentities::new(issuer.clone()));
    build(settings(vec![RegistryEntry { scheme: Scheme::Http, ..entry }])).0
}

#[tokio::test]
async fn an_issued_identity_is_fetched_once_while_it_is_valid() {
    let registry = Registry::start().await;
    registry.push_image("app", "v1");
    registry.require_basic(USER, PASSWORD);
    let issuer = Issuer::of(&[PASSWORD, "second"]);
    let registries = issued(&registry, &issuer);
    can_be_pinned(&registries, &registry).await;
    can_be_pinned(&registries, &registry).await;
    assert_eq!(issuer.left(), 1);
}

#[tokio::test]
async fn an_identity_refused_immediately_after_its_issue_is_a_denial() {
    let registry = Registry::start().await;
    registry.push_image("app", "v1");
    registry.require_basic(USER, "other");
    let issuer = Issuer::of(&[PASSWORD, "second"]);
    let cause = pin_error(&issued(&registry, &issuer), &registry).await;
    assert!(matches!(cause, Cause::Denied { status: 401, credential: CredentialKind::Issued, .. }), "{cause:?}");
    assert_eq!(issuer.left(), 1);
}

/// A source with one password, and another one after a refusal.
#[derive(Debug)]
struct Renewing {
    identities: Mutex<Vec<Identity>>,
}

impl Renewing {
    /// Creates a source of these passwords in this order; the last one is kept.
    fn of(passwords: &[&str]) -> Self {
        let method =
            |password: &&str| AuthMethod::Basic { user: USER.to_owned(), password: Secret::new(password.as_bytes()) };
        let identity = |password| Identity::new(method(password), None).unwrap();
        Self { identities: Mutex::new(passwords.iter().rev().map(identity).collect()) }
    }
}

impl IdentitySource for Renewing {
    fn identity<'a>(&'a self, _: RepositoryScope<'a>, _: Instant) -> BoxFuture<'a, Result<Identity, CredentialError>> {
        let current = self.identities.lock().unwrap().last().unwrap().clone();
        Box::pin(async move { Ok(current) })
    }

    fn credential_scope(&self, entry: &Arc<str>, _: RepositoryScope<'_>) -> CredentialScope {
        CredentialScope::new(entry, CredentialName::new(&["renewing"]))
    }

    fn replacement<'a>(
        &'a self,
        _: RepositoryScope<'a>,
        refused: &'a Identity,
        _: Instant,
    ) -> BoxFuture<'a, Result<Option<Identity>, CredentialError>> {
        let mut identities = self.identities.lock().unwrap();
        if identities.len() > 1 && identities.last() == Some(refused) {
            identities.pop();
        }
        let other = identities.last().cloned();
        Box::pin(async move { Ok(other) })
    }
}

#[tokio::test]
async fn replaces_a_refused_identity_once_if_its_source_has_another_one() {
    for bearer in [false, true] {
        let registry = Registry::start().await;
        registry.push_image("app", "v1");
        if bearer {
            registry.require_bearer(&TokenService::for_user(USER, PASSWORD));
        } else {
            registry.require_basic(USER, PASSWORD);
        }
        let with = |passwords: &[&str]| {
            let entry = RegistryEntry::new(registry.host().parse().unwrap(), Renewing::of(passwords));
            build(settings(vec![RegistryEntry { scheme: Scheme::Http, ..entry }])).0
        };
        can_be_pinned(&with(&["ended", PASSWORD]), &registry).await;
        // A third identity is not tried for the same request.
        let error = with(&["ended", "wrong", PASSWORD]).pin(&app(&registry), soon()).await.unwrap_err();
        assert_eq!(error.kind(), RegistryErrorKind::Denied);
        assert_eq!(error.stage, if bearer { Stage::Token } else { Stage::Manifest });
    }
}

#[tokio::test]
async fn a_replaced_identity_needs_no_challenge() {
    let registry = Registry::start().await;
    registry.push_image("app", "v1");
    registry.require_bearer(&TokenService::for_user(USER, PASSWORD));
    let entry = RegistryEntry::new(registry.host().parse().unwrap(), Renewing::of(&[PASSWORD, "second"]));
    let registries = build(settings(vec![RegistryEntry { scheme: Scheme::Http, ..entry }])).0;
    can_be_pinned(&registries, &registry).await;
    registry.clear_requests();
    registry.require_bearer(&TokenService::for_user(USER, "second"));
    can_be_pinned(&registries, &registry).await;
    let former = "Bearer testkit-token-1".to_owned();
    assert_eq!(
        authorizations(&registry),
        [
            (Route::Manifest, Some(former.clone())),
            (Route::Token, Some(ALICE.to_owned())),
            (Route::Token, Some(SECOND.to_owned())),
            (Route::Manifest, Some(former)),
        ]
    );
}

#[tokio::test]
async fn a_failed_source_fails_the_request_without_an_anonymous_one() {
    let registry = Registry::start().await;
    registry.push_image("app", "v1");
    let host = registry.host();
    let not_issued = |failure| CredentialError::NotIssued { failure, why: "the issuer answers 5xx".into() };
    let failure_message = format!("no credential for {host}: the issuer answers 5xx");
    let unreachable = FetchError::Unreachable { host: "issuer.example".to_owned(), detail: "refused".to_owned() };
    for (error, kind, message) in [
        (
            CredentialError::Unusable("c.json: is empty".into()),
            RegistryErrorKind::Misconfigured,
            format!("no request is sent to {host}: c.json: is empty"),
        ),
        (
            CredentialError::Refused { permission: None, why: "the issuer refuses".into() },
            RegistryErrorKind::Misconfigured,
            format!("no credential for {host}: the issuer refuses"),
        ),
        (
            CredentialError::Fetch(unreachable),
            RegistryErrorKind::Unreachable,
            format!("no credential for {host}: cannot connect to issuer.example: refused"),
        ),
        (
            CredentialError::Timeout,
            RegistryErrorKind::Timeout,
            format!("no credential for {host}: the credential was not issued in time"),
        ),
        (not_issued(IssueFailure::Unreachable), RegistryErrorKind::Unreachable, failure_message.clone()),
        (not_issued(IssueFailure::Timeout(None)), RegistryErrorKind::Timeout, failure_message.clone()),
        (not_issued(IssueFailure::Throttled), RegistryErrorKind::Throttled, failure_message.clone()),
        (not_issued(IssueFailure::Failed), RegistryErrorKind::Failed, failure_message.clone()),
        (not_issued(IssueFailure::Invalid), RegistryErrorKind::ResponseInvalid, failure_message),
    ] {
        let cause = pin_error(&issued(&registry, &Issuer::failing(error)), &registry).await;
        assert_eq!((cause.kind(), cause.to_string()), (kind, message));
    }
    assert_eq!(registry.connections(), 0);
}
