//! The tokens of a registry of Azure Container Registry.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::time::Duration;

use serde_json::Value;
use serde_json::json;
use time::OffsetDateTime;

use crate::cloud::jwt::Jwt;
use crate::cloud::jwt::JwtKey;

/// Number of the cached key that signs them.
const KEY: usize = 2003;

/// The claim `grant_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Refresh,
    Access,
}

impl Kind {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Refresh => "refresh_token",
            Self::Access => "access_token",
        }
    }
}

/// The tokens of one registry. Clones are the same set.
#[derive(Clone, Debug)]
pub(super) struct AcrTokens(Arc<Mutex<Table>>);

#[derive(Debug)]
struct Table {
    key: JwtKey,
    refresh_lifetime: Duration,
    access_lifetime: Duration,
    issued: Vec<(Kind, String)>,
    revoked: HashSet<String>,
}

impl AcrTokens {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Table {
            key: JwtKey::cached("acr", KEY),
            refresh_lifetime: Duration::from_secs(3 * 3600),
            access_lifetime: Duration::from_secs(75 * 60),
            issued: Vec::new(),
            revoked: HashSet::new(),
        })))
    }

    pub(super) fn set_lifetime(&self, kind: Kind, lifetime: Duration) {
        let mut table = self.table();
        match kind {
            Kind::Refresh => table.refresh_lifetime = lifetime,
            Kind::Access => table.access_lifetime = lifetime,
        }
    }

    /// Issues a token of this kind for a client, with these claims besides the usual ones.
    pub(super) fn issue(&self, kind: Kind, registry: &str, client: &str, more: Value, now: OffsetDateTime) -> String {
        let mut table = self.table();
        let lifetime = match kind {
            Kind::Refresh => table.refresh_lifetime,
            Kind::Access => table.access_lifetime,
        };
        let mut claims = json!({
            "jti": table.issued.len().to_string(),
            "sub": client,
            "nbf": now.unix_timestamp(),
            "exp": (now + lifetime).unix_timestamp(),
            "iat": now.unix_timestamp(),
            "iss": "Azure Container Registry",
            "aud": registry,
            "version": "1.0",
            "rid": "00000000000000000000000000000000",
            "grant_type": kind.name(),
            "appid": client,
            "roles": [],
        });
        if let (Value::Object(claims), Value::Object(more)) = (&mut claims, more) {
            claims.extend(more);
        }
        let token = table.key.sign(&claims);
        table.issued.push((kind, token.clone()));
        token
    }

    /// The claims of a valid token of this kind.
    pub(super) fn check(&self, kind: Kind, registry: &str, token: &str, now: OffsetDateTime) -> Option<Value> {
        let table = self.table();
        let jwt = Jwt::parse(token).ok()?;
        let valid = table.key.verify(&jwt).is_ok()
            && jwt.text("grant_type") == Some(kind.name())
            && jwt.text("aud") == Some(registry)
            && jwt.is_valid_at(now)
            && !table.revoked.contains(token);
        valid.then_some(jwt.claims)
    }

    /// Refuses all tokens issued so far of this kind.
    pub(super) fn revoke_all(&self, kind: Kind) {
        let mut table = self.table();
        let tokens: Vec<_> =
            table.issued.iter().filter(|(other, _)| *other == kind).map(|(_, token)| token.clone()).collect();
        table.revoked.extend(tokens);
    }

    /// All tokens issued so far.
    pub(super) fn all(&self) -> Vec<(Kind, String)> {
        self.table().issued.clone()
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().expect("the lock is not poisoned")
    }
}
