//! Requirements on signatures of the Notary Project.

use super::identity::Identities;
use super::level::Level;
use super::store_name::StoreKind;
use super::store_name::StoreRef;

/// The requirements on a signature. There is at least one trust store for signers and one trusted identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotationRequirement {
    pub(super) level: Level,
    pub(super) verify_timestamp: VerifyTimestamp,
    pub(super) stores: Vec<StoreRef>,
    pub(super) identities: Identities,
}

/// When a timestamp countersignature is verified, if the statement names a `tsa` store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VerifyTimestamp {
    /// Whenever there is a `tsa` store.
    Always,
    /// Only if a certificate of the chain has expired.
    AfterCertExpiry,
}

impl NotationRequirement {
    /// The level: the effect of a failed check.
    #[must_use]
    pub fn level(&self) -> &Level {
        &self.level
    }

    /// When a timestamp is verified.
    #[must_use]
    pub fn verify_timestamp(&self) -> VerifyTimestamp {
        self.verify_timestamp
    }

    /// The trust stores without duplicates, in the order of the document. At least one is not of kind `tsa`.
    #[must_use]
    pub fn stores(&self) -> &[StoreRef] {
        &self.stores
    }

    /// The trust stores of one kind.
    pub fn stores_of(&self, kind: StoreKind) -> impl Iterator<Item = &StoreRef> + Clone {
        self.stores.iter().filter(move |store| store.kind == kind)
    }

    /// The trusted identities among the signers under the stores.
    #[must_use]
    pub fn identities(&self) -> &Identities {
        &self.identities
    }
}
