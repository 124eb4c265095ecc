//! The roles, and who may assume them.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::time::Duration;

use crate::cloud::service_account::TokenIssuer;

/// One statement of the trust policy of a role.
#[derive(Clone, Debug)]
pub(super) enum Trust {
    WebIdentity { issuer: TokenIssuer, subject: String },
    Principal { principal: String, external_id: Option<String> },
}

/// The roles by ARN. Clones are the same table.
#[derive(Clone, Debug, Default)]
pub(super) struct Roles(Arc<Mutex<Table>>);

#[derive(Debug, Default)]
struct Table {
    trusts: HashMap<String, Vec<Trust>>,
    lifetime: Option<Duration>,
}

impl Roles {
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.lock().expect("the lock is not poisoned")
    }

    pub(super) fn trust(&self, role: &str, trust: Trust) {
        self.lock().trusts.entry(role.to_owned()).or_default().push(trust);
    }

    pub(super) fn delete(&self, role: &str) {
        self.lock().trusts.remove(role);
    }

    pub(super) fn trusts(&self, role: &str) -> Option<Vec<Trust>> {
        self.lock().trusts.get(role).cloned()
    }

    pub(super) fn set_lifetime(&self, lifetime: Option<Duration>) {
        self.lock().lifetime = lifetime;
    }

    pub(super) fn lifetime(&self) -> Option<Duration> {
        self.lock().lifetime
    }
}
