//! The trust policy and the trust stores from disk: everything is read and parsed, then taken over as a whole.
//!
//! Readers hold a snapshot, [`Trust`], with a generation number; a change on disk makes a new one. Files with a mistake
//! change nothing. Changes are found by comparing contents: a mounted ConfigMap or Secret is swapped by a symbolic link,
//! which file notifications miss.

mod files;
mod review;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use countersign_core::name::Digest;
use countersign_core::name::DigestAlgorithm;
use countersign_core::time::UnixTime;
use countersign_core::trust::Mode;
use countersign_core::trust::PolicyError;
use countersign_core::trust::Store;
use countersign_core::trust::StoreError;
use countersign_core::trust::StoreKind;
use countersign_core::trust::StoreRef;
use countersign_core::trust::TrustPolicy;

pub use review::CertificateOutline;
pub use review::RulesOutline;
pub use review::StatementOutline;
pub use review::StoreOutline;
pub use review::TrustWarning;

use self::files::NamedFile;
use crate::config::TrustLocation;

/// Largest sum of all trust stores that the policy names, in bytes. The Mozilla root list has 250 KiB.
const ALL_STORES_BYTES: usize = 16 * 1024 * 1024;

/// The policy and every store that one of its statements names, as they were at one moment.
#[derive(Debug)]
pub struct Trust {
    policy: TrustPolicy,
    stores: BTreeMap<StoreRef, Store>,
    generation: u64,
}

impl Trust {
    #[must_use]
    pub fn policy(&self) -> &TrustPolicy {
        &self.policy
    }

    /// The store of that kind and name. There is one for every store of every statement of [`Self::policy`].
    #[must_use]
    pub fn store(&self, reference: &StoreRef) -> Option<&Store> {
        self.stores.get(reference)
    }

    /// When the certificates of the stores end, by the kind of store.
    #[must_use]
    pub fn first_ends(&self, now: UnixTime) -> FirstEnds {
        let of = |kind| {
            let stores = self.stores.values().filter(|store| store.reference().kind == kind);
            let ends: Vec<UnixTime> =
                stores.flat_map(Store::certificates).map(|certificate| certificate.not_after()).collect();
            ends.iter().copied().filter(|end| *end > now).min().or_else(|| ends.into_iter().max())
        };
        FirstEnds { ca: of(StoreKind::Ca), signing_authority: of(StoreKind::SigningAuthority), tsa: of(StoreKind::Tsa) }
    }

    /// 1 for what was loaded first, and one more with every change.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }
}

/// For each kind of store, when the first certificate ends among those that have not ended yet, or the last if all have:
/// an old root may stand beside its successor. None without such a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirstEnds {
    pub ca: Option<UnixTime>,
    pub signing_authority: Option<UnixTime>,
    pub tsa: Option<UnixTime>,
}

/// Where the current [`Trust`] is found. Whoever works on an image takes one snapshot and stays with it.
#[derive(Debug, Default)]
pub struct TrustHandle {
    current: ArcSwapOption<Trust>,
}

impl TrustHandle {
    /// The newest trust without mistakes; `None` until the first was loaded.
    #[must_use]
    pub fn current(&self) -> Option<Arc<Trust>> {
        self.current.load_full()
    }
}

/// One thing that is wrong with the trust policy or a trust store on disk.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrustMistake {
    #[error("{} has neither trustpolicy.oci.json nor trustpolicy.json: want a trust policy document", directory.display())]
    NoPolicy { directory: PathBuf },
    #[error("{} is missing: want a file", path.display())]
    Missing { path: PathBuf },
    #[error("{} cannot be read: {detail}", path.display())]
    Unreadable { path: PathBuf, detail: String },
    #[error("{} is a directory or a special file: want a regular file", path.display())]
    NotAFile { path: PathBuf },
    #[error("{} has more than {most} bytes", path.display())]
    TooLarge { path: PathBuf, most: usize },
    #[error("{} has too many files: want at most {}", directory.display(), countersign_core::limits::STORE_CERTIFICATES)]
    TooManyFiles { directory: PathBuf },
    #[error("the trust stores have more than {ALL_STORES_BYTES} bytes together")]
    TooMuch,
    #[error("{}: {error}", path.display())]
    Policy { path: PathBuf, error: Box<PolicyError> },
    #[error(
        "trust store {store} of statement {statement:?} is missing: want the directory {} with certificate files",
        directory.display()
    )]
    NoStore { store: StoreRef, statement: String, directory: PathBuf },
    #[error("{}: {error}", directory.display())]
    Store { directory: PathBuf, error: Box<StoreError> },
    #[error("verification.requiredMetadata is for statement {statement:?}, which is not in the trust policy: want one of {}", known.join(", "))]
    UnknownStatement { statement: String, known: Vec<String> },
    #[error(
        "verification.requiredMetadata is for statement {statement:?}, which skips verification: want one that verifies"
    )]
    SkippingStatement { statement: String },
}

/// Everything that is wrong on disk; at least one mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustError {
    mistakes: Vec<TrustMistake>,
}

impl TrustError {
    #[must_use]
    pub fn mistakes(&self) -> &[TrustMistake] {
        &self.mistakes
    }
}

impl fmt::Display for TrustError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.mistakes.len();
        write!(f, "the trust policy and trust stores have {count} mistake{}", if count == 1 { "" } else { "s" })?;
        for mistake in &self.mistakes {
            write!(f, "\n  {mistake}")?;
        }
        Ok(())
    }
}

impl std::error::Error for TrustError {}

/// What a look at the files brought.
#[derive(Debug)]
pub enum Polled {
    /// The same as at the last look, right or wrong.
    Unchanged,
    /// Something else, without mistakes: from now on the handle has it.
    Loaded(Arc<Trust>),
    /// Something else, with mistakes: the handle has what it had.
    Refused(TrustError),
    /// The files changed while they were read; the next look will tell.
    Unsettled,
}

/// Reads the files again and again. There is one for each handle.
#[derive(Debug)]
pub struct TrustSource {
    location: TrustLocation,
    /// Statements that the configuration demands metadata for.
    expected: BTreeSet<String>,
    handle: Arc<TrustHandle>,
    generation: u64,
    /// What the last look found.
    seen: Option<Result<Digest, TrustError>>,
}

/// The files, read but not parsed beyond the policy, which says which stores there must be.
struct Read {
    policy: TrustPolicy,
    stores: BTreeMap<StoreRef, (PathBuf, Vec<NamedFile>)>,
    digest: Digest,
}

impl TrustSource {
    /// A source that has read nothing yet. `expected` are names of statements that the policy must have, because the
    /// configuration demands more of them: a misspelt name would demand nothing of anybody.
    #[must_use]
    pub fn new(location: TrustLocation, expected: impl IntoIterator<Item = String>) -> Self {
        let expected = expected.into_iter().collect();
        Self { location, expected, handle: Arc::default(), generation: 0, seen: None }
    }

    /// A source that has read nothing yet, with a handle of its own, for a changed configuration. Its generations go on
    /// from those of this one.
    #[must_use]
    pub fn successor(&self, location: TrustLocation, expected: impl IntoIterator<Item = String>) -> Self {
        Self { generation: self.generation, ..Self::new(location, expected) }
    }

    #[must_use]
    pub fn handle(&self) -> Arc<TrustHandle> {
        Arc::clone(&self.handle)
    }

    /// The first look, for the start.
    ///
    /// # Errors
    /// All mistakes.
    pub fn load(&mut self) -> Result<Arc<Trust>, TrustError> {
        let read = self.read();
        self.take(read)
    }

    /// Another look. Blocks on the file system.
    pub fn poll(&mut self) -> Polled {
        let read = self.read();
        if self.seen.as_ref() == Some(&outcome(&read)) {
            return Polled::Unchanged;
        }
        // Two looks that agree: in between two files may be of two versions that were never meant to go together.
        let again = self.read();
        if outcome(&read) != outcome(&again) {
            return Polled::Unsettled;
        }
        match self.take(again) {
            Ok(trust) => Polled::Loaded(trust),
            Err(error) => Polled::Refused(error),
        }
    }

    fn take(&mut self, read: Result<Read, TrustError>) -> Result<Arc<Trust>, TrustError> {
        self.seen = Some(outcome(&read));
        let Read { policy, stores, digest: _ } = read?;
        let stores = parse(stores)?;
        self.generation += 1;
        let trust = Arc::new(Trust { policy, stores, generation: self.generation });
        self.handle.current.store(Some(Arc::clone(&trust)));
        Ok(trust)
    }

    fn read(&self) -> Result<Read, TrustError> {
        let (path, bytes) = files::policy(&self.location).map_err(|mistake| TrustError { mistakes: vec![mistake] })?;
        let policy = TrustPolicy::parse(&bytes).map_err(|errors| TrustError {
            mistakes: errors
                .into_iter()
                .map(|error| TrustMistake::Policy { path: path.clone(), error: Box::new(error) })
                .collect(),
        })?;
        let mut mistakes = self.unmet(&policy);
        let mut stores = BTreeMap::new();
        let mut total = 0_usize;
        for statement in policy.statements() {
            let Mode::Verify(rules) = statement.mode() else { continue };
            for store in rules.stores() {
                if stores.contains_key(store) {
                    continue;
                }
                let directory = files::store_directory(&self.location, store.kind, &store.name.to_string());
                if directory.symlink_metadata().is_err() {
                    let statement = statement.name().to_owned();
                    mistakes.push(TrustMistake::NoStore { store: store.clone(), statement, directory });
                    continue;
                }
                match files::store(&directory) {
                    Ok(files) => {
                        total += files.iter().map(|(_, bytes)| bytes.len()).sum::<usize>();
                        stores.insert(store.clone(), (directory, files));
                    }
                    Err(more) => mistakes.extend(more),
                }
                if total > ALL_STORES_BYTES {
                    return Err(TrustError { mistakes: vec![TrustMistake::TooMuch] });
                }
            }
        }
        if mistakes.is_empty() {
            let digest = digest(&bytes, &stores);
            Ok(Read { policy, stores, digest })
        } else {
            // The stores that could be read have their say too.
            mistakes.extend(parse(stores).err().into_iter().flat_map(|error| error.mistakes));
            Err(TrustError { mistakes })
        }
    }

    /// Expected statements that the policy has not, or that verify nothing.
    fn unmet(&self, policy: &TrustPolicy) -> Vec<TrustMistake> {
        let unmet = |name: &String| {
            let statement = name.clone();
            match policy.statements().iter().find(|found| found.name() == name).map(|found| found.mode()) {
                Some(Mode::Verify(_)) => None,
                Some(Mode::Skip) => Some(TrustMistake::SkippingStatement { statement }),
                None => {
                    let known = policy.statements().iter().map(|known| known.name().to_owned()).collect();
                    Some(TrustMistake::UnknownStatement { statement, known })
                }
            }
        };
        self.expected.iter().filter_map(unmet).collect()
    }
}

fn outcome(read: &Result<Read, TrustError>) -> Result<Digest, TrustError> {
    read.as_ref().map(|read| read.digest.clone()).map_err(Clone::clone)
}

fn parse(stores: BTreeMap<StoreRef, (PathBuf, Vec<NamedFile>)>) -> Result<BTreeMap<StoreRef, Store>, TrustError> {
    let mut parsed = BTreeMap::new();
    let mut mistakes = Vec::new();
    for (reference, (directory, files)) in stores {
        match Store::parse(reference.kind, reference.name.clone(), &files) {
            Ok(store) => {
                parsed.insert(reference, store);
            }
            Err(errors) => mistakes.extend(
                errors
                    .into_iter()
                    .map(|error| TrustMistake::Store { directory: directory.clone(), error: Box::new(error) }),
            ),
        }
    }
    if mistakes.is_empty() { Ok(parsed) } else { Err(TrustError { mistakes }) }
}

/// The digest of all contents and names, each with its length in front, so that no two sets of files look the same.
fn digest(policy: &[u8], stores: &BTreeMap<StoreRef, (PathBuf, Vec<NamedFile>)>) -> Digest {
    let mut all = Vec::new();
    let mut add = |bytes: &[u8]| {
        all.extend_from_slice(&bytes.len().to_be_bytes());
        all.extend_from_slice(bytes);
    };
    add(policy);
    for (reference, (_, files)) in stores {
        add(reference.to_string().as_bytes());
        add(&files.len().to_be_bytes());
        for (name, bytes) in files {
            add(name.as_bytes());
            add(bytes);
        }
    }
    Digest::of(DigestAlgorithm::Sha256, &all)
}
