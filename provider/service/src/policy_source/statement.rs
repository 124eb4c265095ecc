//! A statement of the policy in use with its trust stores, or the reason why it is disabled.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use countersign_core::codec::text::Text;
use countersign_core::name::ListHasher;
use countersign_core::policy::BrokenStatement;
use countersign_core::policy::Decision;
use countersign_core::policy::DeclaredImages;
use countersign_core::policy::PolicyError;
use countersign_core::policy::Rule;
use countersign_core::policy::Store;
use countersign_core::policy::StoreRef;
use countersign_core::x509::Certificate;

use super::PolicyMistake;
use super::StoreState;
use super::mistake::METADATA;

/// One statement of the policy.
#[derive(Clone, Debug)]
pub enum StatementState {
    Usable(Arc<UsableStatement>),
    Disabled(DisabledStatement),
}

impl StatementState {
    /// See [`UsableStatement::name`] and [`DisabledStatement::name`].
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Usable(statement) => statement.name(),
            Self::Disabled(statement) => statement.name(),
        }
    }

    pub(crate) fn shared_name(&self) -> Arc<str> {
        match self {
            Self::Usable(statement) => statement.shared_name(),
            Self::Disabled(statement) => statement.shared_name(),
        }
    }
}

/// A statement without mistakes, with all of its trust stores.
#[derive(Debug)]
pub struct UsableStatement {
    rule: Arc<Rule>,
    stores: Vec<Arc<Store>>,
    key: StatementKey,
}

impl UsableStatement {
    /// Not empty, unique in the policy document.
    #[must_use]
    pub fn name(&self) -> &str {
        self.rule.name()
    }

    /// See [`Self::name`].
    #[must_use]
    pub fn shared_name(&self) -> Arc<str> {
        self.rule.shared_name()
    }

    /// See [`StatementKey`].
    #[must_use]
    pub fn key(&self) -> StatementKey {
        self.key
    }

    /// As the policy document has it.
    #[must_use]
    pub fn rule(&self) -> &Rule {
        &self.rule
    }

    /// The decision of the statement about its images.
    #[must_use]
    pub fn decision(&self) -> &Decision {
        self.rule.decision()
    }

    /// The statement of the rule, if everything that it needs can be used.
    ///
    /// # Errors
    /// Why it is disabled.
    pub(super) fn new(
        rule: &Arc<Rule>,
        stores: &BTreeMap<StoreRef, StoreState>,
        metadata: Option<&PolicyMistake>,
    ) -> Result<Self, DisabledStatement> {
        let disabled = |cause| {
            let (name, scopes) = (rule.shared_name(), DeclaredImages::Certain(rule.images().clone()));
            Err(DisabledStatement { name, scopes, cause })
        };
        if let Some(mistake) = metadata {
            return disabled(DisabledBy::Metadata(mistake.clone()));
        }
        let mut in_use = Vec::new();
        for name in rule.stores() {
            match stores.get(name).map(|state| (state, state.store())) {
                Some((_, Some(store))) => in_use.push(Arc::clone(store)),
                Some((state, None)) => {
                    return disabled(DisabledBy::Store { store: name.clone(), mistakes: state.mistakes().to_vec() });
                }
                // Not reached: all stores of the policy are read.
                None => return disabled(DisabledBy::Store { store: name.clone(), mistakes: Vec::new() }),
            }
        }
        let key = StatementKey::of(rule, &in_use);
        Ok(Self { rule: Arc::clone(rule), stores: in_use, key })
    }

    /// All stores that the statement names, in its order.
    #[must_use]
    pub fn stores(&self) -> Vec<&Store> {
        self.stores.iter().map(Arc::as_ref).collect()
    }
}

/// Identifies what a statement demands: the digest of its declaration, without its scopes, and of the certificates of
/// its trust stores. So a change of another statement or of another store keeps the verdicts under this one. Which
/// statement applies to an image is selected for each request and is not part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatementKey([u8; 32]);

impl StatementKey {
    fn of(rule: &Rule, stores: &[Arc<Store>]) -> Self {
        let mut parts = ListHasher::new();
        parts.add(rule.terms().as_str());
        for store in stores {
            store_parts(store.reference(), Some(store), &mut parts);
        }
        Self(parts.finish_bytes())
    }

    /// Of any bytes.
    #[cfg(test)]
    pub(crate) fn test(bytes: &str) -> Self {
        let mut parts = ListHasher::new();
        parts.add(bytes);
        Self(parts.finish_bytes())
    }

    /// The bytes of the digest.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// A statement that cannot be used. Its images are inconclusive.
#[derive(Clone, Debug)]
pub struct DisabledStatement {
    name: Arc<str>,
    scopes: DeclaredImages,
    cause: DisabledBy,
}

impl DisabledStatement {
    /// As the policy document has it; `#2` where no name can be read.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// See [`Self::name`].
    #[must_use]
    pub fn shared_name(&self) -> Arc<str> {
        Arc::clone(&self.name)
    }

    /// Why it is disabled, without the mistakes.
    #[must_use]
    pub fn summary(&self) -> String {
        let of_policy = |mistakes: &[PolicyError]| {
            let other = mistakes.iter().find_map(|mistake| mistake.statement.as_ref());
            let other = other.filter(|other| other.escaped() != &*self.name);
            let subject = other.map_or_else(|| "it".to_owned(), |other| format!("statement {other}"));
            match mistakes.len() {
                1 => format!("{subject} has a mistake"),
                count => format!("{subject} has {count} mistakes"),
            }
        };
        match &self.cause {
            DisabledBy::Policy(mistakes) => of_policy(mistakes),
            DisabledBy::Store { store, mistakes: _ } => format!("trust store {store} cannot be used"),
            DisabledBy::Metadata(_) => format!("{METADATA} has a mistake"),
        }
    }

    /// The images that the statement declares, as far as they can be read.
    #[must_use]
    pub fn scopes(&self) -> &DeclaredImages {
        &self.scopes
    }

    /// Why it is disabled.
    #[must_use]
    pub fn cause(&self) -> &DisabledBy {
        &self.cause
    }
}

impl From<&BrokenStatement> for DisabledStatement {
    fn from(BrokenStatement { name, images, mistakes }: &BrokenStatement) -> Self {
        Self { name: name.clone(), scopes: images.clone(), cause: DisabledBy::Policy(mistakes.clone()) }
    }
}

/// Why a statement is disabled.
#[derive(Clone, Debug)]
pub enum DisabledBy {
    /// Mistakes in the statement itself; at least one.
    Policy(Vec<PolicyError>),
    /// One of its trust stores cannot be used; at least one mistake.
    Store { store: StoreRef, mistakes: Vec<PolicyMistake> },
    /// The configuration requires metadata for another name, which may be a misspelling of this one; or for this
    /// statement, which skips verification.
    Metadata(PolicyMistake),
}

impl DisabledBy {
    /// What to do about the first mistake in a trust store, if its code does not say it.
    #[must_use]
    pub fn store_advice(&self) -> Option<Text> {
        match self {
            Self::Store { store: _, mistakes } => mistakes.first().and_then(PolicyMistake::advice),
            Self::Policy(_) | Self::Metadata(_) => None,
        }
    }
}

/// The first mistake, and how many more there are.
impl fmt::Display for DisabledBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = match self {
            Self::Policy(mistakes) => {
                if let Some(mistake) = mistakes.first() {
                    write!(f, "{mistake}")?;
                }
                mistakes.len()
            }
            Self::Store { store, mistakes } => {
                write!(f, "trust store {store} cannot be used")?;
                if let Some(mistake) = mistakes.first() {
                    write!(f, ": {}", mistake.problem())?;
                }
                mistakes.len()
            }
            Self::Metadata(mistake) => {
                write!(f, "{mistake}")?;
                1
            }
        };
        match count.saturating_sub(1) {
            0 => Ok(()),
            1 => f.write_str(" (and 1 more mistake)"),
            more => write!(f, " (and {more} more mistakes)"),
        }
    }
}

/// Adds the name of a store and the fingerprints of its certificates, in an order of their own; of a store that cannot
/// be used, its name alone.
pub(super) fn store_parts(reference: &StoreRef, store: Option<&Store>, all: &mut ListHasher) {
    all.add(reference.to_string());
    let certificates = store.into_iter().flat_map(Store::certificates);
    let mut fingerprints: Vec<_> = certificates.map(Certificate::fingerprint).collect();
    fingerprints.sort_unstable();
    all.add_list(fingerprints);
}
