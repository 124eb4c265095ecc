//! What a signature of the Notary Project must meet.

use super::identity::Identities;
use super::level::Level;
use super::store_name::StoreKind;
use super::store_name::StoreRef;

/// By what a signature is judged. There is always a trust store for signers, and a trusted identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotationRequirement {
    pub(super) level: Level,
    pub(super) verify_timestamp: VerifyTimestamp,
    pub(super) stores: Vec<StoreRef>,
    pub(super) identities: Identities,
}

/// When a timestamp countersignature is asked for, if the statement names a `tsa` store at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VerifyTimestamp {
    /// Whenever there is a `tsa` store.
    Always,
    /// Only once a certificate of the chain has expired.
    AfterCertExpiry,
}

impl NotationRequirement {
    /// What a failed check does.
    #[must_use]
    pub fn level(&self) -> &Level {
        &self.level
    }

    /// When a timestamp is asked for.
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

    /// The trusted identities among the signers under the stores.
    #[must_use]
    pub fn identities(&self) -> &Identities {
        &self.identities
    }
}
