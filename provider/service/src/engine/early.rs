//! Verification before anybody asks: of what was verified lately, after a change of the policy or of the configuration with which those
//! verdicts no longer count. So the first request for them does not wait for its registry.
//!
//! Only the names of the images are kept: each is verified as if it was asked for now.

use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::Weak;
use std::time::Duration;

use countersign_core::name::ImageRef;
use countersign_core::name::Selector;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::AbortHandle;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use super::Engine;
use super::request::Deadline;
use super::state::Inner;
use crate::telemetry::metrics::CacheEvent;

/// Time between the starts of two verifications: twenty a second, usually with four requests to a registry each, beside those for requests.
const EVERY: Duration = Duration::from_millis(50);

impl Engine {
    /// The images that were verified last, the last one first: at most as many as the settings say. With their digests.
    #[must_use]
    pub fn verified_lately(&self) -> Vec<Arc<ImageRef>> {
        self.0.verdicts.lately(self.0.settings.verify_again)
    }

    /// Verifies `images`, at most as many as the settings say, in the background unless their verdicts are known: twenty a second, and at
    /// most a quarter of all work at a time. Ends what an earlier call has not begun. Within a runtime.
    pub fn verify_early(&self, mut images: Vec<Arc<ImageRef>>) {
        images.truncate(self.0.settings.verify_again);
        let begun = each(Arc::downgrade(&self.0), images, |engine, image, place| async move {
            engine.0.verify_unasked(image, place);
        });
        self.end(Some(tokio::spawn(begun).abort_handle()));
    }

    /// Begins nothing more of [`Self::verify_early`]: its verdicts would be of no use.
    pub(super) fn end_early(&self) {
        self.end(None);
    }

    /// Ends what is in progress in favour of `next`.
    fn end(&self, next: Option<AbortHandle>) {
        // No operation can panic while it is locked.
        let mut early = self.0.early.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(former) = std::mem::replace(&mut *early, next) {
            former.abort();
        }
    }
}

impl Inner {
    /// Starts the verification of an image that was not asked for, if its verdict is not known.
    fn verify_unasked(self: &Arc<Self>, image: Arc<ImageRef>, place: OwnedSemaphorePermit) {
        let Selector::Digest(_) = image.selector() else { return };
        let request = Engine(Arc::clone(self)).request(image, Deadline::after(self.settings.ahead_time));
        if let Some((key, about)) = self.unknown(&request, None) {
            self.start_ahead(&request, key, about, (place, None), CacheEvent::VerdictAgain);
        }
    }
}

/// Begins `verify` for each image, one after the other, when there is a place for it, as long as there is the engine. Returns what it has begun,
/// which continues when this is dropped.
pub(super) async fn each<F>(
    engine: Weak<Inner>,
    images: Vec<Arc<ImageRef>>,
    verify: impl Fn(Engine, Arc<ImageRef>, OwnedSemaphorePermit) -> F,
) -> Vec<JoinHandle<()>>
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut begun = Vec::with_capacity(images.len());
    let mut pace = tokio::time::interval(EVERY);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for image in images {
        let (inner, place) = loop {
            pace.tick().await;
            let Some(inner) = engine.upgrade() else { return begun };
            // Whoever queued for a place would have each that is released, and renewals have none then.
            if let Ok(place) = Arc::clone(&inner.ahead).try_acquire_owned() {
                break (inner, place);
            }
        };
        begun.push(tokio::spawn(verify(Engine(inner), image, place)));
    }
    begun
}
