//! Where identities come from.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use countersign_core::codec::text::Text;
use countersign_core::name::Host;
use countersign_core::name::Repository;
use countersign_http::FetchError;
use tokio::time::Instant;

use crate::identity::Identity;
use crate::scope::CredentialScope;

/// A boxed future, so that sources can be trait objects.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What an identity is needed for: to read from a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RepositoryScope<'a>(&'a Repository);

impl<'a> RepositoryScope<'a> {
    /// To read from `repository`.
    #[must_use]
    pub fn new(repository: &'a Repository) -> Self {
        Self(repository)
    }

    /// The registry.
    #[must_use]
    pub fn host(&self) -> &'a Host {
        self.0.host()
    }

    /// The repository on it.
    #[must_use]
    pub fn path(&self) -> &'a str {
        self.0.path()
    }
}

/// Why there is no identity although there should be one. Never shows a credential.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// The configuration has a mistake: which file and entry has which.
    #[error("{0}")]
    Unusable(Text),
    /// The service that issues it did not answer.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// It was not issued in time.
    #[error("the credential was not issued in time")]
    Timeout,
    /// The task that fetches it panicked.
    #[error("the request for the credential ended without a result")]
    Interrupted,
}

/// A source of identities, for the hosts of one entry of the settings.
pub trait IdentitySource: fmt::Debug + Send + Sync + 'static {
    /// The identity for `scope`, by `deadline`. A source that fetches identities returns a cached one while it is valid.
    ///
    /// # Errors
    /// There should be an identity, and there is none. The registry is then not asked, in particular not anonymously.
    fn identity<'a>(
        &'a self,
        scope: RepositoryScope<'a>,
        deadline: Instant,
    ) -> BoxFuture<'a, Result<Identity, CredentialError>>;

    /// Which credential requests for `scope` carry, or that it cannot be used, without waiting. `entry` names the entry of the
    /// settings. Asked for with every image, even where no request is needed: it is to cost little.
    fn credential_scope(&self, entry: &Arc<str>, scope: RepositoryScope<'_>) -> CredentialScope;

    /// Why no host of the entry is asked, if that is so: its configuration has a mistake.
    ///
    /// # Errors
    /// See there.
    fn check(&self) -> Result<(), CredentialError> {
        Ok(())
    }

    /// The registry, or its token service, has refused `identity`. Returns whether [`Self::identity`] may now return another
    /// one, so that the request is sent again: a cached identity that ended early is fetched again, once. What a file says
    /// stays as it is.
    fn refused(&self, _scope: RepositoryScope<'_>, _identity: &Identity) -> bool {
        false
    }
}
