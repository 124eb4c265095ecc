//! The origin of the credential of a request: the entry of the settings that applies, and the source of its credential.

use std::fmt;
use std::sync::Arc;

use countersign_credentials::Identity;

/// See the documentation of the module. Has no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialOrigin {
    /// The position of the entry and its `host` as written, `registries[0] "r.example"`; `None` if no entry applies.
    pub entry: Option<Arc<str>>,
    /// The key of the configuration with its file. `None` if the source has no name.
    pub source: Option<Arc<str>>,
}

/// The source of a request without credentials, if none is configured.
const NO_CREDENTIALS: &str = "no credentials";

impl CredentialOrigin {
    /// Whether the entry has a source of credentials, which may have none for the repository.
    #[must_use]
    pub fn has_source(&self) -> bool {
        self.entry.is_some() && self.source.as_deref().is_some_and(|source| source != NO_CREDENTIALS)
    }

    /// The origin of `identity` under `entry`.
    pub(crate) fn of(entry: Option<&Arc<str>>, identity: &Identity) -> Self {
        let anonymous = || identity.is_anonymous().then(|| NO_CREDENTIALS.into());
        Self { entry: entry.cloned(), source: identity.origin().cloned().or_else(anonymous) }
    }
}

impl fmt::Display for CredentialOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.entry, &self.source) {
            (None, _) => f.write_str("no entry of registries applies, and unlistedRegistries is anonymous"),
            (Some(entry), Some(source)) => write!(f, "{entry} applies, with {source}"),
            (Some(entry), None) => write!(f, "{entry} applies"),
        }
    }
}
