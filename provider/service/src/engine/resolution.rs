//! From reference to digest.

use std::sync::Arc;
use std::time::Instant;

use countersign_core::name::Digest;
use countersign_core::name::Selector;
use countersign_core::verdict::Reason;
use countersign_registry::Pinned;

use super::error_mapping;
use super::request::VerificationRequest;
use super::state::Inner;
use super::state::PinKey;
use crate::cache::Progress;

impl Inner {
    /// Resolves the image's tag to its present digest; a digest resolves to itself.
    pub(super) async fn resolve(self: &Arc<Self>, request: &VerificationRequest) -> Result<Digest, Reason> {
        match request.image.selector() {
            Selector::Digest(digest) => Ok(digest.clone()),
            Selector::Tag(_) => self.pin(request).await.map(|pinned| pinned.descriptor().digest.clone()),
        }
    }

    /// Resolves a reference to its digest; concurrent requests for the same reference share one flight.
    pub(super) async fn pin(self: &Arc<Self>, request: &VerificationRequest) -> Result<Pinned, Reason> {
        let (image, deadline) = (&request.image, request.deadline);
        // Checked before joining a flight for an equal repository.
        self.registries.check_spelling(image.repository()).map_err(|error| error_mapping::reason(&error))?;
        if let Some(pinned) = self.registries.cached_pin(image) {
            return Ok(pinned);
        }
        let repository = image.repository();
        let key = PinKey {
            repository: repository.clone(),
            selector: image.selector().clone(),
            scope: self.registries.credential_scope(repository),
        };
        let share = self.registries.share(repository);
        let enqueue = || self.work.queue(&share);
        let (this, image) = (Arc::clone(self), Arc::clone(image));
        let work = move |progress: Progress| {
            // Queued outside the future, so that flights get permits in the order in which they start.
            let queued = enqueue();
            async move {
                let _permit = queued.map_err(|reached| error_mapping::overloaded(&reached))?.granted().await;
                progress.enter("the image's manifest was fetched");
                let until = Instant::now() + this.settings.flight_time;
                // Boxed, so that waiting work is small.
                Box::pin(this.registries.pin(&image, until.into())).await.map_err(|error| error_mapping::reason(&error))
            }
        };
        let pinned = self.pins.join_or_start(key, deadline.instant().into(), work).await;
        pinned.map_err(|error| self.reason_of_flight_error(error, &share))?
    }
}
