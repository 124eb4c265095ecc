//! Identities are cached, renewed and replaced.

use std::sync::Mutex;
use std::time::Duration;

use countersign_core::codec::text::Text;
use countersign_core::name::Repository;
use tokio::sync::Semaphore;

use super::*;
use crate::auth_method::AuthMethod;
use crate::secret::Secret;

const HOUR: Duration = Duration::from_secs(3600);

/// Issues `1`, `2` and so on for hosts below `cloud.example`, when the semaphore has a permit.
#[derive(Clone, Debug)]
struct Issuer {
    issued: Arc<Mutex<usize>>,
    permits: Arc<Semaphore>,
    fails: Arc<Mutex<bool>>,
}

impl Issuer {
    fn with_permits(permits: usize) -> (Self, ExpiringIdentities<Self>) {
        let issuer = Self { issued: Arc::default(), permits: Arc::new(Semaphore::new(permits)), fails: Arc::default() };
        (issuer.clone(), ExpiringIdentities::new(issuer))
    }
}

impl IdentityFetcher for Issuer {
    fn key(&self, scope: RepositoryScope<'_>) -> Result<&'static str, CredentialError> {
        let is_of_cloud = scope.host().to_string().ends_with(".cloud.example");
        if is_of_cloud { Ok("cloud") } else { Err(CredentialError::Unusable(Text::of("another host"))) }
    }
}

impl IdentityIssuer for Issuer {
    type Key = &'static str;

    fn key_bytes(key: &&'static str) -> usize {
        key.len()
    }

    fn fetch(&self, _: &&'static str) -> BoxFuture<'static, Result<Identity, CredentialError>> {
        let Self { issued, permits, fails } = self.clone();
        Box::pin(async move {
            permits.acquire().await.unwrap().forget();
            if *fails.lock().unwrap() {
                return Err(CredentialError::Timeout);
            }
            let mut issued = issued.lock().unwrap();
            *issued += 1;
            let password = Secret::new(issued.to_string());
            let method = AuthMethod::Basic { user: "cloud".to_owned(), password };
            Ok(Identity::new(method, Some(Instant::now() + HOUR)).unwrap())
        })
    }
}

fn app(host: &str) -> Repository {
    format!("{host}/app").parse().unwrap()
}

async fn password(source: &impl IdentitySource) -> Result<String, CredentialError> {
    let app = app("a.cloud.example");
    let identity = source.identity(RepositoryScope::new(&app), Instant::now() + HOUR).await?;
    Ok(text(&identity))
}

fn text(identity: &Identity) -> String {
    let AuthMethod::Basic { password, .. } = identity.method() else { panic!("{identity:?}") };
    String::from_utf8(password.expose().to_vec()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn an_expired_identity_is_fetched_once_while_many_callers_wait() {
    let (issuer, source) = Issuer::with_permits(1);
    assert_eq!(password(&source).await.unwrap(), "1");
    tokio::time::advance(HOUR).await;
    let source = Arc::new(source);
    let callers: Vec<_> = (0..20)
        .map(|_| {
            let source = Arc::clone(&source);
            tokio::spawn(async move { password(&*source).await })
        })
        .collect();
    tokio::task::yield_now().await;
    issuer.permits.add_permits(20);
    for caller in callers {
        assert_eq!(caller.await.unwrap().unwrap(), "2");
    }
    assert_eq!(*issuer.issued.lock().unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn after_half_of_its_life_an_identity_is_renewed_while_it_is_used() {
    let (issuer, source) = Issuer::with_permits(2);
    assert_eq!(password(&source).await.unwrap(), "1");
    tokio::time::advance(HOUR * 9 / 20 - Duration::from_secs(1)).await;
    assert_eq!(password(&source).await.unwrap(), "1");
    settle().await;
    assert_eq!(*issuer.issued.lock().unwrap(), 1);
    tokio::time::advance(HOUR / 20 + Duration::from_secs(1)).await;
    assert_eq!(password(&source).await.unwrap(), "1");
    settle().await;
    assert_eq!(password(&source).await.unwrap(), "2");
    assert_eq!(*issuer.issued.lock().unwrap(), 2);
    let (start, second) = (Instant::now(), Duration::from_secs(1));
    assert_eq!(usable_until(start, start + 100 * second), start + 90 * second);
}

#[tokio::test(start_paused = true)]
async fn an_identity_is_used_until_its_end_while_the_service_is_down() {
    let (issuer, source) = Issuer::with_permits(100);
    assert_eq!(password(&source).await.unwrap(), "1");
    *issuer.fails.lock().unwrap() = true;
    tokio::time::advance(HOUR / 2).await;
    let attempts = issuer.permits.available_permits();
    for _ in 0..10 {
        assert_eq!(password(&source).await.unwrap(), "1");
        settle().await;
    }
    // The next attempt is later.
    assert_eq!(issuer.permits.available_permits(), attempts - 1);
    tokio::time::advance(limits::RENEWAL_RETRY).await;
    assert_eq!(password(&source).await.unwrap(), "1");
    settle().await;
    assert_eq!(issuer.permits.available_permits(), attempts - 2);
    tokio::time::advance(HOUR / 2 - limits::RENEWAL_RETRY - limits::RENEWED_BEFORE).await;
    assert_eq!(password(&source).await, Err(CredentialError::Timeout));
    *issuer.fails.lock().unwrap() = false;
    assert_eq!(password(&source).await.unwrap(), "2");
}

#[tokio::test(start_paused = true)]
async fn one_renewal_is_in_progress_however_many_use_the_identity() {
    let (issuer, source) = Issuer::with_permits(1);
    assert_eq!(password(&source).await.unwrap(), "1");
    settle().await;
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    tokio::time::advance(HOUR / 2).await;
    for _ in 0..50 {
        assert_eq!(password(&source).await.unwrap(), "1");
        settle().await;
    }
    // The one that waits for the result, and the fetch.
    assert_eq!(tasks() - before, 2);
    issuer.permits.add_permits(1);
    settle().await;
    assert_eq!(password(&source).await.unwrap(), "2");
}

/// Lets the background work run that needs no time.
async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_identity_is_fetched_again_once_unless_it_was_just_fetched() {
    let (issuer, source) = Issuer::with_permits(10);
    let app = app("a.cloud.example");
    let at = RepositoryScope::new(&app);
    let first = source.identity(at, Instant::now() + HOUR).await.unwrap();
    let replaced = async || {
        let other = source.replacement(at, &first, Instant::now() + HOUR).await?;
        Ok::<_, CredentialError>(other.map(|other| text(&other)))
    };
    assert_eq!(replaced().await, Ok(None));
    tokio::time::advance(limits::REFUSED_AT_ONCE).await;
    assert_eq!(replaced().await, Ok(Some("2".to_owned())));
    assert_eq!(password(&source).await.unwrap(), "2");
    // Other callers whose former identity was refused use the new one.
    assert_eq!(replaced().await, Ok(Some("2".to_owned())));
    assert_eq!(*issuer.issued.lock().unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn many_refusals_of_one_identity_cause_one_fetch() {
    let (issuer, source) = Issuer::with_permits(1);
    let app = app("a.cloud.example");
    let first = source.identity(RepositoryScope::new(&app), Instant::now() + HOUR).await.unwrap();
    tokio::time::advance(limits::REFUSED_AT_ONCE).await;
    let source = Arc::new(source);
    let callers: Vec<_> = (0..20)
        .map(|_| {
            let (source, app, first) = (Arc::clone(&source), app.clone(), first.clone());
            tokio::spawn(async move {
                let at = RepositoryScope::new(&app);
                source.replacement(at, &first, Instant::now() + HOUR).await.unwrap().map(|other| text(&other))
            })
        })
        .collect();
    settle().await;
    issuer.permits.add_permits(20);
    for caller in callers {
        assert_eq!(caller.await.unwrap(), Some("2".to_owned()));
    }
    assert_eq!(*issuer.issued.lock().unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_refused_identity_stays_in_use_for_other_repositories_if_no_other_one_is_issued() {
    let (issuer, source) = Issuer::with_permits(100);
    let app = app("a.cloud.example");
    let at = RepositoryScope::new(&app);
    let first = source.identity(at, Instant::now() + HOUR).await.unwrap();
    *issuer.fails.lock().unwrap() = true;
    tokio::time::advance(limits::REFUSED_AT_ONCE).await;
    let replaced = async || source.replacement(at, &first, Instant::now() + HOUR).await;
    let left = issuer.permits.available_permits();
    assert_eq!(replaced().await, Err(CredentialError::Timeout));
    assert_eq!(password(&source).await.unwrap(), "1");
    // The next attempt is later.
    assert_eq!(replaced().await, Ok(None));
    assert_eq!(issuer.permits.available_permits(), left - 1);
    tokio::time::advance(limits::REFUSED_AT_ONCE).await;
    *issuer.fails.lock().unwrap() = false;
    assert_eq!(replaced().await.unwrap().map(|other| text(&other)), Some("2".to_owned()));
}

/// What was reported.
#[derive(Debug, Default)]
struct Seen(Mutex<Vec<String>>);

impl IdentityObserver for Seen {
    fn fetched(&self, key: &str, result: Result<&Identity, &CredentialError>) {
        let result = result.map_or_else(ToString::to_string, text);
        self.0.lock().unwrap().push(format!("{key} {result}"));
    }
}

#[tokio::test(start_paused = true)]
async fn each_fetch_is_reported_once_and_no_use_of_the_cache() {
    let (issuer, _) = Issuer::with_permits(100);
    let seen = Arc::new(Seen::default());
    let source = ExpiringIdentities::observed(issuer.clone(), Arc::clone(&seen) as _);
    for _ in 0..3 {
        assert_eq!(password(&source).await.unwrap(), "1");
    }
    *issuer.fails.lock().unwrap() = true;
    tokio::time::advance(HOUR / 2).await;
    assert_eq!(password(&source).await.unwrap(), "1");
    settle().await;
    *issuer.fails.lock().unwrap() = false;
    tokio::time::advance(limits::RENEWAL_RETRY).await;
    assert_eq!(password(&source).await.unwrap(), "1");
    settle().await;
    assert_eq!(*seen.0.lock().unwrap(), ["cloud 1", "cloud the credential was not issued in time", "cloud 2"]);
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_not_cached_and_the_deadline_holds() {
    let (issuer, source) = Issuer::with_permits(2);
    *issuer.fails.lock().unwrap() = true;
    assert_eq!(password(&source).await, Err(CredentialError::Timeout));
    *issuer.fails.lock().unwrap() = false;
    assert_eq!(password(&source).await.unwrap(), "1");
    tokio::time::advance(HOUR).await;
    let app = app("a.cloud.example");
    let late = source.identity(RepositoryScope::new(&app), Instant::now() + Duration::from_secs(1)).await;
    assert_eq!(late, Err(CredentialError::Timeout));
}

#[tokio::test]
async fn hosts_of_other_sources_get_no_identity_and_no_anonymous_one() {
    let (issuer, source) = Issuer::with_permits(1);
    let app = app("cloud.example.evil.example");
    let other = RepositoryScope::new(&app);
    let refused = source.identity(other, Instant::now() + HOUR).await;
    assert_eq!(refused, Err(CredentialError::Unusable(Text::of("another host"))));
    assert_eq!(source.credential_scope(&"a".into(), other), CredentialScope::unusable());
    assert_eq!(source.replacement(other, &Identity::anonymous(), Instant::now() + HOUR).await, Ok(None));
    assert_eq!(*issuer.issued.lock().unwrap(), 0);
}
