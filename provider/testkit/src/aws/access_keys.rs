//! Access keys that the doubles of one test accept, their principals, and what these may do.

use std::collections::HashMap;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;

use time::OffsetDateTime;

use crate::cloud::random::random_text;

/// An access key with its secret. `Debug` prints the id only.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessKey {
    /// `AccessKeyId`
    pub id: String,
    /// `SecretAccessKey`
    pub secret: String,
    /// `SessionToken`; `None` for a key of a user.
    pub session_token: Option<String>,
    /// The end of a session; `None` does not end.
    pub expires_at: Option<OffsetDateTime>,
    /// The ARN of the user or assumed role.
    pub principal: String,
}

/// The known access keys. Clones are the same set: STS issues a key, and every other double accepts it.
#[derive(Clone, Debug, Default)]
pub struct AccessKeys(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    issued: usize,
    keys: HashMap<String, AccessKey>,
    /// Principals and actions.
    denied: HashSet<(String, String)>,
}

impl AccessKeys {
    /// No keys.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a key that the test chose.
    pub fn add(&self, key: &AccessKey) {
        self.known().keys.insert(key.id.clone(), key.clone());
    }

    /// A new key of a user, without a session token: `AKIATESTKIT000000001`.
    #[must_use]
    pub fn for_user(&self, principal: &str) -> AccessKey {
        self.create("AKIA", principal, None, None)
    }

    /// A new key of a session that ends at this time: `ASIATESTKIT000000002`.
    #[must_use]
    pub fn for_session(&self, principal: &str, expires_at: OffsetDateTime) -> AccessKey {
        self.create("ASIA", principal, Some(format!("IQoJ{}", random_text(600))), Some(expires_at))
    }

    fn create(
        &self,
        prefix: &str,
        principal: &str,
        session_token: Option<String>,
        expires_at: Option<OffsetDateTime>,
    ) -> AccessKey {
        let mut known = self.known();
        known.issued += 1;
        let id = format!("{prefix}TESTKIT{:09}", known.issued);
        let principal = principal.to_owned();
        let key = AccessKey { id: id.clone(), secret: random_text(40), session_token, expires_at, principal };
        known.keys.insert(id, key.clone());
        key
    }

    /// Deletes a key: it is unknown from now on.
    pub fn delete(&self, id: &str) {
        self.known().keys.remove(id);
    }

    /// The key with this id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<AccessKey> {
        self.known().keys.get(id).cloned()
    }

    /// All keys that are known.
    pub(super) fn all(&self) -> Vec<AccessKey> {
        self.known().keys.values().cloned().collect()
    }

    /// The number of keys created so far.
    #[must_use]
    pub fn issued(&self) -> usize {
        self.known().issued
    }

    /// Denies an IAM action (`signer:GetRevocationStatus`) to a user, or to a role and all its sessions, from now on.
    /// Everything else is allowed.
    pub fn deny(&self, principal: &str, action: &str) {
        self.known().denied.insert((identity(principal), action.to_owned()));
    }

    /// Allows an action again.
    pub fn allow(&self, principal: &str, action: &str) {
        self.known().denied.remove(&(identity(principal), action.to_owned()));
    }

    /// Whether the principal may do this.
    #[must_use]
    pub fn allows(&self, principal: &str, action: &str) -> bool {
        !self.known().denied.contains(&(identity(principal), action.to_owned()))
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().expect("the lock is not poisoned")
    }
}

/// What policies are attached to: the role of a session, otherwise the principal itself.
pub(super) fn identity(principal: &str) -> String {
    match (principal.split_once(":assumed-role/"), principal.rsplit_once('/')) {
        (Some((account, _)), Some((role, _))) => {
            let name = &role[account.len() + ":assumed-role/".len()..];
            format!("{}:role/{name}", account.replacen(":sts:", ":iam:", 1))
        }
        _ => principal.to_owned(),
    }
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccessKey({} of {}, secret not shown)", self.id, self.principal)
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn keys_of_sessions_have_a_token_and_an_end() {
        let keys = AccessKeys::new();
        let user = keys.for_user("arn:aws:iam::111122223333:user/ci");
        let session =
            keys.clone().for_session("arn:aws:sts::111122223333:assumed-role/r/s", datetime!(2026-01-01 0:00 UTC));
        assert_eq!((user.id.as_str(), &user.session_token), ("AKIATESTKIT000000001", &None));
        assert_eq!((session.id.as_str(), session.id.len()), ("ASIATESTKIT000000002", 20));
        assert_eq!(session.session_token.as_ref().map(String::len), Some(604));
        assert_eq!(keys.get(&session.id), Some(session.clone()));
        assert!(!format!("{session:?}").contains(&session.secret));
        keys.delete(&session.id);
        assert_eq!(keys.get(&session.id), None);
        assert_eq!(keys.issued(), 2);
    }

    #[test]
    fn policies_are_attached_to_the_role_of_a_session() {
        let role = "arn:aws:iam::111122223333:role/path/r";
        assert_eq!(identity("arn:aws:sts::111122223333:assumed-role/path/r/session"), role);
        assert_eq!(identity(role), role);
        assert_eq!(identity("arn:aws:iam::111122223333:user/ci"), "arn:aws:iam::111122223333:user/ci");
    }

    #[test]
    fn an_action_is_denied_to_one_principal() {
        let keys = AccessKeys::new();
        keys.deny("a", "ecr:BatchGetImage");
        assert!(!keys.allows("a", "ecr:BatchGetImage"));
        assert!(keys.allows("b", "ecr:BatchGetImage"));
        assert!(keys.allows("a", "ecr:GetAuthorizationToken"));
        keys.allow("a", "ecr:BatchGetImage");
        assert!(keys.allows("a", "ecr:BatchGetImage"));
    }
}
