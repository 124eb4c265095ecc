//! The verification of an image that mutation has resolved: the request to verify it follows, and joins the work or finds its verdict.
//!
//! The policy is chosen when the verdict is asked for: the key of the work has the statement and its stores, so that a request under another
//! policy never gets this verdict.

use std::sync::Arc;

use countersign_core::name::Selector;

use super::request::Deadline;
use super::request::VerificationRequest;
use super::resolved::Resolved;
use super::state::Inner;
use super::verification::Found;
use crate::telemetry::metrics::CacheEvent;

impl Inner {
    /// Starts the verification of the image of `request`, with what was resolved, unless the settings exclude that, the policy asks for
    /// none, its verdict is known, or too many are in progress.
    pub(super) fn verify_ahead(self: &Arc<Self>, request: &VerificationRequest, resolved: Option<&Resolved>) {
        let Some(keep) = self.settings.ahead else { return };
        let Ok(question) = self.question(request) else { return };
        let found = match (resolved, request.image.selector()) {
            (Some(resolved), _) => Found::resolved(resolved),
            (None, Selector::Digest(digest)) => {
                let scope = self.registries.credential_scope(request.image.repository());
                if !scope.is_usable() {
                    return;
                }
                Found::named(request, digest, scope)
            }
            (None, Selector::Tag(_)) => return,
        };
        let key = self.key(request, &question.statement, &found);
        if self.verdicts.get(&key, (self.clock)()).is_some() {
            return;
        }
        let Ok(slot) = Arc::clone(&self.ahead).try_acquire_owned() else {
            self.metrics.cache_event(CacheEvent::VerdictAheadRefused);
            return;
        };
        let permit = resolved.and_then(Resolved::take_permit);
        // As if it was asked for now, with the time of a verification.
        let evidence_until = Deadline::after(keep).of_evidence();
        let work = self.work_on(request, key.clone(), (question, found), permit, evidence_until);
        if let Some(running) = self.verifications.start(key, keep, work) {
            self.metrics.cache_event(CacheEvent::VerdictAhead);
            tokio::spawn(async move {
                running.await;
                drop(slot);
            });
        }
    }
}
