//! Which statement applies to a repository, also where some statements have mistakes.

use std::collections::HashMap;
use std::sync::Arc;

use super::Scopes;
use crate::name::Repository;

/// What an entry declares about the repositories that it applies to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeclaredScopes {
    Known(Scopes),
    /// The declaration has a mistake, so that it may be meant for any repository. Those that could be read are here.
    Unknown(Vec<Repository>),
}

/// Entries in the order of a document, found by the repository that they apply to.
///
/// Of two entries that declare the same repository the first is found: whoever makes the list sees to it that neither
/// can be used.
#[derive(Clone, Debug)]
pub struct ByScope<T> {
    entries: Vec<T>,
    index: Arc<Index>,
}

/// Where in the list an entry is.
#[derive(Debug, Default)]
struct Index {
    by_repository: HashMap<Repository, usize>,
    for_all: Option<usize>,
    /// The first whose repositories are not known.
    unknown: Option<usize>,
}

/// Why an entry applies to a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// It names the repository.
    Named,
    /// It has the scope `*`, and no other entry names the repository.
    All,
    /// Which repositories it is meant for is not known, and no other entry names the repository.
    Possible,
}

impl<T> ByScope<T> {
    pub(super) fn new(entries: impl IntoIterator<Item = (DeclaredScopes, T)>) -> Self {
        let (mut list, mut index) = (Vec::new(), Index::default());
        for (scopes, entry) in entries {
            let position = list.len();
            let repositories = match scopes {
                DeclaredScopes::Known(Scopes::All) => {
                    index.for_all.get_or_insert(position);
                    Vec::new()
                }
                DeclaredScopes::Known(Scopes::Repositories(repositories)) => repositories,
                DeclaredScopes::Unknown(repositories) => {
                    index.unknown.get_or_insert(position);
                    repositories
                }
            };
            for repository in repositories {
                index.by_repository.entry(repository).or_insert(position);
            }
            list.push(entry);
        }
        Self { entries: list, index: Arc::new(index) }
    }

    /// All, in the order of the document.
    #[must_use]
    pub fn entries(&self) -> &[T] {
        &self.entries
    }

    /// The entry for a repository: the one that names it; else one whose repositories are not known, as it may be meant
    /// to name it; else the one with `*`.
    #[must_use]
    pub fn select(&self, repository: &Repository) -> Option<(&T, Claim)> {
        let Index { by_repository, for_all, unknown } = &*self.index;
        let named = by_repository.get(repository).map(|position| (*position, Claim::Named));
        let possible = unknown.map(|position| (position, Claim::Possible));
        let all = for_all.map(|position| (position, Claim::All));
        let (position, claim) = named.or(possible).or(all)?;
        self.entries.get(position).map(|entry| (entry, claim))
    }

    /// The scope that names a repository, as the document writes it, and its entry.
    #[must_use]
    pub fn named(&self, repository: &Repository) -> Option<(&Repository, &T)> {
        let (scope, position) = self.index.by_repository.get_key_value(repository)?;
        self.entries.get(*position).map(|entry| (scope, entry))
    }

    /// The same list with every entry replaced by what `with` makes of it. What finds them is shared.
    pub fn map<U>(&self, with: impl FnMut(&T) -> U) -> ByScope<U> {
        ByScope { entries: self.entries.iter().map(with).collect(), index: Arc::clone(&self.index) }
    }
}
