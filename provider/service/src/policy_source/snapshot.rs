//! The policy in use at one moment: every usable statement with its trust stores, and every disabled one with the
//! reason.

use std::collections::BTreeMap;
use std::sync::Arc;

use countersign_core::name::Digest;
use countersign_core::name::ListHasher;
use countersign_core::name::Repository;
use countersign_core::policy::Claim;
use countersign_core::policy::Policy;
use countersign_core::policy::Statement;
use countersign_core::policy::Store;
use countersign_core::policy::StoreRef;
use countersign_core::policy::TrustPolicy;
use countersign_core::time::UnixTime;

use super::DisabledStatement;
use super::MISTAKES;
use super::PolicyMistake;
use super::PolicySourceError;
use super::StatementState;
use super::StoreState;
use super::UsableStatement;
use super::statement::store_parts;

/// A snapshot of the policy and of every store that its statements name.
#[derive(Debug)]
pub struct LoadedPolicy {
    statements: Policy<StatementState>,
    stores: BTreeMap<StoreRef, StoreState>,
    document: DocumentState,
    mistakes: Vec<PolicyMistake>,
    subdirectories: BTreeMap<StoreRef, Vec<String>>,
    digest: Digest,
    generation: u64,
}

/// Whether the policy document on disk is the one in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocumentState {
    Current,
    /// The document on disk is unusable since then; the last usable one stays in use.
    Kept {
        since: UnixTime,
    },
}

/// The statement for a repository.
#[derive(Clone, Copy, Debug)]
pub enum Applicable<'a> {
    Usable(&'a Arc<UsableStatement>),
    Disabled(&'a DisabledStatement, Claim),
    /// No statement applies.
    Nothing,
}

/// The parts of a [`LoadedPolicy`].
pub(super) struct Parts<'a> {
    pub(super) policy: &'a TrustPolicy,
    /// Of the document in use.
    pub(super) document_digest: &'a Digest,
    pub(super) document: DocumentState,
    /// Every store that a statement of `policy` names.
    pub(super) stores: BTreeMap<StoreRef, StoreState>,
    pub(super) subdirectories: BTreeMap<StoreRef, Vec<String>>,
    /// Requirements of the configuration for statements that are missing in `policy` or skip verification.
    pub(super) unmet: &'a [PolicyMistake],
    /// Whether the configuration requires metadata for the statement of this name.
    pub(super) is_expected: &'a dyn Fn(&str) -> bool,
    /// Of the document on disk, and of what the configuration expects of it.
    pub(super) mistakes: Vec<PolicyMistake>,
}

impl LoadedPolicy {
    /// The generation is that of `last` if its digest is the same, otherwise one more.
    pub(super) fn new(parts: Parts<'_>, last: (u64, Option<&Digest>)) -> Self {
        let Parts { policy, document_digest, document, stores, subdirectories, unmet, is_expected, mut mistakes } =
            parts;
        let statements = policy.policy().map(|rule| match rule {
            Statement::Broken(broken) => StatementState::Disabled(DisabledStatement::from(broken)),
            Statement::Usable(rule) => {
                let metadata = unmet.iter().find(|mistake| mistake.concerns(rule, is_expected));
                match UsableStatement::new(rule, &stores, metadata) {
                    Ok(usable) => StatementState::Usable(Arc::new(usable)),
                    Err(disabled) => StatementState::Disabled(disabled),
                }
            }
        });
        let of_stores = stores.values().flat_map(StoreState::mistakes);
        let omitted = (mistakes.len() + of_stores.clone().count()).saturating_sub(MISTAKES);
        mistakes.extend(of_stores.take(MISTAKES.saturating_sub(mistakes.len())).cloned());
        if omitted > 0 {
            mistakes.push(PolicyMistake::More { omitted });
        }
        let digest = digest(document_digest, &statements, &stores);
        let generation = if last.1 == Some(&digest) { last.0 } else { last.0 + 1 };
        Self { statements, stores, document, mistakes, subdirectories, digest, generation }
    }

    /// The statement for images of a repository.
    #[must_use]
    pub fn applicable(&self, repository: &Repository) -> Applicable<'_> {
        match self.statements.select(repository) {
            Some((StatementState::Usable(statement), _)) => Applicable::Usable(statement),
            Some((StatementState::Disabled(statement), claim)) => Applicable::Disabled(statement, claim),
            None => Applicable::Nothing,
        }
    }

    /// The scope that names a repository, as the policy document writes it, and the statement that has it.
    #[must_use]
    pub fn scope_of(&self, repository: &Repository) -> Option<(&Repository, &StatementState)> {
        self.statements.named(repository)
    }

    /// All statements, in the order of the policy document.
    #[must_use]
    pub fn statements(&self) -> &[StatementState] {
        self.statements.rules()
    }

    /// Whether any statement can be used.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        self.statements().iter().any(|statement| matches!(statement, StatementState::Usable(_)))
    }

    /// The store of that kind and name, if it is in use.
    #[must_use]
    pub fn store(&self, reference: &StoreRef) -> Option<&Store> {
        self.stores.get(reference)?.store().map(Arc::as_ref)
    }

    /// Every store that a statement without mistakes names.
    #[must_use]
    pub fn stores(&self) -> &BTreeMap<StoreRef, StoreState> {
        &self.stores
    }

    /// Whether the policy document on disk is in use.
    #[must_use]
    pub fn document(&self) -> DocumentState {
        self.document
    }

    /// All mistakes on disk: in the policy document and the requirements of the configuration for it, then in the
    /// stores. If there are too many, the last entry has the number of the others.
    #[must_use]
    pub fn mistakes(&self) -> &[PolicyMistake] {
        &self.mistakes
    }

    /// [`Self::mistakes`] as one error, if there are any.
    #[must_use]
    pub fn error(&self) -> Option<PolicySourceError> {
        (!self.mistakes.is_empty()).then(|| PolicySourceError { mistakes: self.mistakes.clone() })
    }

    /// By store, the names of the sub-directories in it, which are not read.
    #[must_use]
    pub fn subdirectories(&self) -> &BTreeMap<StoreRef, Vec<String>> {
        &self.subdirectories
    }

    /// For each store in use, when the first certificate ends among those that have not ended yet, or the last if all
    /// have: a store may have an old root beside its successor.
    pub fn store_ends(&self, now: UnixTime) -> impl Iterator<Item = (&StoreRef, UnixTime)> {
        self.stores.iter().filter_map(move |(reference, state)| {
            let ends = state.store()?.certificates().iter().map(countersign_core::x509::Certificate::not_after);
            let first = ends.clone().filter(|end| *end > now).min();
            Some((reference, first.or_else(|| ends.max())?))
        })
    }

    /// The digest of the content in use: the policy document, the certificates of every store and the names of
    /// disabled statements. Replicas with the same content have the same digest.
    #[must_use]
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// 1 for the first load, and one more with every change of the content in use.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }
}

fn digest(document: &Digest, statements: &Policy<StatementState>, stores: &BTreeMap<StoreRef, StoreState>) -> Digest {
    let mut all = ListHasher::new();
    all.add(document.as_str());
    for (reference, state) in stores {
        store_parts(reference, state.store().map(Arc::as_ref), &mut all);
    }
    all.add_list(statements.rules().iter().filter_map(|statement| match statement {
        StatementState::Usable(_) => None,
        StatementState::Disabled(statement) => Some(statement.name()),
    }));
    all.finish()
}
