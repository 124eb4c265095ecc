//! From reference to digest.

use std::sync::Arc;

use countersign_core::name::Digest;
use countersign_core::name::ImageRef;
use countersign_core::name::Selector;
use countersign_core::verdict::Reason;
use countersign_http::Share;
use countersign_registry::Pinned;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::error_mapping;
use super::manifest_and_list::MANIFEST_STAGE;
use super::request::Deadline;
use super::request::VerificationRequest;
use super::request::now;
use super::resolved::PinKey;
use super::resolved::Resolved;
use super::state::Inner;
use crate::cache::Progress;

impl Inner {
    /// Resolves the image's tag to its present digest; a digest resolves to itself. Starts the verification of the image, which is
    /// expected next.
    pub(super) async fn resolve(self: &Arc<Self>, request: &VerificationRequest) -> Result<Digest, Reason> {
        match request.image.selector() {
            Selector::Digest(digest) => Ok(digest.clone()),
            Selector::Tag(_) => {
                let resolved = self.resolved(request).await?;
                self.verify_ahead(request, Some(&resolved));
                Ok(resolved.pinned.descriptor().digest.clone())
            }
        }
    }

    /// As [`Self::resolved`], without its permit.
    pub(super) async fn pin(self: &Arc<Self>, request: &VerificationRequest) -> Result<Pinned, Reason> {
        self.resolved(request).await.map(|resolved| resolved.pinned)
    }

    /// Resolves a reference to its digest; concurrent requests for the same reference share one flight.
    pub(super) async fn resolved(self: &Arc<Self>, request: &VerificationRequest) -> Result<Resolved, Reason> {
        let (image, deadline) = (&request.image, request.deadline);
        // Checked before joining a flight for an equal repository.
        self.registries.check_spelling(image.repository()).map_err(|error| error_mapping::reason(&error))?;
        if let Some(pinned) = self.registries.cached_pin(image) {
            self.registries.used_cached_pin();
            self.renew_tag(request);
            return Ok(Resolved::without_permit(pinned));
        }
        let share = self.registries.share(image.repository());
        let (key, work) = self.pinning(image, (share.clone(), deadline), Pinning::Unknown);
        let resolved = self.pins.join_or_start(key, deadline.instant().into(), work).await;
        resolved.map_err(|error| self.reason_of_flight_error(error, &share))?
    }

    /// The key of the flight that resolves an image, and its work, which queues for its turn until the deadline at most.
    pub(super) fn pinning(
        self: &Arc<Self>,
        image: &Arc<ImageRef>,
        (share, deadline): (Share, Deadline),
        pinning: Pinning,
    ) -> (PinKey, impl FnOnce(Progress) -> BoxFuture<'static, Result<Resolved, Reason>>) {
        let repository = image.repository();
        let key = PinKey {
            repository: repository.clone(),
            selector: image.selector().clone(),
            scope: self.registries.credential_scope(repository),
        };
        let (this, image) = (Arc::clone(self), Arc::clone(image));
        let work = move |progress: Progress| {
            // Queued outside the future, so that flights get permits in the order in which they start.
            let queued = this.work.queue_until(&share, deadline.instant().into());
            async move {
                let permit = queued.map_err(|refused| error_mapping::overloaded(&refused))?.granted().await;
                progress.enter(MANIFEST_STAGE);
                let until = (now() + this.settings.flight_time).into();
                // Boxed, so that waiting work is small.
                let pinned = match pinning {
                    Pinning::Unknown => this.registries.pin(&image, until).boxed().await,
                    Pinning::Renew => this.registries.renew_pin(&image, until).boxed().await,
                };
                Ok(Resolved::with_permit(pinned.map_err(|error| error_mapping::reason(&error))?, permit))
            }
            .boxed()
        };
        (key, work)
    }
}

/// What is resolved.
#[derive(Clone, Copy, Debug)]
pub(super) enum Pinning {
    /// What is not in memory.
    Unknown,
    /// What is in memory, too.
    Renew,
}
