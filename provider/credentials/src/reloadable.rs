//! A credential that can be replaced while requests use it.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::time::Instant;

use crate::credential::Credential;
use crate::identity::Identity;
use crate::scope::CredentialScope;
use crate::source::BoxFuture;
use crate::source::CredentialError;
use crate::source::IdentitySource;
use crate::source::RepositoryScope;

/// A [`Credential`] that is replaced when its files change. A request keeps the identity with which it started.
#[derive(Debug)]
pub struct ReloadableCredential(ArcSwap<Credential>);

impl ReloadableCredential {
    /// Creates the value with `credential`.
    #[must_use]
    pub fn new(credential: Credential) -> Self {
        Self(ArcSwap::from_pointee(credential))
    }

    /// Replaces the credential.
    pub fn replace(&self, credential: Credential) {
        self.0.store(Arc::new(credential));
    }

    /// The current credential.
    #[must_use]
    pub fn current(&self) -> Arc<Credential> {
        self.0.load_full()
    }
}

impl IdentitySource for ReloadableCredential {
    fn identity<'a>(
        &'a self,
        scope: RepositoryScope<'a>,
        deadline: Instant,
    ) -> BoxFuture<'a, Result<Identity, CredentialError>> {
        let current = self.current();
        Box::pin(async move { current.identity(scope, deadline).await })
    }

    fn credential_scope(&self, entry: &Arc<str>, scope: RepositoryScope<'_>) -> CredentialScope {
        self.0.load().credential_scope(entry, scope)
    }

    fn check(&self) -> Result<(), CredentialError> {
        self.0.load().check()
    }

    fn replacement<'a>(
        &'a self,
        scope: RepositoryScope<'a>,
        refused: &'a Identity,
        deadline: Instant,
    ) -> BoxFuture<'a, Result<Option<Identity>, CredentialError>> {
        let current = self.current();
        Box::pin(async move { current.replacement(scope, refused, deadline).await })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    #[tokio::test]
    async fn the_new_content_is_used_from_the_next_request_on() {
        let repository = "r.example/app".parse().unwrap();
        let scope = RepositoryScope::new(&repository);
        let basic = |password: &str| Credential::basic("alice", Secret::new(password)).unwrap();
        let source = ReloadableCredential::new(basic("first"));
        let identity = async || source.identity(scope, Instant::now()).await;
        let first = identity().await.unwrap();
        source.replace(basic("second"));
        let second = identity().await.unwrap();
        assert_ne!(first.revision(), second.revision());
        let unusable = CredentialError::Unusable("password: is empty".into());
        source.replace(Credential::Unusable("password: is empty".into()));
        let usable = || source.credential_scope(&"r.example".into(), scope).is_usable();
        assert_eq!((source.check(), usable()), (Err(unusable.clone()), false));
        assert_eq!(identity().await, Err(unusable));
        source.replace(Credential::Anonymous);
        assert!(identity().await.unwrap().is_anonymous() && usable());
    }
}
