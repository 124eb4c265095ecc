//! A cache for identities that are fetched and expire.

use std::fmt;
use std::hash::BuildHasher as _;
use std::hash::Hash;
use std::sync::Arc;

use countersign_http::FetchError;
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
pub trait IdentityIssuer: fmt::Debug + Send + Sync + 'static {
    /// The key by which identities are shared, for example a registry, or all registries of a region. Not secret.
    type Key: Clone + Eq + Hash + Send + Sync + fmt::Debug + fmt::Display + 'static;

    /// The memory of the texts of `key`, in bytes.
    fn key_bytes(key: &Self::Key) -> usize;

    /// Fetches an identity. The implementation limits its own time.
    ///
    /// # Errors
    /// See [`CredentialError`].
    fn fetch(&self, key: &Self::Key) -> BoxFuture<'static, Result<Identity, CredentialError>>;
}

/// An issuer of identities for registries.
pub trait IdentityFetcher: IdentityIssuer {
    /// The key of the identity for `scope`. This binds the source to its hosts.
    ///
    /// # Errors
    /// The source has no identities for the host. No request is sent, not even an anonymous one.
    fn key(&self, scope: RepositoryScope<'_>) -> Result<Self::Key, CredentialError>;
}

/// Observes the fetches of a source.
pub trait IdentityObserver: fmt::Debug + Send + Sync + 'static {
    /// A fetch of the identity `key` has ended. Must be fast.
    fn fetched(&self, key: &str, result: Result<&Identity, &CredentialError>);
}

/// Identities of a fetcher, cached until shortly before they expire. Concurrent callers share one fetch. A failure is
/// returned to all of them and not cached.
///
/// After half of its life, a little earlier at random, an identity is fetched again in the background when it is used. If that
/// fails, the former one is used until its end.
#[derive(Debug)]
pub struct ExpiringIdentities<F: IdentityIssuer>(Arc<Inner<F>>);

#[derive(Debug)]
struct Inner<F: IdentityIssuer> {
    fetcher: F,
    observer: Option<Arc<dyn IdentityObserver>>,
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

impl<F: IdentityIssuer> ExpiringIdentities<F> {
    /// An empty cache in front of `fetcher`.
    #[must_use]
    pub fn new(fetcher: F) -> Self {
        Self::with(fetcher, None)
    }

    /// An empty cache in front of `fetcher`, whose fetches are reported to `observer`.
    #[must_use]
    pub fn observed(fetcher: F, observer: Arc<dyn IdentityObserver>) -> Self {
        Self::with(fetcher, Some(observer))
    }

    fn with(fetcher: F, observer: Option<Arc<dyn IdentityObserver>>) -> Self {
        let (cache, fetches) = (LruTtlCache::new(limits::IDENTITIES_BYTES), SingleFlight::default());
        Self(Arc::new(Inner { fetcher, observer, cache, fetches }))
    }

    /// The identity of a key: the cached one, or a fetched one at the latest at `deadline`.
    ///
    /// # Errors
    /// There is none, and none is issued.
    pub async fn get(&self, key: F::Key, deadline: Instant) -> Result<Identity, CredentialError> {
        match self.0.cached(&key) {
            Some(cached) => {
                if cached.is_due() && !self.0.fetches.is_running(&key) {
                    self.renew(key);
                }
                Ok(cached.identity)
            }
            None => self.fetch(key, deadline).await,
        }
    }

    /// Another identity in place of `refused`; `None` within [`limits::REFUSED_AT_ONCE`] of the last fetch: the identity lacks
    /// permissions, and a new one would be refused as well. So a permission that is missing for long causes one fetch in that time.
    ///
    /// # Errors
    /// Another one is not issued.
    pub async fn replace(
        &self,
        key: F::Key,
        refused: &Identity,
        deadline: Instant,
    ) -> Result<Option<Identity>, CredentialError> {
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
            Err(FlightError::Deadline { awaited, .. }) => {
                Err(FetchError::of_awaited(awaited).map_or(CredentialError::Timeout, CredentialError::Fetch))
            }
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

impl<F: IdentityIssuer> Inner<F> {
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
        let result = self.fetcher.fetch(&key).await;
        if let Some(observer) = &self.observer {
            observer.fetched(&key.to_string(), result.as_ref());
        }
        match result {
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
        let bytes = F::key_bytes(&key) + cached.identity.bytes() + LruTtlCache::<F::Key, Cached>::ENTRY_OVERHEAD;
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
        Box::pin(async move { self.get(self.0.fetcher.key(scope)?, deadline).await })
    }

    fn credential_scope(&self, entry: &Arc<str>, scope: RepositoryScope<'_>) -> CredentialScope {
        match self.0.fetcher.key(scope) {
            Ok(key) => CredentialScope::new(entry, CredentialName::new(&["issued", &key.to_string()])),
            Err(_) => CredentialScope::unusable(),
        }
    }

    fn replacement<'a>(
        &'a self,
        scope: RepositoryScope<'a>,
        refused: &'a Identity,
        deadline: Instant,
    ) -> BoxFuture<'a, Result<Option<Identity>, CredentialError>> {
        Box::pin(async move {
            let Ok(key) = self.0.fetcher.key(scope) else { return Ok(None) };
            self.replace(key, refused, deadline).await
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
