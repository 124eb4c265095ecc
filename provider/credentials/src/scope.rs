//! Which credential requests for a repository carry, for the keys of caches.

use std::sync::LazyLock;

use countersign_core::name::Digest;
use countersign_core::name::ListHasher;

/// Which credential requests for a repository carry. Those of equal scopes carry the credential of the same entry and user;
/// its password may have changed. Shows nothing of the credential.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CredentialScope(Digest);

impl CredentialScope {
    /// No credential.
    #[must_use]
    pub fn anonymous() -> Self {
        // Hashed once: it is that of most registries, and is asked for with every image.
        static ANONYMOUS: LazyLock<CredentialScope> = LazyLock::new(|| CredentialScope::new(&["anonymous"]));
        ANONYMOUS.clone()
    }

    /// The scope that these parts name, none of them a secret.
    #[must_use]
    pub fn new(parts: &[&str]) -> Self {
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
