//! A cache for identities that are fetched and expire.

use std::fmt;
use std::hash::BuildHasher as _;
use std::hash::Hash;
use std::sync::Arc;

use countersign_http::FlightError;
use countersign_http::LruTtlCache;
use countersign_http::SingleFlight;
use tokio::time::Instant;

use crate::identity::CredentialRevision;
use crate::identity::Identity;
use crate::limits;
use crate::scope::CredentialName;
use crate::scope::CredentialScope;
use crate::source::BoxFuture;
use crate::source::CredentialError;
use crate::source::IdentitySource;
use crate::source::RepositoryScope;

/// Fetches identities from the service that issues them.
pub trait IdentityFetcher: fmt::Debug + Send + Sync + 'static {
    /// The key by which identities are shared, for example a registry, or all registries of a region. Not secret.
    type Key: Clone + Eq + Hash + Send + Sync + fmt::Debug + fmt::Display + 'static;

    /// The key of the identity for `scope`. This binds the source to its hosts.
    ///
    /// # Errors
    /// The source has no identities for the host. No request is sent, not even an anonymous one.
    fn key(&self, scope: RepositoryScope<'_>) -> Result<Self::Key, CredentialError>;

    /// Fetches an identity. The implementation limits its own time.
    ///
    /// # Errors
    /// See [`CredentialError`].
    fn fetch(&self, key: &Self::Key) -> BoxFuture<'static, Result<Identity, CredentialError>>;
}

/// Identities of a fetcher, cached until shortly before they expire. Concurrent callers share one fetch. A failure is
/// returned to all of them and not cached.
///
/// After half of its life, a little earlier at random, an identity is fetched again in the background when it is used. If that
/// fails, the former one is used until its end.
#[derive(Debug)]
pub struct ExpiringIdentities<F: IdentityFetcher>(Arc<Inner<F>>);

#[derive(Debug)]
struct Inner<F: IdentityFetcher> {
    fetcher: F,
    cache: LruTtlCache<F::Key, Cached>,
    fetches: SingleFlight<F::Key, Result<Identity, CredentialError>>,
}

#[derive(Clone, Debug)]
struct Cached {
    identity: Identity,
    fetched: Instant,
    /// The last time at which a fetch ended, successfully or not.
    attempted: Instant,
    /// When it is fetched again in the background; `None` if it does not expire.
    renew_at: Option<Instant>,
}

impl<F: IdentityFetcher> ExpiringIdentities<F> {
    /// An empty cache in front of `fetcher`.
    #[must_use]
    pub fn new(fetcher: F) -> Self {
        let (cache, fetches) = (LruTtlCache::new(limits::IDENTITIES_BYTES), SingleFlight::default());
        Self(Arc::new(Inner { fetcher, cache, fetches }))
    }

    /// Fetches an identity, or waits for a fetch in progress.
    async fn fetch(&self, key: F::Key, deadline: Instant) -> Result<Identity, CredentialError> {
        self.fetch_other(key, None, deadline).await
    }

    /// Fetches an identity, in any case if the cached one is `refused`; or waits for a fetch in progress.
    async fn fetch_other(
        &self,
        key: F::Key,
        refused: Option<&CredentialRevision>,
        deadline: Instant,
    ) -> Result<Identity, CredentialError> {
        let fetch = |_| {
            let (inner, key, refused) = (Arc::clone(&self.0), key.clone(), refused.cloned());
            async move { inner.fetch(key, refused.as_ref()).await }
        };
        match self.0.fetches.join_or_start(key.clone(), deadline, fetch).await {
            Ok(result) => result,
            Err(FlightError::Deadline { .. }) => Err(CredentialError::Timeout),
            Err(FlightError::Panicked) => Err(CredentialError::Interrupted),
        }
    }

    /// Fetches an identity in the background, unless a fetch is in progress.
    fn renew(&self, key: F::Key) {
        let this = Self(Arc::clone(&self.0));
        // A failure is kept as the time of the next attempt.
        tokio::spawn(async move { drop(this.fetch(key, Instant::now() + limits::RENEWAL_TIMEOUT).await) });
    }
}

impl<F: IdentityFetcher> Inner<F> {
    fn cached(&self, key: &F::Key) -> Option<Cached> {
        self.cache.get(key, Instant::now().into_std())
    }

    async fn fetch(&self, key: F::Key, refused: Option<&CredentialRevision>) -> Result<Identity, CredentialError> {
        let cached = self.cached(&key);
        // Another fetch may have finished in the meantime.
        let is_good = |cached: &&Cached| !cached.is_due() && refused != Some(cached.identity.revision());
        if let Some(cached) = cached.as_ref().filter(is_good) {
            return Ok(cached.identity.clone());
        }
        let fetched = Instant::now();
        match self.fetcher.fetch(&key).await {
            Ok(identity) => {
                let renew_at = identity.expires().map(|end| renew_at(fetched, end));
                self.keep(key, Cached { identity: identity.clone(), fetched, attempted: Instant::now(), renew_at });
                Ok(identity)
            }
            Err(error) => {
                if let Some(cached) = cached {
                    let attempted = Instant::now();
                    self.keep(key, Cached { attempted, renew_at: Some(attempted + limits::RENEWAL_RETRY), ..cached });
                }
                Err(error)
            }
        }
    }

    fn keep(&self, key: F::Key, cached: Cached) {
        let end = cached.identity.expires().map(|end| usable_until(cached.fetched, end).into_std());
        let bytes = cached.identity.bytes() + LruTtlCache::<F::Key, Cached>::ENTRY_OVERHEAD;
        self.cache.put(key, cached, bytes, end);
    }
}

impl Cached {
    fn is_due(&self) -> bool {
        self.renew_at.is_some_and(|at| at <= Instant::now())
    }
}

/// When an identity that was fetched at `fetched` and expires at `end` is fetched again: after half of its life, up to a tenth
/// of that earlier, so that replicas do not ask together.
fn renew_at(fetched: Instant, end: Instant) -> Instant {
    let half = end.saturating_duration_since(fetched) / 2;
    let random = u32::try_from(std::hash::RandomState::new().hash_one(0_u8) % 100).unwrap_or_default();
    fetched + half - half / 1000 * random
}

/// The end of the use of an identity that was fetched at `fetched` and expires at `end`, so that it does not expire
/// in transit.
fn usable_until(fetched: Instant, end: Instant) -> Instant {
    let lifetime = end.saturating_duration_since(fetched);
    end - (lifetime / 10).min(limits::RENEWED_BEFORE)
}

impl<F: IdentityFetcher> IdentitySource for ExpiringIdentities<F> {
    fn identity<'a>(
        &'a self,
        scope: RepositoryScope<'a>,
        deadline: Instant,
    ) -> BoxFuture<'a, Result<Identity, CredentialError>> {
        Box::pin(async move {
            let key = self.0.fetcher.key(scope)?;
            match self.0.cached(&key) {
                Some(cached) => {
                    if cached.is_due() && !self.0.fetches.is_running(&key) {
                        self.renew(key);
                    }
                    Ok(cached.identity)
                }
                None => self.fetch(key, deadline).await,
            }
        })
    }

    fn credential_scope(&self, entry: &Arc<str>, scope: RepositoryScope<'_>) -> CredentialScope {
        match self.0.fetcher.key(scope) {
            Ok(key) => CredentialScope::new(entry, CredentialName::new(&["issued", &key.to_string()])),
            Err(_) => CredentialScope::unusable(),
        }
    }

    /// None within [`limits::REFUSED_AT_ONCE`] of the last fetch: the identity lacks permissions, and a new one would be
    /// refused as well. So a permission that is missing for long causes one fetch in that time.
    fn replacement<'a>(
        &'a self,
        scope: RepositoryScope<'a>,
        refused: &'a Identity,
        deadline: Instant,
    ) -> BoxFuture<'a, Result<Option<Identity>, CredentialError>> {
        Box::pin(async move {
            let Ok(key) = self.0.fetcher.key(scope) else { return Ok(None) };
            let refused = refused.revision();
            let other = match self.0.cached(&key) {
                Some(cached) if cached.identity.revision() == refused => {
                    if cached.attempted.elapsed() < limits::REFUSED_AT_ONCE {
                        return Ok(None);
                    }
                    self.fetch_other(key, Some(refused), deadline).await?
                }
                // It was already replaced.
                Some(cached) => cached.identity,
                None => self.fetch(key, deadline).await?,
            };
            Ok(Some(other).filter(|other| other.revision() != refused))
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
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
            let issuer =
                Self { issued: Arc::default(), permits: Arc::new(Semaphore::new(permits)), fails: Arc::default() };
            (issuer.clone(), ExpiringIdentities::new(issuer))
        }
    }

    impl IdentityFetcher for Issuer {
        type Key = &'static str;

        fn key(&self, scope: RepositoryScope<'_>) -> Result<&'static str, CredentialError> {
            let is_of_cloud = scope.host().to_string().ends_with(".cloud.example");
            if is_of_cloud { Ok("cloud") } else { Err(CredentialError::Unusable(Text::of("another host"))) }
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
}
