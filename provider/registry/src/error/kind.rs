//! Classification of causes: the kind of failure, and whether to retry.

use countersign_core::oci::ManifestError;
use countersign_credentials::CredentialError;
use countersign_credentials::IssueFailure;
use countersign_http::FetchError;
use countersign_http::FetchErrorKind;
use countersign_http::HostPause;
use countersign_http::Missing;
use countersign_http::RetryAdvice;

use super::cause::Cause;
use super::cause::Fallback;
use super::cause::LocationFailure;
use super::cause::NoList;
use super::credential_kind::CredentialKind;
use super::page::is_page;
use crate::observer::Stage;

/// The kinds of failure that require different actions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RegistryErrorKind {
    /// The configuration of this host has a mistake, so no requests are sent.
    Misconfigured,
    /// The configuration does not allow requests to this host or address.
    Refused,
    /// No connection, or it was interrupted.
    Unreachable,
    /// No response in time.
    Timeout,
    /// 401, 403, or a credential that must not be sent to the token service that the registry names.
    Denied,
    /// The registry requested a pause that ends after the caller's deadline.
    Throttled,
    /// The registry reports a failure of its own, or a status that has no meaning here.
    Failed,
    /// The response violates a limit or the protocol.
    ResponseInvalid,
    /// A redirect is not followed.
    RedirectRefused,
    /// The bytes differ from their descriptor.
    ContentMismatch,
    /// The registry refuses the referrers API and has no list under the fallback tag.
    ReferrersUnsupported,
    /// The content does not exist on the registry.
    NotFound,
    /// The target is not an image or index that can be run.
    Unsupported,
    /// A limit of this process is reached.
    Overloaded,
}

impl Cause {
    /// The kind of failure.
    #[must_use]
    pub fn kind(&self) -> RegistryErrorKind {
        match self {
            Self::Misconfigured { .. } => RegistryErrorKind::Misconfigured,
            Self::NoCredential { error, .. } => of_credential(error),
            Self::HostRefused { .. } | Self::PlainHttpPort { .. } => RegistryErrorKind::Refused,
            Self::Fetch(error) | Self::TokenService { error, .. } => of_fetch(error),
            Self::TokenTimeout { .. } => RegistryErrorKind::Timeout,
            // A 401 is a denial, even if its challenge is not supported.
            Self::Denied { .. } | Self::Realm(_) | Self::Challenge { .. } => RegistryErrorKind::Denied,
            Self::TooManyRequests { .. } => RegistryErrorKind::Throttled,
            Self::Status { .. } | Self::TokenNotFound { .. } | Self::Interrupted => RegistryErrorKind::Failed,
            Self::NotFound { .. } => RegistryErrorKind::NotFound,
            // Another kind of artifact. Another media type comes from a proxy and not from an image.
            Self::Target(ManifestError::MediaType { found }) if found.escaped().starts_with("application/vnd.") => {
                RegistryErrorKind::Unsupported
            }
            Self::Redirected { stage, cause, .. } => after_redirect(*stage, cause),
            Self::DeclaredTooLarge { .. } | Self::Digest { .. } => RegistryErrorKind::ContentMismatch,
            Self::NoList(no_list) => no_list.kind(),
            Self::Locations(failures) => deciding(failures).map_or(RegistryErrorKind::Failed, Self::kind),
            // The registry itself linked the page, or has just listed referrers of the repository.
            Self::Page { cause, .. } | Self::MergedTag { cause, .. } if cause.kind() == RegistryErrorKind::NotFound => {
                RegistryErrorKind::ResponseInvalid
            }
            Self::Page { cause, .. } | Self::MergedTag { cause, .. } => cause.kind(),
            // The list of a registry may describe a manifest incorrectly; the response of a proxy is a different
            // failure.
            Self::ContentType { found, .. } if found.escaped().starts_with("application/vnd.") => {
                RegistryErrorKind::ContentMismatch
            }
            Self::Token { .. }
            | Self::Link(_)
            | Self::ImageItself { .. }
            | Self::BareNotFound { .. }
            | Self::DigestHeader { .. }
            | Self::ContentType { .. }
            | Self::Target(_)
            | Self::Index(_) => RegistryErrorKind::ResponseInvalid,
        }
    }

    /// The cause that decides the kind: of several locations, pages or requests, that of one.
    #[must_use]
    pub fn deciding(&self) -> &Self {
        match self {
            Self::Locations(failures) => deciding(failures).map_or(self, Self::deciding),
            Self::Page { cause, .. } | Self::MergedTag { cause, .. } => cause.deciding(),
            Self::NoList(no_list) => match &no_list.fallback {
                Fallback::Failed(cause) => cause.deciding(),
                Fallback::Absent | Fallback::Image | Fallback::Index => no_list.api.deciding(),
            },
            Self::HostRefused { .. }
            | Self::Misconfigured { .. }
            | Self::NoCredential { .. }
            | Self::PlainHttpPort { .. }
            | Self::Fetch(_)
            | Self::TokenService { .. }
            | Self::TokenTimeout { .. }
            | Self::Denied { .. }
            | Self::Realm(_)
            | Self::TooManyRequests { .. }
            | Self::Status { .. }
            | Self::NotFound { .. }
            | Self::TokenNotFound { .. }
            | Self::Challenge { .. }
            | Self::Token { .. }
            | Self::Redirected { .. }
            | Self::Link(_)
            | Self::ImageItself { .. }
            | Self::BareNotFound { .. }
            | Self::DeclaredTooLarge { .. }
            | Self::Digest { .. }
            | Self::DigestHeader { .. }
            | Self::ContentType { .. }
            | Self::Target(_)
            | Self::Index(_)
            | Self::Interrupted => self,
        }
    }

    /// What had not come when the time was over, if that is the cause and it is known.
    #[must_use]
    pub fn missing(&self) -> Option<Missing> {
        match self {
            Self::Fetch(error)
            | Self::TokenService { error, .. }
            | Self::NoCredential { error: CredentialError::Fetch(error), .. } => error.missing(),
            Self::NoCredential {
                error: CredentialError::NotIssued { failure: IssueFailure::Timeout(missing), .. },
                ..
            } => *missing,
            Self::Redirected { cause, .. } | Self::Page { cause, .. } | Self::MergedTag { cause, .. } => {
                cause.missing()
            }
            Self::Locations(failures) => deciding(failures).and_then(Self::missing),
            Self::NoList(no_list) => match &no_list.fallback {
                Fallback::Failed(cause) => cause.missing(),
                Fallback::Absent | Fallback::Image | Fallback::Index => no_list.api.missing(),
            },
            Self::HostRefused { .. }
            | Self::Misconfigured { .. }
            | Self::NoCredential { .. }
            | Self::PlainHttpPort { .. }
            | Self::TokenTimeout { .. }
            | Self::Denied { .. }
            | Self::Realm(_)
            | Self::TooManyRequests { .. }
            | Self::Status { .. }
            | Self::NotFound { .. }
            | Self::TokenNotFound { .. }
            | Self::Challenge { .. }
            | Self::Token { .. }
            | Self::Link(_)
            | Self::ImageItself { .. }
            | Self::BareNotFound { .. }
            | Self::DeclaredTooLarge { .. }
            | Self::Digest { .. }
            | Self::DigestHeader { .. }
            | Self::ContentType { .. }
            | Self::Target(_)
            | Self::Index(_)
            | Self::Interrupted => None,
        }
    }

    /// Whether a retry may succeed.
    pub(crate) fn retry_advice(&self) -> RetryAdvice {
        match self {
            Self::Fetch(error) | Self::TokenService { error, .. } => error.retry_advice(),
            Self::Status { status: 502..=504, .. } => RetryAdvice::BackOff,
            Self::TooManyRequests { host, wait, .. } => {
                RetryAdvice::After(HostPause { host: host.clone(), wait: *wait })
            }
            // The fallback tag is requested instead.
            Self::Redirected { stage: Stage::Referrers, .. } => RetryAdvice::Never,
            Self::Redirected { cause, .. } => cause.retry_advice(),
            Self::HostRefused { .. }
            | Self::Misconfigured { .. }
            | Self::NoCredential { .. }
            | Self::PlainHttpPort { .. }
            | Self::TokenTimeout { .. }
            | Self::Denied { .. }
            | Self::Realm(_)
            | Self::Status { .. }
            | Self::NotFound { .. }
            | Self::TokenNotFound { .. }
            | Self::Challenge { .. }
            | Self::Token { .. }
            | Self::Link(_)
            | Self::Page { .. }
            | Self::MergedTag { .. }
            | Self::NoList(_)
            | Self::Locations(_)
            | Self::ImageItself { .. }
            | Self::BareNotFound { .. }
            | Self::DeclaredTooLarge { .. }
            | Self::Digest { .. }
            | Self::DigestHeader { .. }
            | Self::ContentType { .. }
            | Self::Target(_)
            | Self::Index(_)
            | Self::Interrupted => RetryAdvice::Never,
        }
    }
}

/// The failure that decides what is known about a repository with several locations. It is absent only if each location says so. Else
/// it is the failure of the registry that the reference names, or without one that of the last mirror.
fn deciding(failures: &[LocationFailure]) -> Option<&Cause> {
    let looked = |failure: &&LocationFailure| failure.cause.kind() != RegistryErrorKind::NotFound;
    let found = failures.iter().rev().filter(looked).min_by_key(|failure| failure.is_mirror);
    found.or(failures.last()).map(|failure| &failure.cause)
}

impl NoList {
    pub(super) fn kind(&self) -> RegistryErrorKind {
        match &self.fallback {
            Fallback::Failed(cause) => cause.kind(),
            Fallback::Absent | Fallback::Image | Fallback::Index if self.api.is_refusal() => {
                RegistryErrorKind::ReferrersUnsupported
            }
            Fallback::Absent | Fallback::Image | Fallback::Index => self.api.kind(),
        }
    }
}

fn of_credential(error: &CredentialError) -> RegistryErrorKind {
    match error {
        CredentialError::Unusable(_) | CredentialError::Refused { .. } | CredentialError::Local { .. } => {
            RegistryErrorKind::Misconfigured
        }
        CredentialError::Fetch(error) => of_fetch(error),
        CredentialError::NotIssued { failure, .. } => match failure {
            IssueFailure::Unreachable => RegistryErrorKind::Unreachable,
            IssueFailure::Timeout(_) => RegistryErrorKind::Timeout,
            IssueFailure::Throttled => RegistryErrorKind::Throttled,
            IssueFailure::Failed => RegistryErrorKind::Failed,
            IssueFailure::Invalid => RegistryErrorKind::ResponseInvalid,
        },
        CredentialError::Timeout => RegistryErrorKind::Timeout,
        CredentialError::Interrupted => RegistryErrorKind::Failed,
    }
}

fn of_fetch(error: &FetchError) -> RegistryErrorKind {
    match error.kind() {
        FetchErrorKind::NotAllowed => RegistryErrorKind::Refused,
        FetchErrorKind::Disabled => RegistryErrorKind::Misconfigured,
        FetchErrorKind::Unreachable => RegistryErrorKind::Unreachable,
        FetchErrorKind::Timeout => RegistryErrorKind::Timeout,
        FetchErrorKind::Throttled => RegistryErrorKind::Throttled,
        FetchErrorKind::ResponseInvalid => RegistryErrorKind::ResponseInvalid,
        FetchErrorKind::ContentMismatch => RegistryErrorKind::ContentMismatch,
        FetchErrorKind::RedirectRefused => RegistryErrorKind::RedirectRefused,
        FetchErrorKind::Overloaded => RegistryErrorKind::Overloaded,
    }
}

/// The kind of failure at the registry that follows from one at the host to which it redirects a request of `stage`.
fn after_redirect(stage: Stage, cause: &Cause) -> RegistryErrorKind {
    match cause.kind() {
        RegistryErrorKind::NotFound => absent_after_redirect(stage, cause),
        // The registry chose this host, and the configuration does not allow requests to it.
        RegistryErrorKind::Refused => RegistryErrorKind::RedirectRefused,
        // No credential was sent to the store, which refuses the access that the registry granted.
        RegistryErrorKind::Denied => RegistryErrorKind::Failed,
        kind @ (RegistryErrorKind::Misconfigured
        | RegistryErrorKind::Unreachable
        | RegistryErrorKind::Timeout
        | RegistryErrorKind::Throttled
        | RegistryErrorKind::Failed
        | RegistryErrorKind::ResponseInvalid
        | RegistryErrorKind::RedirectRefused
        | RegistryErrorKind::ContentMismatch
        | RegistryErrorKind::ReferrersUnsupported
        | RegistryErrorKind::Unsupported
        | RegistryErrorKind::Overloaded) => kind,
    }
}

/// The kind of a 404 of the host to which the registry redirects.
fn absent_after_redirect(stage: Stage, cause: &Cause) -> RegistryErrorKind {
    match stage {
        // The registry lists this content, so its absence is a mistake in the registry, wherever it is stored.
        Stage::ReferrerManifest | Stage::Blob => RegistryErrorKind::NotFound,
        // Registries redirect to mirrors, which send the error body of a registry; other servers do not.
        Stage::Manifest if matches!(cause, Cause::NotFound { error, .. } if error.is_envelope()) => {
            RegistryErrorKind::NotFound
        }
        Stage::Manifest | Stage::Referrers | Stage::Token => RegistryErrorKind::ResponseInvalid,
    }
}

impl Cause {
    /// Whether this is a 404 of the registry itself without `NAME_UNKNOWN`. For the referrers API, the specification
    /// defines it as "not supported". A 404 of the host that the registry redirects to is none.
    pub(crate) fn is_absence(&self) -> bool {
        matches!(self, Self::NotFound { error, .. } if !error.name_unknown())
    }

    /// Whether this is a refusal with a page in place of an error of a registry.
    #[must_use]
    pub fn is_page(&self) -> bool {
        let Self::Denied { status, credential, error, .. } = self else { return false };
        is_page(*status, *credential, error)
    }

    /// Whether this is a refusal without a challenge of a token that may be another one's than expected by the registry, or
    /// has ended: the 400 of Amazon ECR Public. A 403 refuses the permission and not the token.
    pub(crate) fn refuses_token(&self) -> bool {
        matches!(self, Self::Denied { status: 400, .. })
    }

    /// Whether this is a refusal of a request with the configured credential or a token exchanged for it.
    pub(crate) fn is_refused_credential(&self) -> bool {
        let Self::Denied { credential, .. } = self else { return false };
        match credential {
            CredentialKind::Basic | CredentialKind::Issued | CredentialKind::IdentityToken | CredentialKind::Bearer => {
                true
            }
            CredentialKind::Anonymous | CredentialKind::NotRequested | CredentialKind::Withheld => false,
        }
    }

    /// Whether the status refuses this kind of request permanently. Not 401, 403 and 404, which have variants of
    /// their own; not 408, 421, 425 and 429, which request a retry.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self, Self::Status { status: 400..=499 | 501, .. })
            && !matches!(self, Self::Status { status: 408 | 421 | 425, .. })
    }
}
