//! One statement of a trust policy, as meant.

use std::sync::Arc;

use super::Identities;
use super::Level;
use super::StoreKind;
use super::StoreRef;
use crate::name::Repository;

/// What holds for some repositories.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    pub(super) name: Arc<str>,
    pub(super) scopes: Scopes,
    pub(super) mode: Mode,
}

/// The `registryScopes` of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scopes {
    /// `*`: every repository that no other statement names.
    All,
    /// These, compared letter by letter; at least one.
    Repositories(Vec<Repository>),
}

/// Whether a statement verifies at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Level `skip`: images are let through and nothing is fetched. Never with [`Scopes::All`].
    Skip,
    Verify(Arc<NotationRequirement>),
}

/// By what a signature is judged. There is always a store that can vouch for a signer, and somebody who is trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotationRequirement {
    pub(super) level: Level,
    pub(super) verify_timestamp: VerifyTimestamp,
    pub(super) stores: Vec<StoreRef>,
    pub(super) identities: Identities,
}

/// When a time stamp countersignature is asked for, if the statement names a `tsa` store at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VerifyTimestamp {
    Always,
    /// Only once a certificate of the chain has expired.
    AfterCertExpiry,
}

impl Statement {
    /// Not empty, unique in its document.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name, shared by all verdicts of the statement: nothing bounds its length but that of the document.
    #[must_use]
    pub fn shared_name(&self) -> Arc<str> {
        Arc::clone(&self.name)
    }

    #[must_use]
    pub fn scopes(&self) -> &Scopes {
        &self.scopes
    }

    #[must_use]
    pub fn mode(&self) -> &Mode {
        &self.mode
    }
}

impl NotationRequirement {
    #[must_use]
    pub fn level(&self) -> &Level {
        &self.level
    }

    #[must_use]
    pub fn verify_timestamp(&self) -> VerifyTimestamp {
        self.verify_timestamp
    }

    /// Each once, in the order of the document; at least one is not of kind `tsa`.
    #[must_use]
    pub fn stores(&self) -> &[StoreRef] {
        &self.stores
    }

    /// Those of one kind.
    pub fn stores_of(&self, kind: StoreKind) -> impl Iterator<Item = &StoreRef> {
        self.stores.iter().filter(move |store| store.kind == kind)
    }

    #[must_use]
    pub fn identities(&self) -> &Identities {
        &self.identities
    }
}
