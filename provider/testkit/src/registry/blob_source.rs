//! The blobs of a registry, for another server.

use std::sync::Arc;

use bytes::Bytes;

use crate::registry::state::State;

/// Reads the blobs of a registry, also when its handle was dropped.
#[derive(Clone, Debug)]
pub(crate) struct BlobSource(Arc<State>);

impl BlobSource {
    pub(crate) fn new(state: &Arc<State>) -> Self {
        Self(Arc::clone(state))
    }

    pub(crate) fn blob(&self, repository: &str, digest: &str) -> Option<Bytes> {
        self.0.store().blob(repository, digest).ok()
    }
}
