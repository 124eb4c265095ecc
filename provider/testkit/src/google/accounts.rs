//! Service accounts: what they may read, and their access tokens.

use std::collections::BTreeSet;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::time::Duration;

use time::OffsetDateTime;

use crate::cloud::random::random_text;

/// The scope that permits everything that the account may do.
pub const CLOUD_PLATFORM: &str = "https://www.googleapis.com/auth/cloud-platform";

/// The scopes that permit reading from Artifact Registry.
const READING: [&str; 3] = [
    CLOUD_PLATFORM,
    "https://www.googleapis.com/auth/cloud-platform.read-only",
    "https://www.googleapis.com/auth/devstorage.read_only",
];

/// The service accounts of one test. Clones are the same set.
#[derive(Clone)]
pub struct Accounts(Arc<Mutex<Table>>);

struct Table {
    lifetime: Duration,
    tokens: HashMap<String, AccessToken>,
    /// All, revoked ones too, in order.
    all: Vec<String>,
    /// Accounts, and prefixes of repositories.
    readers: BTreeSet<(String, String)>,
}

/// What an access token is good for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AccessToken {
    pub(crate) account: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) expires_at: OffsetDateTime,
}

impl Default for Accounts {
    fn default() -> Self {
        Self::new()
    }
}

impl Accounts {
    /// No accounts; new tokens last an hour.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(Table {
            lifetime: Duration::from_secs(3600),
            tokens: HashMap::new(),
            all: Vec::new(),
            readers: BTreeSet::new(),
        })))
    }

    /// Grants `roles/artifactregistry.reader`: for a repository (`PROJECT/REPOSITORY`) and everything in it.
    pub fn grant(&self, account: &str, repository: &str) {
        self.table().readers.insert((account.to_owned(), repository.to_owned()));
    }

    /// Removes a grant.
    pub fn revoke_grant(&self, account: &str, repository: &str) {
        self.table().readers.remove(&(account.to_owned(), repository.to_owned()));
    }

    /// Sets how long new tokens last.
    pub fn set_lifetime(&self, lifetime: Duration) {
        self.table().lifetime = lifetime;
    }

    /// Makes all tokens issued so far unknown.
    pub fn revoke_all(&self) {
        self.table().tokens.clear();
    }

    /// The number of access tokens issued so far.
    #[must_use]
    pub fn issued(&self) -> usize {
        self.table().all.len()
    }

    /// Issues an access token: `ya29.` and about 200 characters.
    #[must_use]
    pub fn issue(&self, account: &str, scopes: &[&str], now: OffsetDateTime) -> String {
        let mut table = self.table();
        let text = format!("ya29.c.{}", random_text(200).replace('+', "-").replace('/', "_"));
        let token = AccessToken {
            account: account.to_owned(),
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            expires_at: now + table.lifetime,
        };
        table.tokens.insert(text.clone(), token);
        table.all.push(text.clone());
        text
    }

    /// The token with this text, ended or not.
    pub(crate) fn token(&self, text: &str) -> Option<AccessToken> {
        self.table().tokens.get(text).cloned()
    }

    /// All access tokens issued so far.
    pub(crate) fn tokens(&self) -> Vec<String> {
        self.table().all.clone()
    }

    /// Whether the holder of a token may read an image.
    pub(crate) fn may_read(&self, token: &AccessToken, image: &str) -> bool {
        let is_in = |repository: &str| {
            image.strip_prefix(repository).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        token.scopes.iter().any(|scope| READING.contains(&scope.as_str()))
            && self.table().readers.iter().any(|(account, repository)| *account == token.account && is_in(repository))
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().expect("the lock is not poisoned")
    }
}

impl fmt::Debug for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Accounts({} access tokens issued)", self.issued())
    }
}
