//! The trust policy and the trust stores from disk.
//!
//! Readers hold a snapshot, [`LoadedPolicy`], with a generation number; a change of what is in use makes a new one. A mistake in one
//! statement or store disables the statements that need it, at the first look as at any other, and nothing else:
//!
//! - A store that is absent or empty is trusted no longer. One that cannot be read or parsed stays as it was before; at the
//!   first look there is no before.
//! - A statement with mistakes is disabled, and nothing applies in its place. Its former version does not.
//! - A policy document that cannot be used as a whole leaves the former one in use, with the stores as they are now.
//!
//! Changes are found by comparing contents: a mounted ConfigMap or Secret is swapped by a symbolic link, which file
//! notifications miss.

mod files;
mod review;
mod snapshot;
mod stores;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use countersign_core::codec::mismatch::Mismatch;
use countersign_core::codec::mismatch::Mismatched;
use countersign_core::codec::text;
use countersign_core::codec::text::Text;
use countersign_core::limits;
use countersign_core::name::Digest;
use countersign_core::name::DigestAlgorithm;
use countersign_core::name::ListHasher;
use countersign_core::policy::Decision;
use countersign_core::policy::PolicyError;
use countersign_core::policy::Rule;
use countersign_core::policy::Statement;
use countersign_core::policy::StoreError;
use countersign_core::policy::StoreProblem;
use countersign_core::policy::StoreRef;
use countersign_core::policy::TrustPolicy;
use countersign_core::time::UnixTime;

pub use review::ModeOutline;
pub use review::PolicyWarning;
pub use review::RequirementOutline;
pub use review::StatementOutline;
pub use review::StoreOutline;
pub use snapshot::Applicable;
pub use snapshot::DisabledBy;
pub use snapshot::DisabledStatement;
pub use snapshot::DocumentState;
pub use snapshot::FirstEnds;
pub use snapshot::LoadedPolicy;
pub use snapshot::StatementKey;
pub use snapshot::StatementState;
pub use snapshot::UsableStatement;
pub use stores::StoreState;

use self::snapshot::Parts;
use self::stores::FoundStore;
use self::stores::LastGood;
use crate::config::TrustLocation;
use crate::files::Change;
use crate::files::poll;

/// Largest sum of all trust stores that the policy names, in bytes. The Mozilla root list has 250 KiB.
const ALL_STORES_BYTES: usize = 16 * 1024 * 1024;

/// Most mistakes kept of one trust store, and of everything together; more are counted.
const STORE_MISTAKES: usize = 20;
const MISTAKES: usize = 2 * limits::POLICY_MISTAKES;

/// Most names of statements in a mistake.
const SHOWN_NAMES: usize = 10;

/// Where the current [`LoadedPolicy`] is found. Whoever works on an image takes one snapshot and stays with it.
#[derive(Debug, Default)]
pub struct PolicyHandle {
    current: ArcSwapOption<LoadedPolicy>,
}

impl PolicyHandle {
    /// The newest trust; `None` until a policy document could be used.
    #[must_use]
    pub fn current(&self) -> Option<Arc<LoadedPolicy>> {
        self.current.load_full()
    }
}

/// One thing that is wrong with the trust policy or a trust store on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PolicyMistake {
    NoPolicy {
        directory: PathBuf,
    },
    Missing {
        path: PathBuf,
    },
    Unreadable {
        path: PathBuf,
        detail: String,
    },
    NotAFile {
        path: PathBuf,
    },
    TooLarge {
        path: PathBuf,
        most: usize,
    },
    TooManyFiles {
        directory: PathBuf,
    },
    /// Of all stores together; those that do not fit any more cannot be used.
    TooMuch,
    Policy {
        path: PathBuf,
        error: Box<PolicyError>,
    },
    NoStore {
        store: StoreRef,
        statement: String,
        directory: PathBuf,
    },
    Store {
        directory: PathBuf,
        error: Box<StoreError>,
    },
    UnknownStatement {
        statement: String,
        known: Text,
    },
    SkippingStatement {
        statement: String,
    },
    MoreInStore {
        directory: PathBuf,
        omitted: usize,
    },
    More {
        omitted: usize,
    },
}

/// The key of the configuration that demands metadata.
const METADATA: &str = "verification.requiredMetadata";

impl Mismatched for PolicyMistake {
    /// Without the file or directory, and without the key of the configuration, that it is about.
    fn mismatch(&self) -> Mismatch {
        match self {
            Self::NoPolicy { directory: _ } => Mismatch::new("has neither trustpolicy.oci.json nor trustpolicy.json")
                .expecting("a trust policy document"),
            Self::Missing { path: _ } => Mismatch::new("is missing").expecting("a file"),
            Self::Unreadable { path: _, detail } => Mismatch::new(format_args!("cannot be read: {detail}")),
            Self::NotAFile { path: _ } => Mismatch::new("is a directory or a special file").expecting("a regular file"),
            Self::TooLarge { path: _, most } => Mismatch::new(format_args!("has more than {most} bytes")),
            Self::TooManyFiles { directory: _ } => {
                Mismatch::new("has too many files").expecting(format_args!("at most {}", limits::STORE_CERTIFICATES))
            }
            Self::TooMuch => {
                Mismatch::new(format_args!("the trust stores have more than {ALL_STORES_BYTES} bytes together"))
            }
            Self::Policy { path: _, error } => error.problem.mismatch(),
            Self::NoStore { store, statement, directory } => {
                Mismatch::new(format_args!("trust store {store} of statement {statement:?} is missing"))
                    .expecting(format_args!("the directory {} with certificate files", directory.display()))
            }
            Self::Store { directory: _, error } => error.problem.mismatch(),
            Self::UnknownStatement { statement, known } => {
                Mismatch::new(format_args!("found statement {statement:?}, which is not in the trust policy"))
                    .expecting(format_args!("one of {known}"))
            }
            Self::SkippingStatement { statement } => {
                Mismatch::new(format_args!("found statement {statement:?}, which skips verification"))
                    .expecting("one that verifies")
            }
            Self::MoreInStore { directory: _, omitted } => Mismatch::new(format_args!("has {omitted} more mistakes")),
            Self::More { omitted } => {
                Mismatch::new(format_args!("the trust policy and the trust stores have {omitted} more mistakes"))
            }
        }
    }
}

impl fmt::Display for PolicyMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mismatch = self.mismatch();
        match self {
            Self::NoPolicy { directory: path }
            | Self::Missing { path }
            | Self::Unreadable { path, detail: _ }
            | Self::NotAFile { path }
            | Self::TooLarge { path, most: _ }
            | Self::TooManyFiles { directory: path }
            | Self::MoreInStore { directory: path, omitted: _ } => write!(f, "{} {mismatch}", path.display()),
            Self::Policy { path, error } => write!(f, "{}: {error}", path.display()),
            Self::Store { directory, error } => write!(f, "{}: {error}", directory.display()),
            Self::UnknownStatement { .. } | Self::SkippingStatement { .. } => write!(f, "{METADATA}: {mismatch}"),
            Self::TooMuch | Self::NoStore { .. } | Self::More { .. } => mismatch.fmt(f),
        }
    }
}

impl std::error::Error for PolicyMistake {}

impl PolicyMistake {
    /// The mistake without the name of the trust store that has it, and without the store's directory.
    #[must_use]
    pub fn problem(&self) -> String {
        match self {
            Self::NoStore { store: _, statement: _, directory } => {
                format!("found no directory {}, expected one with certificate files", directory.display())
            }
            Self::Store { directory: _, error } if error.problem == StoreProblem::Empty => {
                "found no certificates, expected at least one".to_owned()
            }
            Self::Store { directory: _, error } => error.problem.to_string(),
            Self::NoPolicy { .. }
            | Self::Missing { .. }
            | Self::Unreadable { .. }
            | Self::NotAFile { .. }
            | Self::TooLarge { .. }
            | Self::TooManyFiles { .. }
            | Self::TooMuch
            | Self::Policy { .. }
            | Self::UnknownStatement { .. }
            | Self::SkippingStatement { .. }
            | Self::MoreInStore { .. }
            | Self::More { .. } => self.to_string(),
        }
    }

    /// Whether the configuration demands metadata for a name that is not in the policy.
    fn is_unknown(&self) -> bool {
        matches!(self, Self::UnknownStatement { .. })
    }

    /// Whether it is about the metadata that the configuration demands, and leaves a statement that is without mistakes
    /// with less than it may have been meant to demand. A name that is not in the policy may be meant for any statement that
    /// verifies and for which no metadata is demanded under its own name.
    fn concerns(&self, rule: &Rule, is_expected: &dyn Fn(&str) -> bool) -> bool {
        match (self, rule.decision()) {
            (Self::UnknownStatement { .. }, Decision::Verify(_)) => !is_expected(rule.name()),
            (Self::SkippingStatement { statement: name }, Decision::Skip) => name == rule.name(),
            _ => false,
        }
    }

    fn of_policy(path: &std::path::Path, error: &PolicyError) -> Self {
        Self::Policy { path: path.to_owned(), error: Box::new(error.clone()) }
    }
}

/// Everything that is wrong on disk; at least one mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicySourceError {
    mistakes: Vec<PolicyMistake>,
}

impl PolicySourceError {
    #[must_use]
    pub fn mistakes(&self) -> &[PolicyMistake] {
        &self.mistakes
    }
}

impl fmt::Display for PolicySourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.mistakes.len();
        write!(f, "the trust policy and trust stores have {count} mistake{}", if count == 1 { "" } else { "s" })?;
        for mistake in &self.mistakes {
            write!(f, "\n  {mistake}")?;
        }
        Ok(())
    }
}

impl std::error::Error for PolicySourceError {}

/// What a look at the files brought.
#[derive(Debug)]
pub enum PolicyPoll {
    /// The same as at the last look, right or wrong.
    Unchanged,
    /// Something else: from now on the handle has it. Its [`LoadedPolicy::mistakes`] say what of the files is not in use; its
    /// generation is the former one if that is all that has changed.
    Loaded(Arc<LoadedPolicy>),
    /// Something else, and still no policy document that could be used: the handle has nothing.
    Refused(PolicySourceError),
    /// The files changed while they were read; the next look will tell.
    Unsettled,
}

/// Reads the files again and again. There is one for each handle.
#[derive(Debug)]
pub struct PolicySource {
    location: TrustLocation,
    /// Statements that the configuration demands metadata for.
    expected: BTreeSet<String>,
    handle: Arc<PolicyHandle>,
    /// Of what was in use last.
    generation: u64,
    digest: Option<Digest>,
    /// Of everything that the last look found.
    seen: Option<Digest>,
    /// The last policy document that could be used.
    document: Option<Document>,
    /// Since when the document on disk is another one, which cannot be used.
    document_kept: Option<UnixTime>,
    /// The last content that could be used of every store in use.
    stores: BTreeMap<StoreRef, LastGood>,
}

/// A policy document that can be used.
#[derive(Clone, Debug)]
struct Document {
    digest: Digest,
    policy: Arc<TrustPolicy>,
}

/// What a look found, and which document it leads to.
struct Found {
    document: Option<Document>,
    /// Whether `document` is what is on disk.
    is_current: bool,
    /// Of the document on disk, and of what the configuration expects of it.
    mistakes: Vec<PolicyMistake>,
    stores: BTreeMap<StoreRef, FoundStore>,
    fingerprint: Digest,
}

impl PolicySource {
    /// A source that has read nothing yet. `expected` are names of statements that the policy must have, because the
    /// configuration demands more of them: a misspelt name would demand nothing of anybody.
    #[must_use]
    pub fn new(location: TrustLocation, expected: impl IntoIterator<Item = String>) -> Self {
        Self {
            location,
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

    /// A source with a handle of its own, for a changed configuration. Its generations go on from those of this one. If the
    /// files are in the same location, what is kept of them is kept there too.
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

    /// The first look, for the start.
    ///
    /// # Errors
    /// All mistakes, if there is no policy document that can be used.
    pub fn load(&mut self, now: UnixTime) -> Result<Arc<LoadedPolicy>, PolicySourceError> {
        let found = self.read();
        self.take(found, now)
    }

    /// Another look. Blocks on the file system.
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

    /// Names that the configuration demands metadata for and that are no statement of the policy in use.
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

    fn read(&self) -> Found {
        let (on_disk, mut mistakes) = self.read_document();
        let mut fingerprint = ListHasher::new();
        fingerprint.add_list(on_disk.iter().map(|document| document.digest.as_str()));
        fingerprint.add_list(mistakes.iter().map(ToString::to_string));
        let (document, is_current) = match (on_disk, &self.document) {
            (Some(new), Some(former)) => {
                let unmet = self.unmet(&new.policy);
                let keep = unmet.iter().any(PolicyMistake::is_unknown)
                    && !self.unmet(&former.policy).iter().any(PolicyMistake::is_unknown);
                mistakes.splice(0..0, unmet);
                if keep { (Some(former.clone()), false) } else { (Some(new), true) }
            }
            (Some(new), None) => {
                mistakes.splice(0..0, self.unmet(&new.policy));
                (Some(new), true)
            }
            (None, former) => (former.clone(), false),
        };
        let stores = match &document {
            Some(document) => stores::read(&self.location, &document.policy),
            None => BTreeMap::new(),
        };
        for store in stores.values() {
            store.fingerprint(&mut fingerprint);
        }
        Found { document, is_current, mistakes, stores, fingerprint: fingerprint.finish() }
    }

    /// The document on disk if it can be used, and its mistakes.
    fn read_document(&self) -> (Option<Document>, Vec<PolicyMistake>) {
        let (path, bytes) = match files::policy(&self.location) {
            Ok(read) => read,
            Err(mistake) => return (None, vec![mistake]),
        };
        let of_policy = |errors: &[PolicyError]| {
            errors.iter().map(|error| PolicyMistake::of_policy(&path, error)).collect::<Vec<_>>()
        };
        let digest = Digest::of(DigestAlgorithm::Sha256, &bytes);
        if let Some(same) = self.document.as_ref().filter(|document| document.digest == digest) {
            return (Some(same.clone()), of_policy(same.policy.mistakes()));
        }
        match TrustPolicy::parse(&bytes) {
            Ok(policy) => {
                let mistakes = of_policy(policy.mistakes());
                (Some(Document { digest, policy: Arc::new(policy) }), mistakes)
            }
            Err(errors) => (None, of_policy(&errors)),
        }
    }

    /// Expected statements that the policy has not, or that verify nothing.
    fn unmet(&self, policy: &TrustPolicy) -> Vec<PolicyMistake> {
        let rules = policy.policy().rules();
        let unmet = |name: &String| {
            let statement = name.clone();
            match rules.iter().find(|rule| rule.name() == name) {
                Some(Statement::Usable(found)) => match found.decision() {
                    Decision::Verify(_) => None,
                    Decision::Skip => Some(PolicyMistake::SkippingStatement { statement }),
                },
                // Disabled for mistakes of its own.
                Some(Statement::Broken(_)) => None,
                None => {
                    let known = Text::of(text::list(rules.iter().map(Statement::name), ", ", SHOWN_NAMES));
                    Some(PolicyMistake::UnknownStatement { statement, known })
                }
            }
        };
        self.expected.iter().filter_map(unmet).collect()
    }
}
