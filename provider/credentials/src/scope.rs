//! The credential scope of a repository, for cache keys.

use std::fmt;
use std::sync::Arc;
use std::sync::LazyLock;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use countersign_core::name::ListHasher;

use crate::secret::Secret;

/// Which credential requests for a repository carry. Those of equal scopes carry the credential of the same entry and
/// [name](CredentialName). Cheap to clone and to compare. Shows nothing of the credential.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct CredentialScope(Carried);

#[derive(Clone, PartialEq, Eq, Hash)]
enum Carried {
    Nothing,
    /// There should be a credential, and it cannot be used: no request is sent.
    Unusable,
    Credential {
        entry: Arc<str>,
        name: CredentialName,
    },
}

impl CredentialScope {
    /// No credential.
    #[must_use]
    pub fn anonymous() -> Self {
        Self(Carried::Nothing)
    }

    /// There should be a credential, and it cannot be used.
    #[must_use]
    pub fn unusable() -> Self {
        Self(Carried::Unusable)
    }

    /// The credential with this name in the entry of the settings that is called `entry`.
    #[must_use]
    pub fn new(entry: &Arc<str>, name: CredentialName) -> Self {
        Self(Carried::Credential { entry: Arc::clone(entry), name })
    }

    /// Whether requests can be sent, as far as that is known without waiting.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        match self.0 {
            Carried::Nothing | Carried::Credential { .. } => true,
            Carried::Unusable => false,
        }
    }

    /// Differ between scopes that differ.
    #[must_use]
    pub fn parts(&self) -> [&[u8]; 3] {
        match &self.0 {
            Carried::Nothing => [b"anonymous", b"", b""],
            Carried::Unusable => [b"unusable", b"", b""],
            Carried::Credential { entry, name } => [b"credential", entry.as_bytes(), &name.0],
        }
    }
}

impl fmt::Debug for CredentialScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Carried::Nothing => f.write_str("CredentialScope(anonymous)"),
            Carried::Unusable => f.write_str("CredentialScope(unusable)"),
            Carried::Credential { entry, name: _ } => write!(f, "CredentialScope({entry}, ..)"),
        }
    }
}

/// Names a credential among those of one entry of the settings: by its kind and its user, or by its secret where no user name
/// tells it from others. So a changed password keeps the name. Made once for each credential. Its `Debug` output shows
/// nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CredentialName([u8; 32]);

impl CredentialName {
    /// The name that consists of these parts, none of them a secret.
    #[must_use]
    pub fn new(parts: &[&str]) -> Self {
        Self::of(parts.iter().map(|part| part.as_bytes()))
    }

    /// The name of a credential that only its secret tells from others of the same kind. Equal for equal secrets, and only
    /// within this process: the secret cannot be found by trying candidates without the key, which never leaves it.
    pub(crate) fn of_secret(kind: &str, secret: &Secret) -> Self {
        static KEY: LazyLock<hmac::Key> = LazyLock::new(|| {
            hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new())
                .unwrap_or_else(|error| panic!("the system has no random bytes: {error}"))
        });
        Self::of([kind.as_bytes(), hmac::sign(&KEY, secret.expose()).as_ref()])
    }

    /// This name within a part of the entry.
    pub(crate) fn within(self, part: &str) -> Self {
        Self::of([b"within".as_slice(), part.as_bytes(), &self.0])
    }

    fn of<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut all = ListHasher::new();
        parts.into_iter().for_each(|part| all.add(part));
        Self(all.finish_bytes())
    }
}

impl fmt::Debug for CredentialName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CredentialName(..)")
    }
}
