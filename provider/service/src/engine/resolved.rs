//! Images that were resolved.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use countersign_core::name::Repository;
use countersign_core::name::Selector;
use countersign_http::Permit;
use countersign_registry::CredentialScope;
use countersign_registry::Pinned;

/// The image that is resolved, and the credential for the registry.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct PinKey {
    pub(super) repository: Repository,
    pub(super) selector: Selector,
    pub(super) scope: CredentialScope,
}

/// An image that was resolved, with the permit of that work, which the first verification of the image takes: it does not queue a second
/// time behind images that began later.
#[derive(Clone)]
pub(super) struct Resolved {
    pub(super) pinned: Pinned,
    permit: Option<Arc<Mutex<Option<Permit>>>>,
}

impl Resolved {
    /// From a cache, without work.
    pub(super) fn without_permit(pinned: Pinned) -> Self {
        Self { pinned, permit: None }
    }

    pub(super) fn with_permit(pinned: Pinned, permit: Permit) -> Self {
        Self { pinned, permit: Some(Arc::new(Mutex::new(Some(permit)))) }
    }

    /// The permit, for the first one who asks.
    pub(super) fn take_permit(&self) -> Option<Permit> {
        // No operation can panic while it is locked.
        self.permit.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
