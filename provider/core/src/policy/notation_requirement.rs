//! Requirements on signatures of the Notary Project.

use super::identity::Identities;
use super::level::Level;
use super::store_name::StoreKind;
use super::store_name::StoreRef;

/// The requirements on a signature. There is at least one trust store for signers and one trusted identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotationRequirement {
    pub(super) level: Level,
    /// As written; `None` if it is not.
    pub(super) verify_timestamp: Option<VerifyTimestamp>,
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

impl VerifyTimestamp {
    /// As in the document.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::AfterCertExpiry => "afterCertExpiry",
        }
    }
}

impl NotationRequirement {
    /// The level: the effect of a failed check.
    #[must_use]
    pub fn level(&self) -> &Level {
        &self.level
    }

    /// When a timestamp is verified; by default always.
    #[must_use]
    pub fn verify_timestamp(&self) -> VerifyTimestamp {
        self.verify_timestamp.unwrap_or(VerifyTimestamp::Always)
    }

    /// When a timestamp is verified, if the document states it.
    #[must_use]
    pub fn written_verify_timestamp(&self) -> Option<VerifyTimestamp> {
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
