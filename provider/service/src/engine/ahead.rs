//! The verification of an image that mutation has resolved: the request to verify it follows, and joins the work or finds its verdict.
//!
//! The policy is chosen when the verdict is asked for: the key of the work has the statement and its stores, so that a request under another
//! policy never gets this verdict.

use std::sync::Arc;

use countersign_core::name::Selector;
use countersign_http::Permit;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::sync::OwnedSemaphorePermit;

use super::request::Deadline;
use super::request::VerificationRequest;
use super::resolved::Resolved;
use super::state::Inner;
use super::verdict_key::VerdictKey;
use super::verification::Found;
use super::verification::Question;
use crate::cache::Progress;
use crate::telemetry::metrics::CacheEvent;

impl Inner {
    /// As [`Self::verify_unknown`], with what mutation has resolved, unless the settings exclude that.
    pub(super) fn verify_ahead(self: &Arc<Self>, request: &VerificationRequest, resolved: Option<&Resolved>) {
        if self.settings.verify_ahead {
            self.verify_unknown(request, resolved);
        }
    }

    /// Starts the verification of the image of `request` unless the policy asks for none, its verdict is known, or too many are in
    /// progress.
    pub(super) fn verify_unknown(self: &Arc<Self>, request: &VerificationRequest, resolved: Option<&Resolved>) {
        let Some((key, about)) = self.unknown(request, resolved) else { return };
        let Some(place) = self.place_ahead() else { return };
        let permit = resolved.and_then(Resolved::take_permit);
        self.start_ahead(request, key, about, (place, permit), CacheEvent::VerdictAhead);
    }

    /// What there is to verify for `request`; `None` if the policy asks for nothing, the verdict is known, or the digest is not.
    pub(super) fn unknown(
        &self,
        request: &VerificationRequest,
        resolved: Option<&Resolved>,
    ) -> Option<(VerdictKey, (Question, Found))> {
        let question = self.question(request).ok()?;
        let found = match (resolved, request.image.selector()) {
            (Some(resolved), _) => Found::resolved(resolved),
            (None, Selector::Digest(digest)) => {
                let scope = self.registries.credential_scope(request.image.repository());
                if !scope.is_usable() {
                    return None;
                }
                Found::named(request, digest, scope)
            }
            (None, Selector::Tag(_)) => return None,
        };
        let key = self.key(request, &question.statement, &found);
        self.verdicts.get(&key, (self.clock)()).is_none().then_some((key, (question, found)))
    }

    /// Starts a verification that no request waits for, unless it is in progress. Counts `event` if it starts.
    pub(super) fn start_ahead(
        self: &Arc<Self>,
        request: &VerificationRequest,
        key: VerdictKey,
        about: (Question, Found),
        (place, permit): (OwnedSemaphorePermit, Option<Permit>),
        event: CacheEvent,
    ) {
        let keep = self.settings.ahead_time;
        // As if it was asked for now, with the time of a verification.
        let deadline = Deadline::after(keep);
        let until = (deadline.instant(), deadline.of_evidence());
        let work = self.work_on(request, key.clone(), about, permit, until);
        if let Some(running) = self.verifications.start(key, keep, held_during(place, work)) {
            self.metrics.cache_event(event);
            tokio::spawn(running);
        }
    }

    /// Held during work that no request waits for; `None` if too much of it is in progress, which is counted.
    pub(super) fn place_ahead(&self) -> Option<OwnedSemaphorePermit> {
        let place = Arc::clone(&self.ahead).try_acquire_owned().ok();
        if place.is_none() {
            self.metrics.cache_event(CacheEvent::VerdictAheadRefused);
        }
        place
    }
}

/// `work` that keeps `place` until it has ended or is cancelled.
pub(super) fn held_during<T: Send + 'static>(
    place: OwnedSemaphorePermit,
    work: impl FnOnce(Progress) -> BoxFuture<'static, T>,
) -> impl FnOnce(Progress) -> BoxFuture<'static, T> {
    move |progress| {
        let work = work(progress);
        async move {
            let result = work.await;
            drop(place);
            result
        }
        .boxed()
    }
}
