//! What a registry host may be told about who we are.

use std::sync::Arc;

use countersign_core::codec::text::Text;
use countersign_core::name::Digest;
use countersign_core::name::Host;
use countersign_core::name::ListHasher;

use crate::auth_method::AuthMethod;
use crate::auth_method::AuthMethodError;
use crate::docker_config::DockerConfig;
use crate::docker_config::Found;
use crate::secret::Secret;

/// The credential of a registry pattern. It goes to hosts that match the pattern and to their token services, nowhere
/// else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    Anonymous,
    Basic {
        user: String,
        password: Secret,
    },
    /// Sent as it is with every request, without asking a token service.
    Bearer(Secret),
    /// The host's own entry in the file; hosts and paths without one are asked anonymously, as container runtimes do.
    DockerConfig(Arc<DockerConfig>),
    /// There should be one, and it cannot be used: the hosts are not asked at all. The text says why, and shows nothing
    /// of a credential.
    Unusable(Text),
}

/// A login and where it stands in the settings: tokens got with one are not for another.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) method: AuthMethod,
    pub(crate) id: CredentialId,
}

/// Position of a credential: the settings' entry, and the one within its Docker configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct CredentialId(usize, usize);

/// Which credential requests for a repository carry. Those of equal scopes carry the same login; the password of it may have
/// changed. Says nothing of the credential.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CredentialScope(Digest);

impl CredentialScope {
    /// No credential.
    pub(crate) fn anonymous() -> Self {
        Self::of(&["anonymous"])
    }

    fn of(parts: &[&str]) -> Self {
        let mut all = ListHasher::new();
        parts.iter().for_each(|part| all.add(part));
        Self(all.finish())
    }

    /// Differs between scopes that differ.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl Credential {
    /// The scope of requests for `path` on `host`, which the settings' entry for `pattern` matches.
    pub(crate) fn scope(&self, pattern: &str, host: &Host, path: &str) -> CredentialScope {
        match self {
            Self::Anonymous => CredentialScope::anonymous(),
            Self::Basic { user, password: _ } => CredentialScope::of(&["basic", pattern, user]),
            Self::Bearer(_) => CredentialScope::of(&["bearer", pattern]),
            Self::DockerConfig(config) => match config.find(host, path) {
                Found::Anonymous => CredentialScope::anonymous(),
                Found::Login(position, login) => {
                    let (kind, user) = match login {
                        AuthMethod::Basic { user, password: _ } => ("basic", user.as_str()),
                        AuthMethod::IdentityToken(_) => ("identity-token", ""),
                        AuthMethod::RegistryToken(_) => ("registry-token", ""),
                    };
                    CredentialScope::of(&["docker", pattern, &config.key_text(position), kind, user])
                }
                // Nothing is asked.
                Found::Unusable(_) => CredentialScope::of(&["unusable"]),
            },
            Self::Unusable(_) => CredentialScope::of(&["unusable"]),
        }
    }

    /// What to log in with for `path` on `host`, which the entry at `entry` of the settings matches.
    ///
    /// # Errors
    /// Why there is no credential although there should be one.
    pub(crate) fn identity(&self, entry: usize, host: &Host, path: &str) -> Result<Option<Identity>, Text> {
        let identity = |method, position| Some(Identity { method, id: CredentialId(entry, position) });
        match self {
            Self::Anonymous => Ok(None),
            Self::Basic { user, password } => {
                Ok(identity(AuthMethod::Basic { user: user.clone(), password: password.clone() }, 0))
            }
            Self::Bearer(token) => Ok(identity(AuthMethod::RegistryToken(token.clone()), 0)),
            Self::DockerConfig(config) => match config.find(host, path) {
                Found::Anonymous => Ok(None),
                Found::Login(position, login) => Ok(identity(login.clone(), position)),
                Found::Unusable(why) => Err(why),
            },
            Self::Unusable(why) => Err(why.clone()),
        }
    }

    /// Whether it can be sent.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self) -> Result<(), AuthMethodError> {
        match self {
            Self::Basic { user, password } => {
                AuthMethod::Basic { user: user.clone(), password: password.clone() }.check()
            }
            Self::Bearer(token) => AuthMethod::RegistryToken(token.clone()).check(),
            // Each entry was checked when the file was read.
            Self::Anonymous | Self::DockerConfig(_) | Self::Unusable(_) => Ok(()),
        }
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
        Credential::Basic { user: user.to_owned(), password: Secret::new(password) }
    }

    fn scope(credential: &Credential, pattern: &str) -> CredentialScope {
        credential.scope(pattern, &"a.example".parse().unwrap(), "team/app")
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
            scope(&Credential::Bearer(Secret::new("t")), "a.example"),
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
