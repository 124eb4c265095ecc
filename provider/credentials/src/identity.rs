//! A valid identity and its revision.

use std::fmt;
use std::sync::Arc;

use countersign_core::codec::text::Text;
use countersign_core::name::Digest;
use countersign_core::name::DigestAlgorithm;
use countersign_core::name::Hasher;
use http::HeaderValue;
use tokio::time::Instant;

use crate::auth_method::AuthMethod;
use crate::auth_method::AuthMethodError;
use crate::scope::CredentialName;

/// A valid authentication method with its expiry. Created only by [`Self::new`], which checks it. Clones share it.
/// Equal if the methods are equal.
#[derive(Clone)]
pub struct Identity {
    inner: Arc<Inner>,
    origin: Option<Arc<str>>,
}

struct Inner {
    method: AuthMethod,
    authorization: Option<HeaderValue>,
    revision: CredentialRevision,
    name: Option<CredentialName>,
    expires: Option<Instant>,
}

/// User names that are the same for every account and therefore identify none: those of refresh tokens, of
/// [Azure](https://learn.microsoft.com/azure/container-registry/container-registry-authentication), of
/// [AWS](https://docs.aws.amazon.com/AmazonECR/latest/userguide/registry_auth.html), and of
/// [Google](https://cloud.google.com/artifact-registry/docs/docker/authentication).
const SHARED_USERS: [&str; 6] =
    ["<token>", "00000000-0000-0000-0000-000000000000", "AWS", "oauth2accesstoken", "_json_key", "_json_key_base64"];

/// Identifies the content of a credential: two revisions are equal if and only if the credentials are. Results
/// obtained with a credential are cached by its revision, so that they are not used after the credential has changed,
/// as an operator may change it to revoke access. Its `Debug` output shows nothing.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct CredentialRevision(Digest);

impl Identity {
    /// Creates an identity that is valid until `expires`, or without an expiry.
    ///
    /// # Errors
    /// The method cannot be sent.
    pub fn new(method: AuthMethod, expires: Option<Instant>) -> Result<Self, AuthMethodError> {
        method.check()?;
        let (authorization, revision) = (method.header(), CredentialRevision::of(&method));
        let name = name(&method);
        Ok(Self { inner: Arc::new(Inner { method, authorization, revision, name, expires }), origin: None })
    }

    /// The identity without a credential.
    #[must_use]
    pub fn anonymous() -> Self {
        let (method, authorization) = (AuthMethod::Anonymous, None);
        let revision = CredentialRevision::of(&method);
        Self { inner: Arc::new(Inner { method, authorization, revision, name: None, expires: None }), origin: None }
    }

    /// The same identity with an origin, for messages: the key of the configuration with its file. It has no secret and
    /// no effect on equality.
    #[must_use]
    pub fn with_origin(self, origin: impl fmt::Display) -> Self {
        Self { origin: Some(Text::of(origin).as_str().into()), ..self }
    }

    /// See [`Self::with_origin`].
    #[must_use]
    pub fn origin(&self) -> Option<&Arc<str>> {
        self.origin.as_ref()
    }

    /// The authentication method.
    #[must_use]
    pub fn method(&self) -> &AuthMethod {
        &self.inner.method
    }

    /// Whether it has no credential.
    #[must_use]
    pub fn is_anonymous(&self) -> bool {
        *self.method() == AuthMethod::Anonymous
    }

    /// `Authorization` of a user name and password, or of a token of the registry.
    #[must_use]
    pub fn authorization(&self) -> Option<&HeaderValue> {
        self.inner.authorization.as_ref()
    }

    /// The revision of the credential.
    #[must_use]
    pub fn revision(&self) -> &CredentialRevision {
        &self.inner.revision
    }

    /// The name among the credentials of an entry; `None` without a credential.
    pub(crate) fn name(&self) -> Option<CredentialName> {
        self.inner.name
    }

    /// The expiry, if there is one.
    #[must_use]
    pub fn expires(&self) -> Option<Instant> {
        self.inner.expires
    }

    /// The memory of the texts, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let header = self.authorization().map_or(0, HeaderValue::len);
        let origin = self.origin().map_or(0, |origin| origin.len());
        self.method().bytes() + header + self.revision().bytes() + origin
    }
}

impl PartialEq for Identity {
    fn eq(&self, other: &Self) -> bool {
        self.method() == other.method()
    }
}

impl Eq for Identity {}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("method", self.method()).field("expires", &self.expires()).finish()
    }
}

/// The name of a credential; see [`CredentialName`].
fn name(method: &AuthMethod) -> Option<CredentialName> {
    match method {
        AuthMethod::Anonymous => None,
        AuthMethod::Basic { user, password } if SHARED_USERS.contains(&user.as_str()) => {
            Some(CredentialName::of_secret("basic", password).within(user))
        }
        AuthMethod::Basic { user, password: _ } => Some(CredentialName::new(&["basic", user])),
        AuthMethod::IdentityToken(token) => Some(CredentialName::of_secret("identity-token", token)),
        AuthMethod::RegistryToken(token) => Some(CredentialName::of_secret("registry-token", token)),
    }
}

impl CredentialRevision {
    fn of(method: &AuthMethod) -> Self {
        let mut hasher = Hasher::new(DigestAlgorithm::Sha256);
        // The kind, and a user name with its length, so that no two credentials have the same bytes.
        match method {
            AuthMethod::Anonymous => hasher.update(b"anonymous"),
            AuthMethod::Basic { user, password } => {
                hasher.update(format!("basic {} {user}", user.len()).as_bytes());
                hasher.update(password.expose());
            }
            AuthMethod::IdentityToken(token) => {
                hasher.update(b"identity ");
                hasher.update(token.expose());
            }
            AuthMethod::RegistryToken(token) => {
                hasher.update(b"registry ");
                hasher.update(token.expose());
            }
        }
        Self(hasher.finish())
    }

    /// The memory of the value, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.0.as_str().len()
    }
}

impl fmt::Debug for CredentialRevision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CredentialRevision(..)")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::secret::Secret;

    fn basic(user: &str, password: &str) -> Identity {
        Identity::new(AuthMethod::Basic { user: user.to_owned(), password: Secret::new(password) }, None).unwrap()
    }

    #[test]
    fn revisions_differ_exactly_if_the_credentials_do() {
        let token = |token: &str| Identity::new(AuthMethod::IdentityToken(Secret::new(token)), None).unwrap();
        let registry = |token: &str| Identity::new(AuthMethod::RegistryToken(Secret::new(token)), None).unwrap();
        let all = [
            Identity::anonymous(),
            basic("a", "b"),
            basic("a", "bc"),
            basic("ab", "c"),
            basic("a", " b"),
            basic("a b", "b"),
            token("b"),
            token("bc"),
            registry("b"),
        ];
        let revisions: HashSet<_> = all.iter().map(Identity::revision).collect();
        assert_eq!(revisions.len(), all.len());
        assert_eq!(basic("a", "b").revision(), all[1].revision());
        assert_eq!(Identity::anonymous().revision(), all[0].revision());
    }

    #[test]
    fn an_identity_shows_no_secret() {
        let identity = basic("alice", "hunter2");
        let shown = format!("{identity:?} {:?} {:?}", identity.revision(), identity.authorization());
        assert_eq!(
            shown,
            "Identity { method: Basic { user: \"alice\", password: Secret(..) }, expires: None } CredentialRevision(..) \
             Some(Sensitive)"
        );
    }

    #[test]
    fn refuses_identities_that_cannot_be_sent() {
        let token = AuthMethod::RegistryToken(Secret::new("a\nb"));
        assert_eq!(Identity::new(token, None).err(), Some(AuthMethodError::NotVisible));
    }
}
