//! The tokens of Amazon ECR: what its API issues, and its registries accept.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use time::OffsetDateTime;

use crate::cloud::random::random_text;

/// The tokens of one test. Clones are the same set.
#[derive(Clone)]
pub struct EcrTokens(Arc<Mutex<Table>>);

struct Table {
    lifetime: Duration,
    issued: usize,
    /// By authorization token.
    tokens: HashMap<String, EcrToken>,
    /// All, unknown ones too, in order.
    all: Vec<(String, EcrToken)>,
}

/// What a token is good for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EcrToken {
    /// The end of its validity.
    pub expires_at: OffsetDateTime,
    /// The ARN of the user or session that asked for it.
    pub principal: String,
    /// The region whose registries accept it.
    pub region: String,
}

impl Default for EcrTokens {
    fn default() -> Self {
        Self::new()
    }
}

impl EcrTokens {
    /// No tokens; new ones last twelve hours.
    #[must_use]
    pub fn new() -> Self {
        let lifetime = Duration::from_secs(12 * 3600);
        Self(Arc::new(Mutex::new(Table { lifetime, issued: 0, tokens: HashMap::new(), all: Vec::new() })))
    }

    /// Sets how long new tokens last.
    pub fn set_lifetime(&self, lifetime: Duration) {
        self.table().lifetime = lifetime;
    }

    /// The number of tokens issued so far.
    #[must_use]
    pub fn issued(&self) -> usize {
        self.table().issued
    }

    /// Makes all tokens issued so far unknown.
    pub fn revoke_all(&self) {
        self.table().tokens.clear();
    }

    /// Issues a token: base64 of `AWS:` and a password of about two thousand characters, as Amazon ECR's.
    #[must_use]
    pub fn issue(&self, principal: &str, region: &str, now: OffsetDateTime) -> (String, EcrToken) {
        let mut table = self.table();
        table.issued += 1;
        let expires_at = now + table.lifetime;
        let password = json!({
            "payload": random_text(1200),
            "datakey": random_text(300),
            "version": "2",
            "type": "DATA_KEY",
            "expiration": expires_at.unix_timestamp(),
        });
        let text = STANDARD.encode(format!("AWS:{}", STANDARD.encode(password.to_string())));
        let token = EcrToken { expires_at, principal: principal.to_owned(), region: region.to_owned() };
        table.tokens.insert(text.clone(), token.clone());
        table.all.push((text.clone(), token.clone()));
        (text, token)
    }

    /// The token with this text, ended or not.
    #[must_use]
    pub fn get(&self, text: &str) -> Option<EcrToken> {
        self.table().tokens.get(text).cloned()
    }

    /// All tokens issued so far, with their texts.
    pub(super) fn all(&self) -> Vec<(String, EcrToken)> {
        self.table().all.clone()
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().expect("the lock is not poisoned")
    }
}

impl fmt::Debug for EcrTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EcrTokens({} issued)", self.issued())
    }
}
