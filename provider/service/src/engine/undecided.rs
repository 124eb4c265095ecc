//! The images that are verified at the start and have no final verdict.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use countersign_core::name::ImageRef;
use tokio::task::AbortHandle;

/// The images without a final verdict. Never locked across an await.
#[derive(Clone)]
pub(super) struct Undecided(Arc<Mutex<Vec<Arc<ImageRef>>>>);

/// What verifies them.
pub(super) struct AtStart {
    pub(super) undecided: Undecided,
    pub(super) task: AbortHandle,
}

impl Undecided {
    pub(super) fn new(images: Vec<Arc<ImageRef>>) -> Self {
        Self(Arc::new(Mutex::new(images)))
    }

    pub(super) fn images(&self) -> Vec<Arc<ImageRef>> {
        self.with(|images| images.clone())
    }

    pub(super) fn take(&self) -> Vec<Arc<ImageRef>> {
        self.with(std::mem::take)
    }

    pub(super) fn decided(&self, image: &Arc<ImageRef>) {
        self.with(|images| images.retain(|other| !Arc::ptr_eq(other, image)));
    }

    fn with<T>(&self, work: impl FnOnce(&mut Vec<Arc<ImageRef>>) -> T) -> T {
        // No operation can panic while it is locked.
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
