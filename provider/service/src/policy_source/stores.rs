//! The trust stores that a policy names: their content on disk and in use.
//!
//! A store is used as a whole: if one of its files cannot be used, the certificates of the others are not used either.

use std::collections::BTreeMap;
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
use super::fetched::Fetched;
use super::fetched::FetchedStore;
use super::fetched::FetchedStores;
use super::files;
use super::files::NamedFile;
use super::files::StoreFiles;
use super::mistake::StorePlace;
use crate::config::TrustLocation;

/// One trust store that the policy names.
#[derive(Clone, Debug)]
pub enum StoreState {
    /// The content on disk is in use.
    Current(Arc<Store>),
    /// The content on disk cannot be read or parsed, or the store could not be fetched again; the former content stays in use.
    Kept {
        store: Arc<Store>,
        /// Since when that is so.
        since: UnixTime,
        mistakes: Vec<PolicyMistake>,
    },
    /// Nothing is in use: the store is absent or empty, or was never fetched; or it cannot be read or parsed, and has no former content.
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

/// A store as it was found on disk, or fetched.
pub(super) struct FoundStore {
    place: StorePlace,
    content: Content,
    /// Names of its sub-directories, which are not read.
    pub(super) subdirectories: Vec<String>,
    /// Of the files' names and bytes.
    digest: Digest,
    /// What was fetched, whether or not it can be used.
    fetched: Option<Arc<[NamedFile]>>,
}

enum Content {
    /// No directory, or no certificate in it.
    Nothing(Vec<PolicyMistake>),
    Files(Vec<NamedFile>),
    Unreadable(Vec<PolicyMistake>),
    /// Files that could not be fetched again, and since when.
    Old(Vec<NamedFile>, UnixTime, PolicyMistake),
}

/// The last content of a store that could be used.
#[derive(Clone, Debug)]
pub(super) struct LastGood {
    place: StorePlace,
    digest: Digest,
    store: Arc<Store>,
    /// Its files, if they were fetched.
    fetched: Option<Arc<[NamedFile]>>,
    /// Since when the content on disk differs and is unusable.
    broken_since: Option<UnixTime>,
}

impl LastGood {
    /// Without the files that the source does not have any more, by what was `fetched` last; `None` if nothing is left. What has ended at its
    /// source is not trusted any longer, although other content of the source cannot be used.
    fn without_ended(self, reference: &StoreRef, fetched: Option<&[NamedFile]>) -> Option<Self> {
        let (Some(former), Some(present)) = (&self.fetched, fetched) else { return Some(self) };
        let is_present = |file: &&NamedFile| present.iter().any(|(name, _)| *name == file.0);
        let left: Vec<NamedFile> = former.iter().filter(is_present).cloned().collect();
        if left.len() == former.len() {
            return Some(self);
        }
        let store = Store::parse(reference.kind, reference.name.clone(), &left).ok()?;
        Some(Self { digest: digest(&left), store: Arc::new(store), fetched: Some(left.into()), ..self })
    }
}

/// Reads every store that a statement without mistakes names.
pub(super) fn read(
    location: &TrustLocation,
    fetched: &FetchedStores,
    policy: &TrustPolicy,
) -> BTreeMap<StoreRef, FoundStore> {
    let mut found = BTreeMap::new();
    let mut left = ALL_STORES_BYTES;
    for rule in policy.rules() {
        for store in rule.stores() {
            if !found.contains_key(store) {
                let read = match fetched.get(store) {
                    Some(fetched) => FoundStore::of_fetched(location, store, fetched, left),
                    None => FoundStore::read(location, store, rule.name(), left),
                };
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
                place: StorePlace::Directory(directory),
                content: Content::Nothing(vec![missing]),
                subdirectories: Vec::new(),
                digest: digest(&[]),
                fetched: None,
            };
        };
        let (digest, place) = (digest(&files), StorePlace::Directory(directory));
        // A dangling link counts as an empty file.
        let content = if files.iter().all(is_blank) && mistakes.iter().all(PolicyMistake::is_absence) {
            let mut mistakes = mistakes;
            if mistakes.is_empty() || !files.is_empty() {
                mistakes.extend(empty(store, &place, files));
            }
            Content::Nothing(mistakes)
        } else if mistakes.is_empty() {
            Content::Files(files)
        } else {
            Content::Unreadable(mistakes)
        };
        Self { place, content, subdirectories, digest, fetched: None }
    }

    /// A store that is fetched. Its content is that of the last successful attempt; without one the store has no content.
    fn of_fetched(location: &TrustLocation, store: &StoreRef, fetched: &FetchedStore, max: usize) -> Self {
        let origin = fetched.shared_source();
        let place = StorePlace::Source { store: store.clone(), origin: Arc::clone(&origin) };
        let Fetched { content, failure } = fetched.fetched();
        let arrived = content.as_ref().map(|(files, _)| Arc::clone(files));
        let files: Vec<NamedFile> = content.iter().flat_map(|(files, _)| files.iter().cloned()).collect();
        let digest = digest(&files);
        let directory = files::store_directory(location, store.kind, &store.name.to_string());
        let content = if directory.symlink_metadata().is_ok() {
            Content::Unreadable(vec![PolicyMistake::StoreTwice { store: store.clone(), origin, directory }])
        } else {
            match (content, failure) {
                (None, failure) => {
                    let why = failure.map(|failure| failure.why);
                    Content::Nothing(vec![PolicyMistake::NotFetched { store: store.clone(), origin, why }])
                }
                (Some(_), Some(failure)) if files.iter().all(is_blank) => {
                    let why = Some(failure.why);
                    Content::Nothing(vec![PolicyMistake::NotFetched { store: store.clone(), origin, why }])
                }
                (Some(_), None) if files.iter().all(is_blank) => {
                    Content::Nothing(empty(store, &place, files).collect())
                }
                (Some(_), _) if files.iter().map(|(_, bytes)| bytes.len()).sum::<usize>() > max => {
                    Content::Unreadable(vec![PolicyMistake::TooMuch])
                }
                (Some(_), None) => Content::Files(files),
                (Some((_, at)), Some(failure)) => {
                    let (store, why) = (store.clone(), failure.why);
                    let mistake = PolicyMistake::NotFetchedAgain { store, origin, why, fetched: at };
                    Content::Old(files, failure.since, mistake)
                }
            }
        };
        Self { place, content, subdirectories: Vec::new(), digest, fetched: arrived }
    }

    fn bytes(&self) -> usize {
        match &self.content {
            Content::Files(files) | Content::Old(files, _, _) => files.iter().map(|(_, bytes)| bytes.len()).sum(),
            Content::Nothing(_) | Content::Unreadable(_) => 0,
        }
    }

    /// Adds everything that was found to `all`.
    pub(super) fn fingerprint(&self, all: &mut ListHasher) {
        all.add(self.digest.as_str());
        let mistakes = match &self.content {
            Content::Files(_) => &[],
            Content::Nothing(mistakes) | Content::Unreadable(mistakes) => mistakes.as_slice(),
            Content::Old(_, _, mistake) => std::slice::from_ref(mistake),
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
        let Self { place, content, subdirectories: _, digest, fetched } = self;
        // Former content from elsewhere is not kept: the configuration has changed.
        let before = before.filter(|before| before.place == place);
        let (content, old) = match content {
            Content::Old(files, since, mistake) => (Content::Files(files), Some((since, mistake))),
            other @ (Content::Nothing(_) | Content::Files(_) | Content::Unreadable(_)) => (other, None),
        };
        let mistakes = match content {
            Content::Nothing(mistakes) => {
                return (StoreState::Unusable { mistakes: Self::first(&place, mistakes) }, None);
            }
            Content::Unreadable(mistakes) => mistakes,
            Content::Files(files) | Content::Old(files, _, _) => {
                let same = before.as_ref().filter(|before| before.digest == digest);
                let parsed = match same {
                    Some(before) => Ok(Arc::clone(&before.store)),
                    None => Store::parse(reference.kind, reference.name.clone(), &files).map(Arc::new),
                };
                match parsed {
                    Ok(store) => {
                        let good = LastGood { place, digest, store: Arc::clone(&store), fetched, broken_since: None };
                        let state = match old {
                            None => StoreState::Current(store),
                            Some((since, mistake)) => StoreState::Kept { store, since, mistakes: vec![mistake] },
                        };
                        return (state, Some(good));
                    }
                    Err(errors) => errors
                        .into_iter()
                        .map(|error| PolicyMistake::Store { place: place.clone(), error: Box::new(error) })
                        .collect(),
                }
            }
        };
        let mistakes = Self::first(&place, mistakes);
        match before.and_then(|before| before.without_ended(reference, fetched.as_deref())) {
            Some(before) => {
                let (store, since) = (Arc::clone(&before.store), before.broken_since.unwrap_or(now));
                let good = LastGood { broken_since: Some(since), ..before };
                (StoreState::Kept { store, since, mistakes }, Some(good))
            }
            None => (StoreState::Unusable { mistakes }, None),
        }
    }

    fn first(place: &StorePlace, mut mistakes: Vec<PolicyMistake>) -> Vec<PolicyMistake> {
        if let Some(omitted) = mistakes.len().checked_sub(STORE_MISTAKES).filter(|omitted| *omitted > 0) {
            mistakes.truncate(STORE_MISTAKES);
            mistakes.push(PolicyMistake::MoreInStore { place: place.clone(), omitted });
        }
        mistakes
    }
}

fn is_blank((_, bytes): &NamedFile) -> bool {
    Store::is_blank(bytes)
}

/// The mistakes of a store whose `files` have no certificate: one for each of them, or one if there is no file.
fn empty(store: &StoreRef, place: &StorePlace, files: Vec<NamedFile>) -> impl Iterator<Item = PolicyMistake> {
    let none = files.is_empty().then_some(StoreProblem::Empty);
    let problems = files.into_iter().map(|(file, _)| StoreProblem::FileEmpty { file }).chain(none);
    problems.map(|problem| {
        let error = Box::new(StoreError { store: store.clone(), problem });
        PolicyMistake::Store { place: place.clone(), error }
    })
}

fn digest(files: &[NamedFile]) -> Digest {
    let mut all = ListHasher::new();
    for (name, bytes) in files {
        all.add(name);
        all.add(bytes);
    }
    all.finish()
}
