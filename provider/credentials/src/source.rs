//! Sources of identities.

use std::fmt;
use std::future::Future;
use std::future::ready;
use std::pin::Pin;
use std::sync::Arc;

use countersign_core::codec::text::Text;
use countersign_core::name::Host;
use countersign_core::name::Repository;
use countersign_http::FetchError;
use countersign_http::Missing;
use tokio::time::Instant;

use crate::call_result::CallResult;
use crate::identity::Identity;
use crate::scope::CredentialScope;

/// A boxed future, so that sources can be trait objects.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The scope of an identity: read access to a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RepositoryScope<'a>(&'a Repository);

impl<'a> RepositoryScope<'a> {
    /// The scope of read access to `repository`.
    #[must_use]
    pub fn new(repository: &'a Repository) -> Self {
        Self(repository)
    }

    /// The registry.
    #[must_use]
    pub fn host(&self) -> &'a Host {
        self.0.host()
    }

    /// The repository on it.
    #[must_use]
    pub fn path(&self) -> &'a str {
        self.0.path()
    }
}

/// The error for a configured identity that is not available. Never shows a credential.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// The configuration has a mistake. The text names the file, the entry and the mistake.
    #[error("{0}")]
    Unusable(Text),
    /// The request to the issuing service failed.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The issuing service refuses the identity that asks, or there is none. For the operator to mend.
    #[error("{why}")]
    Refused {
        /// The permission that the service finds missing, by its name there.
        permission: Option<&'static str>,
        /// The service, what it answered, and what to do.
        why: Text,
    },
    /// What the pod asks with is missing or cannot be used, or the settings do not allow the call. Nothing was asked. For the operator
    /// of the pod to mend.
    #[error("{why}")]
    Local {
        /// The setting, variable or file to correct, by its name.
        subject: Text,
        /// What was found, and what to do.
        why: Text,
    },
    /// The issuing service failed, which no change of the configuration mends.
    #[error("{why}")]
    NotIssued {
        /// How.
        failure: IssueFailure,
        /// The service, what it answered, and what to do.
        why: Text,
    },
    /// The identity was not issued in time.
    #[error("the credential was not issued in time")]
    Timeout,
    /// The task that fetches it panicked.
    #[error("the request for the credential ended without a result")]
    Interrupted,
}

impl CredentialError {
    /// The error of a call of an issuing service that ended with `result`, and of whose answer this was missing. A missing identity
    /// or permission is for the operator to mend; an outage of the service ends by itself.
    #[must_use]
    pub fn of_call(result: CallResult, missing: Option<Missing>, why: impl fmt::Display) -> Self {
        let failure = match result {
            CallResult::Credentials | CallResult::Refused | CallResult::NotAllowed => {
                return Self::Refused { permission: None, why: Text::of(why) };
            }
            CallResult::Throttled => IssueFailure::Throttled,
            CallResult::Timeout => IssueFailure::Timeout(missing),
            CallResult::Unreachable => IssueFailure::Unreachable,
            CallResult::Failed => IssueFailure::Failed,
            CallResult::Invalid => IssueFailure::Invalid,
        };
        Self::NotIssued { failure, why: Text::of(why) }
    }

    /// The same error; a refusal has the permission that the service finds missing.
    #[must_use]
    pub fn with_permission(self, missing: Option<&'static str>) -> Self {
        match self {
            Self::Refused { permission: _, why } => Self::Refused { permission: missing, why },
            Self::Unusable(_)
            | Self::Fetch(_)
            | Self::Local { .. }
            | Self::NotIssued { .. }
            | Self::Timeout
            | Self::Interrupted => self,
        }
    }

    /// The same error; a refusal is one of the pod itself if `subject` is what to correct there.
    #[must_use]
    pub fn with_subject(self, subject: Option<Text>) -> Self {
        match (self, subject) {
            (Self::Refused { permission: _, why }, Some(subject)) => Self::Local { subject, why },
            (
                other @ (Self::Refused { .. }
                | Self::Unusable(_)
                | Self::Fetch(_)
                | Self::Local { .. }
                | Self::NotIssued { .. }
                | Self::Timeout
                | Self::Interrupted),
                _,
            ) => other,
        }
    }
}

/// How a service fails that issues identities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IssueFailure {
    /// No connection, or it was interrupted.
    Unreachable,
    /// No answer in time, with what has not come if that is known.
    Timeout(Option<Missing>),
    /// It refuses because of the number of requests.
    Throttled,
    /// It reports a failure of its own.
    Failed,
    /// Its answer is not usable.
    Invalid,
}

/// A source of identities, for the hosts of one entry of the settings.
pub trait IdentitySource: fmt::Debug + Send + Sync + 'static {
    /// The identity for `scope`, at the latest at `deadline`. A source that fetches identities returns a cached one
    /// while it is valid.
    ///
    /// # Errors
    /// The configured identity is not available. No request may then be sent, not even an anonymous one.
    fn identity<'a>(
        &'a self,
        scope: RepositoryScope<'a>,
        deadline: Instant,
    ) -> BoxFuture<'a, Result<Identity, CredentialError>>;

    /// The credential scope of requests for `scope`, without waiting. `entry` names the entry of the settings. Called
    /// for every image, even if no request is needed, so it must be fast.
    fn credential_scope(&self, entry: &Arc<str>, scope: RepositoryScope<'_>) -> CredentialScope;

    /// Checks the configuration of the entry, without waiting.
    ///
    /// # Errors
    /// As there.
    fn check(&self) -> Result<(), CredentialError> {
        Ok(())
    }

    /// Another identity in place of `refused`, which the registry or its token service refused, at the latest at `deadline`:
    /// the request is sent once more with it. `None` if there is no other one: the content of a file does not change.
    ///
    /// A source that fetches identities fetches one, and keeps the refused one if that fails: a registry refuses an identity
    /// also because it lacks permissions for one repository, and it is then still valid for the others.
    ///
    /// # Errors
    /// Another one is not available.
    fn replacement<'a>(
        &'a self,
        _scope: RepositoryScope<'a>,
        _refused: &'a Identity,
        _deadline: Instant,
    ) -> BoxFuture<'a, Result<Option<Identity>, CredentialError>> {
        Box::pin(ready(Ok(None)))
    }
}
