//! Mistakes in the trust policy and the trust stores on disk.

use std::fmt;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use countersign_core::codec::mismatch::Mismatch;
use countersign_core::codec::mismatch::Mismatched;
use countersign_core::codec::text;
use countersign_core::codec::text::Text;
use countersign_core::limits;
use countersign_core::name::VaultHost;
use countersign_core::policy::Decision;
use countersign_core::policy::PolicyError;
use countersign_core::policy::Rule;
use countersign_core::policy::StoreError;
use countersign_core::policy::StoreProblem;
use countersign_core::policy::StoreRef;
use countersign_core::time::UnixTime;

use super::ALL_STORES_BYTES;
use super::store_failure::StoreFailure;
use super::store_failure::access_advice;
use super::store_failure::content_advice;
use crate::config::KeyVaultSource;
use crate::config::MistakeList;
use crate::config::StoreSource;
use crate::config::TrustLocation;

/// Where the content of a trust store is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StorePlace {
    Directory(PathBuf),
    /// It is fetched: see `trust.stores`.
    Source {
        store: StoreRef,
        origin: Arc<StoreSource>,
    },
}

impl fmt::Display for StorePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(directory) => directory.display().fmt(f),
            Self::Source { store: _, origin } => origin.fmt(f),
        }
    }
}

impl StorePlace {
    /// The file or directory, and the field of it, under the configuration in `config`.
    fn location(&self, config: &Path) -> (PathBuf, String) {
        match self {
            Self::Directory(directory) => (directory.clone(), String::new()),
            Self::Source { store, origin: _ } => (config.to_owned(), of_fetched(store)),
        }
    }
}

/// The field of the configuration about a store that is fetched.
fn of_fetched(store: &StoreRef) -> String {
    format!("trust.stores, {store}")
}

/// What is wrong with the content of a store. An empty vault has answered: what it has is not enabled.
fn of_store(place: &StorePlace, error: &StoreError) -> Mismatch {
    match place {
        StorePlace::Source { store: _, origin } if error.problem == StoreProblem::Empty => match &**origin {
            StoreSource::KeyVault(KeyVaultSource { vault, certificates, .. }) => {
                nothing_enabled(vault, text::list(certificates.iter(), "; ", LISTED))
            }
            StoreSource::Url(_) => error.problem.mismatch(),
        },
        StorePlace::Source { .. } | StorePlace::Directory(_) => error.problem.mismatch(),
    }
}

/// What a vault says of certificates of which no version that counts is enabled.
#[must_use]
pub fn nothing_enabled(vault: &VaultHost, of: impl fmt::Display) -> Mismatch {
    Mismatch::new(format_args!("found nothing in the vault {vault} that is enabled of: {of}")).expecting(
        "at least one enabled version; enable one in the vault (az keyvault certificate set-attributes --enabled true), or name another \
         certificate or version in trust.stores",
    )
}

/// Most certificates of a vault in a message.
const LISTED: usize = 8;

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
        max: usize,
    },
    TooManyFiles {
        directory: PathBuf,
    },
    /// Limit on all stores together; stores above it cannot be used.
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
        place: StorePlace,
        error: Box<StoreError>,
    },
    /// A store that is fetched has no content: it was not fetched yet, or this is why not.
    NotFetched {
        store: StoreRef,
        origin: Arc<StoreSource>,
        why: Option<StoreFailure>,
    },
    /// A store that is fetched could not be fetched again.
    NotFetchedAgain {
        store: StoreRef,
        origin: Arc<StoreSource>,
        why: StoreFailure,
        /// When its content was fetched.
        fetched: UnixTime,
    },
    /// A store that is fetched is a directory as well.
    StoreTwice {
        store: StoreRef,
        origin: Arc<StoreSource>,
        directory: PathBuf,
    },
    UnknownStatement {
        statement: String,
        known: Text,
    },
    SkippingStatement {
        statement: String,
    },
    MoreInStore {
        place: StorePlace,
        omitted: usize,
    },
    More {
        omitted: usize,
    },
}

/// The key of the configuration that demands metadata.
pub(super) const METADATA: &str = "verification.requiredMetadata";

impl Mismatched for PolicyMistake {
    /// Without the name of the file, directory or configuration key.
    fn mismatch(&self) -> Mismatch {
        match self {
            Self::NoPolicy { directory: _ } => Mismatch::new("has neither trustpolicy.oci.json nor trustpolicy.json")
                .expecting("a trust policy document"),
            Self::Missing { path: _ } => Mismatch::new("is missing").expecting("a file"),
            Self::Unreadable { path: _, detail } => {
                Mismatch::new(format_args!("cannot be read: {detail}")).expecting("a readable file or directory")
            }
            Self::NotAFile { path: _ } => Mismatch::new("is a directory or a special file").expecting("a regular file"),
            Self::TooLarge { path: _, max } => {
                Mismatch::new(format_args!("has more than {max} bytes")).expecting(format_args!("at most {max} bytes"))
            }
            Self::TooManyFiles { directory: _ } => {
                Mismatch::new("has too many files").expecting(format_args!("at most {}", limits::STORE_CERTIFICATES))
            }
            Self::TooMuch => {
                Mismatch::new(format_args!("the trust stores have more than {ALL_STORES_BYTES} bytes together"))
                    .expecting(format_args!("at most {ALL_STORES_BYTES}"))
            }
            Self::Policy { path: _, error } => error.problem.mismatch(),
            Self::NoStore { store, statement, directory } => {
                Mismatch::new(format_args!("trust store {store} of statement {statement:?} is missing"))
                    .expecting(format_args!("the directory {} with certificate files", directory.display()))
            }
            Self::Store { place, error } => of_store(place, error),
            Self::NotFetched { store: _, origin, why: None } => {
                Mismatch::new(format_args!("nothing was fetched from {origin} yet")).expecting("its certificates")
            }
            Self::NotFetched { store: _, origin, why: Some(why) } => {
                // The reason ends with what to do.
                Mismatch::new(format_args!("nothing was fetched from {origin}: {why}{}", again(why)))
            }
            Self::NotFetchedAgain { store: _, origin, why, fetched } => Mismatch::new(format_args!(
                "the content fetched from {origin} at {fetched} stays in use: {why}{}",
                again(why)
            )),
            Self::StoreTwice { store: _, origin, directory } => Mismatch::new(format_args!(
                "found the directory {} beside the source {origin} of trust.stores",
                directory.display()
            ))
            .expecting("one or the other"),
            Self::UnknownStatement { statement, known } => {
                Mismatch::new(format_args!("found statement {statement:?}, which is not in the trust policy"))
                    .expecting(format_args!("one of {known}"))
            }
            Self::SkippingStatement { statement } => {
                Mismatch::new(format_args!("found statement {statement:?}, which skips verification"))
                    .expecting("one that verifies")
            }
            Self::MoreInStore { place: _, omitted } => Mismatch::new(format_args!("has {omitted} more mistakes"))
                .expecting("the mistakes above to be corrected first"),
            Self::More { omitted } => {
                Mismatch::new(format_args!("the trust policy and the trust stores have {omitted} more mistakes"))
                    .expecting("the mistakes above to be corrected first")
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
            | Self::TooLarge { path, max: _ }
            | Self::TooManyFiles { directory: path } => write!(f, "{} {mismatch}", path.display()),
            Self::MoreInStore { place, omitted: _ } => write!(f, "{place} {mismatch}"),
            Self::Policy { path, error } if error.line > 0 => write!(f, "{}:{}: {error}", path.display(), error.line),
            Self::Policy { path, error } => write!(f, "{}: {error}", path.display()),
            Self::Store { place, error } => write!(f, "{place}: trust store {}: {mismatch}", error.store),
            Self::NotFetched { store, .. } | Self::NotFetchedAgain { store, .. } | Self::StoreTwice { store, .. } => {
                write!(f, "trust store {store}: {mismatch}")
            }
            Self::UnknownStatement { .. } | Self::SkippingStatement { .. } => write!(f, "{METADATA}: {mismatch}"),
            Self::TooMuch | Self::NoStore { .. } | Self::More { .. } => mismatch.fmt(f),
        }
    }
}

impl std::error::Error for PolicyMistake {}

/// That a source is asked again, unless the reason says so.
fn again(why: &StoreFailure) -> &'static str {
    if why.why.as_str().ends_with("it is called again") { "" } else { "; it is tried again" }
}

impl PolicyMistake {
    /// The mistake without the name of the trust store that has it, and without the store's directory.
    #[must_use]
    pub fn problem(&self) -> String {
        match self {
            Self::NoStore { store: _, statement: _, directory } => {
                format!("found no directory {}, expected one with certificate files", directory.display())
            }
            Self::Store { .. } | Self::NotFetched { .. } | Self::NotFetchedAgain { .. } | Self::StoreTwice { .. } => {
                self.mismatch().to_string()
            }
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

    /// The line of the document, counted from 1; `None` if the mistake has no line.
    #[must_use]
    pub fn line(&self) -> Option<u64> {
        match self {
            Self::Policy { path: _, error } => Some(error.line).filter(|line| *line > 0),
            Self::NoPolicy { .. }
            | Self::Missing { .. }
            | Self::Unreadable { .. }
            | Self::NotAFile { .. }
            | Self::TooLarge { .. }
            | Self::TooManyFiles { .. }
            | Self::TooMuch
            | Self::NoStore { .. }
            | Self::Store { .. }
            | Self::NotFetched { .. }
            | Self::NotFetchedAgain { .. }
            | Self::StoreTwice { .. }
            | Self::UnknownStatement { .. }
            | Self::SkippingStatement { .. }
            | Self::MoreInStore { .. }
            | Self::More { .. } => None,
        }
    }

    /// The file or directory and the field of the mistake, under the configuration in `config` with the trust at `trust`.
    #[must_use]
    pub fn location(&self, config: &Path, trust: &TrustLocation) -> (PathBuf, String) {
        match self {
            Self::NoPolicy { directory: path }
            | Self::Missing { path }
            | Self::Unreadable { path, detail: _ }
            | Self::NotAFile { path }
            | Self::TooLarge { path, max: _ }
            | Self::TooManyFiles { directory: path } => (path.clone(), String::new()),
            Self::MoreInStore { place, omitted: _ } => place.location(config),
            Self::TooMuch | Self::More { omitted: _ } => {
                let stores = match trust {
                    TrustLocation::Directory(directory) => directory,
                    TrustLocation::Apart { policy: _, store } => store,
                };
                (stores.clone(), String::new())
            }
            Self::Policy { path, error } => {
                let statement = error.statement.as_ref().map(|name| format!("statement {name:?}"));
                let field = Some(error.field.to_string()).filter(|field| !field.is_empty());
                (path.clone(), statement.into_iter().chain(field).collect::<Vec<_>>().join(", "))
            }
            Self::NoStore { store: _, statement: _, directory } => (directory.clone(), String::new()),
            Self::Store { place: StorePlace::Directory(directory), error } => {
                (directory.clone(), format!("trust store {}", error.store))
            }
            Self::Store { place: place @ StorePlace::Source { .. }, error: _ } => place.location(config),
            Self::NotFetched { store, .. } | Self::NotFetchedAgain { store, .. } | Self::StoreTwice { store, .. } => {
                (config.to_owned(), of_fetched(store))
            }
            Self::UnknownStatement { .. } | Self::SkippingStatement { .. } => (config.to_owned(), METADATA.to_owned()),
        }
    }

    /// What to do if a store cannot be used because of it and the store is not in files: names the source. One sentence without a
    /// full stop. `None` if the advice of the code is right.
    #[must_use]
    pub fn advice(&self) -> Option<Text> {
        match self {
            Self::NotFetched { origin, why, .. } => Some(access_advice(origin, why.as_ref())),
            Self::NotFetchedAgain { origin, why, .. } => Some(access_advice(origin, Some(why))),
            Self::Store { place: StorePlace::Source { origin, store: _ }, error: _ }
            | Self::MoreInStore { place: StorePlace::Source { origin, store: _ }, omitted: _ } => {
                Some(content_advice(origin))
            }
            Self::StoreTwice { store, .. } => Some(Text::of(format_args!(
                "remove the directory of the store, or its entry {store} of trust.stores; countersign check names every mistake"
            ))),
            Self::Store { place: StorePlace::Directory(_), error: _ }
            | Self::MoreInStore { place: StorePlace::Directory(_), omitted: _ }
            | Self::NoPolicy { .. }
            | Self::Missing { .. }
            | Self::Unreadable { .. }
            | Self::NotAFile { .. }
            | Self::TooLarge { .. }
            | Self::TooManyFiles { .. }
            | Self::TooMuch
            | Self::Policy { .. }
            | Self::NoStore { .. }
            | Self::UnknownStatement { .. }
            | Self::SkippingStatement { .. }
            | Self::More { .. } => None,
        }
    }

    /// Whether it is about what the source of a fetched store has, and not about a file.
    #[must_use]
    pub fn is_of_source(&self) -> bool {
        self.store_of_source().is_some()
    }

    /// The fetched store whose source has it; `None` if it is about a file.
    #[must_use]
    pub fn store_of_source(&self) -> Option<&StoreRef> {
        match self {
            Self::NotFetched { store, .. }
            | Self::NotFetchedAgain { store, .. }
            | Self::Store { place: StorePlace::Source { store, origin: _ }, error: _ }
            | Self::MoreInStore { place: StorePlace::Source { store, origin: _ }, omitted: _ } => Some(store),
            Self::Store { place: StorePlace::Directory(_), error: _ }
            | Self::MoreInStore { place: StorePlace::Directory(_), omitted: _ }
            | Self::StoreTwice { .. }
            | Self::NoPolicy { .. }
            | Self::Missing { .. }
            | Self::Unreadable { .. }
            | Self::NotAFile { .. }
            | Self::TooLarge { .. }
            | Self::TooManyFiles { .. }
            | Self::TooMuch
            | Self::Policy { .. }
            | Self::NoStore { .. }
            | Self::UnknownStatement { .. }
            | Self::SkippingStatement { .. }
            | Self::More { .. } => None,
        }
    }

    /// Whether it says only that a store was not fetched yet.
    #[must_use]
    pub fn is_not_tried(&self) -> bool {
        matches!(self, Self::NotFetched { why: None, .. })
    }

    /// The store that the policy names and that is not there, neither as a directory nor among those that are fetched.
    #[must_use]
    pub fn missing_store(&self) -> Option<&StoreRef> {
        if let Self::NoStore { store, .. } = self { Some(store) } else { None }
    }

    /// Whether the configuration requires metadata for a name that is not in the policy.
    pub(super) fn is_unknown(&self) -> bool {
        matches!(self, Self::UnknownStatement { .. })
    }

    /// Whether this mistake in the required metadata disables `rule`. A name that is not in the policy may be a
    /// misspelling of any statement that verifies and has no required metadata under its own name.
    pub(super) fn concerns(&self, rule: &Rule, is_expected: &dyn Fn(&str) -> bool) -> bool {
        match (self, rule.decision()) {
            (Self::UnknownStatement { .. }, Decision::Verify(_)) => !is_expected(rule.name()),
            (Self::SkippingStatement { statement: name }, Decision::Skip) => name == rule.name(),
            _ => false,
        }
    }

    pub(super) fn of_policy(path: &Path, error: &PolicyError) -> Self {
        Self::Policy { path: path.to_owned(), error: Box::new(error.clone()) }
    }
}

/// All mistakes on disk; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicySourceError {
    pub(super) mistakes: Vec<PolicyMistake>,
}

impl PolicySourceError {
    /// The mistakes in one text, if all of them are about the sources of fetched stores: no file has a mistake.
    #[must_use]
    pub fn of_sources(&self) -> Option<String> {
        let all: Vec<String> = self.mistakes.iter().map(ToString::to_string).collect();
        self.mistakes.iter().all(PolicyMistake::is_of_source).then(|| all.join("\n"))
    }

    #[must_use]
    pub fn mistakes(&self) -> &[PolicyMistake] {
        &self.mistakes
    }
}

impl fmt::Display for PolicySourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        MistakeList { subject: "the trust policy and trust stores have", mistakes: &self.mistakes }.fmt(f)
    }
}

impl std::error::Error for PolicySourceError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy_source::StoreFailureCause;

    #[test]
    fn it_is_said_once_that_a_source_is_asked_again() {
        let ends = |why: &str| again(&StoreFailure::new(StoreFailureCause::Failed, why));
        assert_eq!(ends("it failed; it is called again"), "");
        assert_eq!(ends("it failed; check it"), "; it is tried again");
    }
}
