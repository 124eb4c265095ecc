//! Entries for some repositories of a host: which credential goes with which repository. The journal of the registry has
//! every request with what it carried.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::time::Duration;

use countersign_core::codec::excerpt::Excerpt;
use countersign_core::name::ImageRef;
use countersign_credentials::Credential;
use countersign_credentials::Secret;
use countersign_http::Awaited;
use countersign_http::RootCertificates;
use countersign_http::Roots;
use countersign_http::Scheme;
use countersign_http::until;
use countersign_registry::Cause;
use countersign_registry::EntryNumbers;
use countersign_registry::LinkRefusal;
use countersign_registry::Registries;
use countersign_registry::RegistryEntry;
use countersign_registry::RegistryErrorKind;
use countersign_registry::RegistrySettings;
use countersign_registry::Stage;
use countersign_registry::Unlisted;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::registry::Handler;
use countersign_testkit::registry::RecordedRequest;
use countersign_testkit::registry::Registry;
use countersign_testkit::registry::Reply;
use countersign_testkit::registry::Route;
use tokio::time::Instant;

use crate::support::SIGNATURE;
use crate::support::build;
use crate::support::settings;
use crate::support::shortly;
use crate::support::soon;
use crate::support::start_secure;

/// base64 of `team:t`
const TEAM: &str = "Basic dGVhbTp0";
/// base64 of `others:o`
const OTHERS: &str = "Basic b3RoZXJzOm8=";

fn login(user: &str, password: &str) -> Credential {
    Credential::basic(user, Secret::new(password)).unwrap()
}

/// An entry over plain HTTP for the repositories of the registry that begin with `path`, or for all.
fn rule(registry: &Registry, path: &str, credential: Credential) -> RegistryEntry {
    let pattern = format!("{}{path}", registry.host()).parse().unwrap();
    RegistryEntry { scheme: Scheme::Http, ..RegistryEntry::new(pattern, credential) }
}

/// A registry with `team/app`, `teams/app` and `app`, an entry for `team`, and after it one for the rest.
async fn divided() -> (Registry, Registries) {
    let registry = Registry::start().await;
    for repository in ["team/app", "teams/app", "app"] {
        registry.push_image(repository, "v1");
    }
    let entries = vec![rule(&registry, "/team", login("team", "t")), rule(&registry, "", login("others", "o"))];
    let (registries, _) = build(settings(entries));
    (registry, registries)
}

fn image(registry: &Registry, repository: &str) -> ImageRef {
    format!("{}/{repository}:v1", registry.host()).parse().unwrap()
}

async fn read(registries: &Registries, registry: &Registry, repository: &str) -> Result<(), Cause> {
    let image = registries.pin(&image(registry, repository), soon()).await.map_err(|error| error.cause)?;
    registries.referrers(&image, SIGNATURE, soon()).await.map(drop).map_err(|error| error.cause)
}

/// The repository of a path of the API.
fn repository_of(request: &RecordedRequest) -> String {
    let path = request.path.strip_prefix("/v2/").unwrap_or_default();
    ["/manifests/", "/referrers/", "/blobs/"]
        .iter()
        .find_map(|kind| path.split_once(kind))
        .map_or_else(String::new, |(repository, _)| repository.to_owned())
}

/// Which authorization was sent with which repository; for a token service the scope.
fn journal(registry: &Registry) -> BTreeSet<(String, String)> {
    let sent = |request: RecordedRequest| {
        let what = match repository_of(&request) {
            empty if empty.is_empty() => request.query_values("scope").join(" "),
            repository => repository,
        };
        Some((what, request.authorization()?.to_owned()))
    };
    registry.requests().into_iter().filter_map(sent).collect()
}

fn set<const N: usize>(expected: [(&str, &str); N]) -> BTreeSet<(String, String)> {
    expected.into_iter().map(|(what, sent)| (what.to_owned(), sent.to_owned())).collect()
}

#[tokio::test]
async fn each_repository_gets_the_credential_of_the_first_entry_that_matches() {
    let (registry, registries) = divided().await;
    registry.require_basic_any(&[("team", "t"), ("others", "o")]);
    for repository in ["team/app", "teams/app", "app", "team/app"] {
        read(&registries, &registry, repository).await.unwrap();
    }
    assert_eq!(journal(&registry), set([("team/app", TEAM), ("teams/app", OTHERS), ("app", OTHERS)]));
}

#[tokio::test]
async fn no_other_credential_is_tried_when_that_of_the_entry_is_refused() {
    let (registry, registries) = divided().await;
    registry.require_basic("others", "o");
    let cause = read(&registries, &registry, "team/app").await.unwrap_err();
    assert_eq!(cause.kind(), RegistryErrorKind::Denied);
    let host = registry.host();
    assert_eq!(
        cause.to_string(),
        format!(
            "{host} responds with status 401 to the configured user name and password, saying \"UNAUTHORIZED: as the test \
             wanted\"; registries[0] \"{host}/team\" applies"
        )
    );
    assert_eq!(journal(&registry), set([("team/app", TEAM)]));
}

/// Requires a token for the repository that a login may have, and issues tokens that name login and scope.
fn require_tokens(registry: &Registry, scope: impl Fn(&str) -> String + Send + Sync + 'static) {
    let host = registry.host();
    registry.require_by(move |request| {
        let repository = repository_of(request);
        let scope = scope(&repository);
        let challenge = format!("Bearer realm=\"http://{host}/issue\",service=\"s\",scope=\"{scope}\"");
        let has_token = request.authorization().is_some_and(|sent| sent.starts_with("Bearer "));
        (!has_token).then(|| Reply::error(401, "UNAUTHORIZED").header("www-authenticate", &challenge))
    });
    let issue = |request: &RecordedRequest| {
        let user = match request.authorization() {
            Some(TEAM) => "team",
            Some(OTHERS) => "others",
            _ => "anonymous",
        };
        let scope = request.query_values("scope").join("+").replace(':', "_");
        Reply::status(200).header("content-type", "application/json").body(format!(r#"{{"token": "{user}.{scope}"}}"#))
    };
    registry.serve_by("/issue", Handler::new(issue));
}

#[tokio::test]
async fn a_token_is_requested_with_the_credential_of_its_repository_for_its_repository() {
    let (registry, registries) = divided().await;
    require_tokens(&registry, |repository| format!("repository:{repository}:pull"));
    for repository in ["team/app", "app", "team/app", "app"] {
        read(&registries, &registry, repository).await.unwrap();
    }
    assert_eq!(
        journal(&registry),
        set([
            ("repository:team/app:pull", TEAM),
            ("repository:app:pull", OTHERS),
            ("team/app", "Bearer team.repository_team/app_pull"),
            ("app", "Bearer others.repository_app_pull"),
        ])
    );
}

#[tokio::test]
async fn a_token_with_one_scope_for_all_repositories_is_not_used_under_another_entry() {
    let registry = Registry::start().await;
    for repository in ["team/app", "app"] {
        registry.push_image(repository, "v1");
    }
    // The same login in both: the tokens are separate by entry, not only by credential.
    let entries = vec![rule(&registry, "/team", login("team", "t")), rule(&registry, "", login("team", "t"))];
    let (registries, _) = build(settings(entries));
    require_tokens(&registry, |_| "registry:catalog:*".to_owned());
    for repository in ["team/app", "app", "team/app"] {
        read(&registries, &registry, repository).await.unwrap();
    }
    let exchanges = registry.requests().iter().filter(|request| request.path == "/issue").count();
    assert_eq!(exchanges, 2);
    let (registry, registries) = divided().await;
    require_tokens(&registry, |_| "registry:catalog:*".to_owned());
    for repository in ["team/app", "app", "team/app"] {
        read(&registries, &registry, repository).await.unwrap();
    }
    assert_eq!(
        journal(&registry),
        set([
            ("registry:catalog:*", TEAM),
            ("registry:catalog:*", OTHERS),
            ("team/app", "Bearer team.registry_catalog_*"),
            ("app", "Bearer others.registry_catalog_*"),
        ])
    );
}

#[tokio::test]
async fn a_redirect_to_another_repository_of_the_host_carries_no_credential() {
    let (registry, registries) = divided().await;
    registry.require_basic_any(&[("team", "t"), ("others", "o")]);
    let moved = format!("{}/v2/app/manifests/v1", registry.url());
    registry.when(Route::Manifest).path_contains("/v2/team/app/").redirect(307, &moved);
    let cause = read(&registries, &registry, "team/app").await.unwrap_err();
    assert_eq!(cause.kind(), RegistryErrorKind::Denied);
    assert_eq!(journal(&registry), set([("team/app", TEAM)]));
    // The other direction, and an escaped path that a server may read as another one.
    registry.clear_faults();
    registry.clear_requests();
    for path in ["/v2/team/app/manifests/v1", "/v2/app/..%2fteam/app/manifests/v1"] {
        registry
            .when(Route::Manifest)
            .path_contains("/v2/app/manifests")
            .redirect(307, &format!("{}{path}", registry.url()));
        assert_eq!(read(&registries, &registry, "app").await.unwrap_err().kind(), RegistryErrorKind::Denied, "{path}");
        registry.clear_faults();
    }
    assert_eq!(journal(&registry), set([("app", OTHERS)]));
}

#[tokio::test]
async fn a_further_page_of_another_repository_of_the_host_is_not_read() {
    let (registry, registries) = divided().await;
    let link = format!("<{}/v2/app/referrers/sha256:0>; rel=\"next\"", registry.url());
    registry.when(Route::Referrers).header("link", &link);
    let image = registries.pin(&image(&registry, "team/app"), soon()).await.unwrap();
    let list = registries.referrers(&image, SIGNATURE, soon()).await.unwrap();
    let text = format!("{list:?}");
    let refusal = LinkRefusal::Repository { found: Excerpt::of("/v2/app/referrers/sha256:0") };
    assert!(text.contains(&format!("{refusal:?}")), "{text}");
    assert_eq!(registry.requests().iter().filter(|request| request.path.contains("/v2/app/")).count(), 0);
}

#[tokio::test]
async fn a_repository_without_an_entry_gets_no_credential_or_no_request() {
    let registry = Registry::start().await;
    registry.push_image("team/app", "v1");
    registry.push_image("app", "v1");
    let entries = || vec![rule(&registry, "/team", login("team", "t"))];
    let (registries, _) = build(RegistrySettings { unlisted: Unlisted::Refuse, ..settings(entries()) });
    read(&registries, &registry, "team/app").await.unwrap();
    registry.clear_requests();
    let cause = read(&registries, &registry, "app").await.unwrap_err();
    assert_eq!(cause, Cause::HostRefused { host: registry.host() });
    assert_eq!(registry.requests().len(), 0);
    let anonymous = build(settings(entries())).0;
    // Over https, as every registry without an entry.
    assert_eq!(read(&anonymous, &registry, "app").await.unwrap_err().kind(), RegistryErrorKind::Refused);
}

#[tokio::test]
async fn entries_of_one_host_have_authorities_of_their_own() {
    let (registry, ca) = start_secure().await;
    registry.push_image("team/app", "v1");
    let other = Authority::root(CertSpec::root());
    let trusting = |path: &str, ca: &Authority| {
        let roots = Roots::Only(RootCertificates::parse("ca.pem", ca.pem().as_bytes()).unwrap());
        let pattern = format!("{}{path}", registry.host()).parse().unwrap();
        RegistryEntry { roots, ..RegistryEntry::new(pattern, Credential::Anonymous) }
    };
    let (registries, seen) = build(settings(vec![trusting("/team", &ca), trusting("", &other)]));
    read(&registries, &registry, "team/app").await.unwrap();
    assert_eq!(read(&registries, &registry, "app").await.unwrap_err().kind(), RegistryErrorKind::Unreachable);
    let names: Vec<_> =
        seen.by_entry().into_iter().filter(|(_, stage)| *stage == Stage::Manifest).map(|(name, _)| name).collect();
    assert_eq!(names, [Some(format!("{}/team", registry.host())), Some(registry.host())]);
}

/// The settings of one entry with these numbers, without a tag cache.
fn limited(registry: &Registry, numbers: EntryNumbers) -> RegistrySettings {
    settings(vec![RegistryEntry { numbers, ..rule(registry, "", Credential::Anonymous) }])
}

#[tokio::test]
async fn an_entry_has_a_limit_of_concurrent_requests_of_its_own() {
    let registry = Registry::start().await;
    registry.push_image("app", "v1");
    let (registries, seen) = build(limited(&registry, EntryNumbers { requests: Some(1), ..EntryNumbers::default() }));
    let held = registry.when(Route::Manifest).times(1).hold();
    let image = image(&registry, "app");
    let first = tokio::spawn({
        let (registries, image) = (registries.clone(), image.clone());
        async move { registries.pin(&image, soon()).await.map(drop) }
    });
    seen.until(countersign_registry::resources::REQUESTS, |in_use| in_use == 1).await;
    let error = registries.pin(&image, shortly()).await.unwrap_err();
    assert_eq!(error.kind(), RegistryErrorKind::Throttled);
    assert_eq!(
        error.cause.to_string(),
        format!(
            "maxRequests of registries[0] \"{}\": found 1 requests in progress, expected at most 1",
            registry.host()
        )
    );
    // Other settings continue the use of the limit.
    let next = registries
        .successor(limited(&registry, EntryNumbers { requests: Some(1), ..EntryNumbers::default() }))
        .unwrap();
    assert_eq!(next.pin(&image, shortly()).await.unwrap_err().kind(), RegistryErrorKind::Throttled);
    held.release();
    first.await.unwrap().unwrap();
    drop(registries.pin(&image, soon()).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_registry_without_a_response_is_named_by_those_that_wait_for_its_request_in_progress() {
    let registry = Registry::start().await;
    registry.push_image("app", "v1");
    registry.when(Route::Manifest).never_answer();
    let (registries, _) = build(limited(&registry, EntryNumbers { requests: Some(1), ..EntryNumbers::default() }));
    let image = image(&registry, "app");
    let pin = || registries.pin(&image, Instant::now() + Duration::from_millis(1800));
    let (first, second) = tokio::join!(pin(), async {
        tokio::time::sleep(Duration::from_millis(1)).await;
        registries.pin(&image, Instant::now() + Duration::from_millis(1700)).await
    });
    let (first, second) = (first.unwrap_err(), second.unwrap_err());
    assert_eq!((first.kind(), second.kind()), (RegistryErrorKind::Timeout, RegistryErrorKind::Timeout));
    let host = registry.host();
    assert_eq!(
        second.cause.to_string(),
        format!(
            "found no complete response of {host} for 1.7 s, for which other requests wait (maxRequests of registries[0] \"{host}\": 1 at a \
             time)"
        )
    );
    // So does a caller whose deadline passes before that of the work.
    let late = tokio::join!(pin(), async {
        let work = registries.pin(&image, soon());
        until(Instant::now() + Duration::from_millis(1700), work).await.unwrap_err()
    });
    let Awaited::Setting(limit) = late.1.awaited else { panic!("{:?}", late.1) };
    assert!(limit.is_of_silence(), "{limit}");
}

#[tokio::test]
async fn a_request_beyond_the_number_of_a_second_waits_or_names_the_entry() {
    let registry = Registry::start().await;
    registry.push_image("app", "v1");
    let numbers = EntryNumbers { per_second: NonZeroU32::new(1), ..EntryNumbers::default() };
    let (registries, _) = build(limited(&registry, numbers));
    let image = image(&registry, "app");
    drop(registries.pin(&image, soon()).await.unwrap());
    let error = registries.pin(&image, shortly()).await.unwrap_err();
    assert_eq!(error.kind(), RegistryErrorKind::Throttled);
    assert_eq!(
        error.cause.to_string(),
        format!("requestsPerSecond of registries[0] \"{}\" (1) requires a wait of 1.0 s", registry.host())
    );
    assert_eq!(registry.count(Route::Manifest), 1);
}

#[tokio::test]
async fn an_entry_has_a_timeout_of_its_own() {
    let registry = Registry::start().await;
    registry.push_image("app", "v1");
    registry.when(Route::Manifest).never_answer();
    let numbers = EntryNumbers { request_timeout: Some(Duration::from_millis(50)), ..EntryNumbers::default() };
    let (registries, _) = build(limited(&registry, numbers));
    let error = registries.pin(&image(&registry, "app"), soon()).await.unwrap_err();
    assert_eq!(error.kind(), RegistryErrorKind::Timeout);
}
