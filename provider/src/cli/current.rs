//! The engine of the moment: changed credentials of registries make a new one, with nothing remembered.

use std::sync::Arc;

use arc_swap::ArcSwap;
use countersign_core::name::Digest;
use countersign_core::name::ImageRef;
use countersign_core::verdict::Reason;
use futures_util::future::BoxFuture;

use crate::engine::Deadline;
use crate::engine::Engine;
use crate::engine::ImageResult;
use crate::engine::Verify;

/// Hands every image to the newest engine. Work under way ends with the one it began with.
#[derive(Debug)]
pub(super) struct Current(ArcSwap<Engine>);

impl Current {
    pub(super) fn new(engine: Engine) -> Self {
        Self(ArcSwap::from_pointee(engine))
    }

    pub(super) fn swap(&self, engine: Engine) {
        self.0.store(Arc::new(engine));
    }
}

impl Verify for Current {
    fn verify(&self, image: Arc<ImageRef>, deadline: Deadline) -> BoxFuture<'static, ImageResult> {
        self.0.load().verify(image, deadline)
    }

    fn resolve(&self, image: Arc<ImageRef>, deadline: Deadline) -> BoxFuture<'static, Result<Digest, Reason>> {
        self.0.load().resolve(image, deadline)
    }
}
