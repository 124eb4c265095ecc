//! Verification of the images that the configuration names, when the process starts. One that could not be checked is verified again a few
//! times: its registry may start together with this process, or have no network yet.

use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::Weak;
use std::time::Duration;

use countersign_core::name::ImageRef;
use countersign_core::verdict::ImageVerdict;

use super::Engine;
use super::ImageResult;
use super::early::each;
use super::request::Deadline;
use super::state::Inner;
use super::undecided::AtStart;
use super::undecided::Undecided;

/// The pauses before what could not be checked is verified again: for a connection that was not there yet, for a registry that restarts, and
/// for a short outage. After a longer one, the first request for the image verifies it, as without the setting.
const PAUSES: [Duration; 3] = [Duration::from_secs(10), Duration::from_secs(60), Duration::from_secs(300)];

impl Engine {
    /// Verifies `images` in the background, within the limits of [`Self::verify_early`], and logs the verdicts; again after 10 s, 60 s and
    /// 5 min those that could not be checked. Only [`Self::take_over`] ends it, and the engine that takes over verifies those that are not
    /// decided. Within a runtime.
    pub fn verify_at_start(&self, images: Vec<Arc<ImageRef>>) {
        let undecided = Undecided::new(images);
        let task = tokio::spawn(verify_in_rounds(Arc::downgrade(&self.0), undecided.clone())).abort_handle();
        self.replace_at_start(Some(AtStart { undecided, task }));
    }

    /// Verifies what `former` has begun to verify at the start and not decided.
    pub(super) fn continue_at_start(&self, former: &Self) {
        let undecided = former.replace_at_start(None);
        if !undecided.is_empty() {
            self.verify_at_start(undecided);
        }
    }

    /// Ends what is in progress in favour of `next`, and returns the images that are not decided.
    fn replace_at_start(&self, next: Option<AtStart>) -> Vec<Arc<ImageRef>> {
        let mut at_start = self.0.at_start.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(AtStart { undecided, task }) = std::mem::replace(&mut *at_start, next) else { return Vec::new() };
        task.abort();
        undecided.take()
    }

    /// Verifies an image and logs the verdict. It is not decided if it could not be checked and there is another attempt, `again_in` that
    /// time.
    async fn verify_named(&self, image: &Arc<ImageRef>, again_in: Option<Duration>, undecided: &Undecided) {
        let request = self.request(Arc::clone(image), Deadline::after(self.0.settings.ahead_time));
        let ImageResult { verdict, .. } = self.0.verify(&request).await;
        let code = verdict.code();
        match (verdict.reason(), again_in) {
            (Some(reason), Some(pause)) if matches!(&*verdict, ImageVerdict::Inconclusive(_)) => {
                tracing::info!(
                    %image, %code, error = %reason.detail, again_in = ?pause,
                    "an image of cache.imagesAtStart could not be checked, and is verified again"
                );
                return;
            }
            (Some(reason), _) => {
                tracing::warn!(%image, %code, error = %reason.detail, "an image of cache.imagesAtStart was not verified");
            }
            (None, _) => tracing::info!(%image, %code, "an image of cache.imagesAtStart was verified"),
        }
        undecided.decided(image);
    }
}

/// Verifies the images until all are decided, with pauses, or the engine is gone.
async fn verify_in_rounds(engine: Weak<Inner>, undecided: Undecided) {
    for again_in in PAUSES.map(Some).into_iter().chain([None]) {
        let of_round = undecided.clone();
        let begun = each(engine.clone(), undecided.images(), move |engine, image, place| {
            let undecided = of_round.clone();
            async move {
                engine.verify_named(&image, again_in, &undecided).await;
                drop(place);
            }
        });
        for verification in begun.await {
            // After a panic, the image is not decided.
            let _ = verification.await;
        }
        let Some(pause) = again_in else { return };
        if undecided.images().is_empty() || engine.strong_count() == 0 {
            return;
        }
        tokio::time::sleep(pause).await;
    }
}
