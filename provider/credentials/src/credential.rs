//! The credential of an entry of the settings, as its files have it.

use std::future::ready;
use std::sync::Arc;

use countersign_core::codec::text::Text;
use tokio::time::Instant;

use crate::auth_method::AuthMethod;
use crate::auth_method::AuthMethodError;
use crate::docker_config::DockerConfig;
use crate::docker_config::Found;
use crate::identity::Identity;
use crate::scope::CredentialScope;
use crate::secret::Secret;
use crate::source::BoxFuture;
use crate::source::CredentialError;
use crate::source::IdentitySource;
use crate::source::RepositoryScope;

/// The credential of an entry. It goes to hosts that match the entry and to their token services, nowhere else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// None.
    Anonymous,
    /// One identity for all repositories.
    Static(Identity),
    /// The host's own entry in the file. Hosts and paths without one are asked anonymously, as container runtimes do.
    DockerConfig(Arc<DockerConfig>),
    /// There should be one, and it cannot be used: the hosts are not asked at all. The text says why, and shows nothing of a
    /// credential.
    Unusable(Text),
}

impl Credential {
    /// A user name and a password.
    ///
    /// # Errors
    /// They cannot be sent.
    pub fn basic(user: impl Into<String>, password: Secret) -> Result<Self, AuthMethodError> {
        Identity::new(AuthMethod::Basic { user: user.into(), password }, None).map(Self::Static)
    }

    /// A token of the registry, which is sent with every request without asking a token service.
    ///
    /// # Errors
    /// It cannot be sent.
    pub fn registry_token(token: Secret) -> Result<Self, AuthMethodError> {
        Identity::new(AuthMethod::RegistryToken(token), None).map(Self::Static)
    }

    fn find(&self, scope: &RepositoryScope) -> Result<Identity, CredentialError> {
        match self {
            Self::Anonymous => Ok(Identity::anonymous()),
            Self::Static(identity) => Ok(identity.clone()),
            Self::DockerConfig(config) => match config.find(scope.host(), scope.path()) {
                Found::Anonymous => Ok(Identity::anonymous()),
                Found::Identity { identity, .. } => Ok(identity.clone()),
                Found::Unusable(why) => Err(CredentialError::Unusable(why)),
            },
            Self::Unusable(why) => Err(CredentialError::Unusable(why.clone())),
        }
    }
}

impl IdentitySource for Credential {
    fn identity<'a>(
        &'a self,
        scope: &'a RepositoryScope,
        _deadline: Instant,
    ) -> BoxFuture<'a, Result<Identity, CredentialError>> {
        Box::pin(ready(self.find(scope)))
    }

    fn credential_scope(&self, entry: &str, scope: &RepositoryScope) -> CredentialScope {
        match self {
            Self::Anonymous => CredentialScope::anonymous(),
            Self::Static(identity) => match kind_and_user(identity) {
                Some((kind, user)) => CredentialScope::new(&["static", entry, kind, user]),
                None => CredentialScope::anonymous(),
            },
            Self::DockerConfig(config) => match config.find(scope.host(), scope.path()) {
                Found::Anonymous => CredentialScope::anonymous(),
                Found::Identity { identity, key } => match kind_and_user(identity) {
                    Some((kind, user)) => CredentialScope::new(&["docker", entry, &key.to_string(), kind, user]),
                    None => CredentialScope::anonymous(),
                },
                // Nothing is asked.
                Found::Unusable(_) => CredentialScope::new(&["unusable"]),
            },
            Self::Unusable(_) => CredentialScope::new(&["unusable"]),
        }
    }

    fn check(&self) -> Result<(), CredentialError> {
        match self {
            Self::Unusable(why) => Err(CredentialError::Unusable(why.clone())),
            Self::Anonymous | Self::Static(_) | Self::DockerConfig(_) => Ok(()),
        }
    }

    fn check_scope(&self, scope: &RepositoryScope) -> Result<(), CredentialError> {
        self.find(scope).map(|_| ())
    }
}

/// How an identity authenticates, and as whom. None without a credential.
fn kind_and_user(identity: &Identity) -> Option<(&'static str, &str)> {
    match identity.method() {
        AuthMethod::Anonymous => None,
        AuthMethod::Basic { user, password: _ } => Some(("basic", user)),
        AuthMethod::IdentityToken(_) => Some(("identity-token", "")),
        AuthMethod::RegistryToken(_) => Some(("registry-token", "")),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn docker(auths: &str) -> Credential {
        let config = DockerConfig::parse("config.json", format!(r#"{{"auths":{{{auths}}}}}"#).as_bytes());
        Credential::DockerConfig(Arc::new(config.unwrap()))
    }

    fn basic(user: &str, password: &str) -> Credential {
        Credential::basic(user, Secret::new(password)).unwrap()
    }

    fn scope(credential: &Credential, pattern: &str) -> CredentialScope {
        credential.credential_scope(pattern, &RepositoryScope::new(&"a.example/team/app".parse().unwrap()))
    }

    #[test]
    fn a_scope_changes_with_entry_user_and_kind_and_not_with_the_password() {
        let host = r#""a.example":{"username":"bob","password":"p"}"#;
        let of_host = docker(host);
        let scopes = [
            scope(&Credential::Anonymous, "a.example"),
            scope(&basic("bob", "p"), "a.example"),
            scope(&basic("bob", "p"), "*.example"),
            scope(&basic("eve", "p"), "a.example"),
            scope(&Credential::registry_token(Secret::new("t")).unwrap(), "a.example"),
            scope(&of_host, "a.example"),
            // The same login, for a part of the host.
            scope(&docker(r#""a.example/team":{"username":"bob","password":"p"}"#), "a.example"),
            scope(&docker(r#""*.example":{"username":"bob","password":"p"}"#), "a.example"),
            scope(&docker(r#""a.example":{"username":"eve","password":"p"}"#), "a.example"),
            scope(&docker(r#""a.example":{"identitytoken":"t"}"#), "a.example"),
            scope(&docker(r#""a.example":{"auth":"!"}"#), "a.example"),
        ];
        for (index, one) in scopes.iter().enumerate() {
            assert_eq!(scopes.iter().position(|other| other == one), Some(index), "{index}");
        }
        assert_eq!(scope(&basic("bob", "p"), "a.example"), scope(&basic("bob", "other"), "a.example"));
        // Nor with an entry for other images, or the order of entries.
        let more = docker(&format!(r#""b.example":{{"username":"eve","password":"p"}},{host}"#));
        assert_eq!(scope(&more, "a.example"), scope(&of_host, "a.example"));
        assert_eq!(scope(&docker(r#""b.example":{"auth":"eDp5"}"#), "a.example"), CredentialScope::anonymous());
    }
}
