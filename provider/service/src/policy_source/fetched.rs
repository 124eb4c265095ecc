//! The content of trust stores that are fetched: what is in use, and how the attempts to fetch it ended. Shared by the task
//! that fetches and the source that reads. Nothing is fetched here.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use countersign_core::policy::StoreRef;
use countersign_core::time::UnixTime;

use super::content::Merged;
use super::content::StoreContent;
use super::files::NamedFile;
use super::store_failure::StoreFailure;
use crate::config::StoreSource;

/// Every store that is fetched, by its name in the trust policy. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct FetchedStores(Arc<BTreeMap<StoreRef, Arc<FetchedStore>>>);

impl FetchedStores {
    /// The stores of a configuration; nothing is fetched yet.
    #[must_use]
    pub fn new(sources: &BTreeMap<StoreRef, StoreSource>) -> Self {
        Self::default().successor(sources)
    }

    /// The stores of a changed configuration. Those with an equal source are shared with this value, with their content.
    #[must_use]
    pub fn successor(&self, sources: &BTreeMap<StoreRef, StoreSource>) -> Self {
        let store = |(reference, source): (&StoreRef, &StoreSource)| {
            let former = self.0.get(reference).filter(|former| *former.source == *source);
            let store = former.cloned().unwrap_or_else(|| Arc::new(FetchedStore::new(reference, source)));
            (reference.clone(), store)
        };
        Self(Arc::new(sources.iter().map(store).collect()))
    }

    /// All of them, in the order of their names.
    pub fn stores(&self) -> impl ExactSizeIterator<Item = &Arc<FetchedStore>> {
        self.0.values()
    }

    pub(super) fn get(&self, reference: &StoreRef) -> Option<&FetchedStore> {
        self.0.get(reference).map(Arc::as_ref)
    }
}

/// One store that is fetched.
#[derive(Debug)]
pub struct FetchedStore {
    reference: StoreRef,
    source: Arc<StoreSource>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The last content, and when it was fetched.
    content: Option<(Arc<[NamedFile]>, UnixTime)>,
    failure: Option<FetchFailure>,
    /// By the last answer.
    nothing_enabled: Vec<String>,
    next: Option<UnixTime>,
}

impl State {
    /// The failure after the former ones.
    fn failed(&self, why: StoreFailure, now: UnixTime) -> FetchFailure {
        let (since, attempts) = match &self.failure {
            Some(former) => (former.since, former.attempts.saturating_add(1)),
            None => (now, 1),
        };
        FetchFailure { why, since, attempts }
    }
}

/// The attempts since the last complete success failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchFailure {
    /// Of the last attempt.
    pub why: StoreFailure,
    /// When the first of them failed.
    pub since: UnixTime,
    /// How many have failed.
    pub attempts: u32,
}

/// The state of a store that is fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchStatus {
    /// When the content in use was fetched; `None` if there is none.
    pub fetched: Option<UnixTime>,
    /// The names of its files: of a vault, each certificate with its version.
    pub files: Vec<String>,
    pub failure: Option<FetchFailure>,
    /// Of which entries of the configuration the source has said last that nothing is enabled.
    pub nothing_enabled: Vec<String>,
    /// When it is fetched the next time; `None` if its content cannot change, or it was not tried yet.
    pub next: Option<UnixTime>,
}

/// The content of a store for a reader.
pub(super) struct Fetched {
    pub(super) content: Option<(Arc<[NamedFile]>, UnixTime)>,
    pub(super) failure: Option<FetchFailure>,
}

impl FetchedStore {
    fn new(reference: &StoreRef, source: &StoreSource) -> Self {
        Self { reference: reference.clone(), source: Arc::new(source.clone()), state: Mutex::default() }
    }

    /// The name in the trust policy.
    #[must_use]
    pub fn reference(&self) -> &StoreRef {
        &self.reference
    }

    /// Where it is fetched from.
    #[must_use]
    pub fn source(&self) -> &StoreSource {
        &self.source
    }

    pub(super) fn shared_source(&self) -> Arc<StoreSource> {
        Arc::clone(&self.source)
    }

    /// What was fetched at `now` replaces the former content. Without files the store is empty, and nothing of it is trusted any more.
    /// Of what the source did not answer about, former files stay as [`StoreContent::unanswered`] says, with the time of the former
    /// content. The next attempt is at `next`.
    pub fn succeeded(&self, content: StoreContent, now: UnixTime, next: Option<UnixTime>) {
        let mut state = self.lock();
        let former = state.content.as_ref();
        let Merged { files, missing, unanswered, nothing_enabled } =
            content.merged(former.map_or(&[], |(files, _)| files));
        let nothing = unanswered.is_some() && files.is_empty() && former.is_none();
        let at = former.map(|(_, at)| *at).filter(|_| unanswered.is_some()).unwrap_or(now);
        let failure = unanswered.or(missing).map(|why| state.failed(why, now));
        *state = State { content: (!nothing).then(|| (files.into(), at)), failure, nothing_enabled, next };
    }

    /// An attempt failed at `now`: the former content stays in use. The next attempt is at `next`.
    pub fn failed(&self, why: StoreFailure, now: UnixTime, next: UnixTime) {
        let mut state = self.lock();
        state.failure = Some(state.failed(why, now));
        state.next = Some(next);
    }

    /// How the attempts have ended so far.
    #[must_use]
    pub fn status(&self) -> FetchStatus {
        let state = self.lock();
        FetchStatus {
            fetched: state.content.as_ref().map(|(_, at)| *at),
            files: state.content.iter().flat_map(|(files, _)| files.iter().map(|(name, _)| name.clone())).collect(),
            failure: state.failure.clone(),
            nothing_enabled: state.nothing_enabled.clone(),
            next: state.next,
        }
    }

    pub(super) fn fetched(&self) -> Fetched {
        let state = self.lock();
        Fetched { content: state.content.clone(), failure: state.failure.clone() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is consistent at every point.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
