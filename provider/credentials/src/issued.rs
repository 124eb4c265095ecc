//! A source of identities as the credential of an entry.

use std::fmt;
use std::sync::Arc;

use crate::scope::CredentialScope;
use crate::source::IdentitySource;
use crate::source::RepositoryScope;

/// Identities that a service issues, by a source that caches them. Equal if the source is the same and is used for the same.
#[derive(Clone)]
pub struct IssuedIdentities {
    /// For whom they are issued.
    name: Arc<str>,
    source: Arc<dyn IdentitySource>,
}

impl IssuedIdentities {
    /// The identities of `source`. `name` says for whom they are issued, such as a role; it is not secret. Verdicts and tags that
    /// were cached for another name are not used.
    #[must_use]
    pub fn new(name: impl fmt::Display, source: Arc<dyn IdentitySource>) -> Self {
        Self { name: name.to_string().into(), source }
    }

    pub(crate) fn source(&self) -> Arc<dyn IdentitySource> {
        Arc::clone(&self.source)
    }

    pub(crate) fn credential_scope(&self, entry: &Arc<str>, scope: RepositoryScope<'_>) -> CredentialScope {
        self.source.credential_scope(entry, scope).within(&self.name)
    }
}

impl PartialEq for IssuedIdentities {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && Arc::ptr_eq(&self.source, &other.source)
    }
}

impl Eq for IssuedIdentities {}

impl fmt::Debug for IssuedIdentities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("IssuedIdentities").field(&self.name).finish()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::credential::Credential;
    use crate::secret::Secret;

    #[test]
    fn another_name_has_another_scope_and_another_source_has_not() {
        let source = |password: &str| -> Arc<dyn IdentitySource> {
            Arc::new(Credential::basic("AWS-like", Secret::new(password)).unwrap())
        };
        let (one, other) = (source("a"), source("b"));
        let issued = |name: &str, source: &Arc<dyn IdentitySource>| IssuedIdentities::new(name, Arc::clone(source));
        let repository = "r.example/app".parse().unwrap();
        let scope =
            |issued: &IssuedIdentities| issued.credential_scope(&"r.example".into(), RepositoryScope::new(&repository));
        let role = issued("role", &one);
        assert_eq!(role, issued("role", &one));
        assert_ne!(role, issued("role", &other));
        assert_ne!(role, issued("pod", &one));
        assert_eq!(scope(&role), scope(&issued("role", &other)));
        assert_ne!(scope(&role), scope(&issued("pod", &one)));
        assert_ne!(
            scope(&role),
            Credential::Issued(role.clone()).credential_scope(&"x".into(), RepositoryScope::new(&repository))
        );
        assert_eq!(format!("{role:?}"), "IssuedIdentities(\"role\")");
        let none = issued("pod", &(Arc::new(Credential::Unusable("a reason".into())) as _));
        assert!(!scope(&none).is_usable());
    }
}
