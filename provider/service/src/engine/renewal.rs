//! Renewal of what is in memory near its end, while it is in use, so that a request for an image that is asked for often never waits for
//! its registry. No lifetime is extended: with an inconclusive result, what is in memory stays until its end.

use std::sync::Arc;

use super::ahead::held_during;
use super::request::Deadline;
use super::request::VerificationRequest;
use super::resolution::Pinning;
use super::resolved::Resolved;
use super::state::Inner;
use super::verdict_cache::Kept;
use super::verdict_key::VerdictKey;
use super::verification::Found;
use super::verification::Question;
use crate::telemetry::metrics::CacheEvent;

impl Inner {
    /// Verifies the image of `request` again if its verdict in memory ends soon and the renewal is not claimed.
    pub(super) fn renew_verdict(
        self: &Arc<Self>,
        request: &VerificationRequest,
        kept: &Kept,
        key: VerdictKey,
        about: (Question, Found),
    ) {
        // The place first, so that a verdict without one is renewed with a later request.
        if kept.is_due()
            && let Some(place) = self.place_ahead()
            && kept.claim_renewal()
        {
            self.start_ahead(request, key, about, (place, None), CacheEvent::VerdictRenewed);
        }
    }

    /// Resolves the tag of `request` again if what is in memory ends soon and the renewal is not claimed. A tag that has moved counts at once, and
    /// the verification of its image is started.
    pub(super) fn renew_tag(self: &Arc<Self>, request: &VerificationRequest) {
        if !self.registries.is_pin_due(&request.image) {
            return;
        }
        let Some(place) = self.place_ahead() else { return };
        if !self.registries.claim_pin_renewal(&request.image) {
            return;
        }
        let share = self.registries.share(request.image.repository());
        let keep = self.settings.ahead_time;
        let (key, work) = self.pinning(&request.image, (share, Deadline::after(keep)), Pinning::Renew);
        let Some(running) = self.pins.start(key, keep, held_during(place, work)) else { return };
        self.metrics.cache_event(CacheEvent::TagRenewed);
        let (this, request) = (Arc::clone(self), request.clone());
        tokio::spawn(async move {
            running.await;
            if let Some(pinned) = this.registries.cached_pin(&request.image) {
                this.verify_unknown(&request, Some(&Resolved::without_permit(pinned)));
            }
        });
    }
}
