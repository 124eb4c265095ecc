//! The verdict about one image, and the details of every signature. The verdict comes first, from the call that the
//! server makes; the signatures are then fetched again and explained. If the registry changes in between, the two can
//! differ; the verdict is authoritative.

use std::sync::Arc;

use countersign_core::evidence::Evidence;
use countersign_core::evidence::Progress;
use countersign_core::name::Digest;
use countersign_core::name::MediaType;
use countersign_core::name::Repository;
use countersign_core::notation;
use countersign_core::notation::EnvelopeFormat;
use countersign_core::notation::Explanation;
use countersign_core::notation::VerificationInput;
use countersign_core::oci::Descriptor;
use countersign_core::policy::Decision;
use countersign_core::policy::NotationRequirement;
use countersign_core::policy::Requirement;
use countersign_core::policy::SignatureScheme;
use countersign_core::verdict::Code;
use countersign_core::verdict::Reason;
use countersign_registry::Pinned;
use countersign_registry::Referrers;
use futures_util::FutureExt as _;
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;

use super::Deadline;
use super::Engine;
use super::ImageResult;
use super::VerificationRequest;
use super::error_mapping;
use super::rounds::Rounds;
use super::signatures;
use super::signatures::FetchedEnvelope;
use super::signatures::NoEnvelope;
use super::state::Inner;
use super::verify_signatures::FETCHED_AHEAD;
use super::verify_signatures::list_incomplete;
use crate::policy_source::Applicable;
use crate::policy_source::LoadedPolicy;
use crate::policy_source::UsableStatement;

/// See the module.
#[derive(Debug)]
#[must_use]
pub struct Inspection {
    /// The result of [`super::Verifier::verify`].
    pub result: ImageResult,
    /// The signatures, or the reason why the image or its list of signatures could not be fetched.
    pub listed: Result<Listed, Reason>,
}

/// The image and its signatures in the registry.
#[derive(Debug)]
pub struct Listed {
    /// The image itself: media type, digest and size of its manifest.
    pub target: Descriptor,
    pub judged: JudgedUnder,
    /// How many signatures the registry lists.
    pub found: usize,
    /// In the order in which the engine tries them, at most [`super::EngineSettings::max_signatures`].
    pub signatures: Vec<InspectedSignature>,
    /// The reason why the list is incomplete.
    pub left_out: Option<Reason>,
}

/// The basis of the checks in [`Listed::signatures`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JudgedUnder {
    /// Those of the statement that applies to the image.
    Statement,
    /// Only the checks that need no statement: no usable statement that verifies applies.
    NoStatement,
}

/// One signature of the image.
#[derive(Debug)]
pub struct InspectedSignature {
    /// Digest of the signature manifest.
    pub manifest: Digest,
    /// The envelope, or the reason why it could not be fetched.
    pub envelope: Result<Envelope, Reason>,
}

/// A fetched envelope.
#[derive(Debug)]
pub struct Envelope {
    pub media_type: MediaType,
    pub bytes: usize,
    pub explanation: Explanation,
}

impl Engine {
    /// The verdict and the signatures of the request's image. Signatures of skipped repositories are fetched too. The
    /// deadline is for the verdict; the signatures have the time of one more flight.
    pub fn inspect(&self, request: VerificationRequest) -> BoxFuture<'static, Inspection> {
        let inner = Arc::clone(&self.0);
        async move {
            let result = inner.verify(&request).await;
            // Uses the digest of the verdict, as the tag may have moved.
            let image = &request.image;
            let pinned = result.digest.as_ref();
            let pinned = pinned.and_then(|digest| format!("{}@{digest}", image.repository()).parse().ok());
            let image = pinned.map_or_else(|| Arc::clone(image), Arc::new);
            let deadline = Deadline::after(inner.settings.flight_time);
            let listed = inner.list(&VerificationRequest { image, deadline, ..request }).await;
            Inspection { result, listed }
        }
        .boxed()
    }
}

impl Engine {
    /// The signatures of the request's image, as [`Self::inspect`] has them, without the verdict.
    pub fn signatures(&self, request: VerificationRequest) -> BoxFuture<'static, Result<Listed, Reason>> {
        let inner = Arc::clone(&self.0);
        async move { inner.list(&request).await }.boxed()
    }
}

fn usable_statement<'a>(policy: &'a LoadedPolicy, repository: &Repository) -> Option<&'a Arc<UsableStatement>> {
    match policy.applicable(repository) {
        Applicable::Usable(statement) => Some(statement),
        Applicable::Disabled(..) | Applicable::Nothing => None,
    }
}

fn notation_requirement(statement: &UsableStatement) -> Option<&NotationRequirement> {
    match statement.decision() {
        Decision::Verify(Requirement::Notation(requirement)) => Some(requirement),
        Decision::Skip => None,
    }
}

impl Inner {
    async fn list(self: &Arc<Self>, request: &VerificationRequest) -> Result<Listed, Reason> {
        let repository = request.image.repository();
        let until = request.deadline.instant();
        let pinned = self.pin(request).await?;
        let target = pinned.descriptor();
        let policy = request.snapshot.policy();
        let policy = policy.filter(|policy| self.scope_with_port(policy, repository).is_none());
        let statement = policy.and_then(|policy| usable_statement(policy, repository));
        let requirement = statement.and_then(|statement| notation_requirement(statement));
        let stores = statement.map(|statement| statement.stores()).unwrap_or_default();
        // Signatures are also listed without a statement. A further scheme must be listed here too.
        let [scheme] = SignatureScheme::ALL;
        let mut referrers = self
            .registries
            .referrers(&pinned, scheme.artifact_type(), until.into())
            .await
            .map_err(|error| error_mapping::reason(&error))?;
        signatures::order(&mut referrers.entries, &stores);
        let max = self.settings.max_signatures;
        let input = statement.zip(requirement).map(|(statement, requirement)| VerificationInput {
            target,
            requirement,
            stores: &stores,
            required_metadata: self.required_metadata(statement),
            evidence: &self.settings.evidence,
            now: (self.clock)(),
        });
        let entries = referrers.entries.iter().take(max).cloned();
        let work = entries.map(|entry| self.examine(&pinned, scheme, entry, input.as_ref(), until.into()));
        let opened: Vec<_> = futures_util::stream::iter(work).buffered(FETCHED_AHEAD).collect().await;
        let of_other_type = opened.iter().filter(|signature| signature.is_none()).count();
        let judged = match requirement {
            Some(_) => JudgedUnder::Statement,
            None => JudgedUnder::NoStatement,
        };
        Ok(Listed {
            target: target.clone(),
            judged,
            found: referrers.entries.len() - of_other_type,
            signatures: opened.into_iter().flatten().collect(),
            left_out: left_out(&referrers, max),
        })
    }

    /// Fetches and explains one signature; `None` if its manifest is of another type. Without `input` only the checks that
    /// need no statement are made.
    async fn examine(
        &self,
        pinned: &Pinned,
        scheme: SignatureScheme,
        entry: Descriptor,
        input: Option<&VerificationInput<'_>>,
        until: tokio::time::Instant,
    ) -> Option<InspectedSignature> {
        let envelope = match signatures::fetch(&self.registries, pinned, scheme, &entry, until).await {
            Ok(FetchedEnvelope { content, format, media_type }) => {
                let explanation = match input {
                    Some(input) => self.explain(&content, format, input, until).await,
                    None => notation::describe(&content, format, pinned.descriptor()),
                };
                Ok(Envelope { media_type, bytes: content.len(), explanation })
            }
            Err(NoEnvelope::Failed(reason)) => Err(reason),
            Err(NoEnvelope::OtherType) => return None,
        };
        Some(InspectedSignature { manifest: entry.digest, envelope })
    }

    /// Explains the checks of an envelope, with the evidence that they need.
    async fn explain(
        &self,
        envelope: &[u8],
        format: EnvelopeFormat,
        input: &VerificationInput<'_>,
        deadline: tokio::time::Instant,
    ) -> Explanation {
        let examined = notation::examine(envelope, format, input);
        let (mut progress, mut rounds) = (examined.explain(&Evidence::none()), Rounds::new(&*self.evidence, deadline));
        loop {
            match progress {
                Progress::Done(explanation) => return explanation,
                Progress::Needs(requests) => progress = examined.explain(&*rounds.fetch(&requests).await),
            }
        }
    }
}

fn left_out(referrers: &Referrers, max: usize) -> Option<Reason> {
    let found = referrers.entries.len();
    if found > max {
        let detail = format_args!(
            "too many signatures: found at least {found}, expected at most {max}; the \
                                   others were not examined"
        );
        return Some(Reason::new(Code::TooManySignatures, detail));
    }
    list_incomplete(referrers)
}
