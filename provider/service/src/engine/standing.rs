//! Whether a result that was known is still the result of the same question, without asking it again.
//!
//! A [`Standing`] observes everything that the result depends on: the engine, the policy, the verdict in memory, what the tag was, the
//! credential, and the time. Whatever replaces, removes or evicts a value in memory ends it, as it owns none of them. It ends after
//! [`LONGEST`] in any case, so that values in memory count as used.

use std::sync::Arc;
use std::sync::Weak;
use std::time::Duration;

use countersign_core::name::ImageRef;
use countersign_core::name::Selector;
use countersign_registry::CredentialScope;
use countersign_registry::StandingPin;
use tokio::time::Instant;

use super::ImageResult;
use super::request::PolicySelection;
use super::request::PolicySnapshot;
use super::request::VerificationRequest;
use super::resolved::Resolved;
use super::state::Inner;
use super::verdict_cache::Kept;
use super::verification::Found;
use crate::policy_source::LoadedPolicy;

/// How long a result stands at most.
const LONGEST: Duration = Duration::from_secs(1);

/// What the result of a question depends on. See the module.
#[derive(Clone)]
pub struct Standing {
    until: Instant,
    engine: Weak<Inner>,
    policy: Weak<LoadedPolicy>,
    image: Arc<ImageRef>,
    /// Of a tag.
    pin: Option<StandingPin>,
    verdict: Weak<Kept>,
    scope: CredentialScope,
}

impl std::fmt::Debug for Standing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Standing").field("image", &self.image).finish_non_exhaustive()
    }
}

impl Standing {
    /// Heap memory that it keeps, in bytes: that of the image, whose reference has its text and that of its parts.
    pub(crate) fn heap_bytes(&self) -> usize {
        4 * self.image.written().len() + size_of::<ImageRef>()
    }
}

impl Inner {
    /// What `result`, which [`Self::known`] has returned for `request`, depends on; `None` if it is not known any more, or was not in
    /// memory.
    pub(super) fn standing(self: &Arc<Self>, request: &VerificationRequest, result: &ImageResult) -> Option<Standing> {
        // Without `..`: what a question may have beside these, a result depends on.
        let VerificationRequest { image, namespace, policy, credentials: _, conditions: _, deadline: _, snapshot } =
            request;
        let (None, PolicySelection::ByRepository, Some(policy)) = (namespace, policy, snapshot.policy()) else {
            return None;
        };
        let question = self.question(request).ok()?;
        let (found, pin, scope) = match image.selector() {
            Selector::Digest(digest) => {
                let scope = self.registries.credential_scope(image.repository());
                (scope.is_usable().then(|| Found::named(request, digest, scope.clone()))?, None, scope)
            }
            Selector::Tag(_) => {
                let (pinned, pin) = self.registries.standing_pin(image)?;
                // That with which the tag was read: another one may be in use by now.
                let scope = pinned.credential_scope().clone();
                (Found::resolved(&Resolved::without_permit(pinned)), Some(pin), scope)
            }
        };
        let kept = self.verdicts.get(&self.key(request, &question.statement, &found), (self.clock)())?;
        if !Arc::ptr_eq(&kept.verdict, &result.verdict) || result.digest.as_ref() != Some(found.digest()) {
            return None;
        }
        Some(Standing {
            until: Instant::now() + LONGEST,
            engine: Arc::downgrade(self),
            policy: Arc::downgrade(policy),
            image: Arc::clone(image),
            pin,
            verdict: Arc::downgrade(&kept),
            scope,
        })
    }

    /// Whether [`Self::known`] would return the same result for the same question under `snapshot`, with no renewal due. Counts its use
    /// as that does.
    pub(super) fn stands(self: &Arc<Self>, standing: &Standing, snapshot: &PolicySnapshot) -> bool {
        let Standing { until, engine, policy, image, pin, verdict, scope } = standing;
        // A weak reference keeps the place of its value, so that no other value has the same address.
        let is_same_policy = snapshot.policy().is_some_and(|now| std::ptr::eq(Arc::as_ptr(now), policy.as_ptr()));
        if Instant::now() >= *until || !std::ptr::eq(Arc::as_ptr(self), engine.as_ptr()) || !is_same_policy {
            return false;
        }
        let Some(kept) = verdict.upgrade() else { return false };
        let stands = kept.stands((self.clock)())
            && pin.as_ref().is_none_or(StandingPin::stands)
            && self.registries.credential_scope(image.repository()) == *scope;
        if stands {
            if pin.is_some() {
                self.registries.used_cached_pin();
            }
            self.metrics.verdict_hit(kept.age());
        }
        stands
    }
}
