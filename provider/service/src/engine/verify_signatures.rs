//! Fetches and verifies the signatures of one image until one is valid.

use std::sync::Arc;

use countersign_core::limits;
use countersign_core::name::Digest;
use countersign_core::oci::Descriptor;
use countersign_core::verdict::Code;
use countersign_core::verdict::FailedSignatures;
use countersign_core::verdict::ImageVerdict;
use countersign_core::verdict::Reason;
use countersign_core::verdict::Verified;
use countersign_core::verdict::VerifiedBy;
use countersign_core::verdict::VerifiedNotation;
use countersign_registry::Incomplete;
use countersign_registry::Referrers;
use futures_util::StreamExt as _;

use super::error_mapping;
use super::manifest_and_list::LIST_STAGE;
use super::manifest_and_list::Manifest;
use super::request::now;
use super::signatures;
use super::signatures::Judged;
use super::signatures::JudgementContext;
use super::state::Inner;
use super::unsigned;
use super::verification::Question;
use crate::cache::Progress;

/// Signatures fetched at the same time, unless the first one is expected to be valid.
pub(super) const FETCHED_AHEAD: usize = 4;

impl Inner {
    /// Fetches the signatures and judges them until one is valid. Waits for evidence until `evidence_until`; what is late is
    /// received nevertheless, and in memory for the next request.
    pub(super) async fn verify_signatures(
        &self,
        Question { statement, requirement, scheme }: Question,
        manifest: Manifest,
        evidence_until: std::time::Instant,
        progress: &Progress,
    ) -> ImageVerdict {
        let name = statement.shared_name();
        let statement_name = || Arc::clone(&name);
        let required_metadata = self.required_metadata(&statement).clone();
        let until = now() + self.settings.flight_time;
        let (pinned, mut first_list) = match self.manifest_and_list(manifest, scheme, until.into(), progress).await {
            Ok(found) => found,
            Err(error) => return ImageVerdict::from_reason(Some(name), error_mapping::reason(&error)),
        };
        let context = Arc::new(JudgementContext {
            pinned,
            scheme,
            statement,
            requirement,
            required_metadata,
            evidence: self.settings.evidence,
            evidence_until: evidence_until.min(until).into(),
            now: (self.clock)(),
        });
        let until = until.into();

        let max = self.settings.max_signatures;
        // A mirror may lack signatures that the registry has, so nothing is rejected before all locations were asked.
        let mut ask_all = false;
        loop {
            progress.enter(LIST_STAGE);
            let listed = match first_list.take() {
                Some(listed) => listed,
                None if ask_all => self.registries.referrers(&context.pinned, scheme.artifact_type(), until).await,
                None => self.registries.first_referrers(&context.pinned, scheme.artifact_type(), until).await,
            };
            let mut referrers = match listed {
                Ok(referrers) => referrers,
                Err(error) => return ImageVerdict::from_reason(Some(statement_name()), error_mapping::reason(&error)),
            };
            let claims_trust = signatures::order(&mut referrers.entries, &context.statement.stores());
            let not_all_checked = not_all_checked(&referrers, max);
            signatures::shorten(&mut referrers, max);
            progress.enter("its signatures were fetched and verified");
            match self.first_valid(&context, &referrers.entries, claims_trust, until).await {
                Ok((by, others)) => {
                    return ImageVerdict::Verified(Verified { statement: statement_name(), by, others });
                }
                Err(_) if referrers.later => ask_all = true,
                Err(failed) if failed.total() == 0 && not_all_checked.is_none() => {
                    let reason = unsigned::reason(&self.registries, context.pinned.repository());
                    return ImageVerdict::from_reason(Some(statement_name()), reason);
                }
                Err(failed) => return ImageVerdict::none_verified(statement_name(), failed, not_all_checked),
            }
        }
    }

    /// Judges signatures in their order until one is valid. Returns it with those that failed before it. The first one is judged alone if
    /// it `claims_trust`: it is valid in most cases, which saves fetching the others.
    ///
    /// # Errors
    /// All signatures, if none is valid.
    async fn first_valid(
        &self,
        context: &Arc<JudgementContext>,
        entries: &[Descriptor],
        claims_trust: bool,
        until: tokio::time::Instant,
    ) -> Result<(VerifiedBy, FailedSignatures), FailedSignatures> {
        let judge = |entry: &'_ Descriptor| {
            let entry = entry.clone();
            async move {
                let judged =
                    signatures::judge(&self.registries, &*self.evidence, &self.metrics, context, &entry, until).await;
                (entry.digest, judged)
            }
        };
        let mut entries = entries.iter();
        let mut failed = FailedSignatures::default();
        let alone = if claims_trust { entries.next() } else { None };
        if let Some(entry) = alone
            && let Some(found) = verified(judge(entry).await, &mut failed)
        {
            return Ok((found, failed));
        }
        let mut judged = futures_util::stream::iter(entries.map(judge)).buffered(FETCHED_AHEAD).boxed();
        while let Some(one) = judged.next().await {
            if let Some(found) = verified(one, &mut failed) {
                return Ok((found, failed));
            }
        }
        Err(failed)
    }
}

/// The signature of this manifest if it is valid; one that is not is added to `failed`.
fn verified((manifest, judged): (Digest, Judged), failed: &mut FailedSignatures) -> Option<VerifiedBy> {
    match judged {
        Judged::Verified(signature) => Some(VerifiedBy::Notation(VerifiedNotation { manifest, signature })),
        Judged::Failed(failure) => {
            failed.push(failure);
            None
        }
        Judged::OtherType => None,
    }
}

/// The reason why not all signatures are checked, so that `Rejected` is not justified.
pub(super) fn not_all_checked(referrers: &Referrers, max: usize) -> Option<Reason> {
    if let Some(Incomplete::Failed(error)) = &referrers.incomplete {
        return Some(error_mapping::reason(error));
    }
    let found = referrers.entries.len();
    if found > max {
        let detail = format_args!(
            "too many signatures: found at least {found}, and none of the first {max} \
                                   verifies; expected one that does"
        );
        return Some(Reason::new(Code::TooManySignatures, detail));
    }
    list_incomplete(referrers)
}

/// The reason why the registry's list of signatures may be incomplete.
pub(super) fn list_incomplete(referrers: &Referrers) -> Option<Reason> {
    match &referrers.incomplete {
        None => {}
        Some(Incomplete::Failed(error)) => return Some(error_mapping::reason(error)),
        Some(Incomplete::Limit) => {
            let detail = format_args!(
                "too many referrers: found more than {} entries or {} pages, expected fewer",
                limits::REFERRERS_ENTRIES,
                limits::REFERRERS_PAGES
            );
            return Some(Reason::new(Code::TooManySignatures, detail));
        }
    }
    (referrers.broken > 0).then(|| {
        let broken = referrers.broken;
        let detail = format_args!("list of signatures: found {broken} unreadable entries, expected descriptors");
        Reason::new(Code::RegistryAnswerInvalid, detail)
    })
}
