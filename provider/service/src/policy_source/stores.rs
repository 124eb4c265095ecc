//! The trust stores that a policy names: their content on disk and in use.
//!
//! A store is used as a whole: if one of its files cannot be used, the certificates of the others are not used either.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use countersign_core::name::Digest;
use countersign_core::name::ListHasher;
use countersign_core::policy::Store;
use countersign_core::policy::StoreError;
use countersign_core::policy::StoreProblem;
use countersign_core::policy::StoreRef;
use countersign_core::policy::TrustPolicy;
use countersign_core::time::UnixTime;

use super::ALL_STORES_BYTES;
use super::PolicyMistake;
use super::STORE_MISTAKES;
use super::files;
use super::files::NamedFile;
use super::files::StoreFiles;
use crate::config::TrustLocation;

/// One trust store that the policy names.
#[derive(Clone, Debug)]
pub enum StoreState {
    /// The content on disk is in use.
    Current(Arc<Store>),
    /// The content on disk cannot be read or parsed; the former content stays in use.
    Kept {
        store: Arc<Store>,
        /// Since when the content on disk is unusable.
        since: UnixTime,
        mistakes: Vec<PolicyMistake>,
    },
    /// Nothing is in use: the store is absent or empty; or it cannot be read or parsed, and has no former content.
    Unusable { mistakes: Vec<PolicyMistake> },
}

impl StoreState {
    /// The certificates in use.
    #[must_use]
    pub fn store(&self) -> Option<&Arc<Store>> {
        match self {
            Self::Current(store) | Self::Kept { store, since: _, mistakes: _ } => Some(store),
            Self::Unusable { mistakes: _ } => None,
        }
    }

    /// The mistakes in the content on disk.
    #[must_use]
    pub fn mistakes(&self) -> &[PolicyMistake] {
        match self {
            Self::Current(_) => &[],
            Self::Kept { mistakes, store: _, since: _ } | Self::Unusable { mistakes } => mistakes,
        }
    }
}

/// A store as it was found on disk.
pub(super) struct FoundStore {
    directory: PathBuf,
    content: Content,
    /// Names of its sub-directories, which are not read.
    pub(super) subdirectories: Vec<String>,
    /// Of the files' names and bytes.
    digest: Digest,
}

enum Content {
    /// No directory, or no certificate in it.
    Nothing(Vec<PolicyMistake>),
    Files(Vec<NamedFile>),
    Unreadable(Vec<PolicyMistake>),
}

/// The last content of a store that could be used.
#[derive(Clone, Debug)]
pub(super) struct LastGood {
    digest: Digest,
    store: Arc<Store>,
    /// Since when the content on disk differs and is unusable.
    broken_since: Option<UnixTime>,
}

/// Reads every store that a statement without mistakes names.
pub(super) fn read(location: &TrustLocation, policy: &TrustPolicy) -> BTreeMap<StoreRef, FoundStore> {
    let mut found = BTreeMap::new();
    let mut left = ALL_STORES_BYTES;
    for rule in policy.rules() {
        for store in rule.stores() {
            if !found.contains_key(store) {
                let read = FoundStore::read(location, store, rule.name(), left);
                left = left.saturating_sub(read.bytes());
                found.insert(store.clone(), read);
            }
        }
    }
    found
}

impl FoundStore {
    fn read(location: &TrustLocation, store: &StoreRef, statement: &str, max: usize) -> Self {
        let directory = files::store_directory(location, store.kind, &store.name.to_string());
        let Some(StoreFiles { files, mistakes, subdirectories }) = files::store(&directory, max) else {
            let (store, statement) = (store.clone(), statement.to_owned());
            let missing = PolicyMistake::NoStore { store, statement, directory: directory.clone() };
            return Self {
                directory,
                content: Content::Nothing(vec![missing]),
                subdirectories: Vec::new(),
                digest: digest(&[]),
            };
        };
        let digest = digest(&files);
        let blank = |(_, bytes): &NamedFile| Store::is_blank(bytes);
        // A dangling link counts as an empty file.
        let content = if files.iter().all(blank) && mistakes.iter().all(PolicyMistake::is_absence) {
            let problem = |problem| {
                let error = Box::new(StoreError { store: store.clone(), problem });
                PolicyMistake::Store { directory: directory.clone(), error }
            };
            let empty = files.into_iter().map(|(file, _)| problem(StoreProblem::FileEmpty { file }));
            let mut mistakes: Vec<_> = mistakes.into_iter().chain(empty).collect();
            if mistakes.is_empty() {
                mistakes.push(problem(StoreProblem::Empty));
            }
            Content::Nothing(mistakes)
        } else if mistakes.is_empty() {
            Content::Files(files)
        } else {
            Content::Unreadable(mistakes)
        };
        Self { directory, content, subdirectories, digest }
    }

    fn bytes(&self) -> usize {
        match &self.content {
            Content::Files(files) => files.iter().map(|(_, bytes)| bytes.len()).sum(),
            Content::Nothing(_) | Content::Unreadable(_) => 0,
        }
    }

    /// Adds everything that was found to `all`.
    pub(super) fn fingerprint(&self, all: &mut ListHasher) {
        all.add(self.digest.as_str());
        let mistakes = match &self.content {
            Content::Files(_) => &[],
            Content::Nothing(mistakes) | Content::Unreadable(mistakes) => mistakes.as_slice(),
        };
        all.add_list(mistakes.iter().map(ToString::to_string));
        all.add_list(&self.subdirectories);
    }

    /// The state from `now` on, given the state `before`; and the content to keep for the next poll.
    pub(super) fn decide(
        self,
        reference: &StoreRef,
        before: Option<LastGood>,
        now: UnixTime,
    ) -> (StoreState, Option<LastGood>) {
        let Self { directory, content, subdirectories: _, digest } = self;
        let mistakes = match content {
            Content::Nothing(mistakes) => {
                return (StoreState::Unusable { mistakes: Self::first(&directory, mistakes) }, None);
            }
            Content::Unreadable(mistakes) => mistakes,
            Content::Files(files) => {
                let same = before.as_ref().filter(|before| before.digest == digest);
                let parsed = match same {
                    Some(before) => Ok(Arc::clone(&before.store)),
                    None => Store::parse(reference.kind, reference.name.clone(), &files).map(Arc::new),
                };
                match parsed {
                    Ok(store) => {
                        let good = LastGood { digest, store: Arc::clone(&store), broken_since: None };
                        return (StoreState::Current(store), Some(good));
                    }
                    Err(errors) => errors
                        .into_iter()
                        .map(|error| PolicyMistake::Store { directory: directory.clone(), error: Box::new(error) })
                        .collect(),
                }
            }
        };
        let mistakes = Self::first(&directory, mistakes);
        match before {
            Some(LastGood { digest, store, broken_since }) => {
                let since = broken_since.unwrap_or(now);
                let good = LastGood { digest, store: Arc::clone(&store), broken_since: Some(since) };
                (StoreState::Kept { store, since, mistakes }, Some(good))
            }
            None => (StoreState::Unusable { mistakes }, None),
        }
    }

    fn first(directory: &Path, mut mistakes: Vec<PolicyMistake>) -> Vec<PolicyMistake> {
        if let Some(omitted) = mistakes.len().checked_sub(STORE_MISTAKES).filter(|omitted| *omitted > 0) {
            mistakes.truncate(STORE_MISTAKES);
            mistakes.push(PolicyMistake::MoreInStore { directory: directory.to_owned(), omitted });
        }
        mistakes
    }
}

fn digest(files: &[NamedFile]) -> Digest {
    let mut all = ListHasher::new();
    for (name, bytes) in files {
        all.add(name);
        all.add(bytes);
    }
    all.finish()
}
