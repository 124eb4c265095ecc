//! The credential scope of a repository, for cache keys.

use std::fmt;
use std::sync::Arc;
use std::sync::LazyLock;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use countersign_core::name::ListHasher;

use crate::secret::Secret;

/// Identifies the credential of requests for a repository. Requests with equal scopes carry the credential of the
/// same entry and [name](CredentialName). Cheap to clone and to compare. Shows nothing of the credential.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct CredentialScope(Carried);

#[derive(Clone, PartialEq, Eq, Hash)]
enum Carried {
    Nothing,
    /// The credential is unusable: no requests are sent.
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

    /// The scope of an unusable credential.
    #[must_use]
    pub fn unusable() -> Self {
        Self(Carried::Unusable)
    }

    /// The scope of the credential `name` in the entry `entry` of the settings.
    #[must_use]
    pub fn new(entry: &Arc<str>, name: CredentialName) -> Self {
        Self(Carried::Credential { entry: Arc::clone(entry), name })
    }

    /// The scope of the same credential for `name`.
    pub(crate) fn within(self, name: &str) -> Self {
        match self.0 {
            Carried::Credential { entry, name: own } => Self(Carried::Credential { entry, name: own.within(name) }),
            Carried::Nothing | Carried::Unusable => self,
        }
    }

    /// The scope of requests for a repository that has several locations, `entry` in the settings: each location with its scope, in
    /// their order. Usable if any of them is.
    #[must_use]
    pub fn of_locations<'a>(entry: &Arc<str>, locations: impl IntoIterator<Item = (&'a str, Self)>) -> Self {
        let (mut all, mut is_usable) = (ListHasher::new(), false);
        all.add(b"locations");
        for (location, scope) in locations {
            is_usable |= scope.is_usable();
            all.add(location);
            scope.parts().into_iter().for_each(|part| all.add(part));
        }
        if is_usable { Self::new(entry, CredentialName(all.finish_bytes())) } else { Self::unusable() }
    }

    /// Whether requests can be sent, as far as is known without waiting.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        match self.0 {
            Carried::Nothing | Carried::Credential { .. } => true,
            Carried::Unusable => false,
        }
    }

    /// Parts that differ between different scopes.
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

/// Identifies a credential among those of one entry of the settings: by its kind and user name, or by its secret if
/// the user name identifies no account. A changed password therefore keeps the name. Created once for each
/// credential. Its `Debug` output shows nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CredentialName([u8; 32]);

impl CredentialName {
    /// Creates the name of these parts. None of them may be secret.
    #[must_use]
    pub fn new(parts: &[&str]) -> Self {
        Self::of(parts.iter().map(|part| part.as_bytes()))
    }

    /// Creates the name of a credential that only its secret identifies. Equal for equal secrets within this process
    /// only. It is keyed, so that the secret cannot be found by trying candidates.
    pub(crate) fn of_secret(kind: &str, secret: &Secret) -> Self {
        static KEY: LazyLock<hmac::Key> = LazyLock::new(|| {
            hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new())
                .unwrap_or_else(|error| panic!("the system has no random bytes: {error}"))
        });
        Self::of([kind.as_bytes(), hmac::sign(&KEY, secret.expose()).as_ref()])
    }

    /// The same name within a part of the entry.
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
