//! One request from reference to verdict: statement, digest, verdict cache, single flight.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use countersign_core::name::Digest;
use countersign_core::name::ImageRef;
use countersign_core::name::Repository;
use countersign_core::name::Selector;
use countersign_core::policy::Decision;
use countersign_core::policy::NotationRequirement;
use countersign_core::policy::Requirement;
use countersign_core::policy::SignatureScheme;
use countersign_core::verdict::Code;
use countersign_core::verdict::ImageVerdict;
use countersign_core::verdict::Reason;
use countersign_core::verdict::Skipped;

use countersign_http::Permit;
use countersign_registry::CredentialScope;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use futures_util::future::Either;

use super::ImageResult;
use super::error_mapping;
use super::manifest_and_list::Manifest;
use super::request::PolicySelection;
use super::request::VerificationRequest;
use super::resolved::Resolved;
use super::state::Inner;
use super::verdict_cache::Kept;
use super::verdict_cache::Stored;
use super::verdict_key::VerdictKey;
use super::verdict_key::VerdictKeyParts;
use crate::cache::Progress;
use crate::clock::Moment;
use crate::policy_source::Applicable;
use crate::policy_source::LoadedPolicy;
use crate::policy_source::StatementState;
use crate::policy_source::UsableStatement;
use crate::telemetry::metrics::CacheEvent;

/// What the policy asks about an image.
pub(super) struct Question {
    pub(super) statement: Arc<UsableStatement>,
    /// The requirement of the statement.
    pub(super) requirement: Arc<NotationRequirement>,
    pub(super) scheme: SignatureScheme,
}

/// The digest that a verdict is about, and with which credential its registry is asked.
pub(super) struct Found {
    digest: Digest,
    scope: CredentialScope,
    manifest: Manifest,
}

impl Found {
    /// Of a reference with this digest.
    pub(super) fn named(request: &VerificationRequest, digest: &Digest, scope: CredentialScope) -> Self {
        Self { digest: digest.clone(), scope, manifest: Manifest::Named(Arc::clone(&request.image)) }
    }

    pub(super) fn digest(&self) -> &Digest {
        &self.digest
    }

    pub(super) fn resolved(Resolved { pinned, .. }: &Resolved) -> Self {
        let (digest, scope) = (pinned.descriptor().digest.clone(), pinned.credential_scope().clone());
        Self { digest, scope, manifest: Manifest::Pinned(pinned.clone()) }
    }
}

impl Inner {
    /// Never fails: every failure becomes a verdict.
    pub(super) async fn verify(self: &Arc<Self>, request: &VerificationRequest) -> ImageResult {
        let named = match request.image.selector() {
            Selector::Digest(digest) => Some(digest),
            Selector::Tag(_) => None,
        };
        let question = match self.question(request) {
            Ok(question) => question,
            Err(verdict) => return Self::decided(request, verdict),
        };
        // A digest needs no request before the verification.
        let scope = self.registries.credential_scope(request.image.repository());
        let (found, permit) = match named {
            Some(digest) if scope.is_usable() => (Found::named(request, digest, scope), None),
            // Of a registry that cannot be used, the error.
            Some(_) | None => match self.resolved(request).await {
                Ok(resolved) => (Found::resolved(&resolved), resolved.take_permit()),
                Err(reason) => {
                    let verdict = ImageVerdict::from_reason(Some(question.statement.shared_name()), reason);
                    return Self::decided(request, verdict);
                }
            },
        };
        let digest = Some(found.digest.clone());
        let key = self.key(request, &question.statement, &found);
        let (verdict, cached) = match self.cached(&key) {
            Some(kept) => {
                self.renew_verdict(request, &kept, key, (question, found));
                (Arc::clone(&kept.verdict), true)
            }
            None => (self.join_or_start(request, key, question, found, permit).await, false),
        };
        ImageResult { digest, verdict, cached }
    }

    /// A verdict that is not about what the registry has.
    pub(super) fn decided(request: &VerificationRequest, verdict: ImageVerdict) -> ImageResult {
        let digest = match request.image.selector() {
            Selector::Digest(digest) => Some(digest.clone()),
            Selector::Tag(_) => None,
        };
        ImageResult { digest, verdict: verdict.into(), cached: false }
    }

    /// What the policy of the request asks about its image.
    ///
    /// # Errors
    /// The verdict, if no signature is asked for.
    pub(super) fn question(&self, request: &VerificationRequest) -> Result<Question, ImageVerdict> {
        let statement = self.statement(request)?;
        let (scheme, requirement) = match statement.decision() {
            // A skipped repository needs no requests.
            Decision::Skip => return Err(ImageVerdict::Skipped(Skipped { statement: statement.shared_name() })),
            Decision::Verify(required) => match required {
                Requirement::Notation(requirement) => (required.scheme(), Arc::clone(requirement)),
            },
        };
        Ok(Question { statement, requirement, scheme })
    }

    /// The statement of the request's snapshot for its image.
    ///
    /// # Errors
    /// The verdict, if no statement can be used.
    fn statement(&self, request: &VerificationRequest) -> Result<Arc<UsableStatement>, ImageVerdict> {
        let repository = request.image.repository();
        let Some(policy) = request.snapshot.policy() else {
            let reason = Reason::new(
                Code::NotReady,
                "no usable trust policy: found none, expected a valid trust \
                 policy document",
            );
            return Err(ImageVerdict::from_reason(None, reason));
        };
        // Checked before a statement is selected: a skipped image needs no registry.
        if let Err(error) = self.registries.check_spelling(repository) {
            return Err(ImageVerdict::from_reason(None, error_mapping::reason(&error)));
        }
        if let Some(verdict) = self.scope_with_port(policy, repository) {
            return Err(verdict);
        }
        let applicable = match request.policy {
            PolicySelection::ByRepository => policy.applicable(repository),
        };
        match applicable {
            Applicable::Usable(statement) => Ok(Arc::clone(statement)),
            Applicable::Disabled(statement, claim) => Err(error_mapping::of_disabled(statement, claim)),
            Applicable::Nothing => {
                let detail = format_args!("no statement of the trust policy applies to the repository {repository}");
                Err(ImageVerdict::from_reason(None, Reason::new(Code::NoApplicableRule, detail)))
            }
        }
    }

    /// The key of the flight and of the cache entry.
    pub(super) fn key(&self, request: &VerificationRequest, statement: &UsableStatement, found: &Found) -> VerdictKey {
        let parts = VerdictKeyParts {
            repository: request.image.repository(),
            digest: &found.digest,
            selection: request.policy,
            statement: statement.key(),
            namespace: request.namespace.as_ref(),
            credentials: request.credentials,
            scope: &found.scope,
            conditions: &request.conditions,
            requirements: self.requirements.of(statement.name()),
        };
        parts.key()
    }

    /// The metadata that the configuration requires of signatures under a statement.
    pub(super) fn required_metadata(&self, statement: &UsableStatement) -> &BTreeMap<String, String> {
        static NOTHING: BTreeMap<String, String> = BTreeMap::new();
        self.settings.required_metadata.get(statement.name()).unwrap_or(&NOTHING)
    }

    fn cached(&self, key: &VerdictKey) -> Option<Arc<Kept>> {
        let kept = self.verdicts.get(key, (self.clock)());
        match &kept {
            Some(kept) => self.metrics.verdict_hit(kept.age()),
            None => self.metrics.cache_event(CacheEvent::VerdictMiss),
        }
        kept
    }

    /// Joins the verification with the same key, or starts it. It continues after its first caller has left.
    async fn join_or_start(
        self: &Arc<Self>,
        request: &VerificationRequest,
        key: VerdictKey,
        question: Question,
        found: Found,
        permit: Option<Permit>,
    ) -> Arc<ImageVerdict> {
        let (statement, share) = (question.statement.shared_name(), self.registries.share(request.image.repository()));
        // That of the caller who starts it: others find what is late in memory with their next request.
        let evidence_until = request.deadline.of_evidence();
        let until = (request.deadline.instant(), evidence_until);
        let work = self.work_on(request, key.clone(), (question, found), permit, until);
        match self.verifications.join_or_start(key, request.deadline.instant().into(), work).await {
            Ok(verdict) => verdict,
            Err(error) => {
                Arc::new(ImageVerdict::from_reason(Some(statement), self.reason_of_flight_error(error, &share)))
            }
        }
    }

    /// The work of a flight, which stores its verdict. Without a permit it queues when it starts, unless its turn would come after the first
    /// point in time; the second one is the end of waiting for evidence.
    pub(super) fn work_on(
        self: &Arc<Self>,
        request: &VerificationRequest,
        key: VerdictKey,
        (question, found): (Question, Found),
        permit: Option<Permit>,
        (begin_until, evidence_until): (Instant, Instant),
    ) -> impl FnOnce(Progress) -> BoxFuture<'static, Arc<ImageVerdict>> {
        let (this, image, deadline) = (Arc::clone(self), Arc::clone(&request.image), begin_until);
        let digest = found.digest.clone();
        move |progress| {
            // Queued outside the future, so that flights get permits in the order in which they start.
            let permit = match permit {
                Some(permit) => Ok(Either::Left(permit)),
                None => {
                    let share = this.registries.share(image.repository());
                    this.work.queue_until(&share, deadline.into()).map(Either::Right)
                }
            };
            async move {
                // Acquired first, so that waiting work holds no other resources.
                let _permit = match permit {
                    Ok(Either::Left(permit)) => permit,
                    Ok(Either::Right(queued)) => queued.granted().await,
                    Err(refused) => {
                        let reason = error_mapping::overloaded(&refused);
                        return Arc::new(ImageVerdict::from_reason(Some(question.statement.shared_name()), reason));
                    }
                };
                let (begun, scope) = (Moment::new((this.clock)()), found.scope);
                // Boxed, so that waiting work is small.
                let verified = Box::pin(this.verify_signatures(question, found.manifest, evidence_until, &progress));
                let verdict = Arc::new(verified.await);
                // Otherwise another credential came into use, and it is not known with which one answered the request.
                if this.registries.credential_scope(image.repository()) == scope {
                    this.store(key, &verdict, begun, (&image, &digest));
                }
                verdict
            }
            .boxed()
        }
    }

    fn store(
        &self,
        key: VerdictKey,
        verdict: &Arc<ImageVerdict>,
        begun: Moment,
        (image, digest): (&Arc<ImageRef>, &Digest),
    ) {
        match self.verdicts.put(key.clone(), verdict, begun) {
            Stored::Yes { evicted } => {
                if let ImageVerdict::Verified(_) = &**verdict
                    && let Some(image) = with_digest(image, digest)
                {
                    self.verdicts.put_image(key, image);
                }
                self.metrics.cache_event(CacheEvent::VerdictStored);
                self.metrics.cache_events(CacheEvent::VerdictEvicted, evicted);
                self.show_cached_verdicts();
            }
            Stored::No => {}
        }
    }

    /// The verdict if a scope names the repository with a port that no reference to it may write, as its registry is
    /// plain HTTP without one: with 80 it is the same server under another name, and with 443 another server under the
    /// same name. So it is not known which statement is meant.
    pub(super) fn scope_with_port(&self, policy: &LoadedPolicy, repository: &Repository) -> Option<ImageVerdict> {
        let with_port = self.registries.with_plain_port(repository)?;
        let writes_port = |(scope, _): &(&Repository, &StatementState)| scope.host().written_port().is_some();
        let (scope, statement) =
            policy.scope_of(&with_port).or_else(|| policy.scope_of(repository).filter(writes_port))?;
        let detail = format_args!(
            "statement {:?} of the trust policy has the scope {scope}, and registries has {} over plain HTTP without a port: \
             expected the scope without a port",
            statement.name(),
            repository.host()
        );
        Some(ImageVerdict::from_reason(Some(statement.shared_name()), Reason::new(Code::StatementDisabled, detail)))
    }
}

/// The reference to `digest` in the repository of `image`.
fn with_digest(image: &Arc<ImageRef>, digest: &Digest) -> Option<Arc<ImageRef>> {
    match image.selector() {
        Selector::Digest(_) => Some(Arc::clone(image)),
        Selector::Tag(_) => format!("{}@{digest}", image.written_name()).parse().ok().map(Arc::new),
    }
}
