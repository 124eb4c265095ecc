//! The locations of a repository: the mirrors of its entry, then the registry that references name.
//!
//! Each location is used under its own entry of the settings: its credential, authorities, proxy and limits. What is asked for, and
//! what an answer must be, depends on the written reference only. Every failure leads to the next location, and the last one ends the
//! call with all of them. A location has a share of the time that remains to the callers. One that was unreachable or late is tried after
//! the others for [`limits::LOCATION_REST`].

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use countersign_core::codec::text::Text;
use countersign_core::name::Repository;
use countersign_credentials::CredentialScope;
use countersign_credentials::RepositoryScope;
use countersign_http::expected;
use lru::LruCache;
use tokio::time::Instant;

use crate::entries::Entry;
use crate::entries::entry_for;
use crate::error::Cause;
use crate::error::LocationFailure;
use crate::error::RegistryError;
use crate::error::RegistryErrorKind;
use crate::limits;
use crate::observer::Observer;
use crate::observer::Stage;

/// A place where a repository is.
#[derive(Clone, Debug)]
pub(crate) struct Location {
    /// The mirror as written; `None` for the registry that references name.
    pub(crate) mirror: Option<Text>,
    /// The repository there; `None` if it can have no name there.
    pub(crate) repository: Option<Repository>,
}

/// A location of a repository, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedLocation {
    /// The mirror as written; `None` for the registry that references name.
    pub mirror: Option<Text>,
    /// The repository there; `None` if it can have no name there.
    pub repository: Option<Repository>,
}

/// The locations of `repository`, in the order in which they are tried. Not empty.
pub(crate) fn locations(entries: &[Entry], repository: &Repository) -> Vec<Location> {
    let written = Location { mirror: None, repository: Some(repository.clone()) };
    let Some((_, entry)) = entry_for(entries, repository) else { return vec![written] };
    let mirrors = entry.mirrors.locations.iter();
    let mut locations: Vec<_> = mirrors
        .map(|mirror| Location {
            mirror: Some(Text::of(mirror)),
            repository: mirror.repository(&entry.pattern, repository),
        })
        .collect();
    if !entry.mirrors.only || locations.is_empty() {
        locations.push(written);
    }
    locations
}

/// The scope of the credentials of all locations of `repository`.
pub(crate) fn credential_scope(entries: &[Entry], repository: &Repository) -> CredentialScope {
    let Some((_, entry)) = entry_for(entries, repository) else { return CredentialScope::anonymous() };
    if entry.mirrors.locations.is_empty() {
        return scope_at(entries, repository);
    }
    let locations = locations(entries, repository);
    let scopes = locations.iter().filter_map(|location| {
        let at = location.repository.as_ref()?;
        Some((location.mirror.as_ref().map_or("", Text::as_str), scope_at(entries, at)))
    });
    CredentialScope::of_locations(&entry.name, scopes)
}

/// The scope of the credential under the entry of `repository`, without its mirrors.
pub(crate) fn scope_at(entries: &[Entry], repository: &Repository) -> CredentialScope {
    match entry_for(entries, repository) {
        Some((_, entry)) => entry.identities.credential_scope(&entry.name, RepositoryScope::new(repository)),
        None => CredentialScope::anonymous(),
    }
}

/// Hosts that were unreachable, with the end of their rest. The lock is never held across an await.
#[derive(Debug)]
pub(crate) struct Resting(Mutex<LruCache<String, Instant>>);

impl Resting {
    pub(crate) fn new() -> Self {
        let size = NonZeroUsize::new(limits::RESTING_LOCATIONS).unwrap_or(NonZeroUsize::MIN);
        Self(Mutex::new(LruCache::new(size)))
    }

    fn has(&self, repository: &Repository) -> bool {
        let mut resting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        resting.get(&*repository.host().canonical()).is_some_and(|until| *until > Instant::now())
    }

    fn begin(&self, repository: &Repository) {
        let mut resting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        resting.put(repository.host().canonical().into_owned(), Instant::now() + limits::LOCATION_REST);
    }

    fn end(&self, repository: &Repository) {
        let mut resting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        resting.pop(&*repository.host().canonical());
    }
}

/// One location to be tried until its deadline.
pub(crate) struct Attempt {
    /// The repository at the location.
    pub(crate) repository: Repository,
    pub(crate) deadline: Instant,
    mirror: Option<Text>,
}

impl Attempt {
    /// Whether it is the registry that references name.
    pub(crate) fn is_written(&self) -> bool {
        self.mirror.is_none()
    }
}

/// The locations of a repository that are not tried yet, and the failures of the others.
pub(crate) struct Attempts<'a> {
    written: &'a Repository,
    entry: Option<Arc<str>>,
    stage: Stage,
    deadline: Instant,
    /// In reverse order.
    waiting: Vec<Location>,
    total: usize,
    failures: Vec<LocationFailure>,
    /// Whether the registry that references name has answered, so that the others can only add to that.
    has_written: bool,
    resting: &'a Resting,
    observer: &'a dyn Observer,
}

impl<'a> Attempts<'a> {
    pub(crate) fn new(
        entries: &[Entry],
        written: &'a Repository,
        stage: Stage,
        deadline: Instant,
        (resting, observer): (&'a Resting, &'a dyn Observer),
    ) -> Self {
        let mut waiting = locations(entries, written);
        if waiting.len() > 1 {
            // A stable sort: the others keep their order.
            waiting.sort_by_key(|location| location.repository.as_ref().is_some_and(|at| resting.has(at)));
        }
        waiting.reverse();
        let entry = entry_for(entries, written).map(|(_, entry)| Arc::clone(&entry.name));
        let total = waiting.len();
        let (failures, has_written) = (Vec::new(), false);
        Self { written, entry, stage, deadline, waiting, total, failures, has_written, resting, observer }
    }

    /// The next location. It has an equal share of the time that remains to the callers, which wait for less time than the work may take, so
    /// that later ones have theirs; and at least [`limits::LOCATION_LEAST`], as the work goes on for other callers. The last one has all
    /// of the time of the work, unless it is a mirror after the registry that references name has answered: its callers get that answer.
    pub(crate) fn next(&mut self) -> Option<Attempt> {
        loop {
            let left = u32::try_from(self.waiting.len()).unwrap_or(u32::MAX);
            let Location { mirror, repository } = self.waiting.pop()?;
            let Some(repository) = repository else {
                let mirror = mirror.unwrap_or_default();
                let why = Text::of(format_args!("a mirror without a path has no name for {}", self.written));
                let cause = Cause::Misconfigured { host: mirror.to_string(), why };
                let (is_mirror, stage) = (true, self.stage);
                self.failures.push(LocationFailure { location: mirror, is_mirror, stage, cause });
                continue;
            };
            let left = left + u32::from(self.has_written);
            let deadline = if left <= 1 { self.deadline } else { self.end_of_share(left) };
            return Some(Attempt { repository, deadline, mirror });
        }
    }

    /// The end of an equal share of the time for `left` locations.
    fn end_of_share(&self, left: u32) -> Instant {
        let now = Instant::now();
        let callers = expected().map_or(self.deadline, |until| until.min(self.deadline));
        let share = callers.saturating_duration_since(now) / left.max(1);
        // Without callers, or shortly before they leave.
        let least = self.deadline.saturating_duration_since(now) / left.max(1);
        now + share.max(least.min(limits::LOCATION_LEAST))
    }

    /// Whether there are further locations.
    pub(crate) fn has_more(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// The location has answered. A mirror that rested and has only added to the answer of the registry rests until its time.
    pub(crate) fn succeeded(&mut self, attempt: &Attempt) {
        if self.total > 1 && !self.has_written {
            self.resting.end(&attempt.repository);
        }
        self.has_written |= attempt.is_written();
    }

    /// The location cannot be used.
    pub(crate) fn failed(&mut self, attempt: &Attempt, error: RegistryError) {
        let RegistryError { repository: _, stage, cause } = error;
        if self.total > 1 {
            match cause.kind() {
                RegistryErrorKind::Unreachable | RegistryErrorKind::Timeout => self.resting.begin(&attempt.repository),
                RegistryErrorKind::Misconfigured
                | RegistryErrorKind::Refused
                | RegistryErrorKind::Denied
                | RegistryErrorKind::Throttled
                | RegistryErrorKind::Failed
                | RegistryErrorKind::ResponseInvalid
                | RegistryErrorKind::RedirectRefused
                | RegistryErrorKind::ContentMismatch
                | RegistryErrorKind::ReferrersUnsupported
                | RegistryErrorKind::NotFound
                | RegistryErrorKind::Unsupported
                | RegistryErrorKind::Overloaded => {}
            }
            // That a mirror lacks content is normal: a cache need not have what refers to an image.
            let is_failure = cause.kind() != RegistryErrorKind::NotFound;
            if let (true, Some(entry), Some(mirror)) = (is_failure, &self.entry, &attempt.mirror) {
                self.observer.mirror_failed(entry, mirror, stage, &Text::of(&cause));
            }
        }
        let (location, is_mirror) = (Text::of(&attempt.repository), attempt.mirror.is_some());
        self.failures.push(LocationFailure { location, is_mirror, stage, cause });
    }

    /// The failures so far.
    pub(crate) fn failures(&self) -> &[LocationFailure] {
        &self.failures
    }

    /// The error for the failures so far: a single one as it is, so that without mirrors nothing is said about locations.
    pub(crate) fn into_error(mut self) -> RegistryError {
        let repository = self.written.clone();
        match self.failures.pop() {
            Some(LocationFailure { stage, cause, .. }) if self.failures.is_empty() => {
                RegistryError { repository, stage, cause }
            }
            Some(last) => {
                self.failures.push(last);
                RegistryError { repository, stage: self.stage, cause: Cause::Locations(self.failures) }
            }
            // There is always a location.
            None => RegistryError { repository, stage: self.stage, cause: Cause::Interrupted },
        }
    }
}
