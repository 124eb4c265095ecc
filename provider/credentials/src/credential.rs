//! The credential of an entry of the settings, from its files.

use std::fmt;
use std::future::ready;
use std::sync::Arc;

use countersign_core::codec::text::Text;
use tokio::time::Instant;

use crate::auth_method::AuthMethod;
use crate::auth_method::AuthMethodError;
use crate::docker_config::DockerConfig;
use crate::docker_config::DockerConfigMatch;
use crate::identity::Identity;
use crate::issued::IssuedIdentities;
use crate::scope::CredentialScope;
use crate::secret::Secret;
use crate::source::BoxFuture;
use crate::source::CredentialError;
use crate::source::IdentitySource;
use crate::source::RepositoryScope;

/// The credential of an entry. It is only sent to hosts that match the entry and to their token services.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// None.
    Anonymous,
    /// One identity for all repositories.
    Static(Identity),
    /// The host's entry in the file. Requests to hosts and paths without an entry are anonymous, as those of
    /// container runtimes.
    DockerConfig(Arc<DockerConfig>),
    /// Identities that a service issues.
    Issued(IssuedIdentities),
    /// The credential is unusable: no requests are sent to the hosts. The text has the reason, and shows nothing of a
    /// credential.
    Unusable(Text),
}

impl Credential {
    /// A user name and a password.
    ///
    /// # Errors
    /// The credential cannot be sent.
    pub fn basic(user: impl Into<String>, password: Secret) -> Result<Self, AuthMethodError> {
        Identity::new(AuthMethod::Basic { user: user.into(), password }, None).map(Self::Static)
    }

    /// A registry token, which is sent with every request without an exchange.
    ///
    /// # Errors
    /// The token cannot be sent.
    pub fn registry_token(token: Secret) -> Result<Self, AuthMethodError> {
        Identity::new(AuthMethod::RegistryToken(token), None).map(Self::Static)
    }

    /// The same credential; a static one has an identity with this origin. See [`Identity::with_origin`].
    #[must_use]
    pub fn with_origin(self, origin: impl fmt::Display) -> Self {
        match self {
            Self::Static(identity) => Self::Static(identity.with_origin(origin)),
            Self::Anonymous | Self::DockerConfig(_) | Self::Issued(_) | Self::Unusable(_) => self,
        }
    }
}

impl IdentitySource for Credential {
    fn identity<'a>(
        &'a self,
        scope: RepositoryScope<'a>,
        deadline: Instant,
    ) -> BoxFuture<'a, Result<Identity, CredentialError>> {
        let found = match self {
            Self::Anonymous => Ok(Identity::anonymous()),
            Self::Static(identity) => Ok(identity.clone()),
            Self::DockerConfig(config) => match config.find(scope.host(), scope.path()) {
                DockerConfigMatch::Anonymous { key } => Ok(config.anonymous(key)),
                DockerConfigMatch::Identity { identity, .. } => Ok(identity.clone()),
                DockerConfigMatch::Unusable(why) => Err(CredentialError::Unusable(why)),
            },
            Self::Issued(issued) => {
                // Of the source, so that it outlives a replacement of this credential.
                let source = issued.source();
                return Box::pin(async move { source.identity(scope, deadline).await });
            }
            Self::Unusable(why) => Err(CredentialError::Unusable(why.clone())),
        };
        Box::pin(ready(found))
    }

    fn credential_scope(&self, entry: &Arc<str>, scope: RepositoryScope<'_>) -> CredentialScope {
        let named = |name: Option<_>| name.map_or_else(CredentialScope::anonymous, |n| CredentialScope::new(entry, n));
        match self {
            Self::Anonymous => CredentialScope::anonymous(),
            Self::Static(identity) => named(identity.name()),
            Self::DockerConfig(config) => match config.find(scope.host(), scope.path()) {
                DockerConfigMatch::Anonymous { key: _ } => CredentialScope::anonymous(),
                DockerConfigMatch::Identity { identity: _, name } => named(name),
                DockerConfigMatch::Unusable(_) => CredentialScope::unusable(),
            },
            Self::Issued(issued) => issued.credential_scope(entry, scope),
            Self::Unusable(_) => CredentialScope::unusable(),
        }
    }

    fn check(&self) -> Result<(), CredentialError> {
        match self {
            Self::Unusable(why) => Err(CredentialError::Unusable(why.clone())),
            Self::Issued(issued) => issued.source().check(),
            Self::Anonymous | Self::Static(_) | Self::DockerConfig(_) => Ok(()),
        }
    }

    fn replacement<'a>(
        &'a self,
        scope: RepositoryScope<'a>,
        refused: &'a Identity,
        deadline: Instant,
    ) -> BoxFuture<'a, Result<Option<Identity>, CredentialError>> {
        match self {
            Self::Issued(issued) => {
                let source = issued.source();
                Box::pin(async move { source.replacement(scope, refused, deadline).await })
            }
            Self::Anonymous | Self::Static(_) | Self::DockerConfig(_) | Self::Unusable(_) => Box::pin(ready(Ok(None))),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use countersign_core::name::Digest;
    use countersign_core::name::DigestAlgorithm;

    use super::*;
    use crate::scope::CredentialName;

    fn docker(auths: &str) -> Credential {
        let config = DockerConfig::parse("config.json", format!(r#"{{"auths":{{{auths}}}}}"#).as_bytes());
        Credential::DockerConfig(Arc::new(config.unwrap()))
    }

    fn basic(user: &str, password: &str) -> Credential {
        Credential::basic(user, Secret::new(password)).unwrap()
    }

    fn scope(credential: &Credential, pattern: &str) -> CredentialScope {
        let repository = "a.example/team/app".parse().unwrap();
        credential.credential_scope(&pattern.into(), RepositoryScope::new(&repository))
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
            // The same login for a part of the host.
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
        // It does not change with an entry for other images, or with the order of entries.
        let more = docker(&format!(r#""b.example":{{"username":"eve","password":"p"}},{host}"#));
        assert_eq!(scope(&more, "a.example"), scope(&of_host, "a.example"));
        assert_eq!(scope(&docker(r#""b.example":{"auth":"eDp5"}"#), "a.example"), CredentialScope::anonymous());
        assert_eq!(scope(&docker(r#""a.example":{"auth":"!"}"#), "a.example"), CredentialScope::unusable());
    }

    #[test]
    fn scopes_of_two_tokens_differ_and_those_of_equal_tokens_do_not() {
        let token = |token: &str| Identity::new(AuthMethod::IdentityToken(Secret::new(token)), None).unwrap();
        type Make<'a> = &'a dyn Fn(&str) -> Credential;
        let makers: [(&str, Make<'_>); 8] = [
            ("registry token", &|secret| Credential::registry_token(Secret::new(secret)).unwrap()),
            ("identity token", &|secret| Credential::Static(token(secret))),
            ("user of tokens", &|secret| basic("<token>", secret)),
            ("Azure", &|secret| basic("00000000-0000-0000-0000-000000000000", secret)),
            ("AWS", &|secret| basic("AWS", secret)),
            ("Google", &|secret| basic("oauth2accesstoken", secret)),
            ("identitytoken", &|secret| {
                docker(&format!(r#""a.example":{{"username":"<token>","password":"","identitytoken":"{secret}"}}"#))
            }),
            ("registrytoken", &|secret| docker(&format!(r#""a.example":{{"registrytoken":"{secret}"}}"#))),
        ];
        let mut all = Vec::new();
        for (name, make) in makers {
            let (one, other) = (scope(&make("one"), "a.example"), scope(&make("other"), "a.example"));
            assert_ne!(one, other, "{name}");
            assert_ne!(one.parts(), other.parts(), "{name}");
            assert_eq!(one, scope(&make("one"), "a.example"), "{name}");
            assert_ne!(one, scope(&make("one"), "*.example"), "{name}");
            assert!(!all.contains(&one), "{name}: one secret in two kinds of credentials");
            all.push(one);
        }
    }

    #[test]
    fn the_scope_of_a_token_cannot_be_printed_or_computed_from_the_token() {
        let found = scope(&Credential::registry_token(Secret::new("hunter2")).unwrap(), "a.example");
        assert_eq!(format!("{found:?}"), "CredentialScope(a.example, ..)");
        assert_eq!(format!("{:?}", CredentialName::new(&["a"])), "CredentialName(..)");
        let digest = Digest::of(DigestAlgorithm::Sha256, b"hunter2");
        for known in ["hunter2", digest.as_str(), digest.hex()] {
            let computed = CredentialName::new(&["registry-token", known]);
            assert_ne!(found, CredentialScope::new(&"a.example".into(), computed), "{known}");
        }
    }

    #[tokio::test]
    async fn the_credential_of_many_entries_is_that_with_the_greatest_precedence() {
        let hosts = ["a.example", "b.example", "c.example", "*.example", "*.c.example", "d*.example"];
        let paths = ["", "/team", "/team/app", "/other"];
        let keys: Vec<String> = hosts.iter().flat_map(|host| paths.map(|path| format!("{host}{path}"))).collect();
        let auths = |keys: &[String]| {
            let entry = |key: &String| format!(r#""{key}":{{"username":"{key}","password":"p"}}"#);
            docker(&keys.iter().map(entry).collect::<Vec<_>>().join(","))
        };
        let backwards: Vec<String> = keys.iter().rev().cloned().collect();
        for config in [auths(&keys), auths(&backwards)] {
            for (repository, expected) in [
                ("a.example/team/app", "a.example/team/app"),
                ("a.example/team/app/more", "a.example/team/app"),
                ("a.example/teammate", "a.example"),
                ("c.example/other", "c.example/other"),
                ("e.example/team/x", "*.example/team"),
                ("dd.example/x", "d*.example"),
                ("x.c.example/other/y", "*.c.example/other"),
            ] {
                let repository = repository.parse().unwrap();
                let found = config.identity(RepositoryScope::new(&repository), Instant::now()).await.unwrap();
                let AuthMethod::Basic { user, .. } = found.method() else { panic!("{found:?}") };
                assert_eq!(user, expected, "{repository}");
            }
        }
    }
}
