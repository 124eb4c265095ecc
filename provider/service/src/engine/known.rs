//! What is known about an image without any request: the policy alone decides, or its verdict is in memory.

use std::sync::Arc;

use countersign_core::name::Selector;

use super::ImageResult;
use super::request::VerificationRequest;
use super::resolved::Resolved;
use super::state::Inner;
use super::verification::Found;

impl Inner {
    /// The result of [`Self::verify`], if it is known. Counts the use of caches only if it is.
    pub(super) fn known(self: &Arc<Self>, request: &VerificationRequest) -> Option<ImageResult> {
        let question = match self.question(request) {
            Ok(question) => question,
            Err(verdict) => return Some(Self::decided(request, verdict)),
        };
        let (found, is_tag) = match request.image.selector() {
            Selector::Digest(digest) => {
                let scope = self.registries.credential_scope(request.image.repository());
                // Of a registry that cannot be used, the error is not known yet.
                if !scope.is_usable() {
                    return None;
                }
                (Found::named(request, digest, scope), false)
            }
            Selector::Tag(_) => {
                let pinned = self.registries.cached_pin(&request.image)?;
                (Found::resolved(&Resolved::without_permit(pinned)), true)
            }
        };
        let key = self.key(request, &question.statement, &found);
        let kept = self.verdicts.get(&key, (self.clock)())?;
        if is_tag {
            self.registries.used_cached_pin();
            self.renew_tag(request);
        }
        self.metrics.verdict_hit(kept.age());
        let digest = Some(found.digest().clone());
        self.renew_verdict(request, &kept, key, (question, found));
        Some(ImageResult { digest, verdict: Arc::clone(&kept.verdict), cached: true })
    }
}
