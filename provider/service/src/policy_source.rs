//! The trust policy and the trust stores from disk.
//!
//! Readers hold a snapshot, [`LoadedPolicy`], with a generation number; a change of what is in use makes a new one. A
//! mistake in one statement or store disables the statements that need it, at the start and later, and nothing else:
//!
//! - A store that is absent or empty is no longer trusted. One that cannot be read or parsed keeps its former content;
//!   at the start there is none.
//! - A statement with mistakes is disabled, and no other statement replaces it. Its former version does not apply
//!   either.
//! - A policy document that cannot be used as a whole leaves the former one in use, with the stores as they are now.
//!
//! - A store that is fetched ([`FetchedStores`]) has the content of the last successful attempt; before that, none. An attempt that is answered in part ends what the source says
//!   has ended.
//!
//! Changes are found by comparing contents: a mounted ConfigMap or Secret is swapped by a symbolic link, which file
//! notifications miss.

mod chain;
mod content;
mod fetched;
mod files;
mod mistake;
mod read;
mod review;
mod signer_warnings;
mod snapshot;
mod statement;
mod store_failure;
mod stores;
mod warnings;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use countersign_core::limits;
use countersign_core::name::Digest;
use countersign_core::policy::StoreRef;
use countersign_core::time::UnixTime;

pub use chain::anchors_of_chain;
pub use content::FormerFiles;
pub use content::StoreContent;
pub use content::Unanswered;
pub use fetched::FetchFailure;
pub use fetched::FetchStatus;
pub use fetched::FetchedStore;
pub use fetched::FetchedStores;
pub use mistake::PolicyMistake;
pub use mistake::PolicySourceError;
pub use mistake::StorePlace;
pub use mistake::nothing_enabled;
pub use review::ModeOutline;
pub use review::RequirementOutline;
pub use review::StatementOutline;
pub use review::StoreOutline;
pub use snapshot::Applicable;
pub use snapshot::DocumentState;
pub use snapshot::LoadedPolicy;
pub use statement::DisabledBy;
pub use statement::DisabledStatement;
pub use statement::StatementKey;
pub use statement::StatementState;
pub use statement::UsableStatement;
pub use store_failure::NoToken;
pub use store_failure::StoreFailure;
pub use store_failure::StoreFailureCause;
pub use stores::StoreState;
pub use warnings::PolicyWarning;

use self::read::Document;
use self::read::Found;
use self::snapshot::Parts;
use self::stores::LastGood;
use crate::config::TrustLocation;
use countersign_files::Change;
use countersign_files::poll;

/// Maximum size of all trust stores of the policy together, in bytes. The Mozilla root list has 250 KiB.
const ALL_STORES_BYTES: usize = 16 * 1024 * 1024;

/// Maximum number of mistakes kept of one trust store, and of everything together; more are counted.
const STORE_MISTAKES: usize = 20;
const MISTAKES: usize = 2 * limits::POLICY_MISTAKES;

/// Gives the current [`LoadedPolicy`]. Work on an image takes one snapshot and keeps it.
#[derive(Debug, Default)]
pub struct PolicyHandle {
    current: ArcSwapOption<LoadedPolicy>,
}

impl PolicyHandle {
    /// The newest policy; `None` until a policy document could be used.
    #[must_use]
    pub fn current(&self) -> Option<Arc<LoadedPolicy>> {
        self.current.load_full()
    }
}

/// The result of polling the files.
#[derive(Debug)]
pub enum PolicyPoll {
    /// The files are the same as in the last poll.
    Unchanged,
    /// The files changed, and the handle has the new policy. [`LoadedPolicy::mistakes`] has the parts of the files
    /// that are not in use; if only these changed, the generation stays the same.
    Loaded(Arc<LoadedPolicy>),
    /// The files changed, and there still is no usable policy document.
    Refused(PolicySourceError),
    /// The files changed while they were read; the next poll decides.
    Unsettled,
}

/// Polls the files. Each source has its own handle; a clone has the same one.
#[derive(Clone, Debug)]
pub struct PolicySource {
    location: TrustLocation,
    /// The stores that are not in `location`.
    fetched: FetchedStores,
    /// Statements that the configuration demands metadata for.
    expected: BTreeSet<String>,
    handle: Arc<PolicyHandle>,
    /// Of the policy in use.
    generation: u64,
    digest: Option<Digest>,
    /// Of everything found by the last poll.
    seen: Option<Digest>,
    /// The last policy document that could be used.
    document: Option<Document>,
    /// Since when the document on disk is another, unusable one.
    document_kept: Option<UnixTime>,
    /// The last content that could be used of every store in use.
    stores: BTreeMap<StoreRef, LastGood>,
}

impl PolicySource {
    /// A source that has read nothing yet. `expected` are the names of statements for which the configuration requires
    /// metadata: the policy must have them, because a misspelt name would have no effect.
    #[must_use]
    pub fn new(location: TrustLocation, expected: impl IntoIterator<Item = String>) -> Self {
        Self {
            location,
            fetched: FetchedStores::default(),
            expected: expected.into_iter().collect(),
            handle: Arc::default(),
            generation: 0,
            digest: None,
            seen: None,
            document: None,
            document_kept: None,
            stores: BTreeMap::new(),
        }
    }

    /// The same source, of which these stores are fetched. For a source that has read nothing yet.
    #[must_use]
    pub fn with_fetched(self, fetched: FetchedStores) -> Self {
        Self { fetched, ..self }
    }

    /// The stores that are fetched.
    #[must_use]
    pub fn fetched(&self) -> &FetchedStores {
        &self.fetched
    }

    /// Where the policy and its stores are.
    #[must_use]
    pub fn location(&self) -> &TrustLocation {
        &self.location
    }

    /// A source with a handle of its own, for a changed configuration. Its generations continue those of this one. If
    /// the location is the same, the former content of unusable files is kept.
    #[must_use]
    pub fn successor(&self, location: TrustLocation, expected: impl IntoIterator<Item = String>) -> Self {
        let is_same = location == self.location;
        let next = Self { generation: self.generation, ..Self::new(location, expected) };
        if is_same {
            let (document, stores) = (self.document.clone(), self.stores.clone());
            Self { document, document_kept: self.document_kept, stores, ..next }
        } else {
            next
        }
    }

    #[must_use]
    pub fn handle(&self) -> Arc<PolicyHandle> {
        Arc::clone(&self.handle)
    }

    /// Reads the files for the first time.
    ///
    /// # Errors
    /// All mistakes, if there is no policy document that can be used.
    pub fn load(&mut self, now: UnixTime) -> Result<Arc<LoadedPolicy>, PolicySourceError> {
        let found = self.read();
        self.take(found, now)
    }

    /// Reads the files again. Blocks on the file system.
    pub fn poll(&mut self, now: UnixTime) -> PolicyPoll {
        let is_known = |found: &Found| self.seen.as_ref() == Some(&found.fingerprint);
        let agree = |one: &Found, other: &Found| one.fingerprint == other.fingerprint;
        let found = match poll(|| self.read(), is_known, agree) {
            Change::None => return PolicyPoll::Unchanged,
            Change::Unsettled => return PolicyPoll::Unsettled,
            Change::Some(found) => found,
        };
        match self.take(found, now) {
            Ok(trust) => PolicyPoll::Loaded(trust),
            Err(error) => PolicyPoll::Refused(error),
        }
    }

    /// Names for which the configuration requires metadata and that are no statement of the policy in use.
    #[must_use]
    pub fn unknown_statements(&self) -> BTreeSet<String> {
        let unmet = self.document.as_ref().map(|document| self.unmet(&document.policy)).unwrap_or_default();
        let name = |mistake| {
            if let PolicyMistake::UnknownStatement { statement, .. } = mistake { Some(statement) } else { None }
        };
        unmet.into_iter().filter_map(name).collect()
    }

    fn take(&mut self, found: Found, now: UnixTime) -> Result<Arc<LoadedPolicy>, PolicySourceError> {
        let Found { document, is_current, mistakes, stores, fingerprint } = found;
        self.seen = Some(fingerprint);
        let Some(document) = document else { return Err(PolicySourceError { mistakes }) };
        self.document_kept = if is_current { None } else { Some(self.document_kept.unwrap_or(now)) };
        let mut before = std::mem::take(&mut self.stores);
        let (mut states, mut subdirectories) = (BTreeMap::new(), BTreeMap::new());
        for (reference, mut store) in stores {
            let ignored = std::mem::take(&mut store.subdirectories);
            if !ignored.is_empty() {
                subdirectories.insert(reference.clone(), ignored);
            }
            let (state, good) = store.decide(&reference, before.remove(&reference), now);
            if let Some(good) = good {
                self.stores.insert(reference.clone(), good);
            }
            states.insert(reference, state);
        }
        let parts = Parts {
            policy: &document.policy,
            document_digest: &document.digest,
            document: match self.document_kept {
                None => DocumentState::Current,
                Some(since) => DocumentState::Kept { since },
            },
            stores: states,
            subdirectories,
            unmet: &self.unmet(&document.policy),
            is_expected: &|name| self.expected.contains(name),
            mistakes,
        };
        let trust = Arc::new(LoadedPolicy::new(parts, (self.generation, self.digest.as_ref())));
        self.generation = trust.generation();
        self.digest = Some(trust.digest().clone());
        self.document = Some(document);
        self.handle.current.store(Some(Arc::clone(&trust)));
        Ok(trust)
    }
}
