//! The cause of an error.

use std::fmt;
use std::time::Duration;

use countersign_core::codec::excerpt::Excerpt;
use countersign_core::codec::text::Text;
use countersign_core::name::Digest;
use countersign_core::oci::IndexError;
use countersign_core::oci::ManifestError;
use countersign_credentials::CredentialError;
use countersign_http::FetchError;
use countersign_http::FetchErrorKind;
use countersign_http::LimitReached;

use super::authorities_of::AuthoritiesOf;
use super::credential_kind::CredentialKind;
use super::credential_origin::CredentialOrigin;
use super::ecr_refusal::EcrRefusal;
use super::page::WithPage;
use super::page::is_page;
use super::refusal::LinkRefusal;
use super::refusal::RealmRefusal;
use super::remedy::Remedy;
use super::role_refusal::RoleRefusal;
use crate::error_body::RegistryErrorBody;
use crate::limits;
use crate::observer::Stage;
use crate::quota::Quota;

/// The cause of an error. `host` is the destination of the request, which after a redirect or for a token is not the
/// registry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// The settings refuse hosts without an entry.
    #[error("{host} is not in the configuration, and unlistedRegistries is refuse")]
    HostRefused {
        /// The registry.
        host: String,
    },
    /// The registry's entry has a mistake.
    #[error("no request is sent to {host}: {why}")]
    Misconfigured {
        /// The registry.
        host: String,
        /// The file, the entry and the mistake.
        why: Text,
    },
    /// The configured credential is not available.
    #[error("no credential for {host}: {error}")]
    NoCredential {
        /// The registry.
        host: String,
        /// The reason.
        error: CredentialError,
    },
    /// The reference has a port that is ambiguous for a registry over plain HTTP.
    #[error(
        "port in the image reference: found {host} with port {port}, expected no port; the configuration has this \
         registry as plain HTTP without a port, and one registry has one spelling"
    )]
    PlainHttpPort {
        /// The registry.
        host: String,
        /// The port in the reference.
        port: u16,
    },
    /// There is no complete response.
    #[error("{0}{remedy}", remedy = Remedy::of(.0))]
    Fetch(FetchError),
    /// There is no complete response of a token service at another server than the registry.
    #[error("{}; {host} is the token service that {registry} names", At(error, Remedy::of_token_service(error, host, *authorities)))]
    TokenService {
        /// The registry.
        registry: String,
        /// The token service.
        host: String,
        /// Whose entry has the certificate authorities for the token service.
        authorities: AuthoritiesOf,
        /// The reason.
        error: FetchError,
    },
    /// The token exchange that another call started did not end in time.
    #[error("{host} did not respond in time (waiting for a token)")]
    TokenTimeout {
        /// The token service.
        host: String,
    },
    /// 401 or 403; or 400 with an error body that refuses a credential, as Amazon's registries send.
    #[error(
        "{host} responds with status {status} to {}{}{}{}{}{}{}",
        credential.sent(), Quote(error), WithPage(*status, *credential, error), Applies(origin.as_deref()), Kept(replacement.as_deref()), Advice(ecr.as_ref()),
        Advice(role.as_ref())
    )]
    Denied {
        /// The destination of the request.
        host: String,
        /// The status of the response.
        status: u16,
        /// The kind of credential in the request.
        credential: CredentialKind,
        /// The origin of the credential; `None` if a redirect led to another host, which receives none.
        origin: Option<Box<CredentialOrigin>>,
        /// Why its source has no other credential; `None` if none was requested.
        replacement: Option<Box<CredentialError>>,
        /// What Amazon ECR refuses, if the host is one of its registries.
        ecr: Option<EcrRefusal>,
        /// What a registry of Azure or Google refuses, if the host is one of them.
        role: Option<RoleRefusal>,
        /// The error body of the response.
        error: RegistryErrorBody,
    },
    /// The credential must not be sent to the token service that the registry names.
    #[error("the registry names a token service that is not allowed: {0}")]
    Realm(#[from] RealmRefusal),
    /// 429.
    #[error("{host} responds with status 429, too many requests, with {quota}{}", Quote(error))]
    TooManyRequests {
        /// The destination of the request.
        host: String,
        /// The remaining pause.
        wait: Duration,
        /// The headers about the limit.
        quota: Quota,
        /// The error body of the response.
        error: RegistryErrorBody,
    },
    /// Another status than 200 that has no variant of its own.
    #[error("{host} responds with status {status}{}", Quote(error))]
    Status {
        /// The destination of the request.
        host: String,
        /// The status of the response.
        status: u16,
        /// The error body of the response.
        error: RegistryErrorBody,
    },
    /// 404 of a registry, or inside of [`Self::Redirected`] of the host that it redirects to. Never of a token service.
    #[error("{host} responds that {requested} does not exist{}", Quote(error))]
    NotFound {
        /// The destination of the request.
        host: String,
        /// The requested content: a tag, a digest, or the name of another resource.
        requested: Text,
        /// The error body of the response.
        error: RegistryErrorBody,
    },
    /// 404 of a token service, which says nothing about the image.
    #[error(
        "{host} responds with status 404 to the request for a token{}: expected a token; check the token service that \
         the registry names, and any proxy in front of it",
        Quote(error)
    )]
    TokenNotFound {
        /// The token service.
        host: String,
        /// The error body of the response.
        error: RegistryErrorBody,
    },
    /// The challenge of a 401 is not supported.
    #[error("{host} requests credentials in a way that is not supported: {detail}")]
    Challenge {
        /// The destination of the request.
        host: String,
        /// A sentence.
        detail: &'static str,
    },
    /// The response of a token service has no usable token.
    #[error("{host} sends an invalid token response: {detail}")]
    Token {
        /// The token service.
        host: String,
        /// A sentence.
        detail: &'static str,
    },
    /// A redirect was followed to another host, where the request failed.
    #[error(
        "{}; {target} is {} that {registry} redirects to", AtTarget { cause, target, authorities: *authorities }, target_text(*stage)
    )]
    Redirected {
        /// The requested host.
        registry: String,
        /// The target of the redirect.
        target: String,
        /// Whose entry has the certificate authorities for the target.
        authorities: AuthoritiesOf,
        /// The purpose of the request.
        stage: Stage,
        /// The failure at the target.
        cause: Box<Self>,
    },
    /// The link to the next page of a list is not followed.
    #[error("the link to the next page is refused: {0}")]
    Link(LinkRefusal),
    /// A further page of a list cannot be read.
    #[error("page {number} of the list: {cause}")]
    Page {
        /// The number, counted from 1.
        number: usize,
        /// The reason.
        cause: Box<Self>,
    },
    /// The fallback tag cannot be read, whose list is to be merged with that of the referrers API.
    #[error("the fallback tag {tag}: {cause}")]
    MergedTag {
        /// The fallback tag.
        tag: String,
        /// The reason.
        cause: Box<Self>,
    },
    /// Several locations of a repository with mirrors could not be used, and no other one is sufficient.
    #[error("{}", Locations(.0))]
    Locations(Vec<LocationFailure>),
    /// There is no reliable list of referrers.
    #[error(transparent)]
    NoList(Box<NoList>),
    /// The registry sends the image instead of the list of its referrers.
    #[error("{host} sends the image itself: expected the list of its referrers")]
    ImageItself {
        /// The destination of the request.
        host: String,
    },
    /// A 404 that may come from a proxy in front of the registry.
    #[error(
        "{host} responds with status 404 but without a registry's error body: found another page, expected \
         MANIFEST_UNKNOWN"
    )]
    BareNotFound {
        /// The destination of the request.
        host: String,
    },
    /// A descriptor declares a size above the limit.
    #[error("declared size: found {declared} bytes, expected at most {limit}")]
    DeclaredTooLarge {
        /// The size in the descriptor.
        declared: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// The bytes have another digest.
    #[error("digest of the content from {host}: found {found}, expected {expected}")]
    Digest {
        /// The destination of the request.
        host: String,
        /// The digest of the bytes.
        found: Digest,
        /// The digest in the reference or descriptor.
        expected: Digest,
    },
    /// The digest in the response's header differs from that of the bytes.
    #[error("digest of the content from {host}: found {found}, expected {claimed} as in its Docker-Content-Digest")]
    DigestHeader {
        /// The destination of the request.
        host: String,
        /// The digest of the bytes.
        found: Digest,
        /// The value of the header.
        claimed: Excerpt,
    },
    /// The response has another media type.
    #[error("Content-Type from {host}: found {found}, expected {expected}")]
    ContentType {
        /// The destination of the request.
        host: String,
        /// The media type of the response.
        found: Excerpt,
        /// The media type of the descriptor, or of an index.
        expected: Excerpt,
    },
    /// The bytes are not an image manifest or index.
    #[error(transparent)]
    Target(#[from] ManifestError),
    /// The bytes are not an index.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The task that exchanged the credential for a token panicked.
    #[error("internal error: the token exchange ended without a result")]
    Interrupted,
}

/// The failure of one location of a repository with mirrors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocationFailure {
    /// The repository at the location.
    pub location: Text,
    /// Whether it is a mirror, and not the registry that the reference names.
    pub is_mirror: bool,
    /// The purpose of the request.
    pub stage: Stage,
    /// The reason.
    pub cause: Cause,
}

/// All locations with their failures, in the order in which they were tried.
struct Locations<'a>(&'a [LocationFailure]);

impl fmt::Display for Locations<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of its locations could not be used", self.0.len())?;
        for LocationFailure { location, is_mirror, stage: _, cause } in self.0 {
            let kind = if *is_mirror { "mirror " } else { "" };
            write!(f, "; {kind}{location}: {}", Text::at_most(limits::LOCATION_TEXT_BYTES, cause))?;
        }
        Ok(())
    }
}

/// The reason why there is no reliable list of referrers: the result of the API, and the content under the tag of the
/// [referrers tag
/// schema](https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#referrers-tag-schema).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{}the referrers API: {api}; the fallback tag {tag}: {fallback}; expected an image index from one of them",
    self.heading()
)]
pub struct NoList {
    /// The failure of the API.
    pub api: Cause,
    /// The fallback tag.
    pub tag: String,
    /// The content under the tag.
    pub fallback: Fallback,
}

/// The content under a fallback tag.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fallback {
    /// Nothing.
    #[error("found 404")]
    Absent,
    /// The image: the registry interprets the tag as the digest.
    #[error("found the image itself")]
    Image,
    /// An index of referrers.
    #[error("found an index, which may be incomplete")]
    Index,
    /// The tag cannot be read.
    #[error("{0}")]
    Failed(Cause),
}

impl NoList {
    fn heading(&self) -> &'static str {
        let refused = self.api.is_refusal() && !matches!(self.fallback, Fallback::Failed(_));
        if refused { "the registry has no referrers support; " } else { "" }
    }
}

impl Cause {
    /// A refusal.
    pub(crate) fn denied(host: String, status: u16, credential: CredentialKind, error: RegistryErrorBody) -> Self {
        let is_page = is_page(status, credential, &error);
        let role = RoleRefusal::of(&host, status, credential, &error).filter(|_| !is_page);
        Self::Denied { host, status, credential, origin: None, replacement: None, ecr: None, role, error }
    }

    /// The same cause; a refusal has what Amazon ECR refused, if `host` is one of its registries.
    pub(crate) fn for_stage(mut self, stage: Stage) -> Self {
        if let Self::Denied { host, status, credential, ecr, error, .. } = &mut self
            && !is_page(*status, *credential, error)
        {
            *ecr = EcrRefusal::of(host, *status, stage, *credential, error);
        }
        self
    }

    /// The same cause; a refusal has the reason why there is no other credential.
    pub(crate) fn without_replacement(mut self, why: CredentialError) -> Self {
        if let Self::Denied { replacement, .. } = &mut self {
            *replacement = Some(Box::new(why));
        }
        self
    }

    /// The same cause; a 401 or 403 to a request that may carry a credential has its origin.
    pub(crate) fn with_origin(mut self, of: &CredentialOrigin) -> Self {
        if let Self::Denied { credential, origin, .. } = &mut self {
            match credential {
                CredentialKind::Anonymous
                | CredentialKind::NotRequested
                | CredentialKind::Basic
                | CredentialKind::Issued
                | CredentialKind::IdentityToken
                | CredentialKind::Bearer => *origin = Some(Box::new(of.clone())),
                CredentialKind::Withheld => {}
            }
        }
        self
    }

    /// The error for the registry `host`, to which no request is sent without its credential.
    pub(crate) fn of_credential(host: String, error: CredentialError) -> Self {
        match error {
            CredentialError::Unusable(why) => Self::Misconfigured { host, why },
            CredentialError::Fetch(_)
            | CredentialError::Refused { .. }
            | CredentialError::Local { .. }
            | CredentialError::NotIssued { .. }
            | CredentialError::Timeout
            | CredentialError::Interrupted => Self::NoCredential { host, error },
        }
    }
}

impl Cause {
    /// The same cause; the failed request to a token service at another server than the registry says so.
    pub(crate) fn of_token_service(self, registry: &str, host: &str, authorities: AuthoritiesOf) -> Self {
        let is_of_this_process = |error: &FetchError| error.kind() == FetchErrorKind::Overloaded;
        if let Self::Fetch(error) = &self
            && registry != host
            && !is_of_this_process(error)
        {
            let (registry, host) = (registry.to_owned(), host.to_owned());
            return Self::TokenService { registry, host, authorities, error: error.clone() };
        }
        self
    }
}

impl From<LimitReached> for Cause {
    fn from(reached: LimitReached) -> Self {
        Self::Fetch(FetchError::Limit(reached))
    }
}

/// The text of a failure at the target of a redirect.
struct AtTarget<'a> {
    cause: &'a Cause,
    target: &'a str,
    authorities: AuthoritiesOf,
}

impl fmt::Display for AtTarget<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Cause::Fetch(error) = self.cause {
            return At(error, Remedy::at_target(error, self.target, self.authorities)).fmt(f);
        }
        write!(f, "{}", self.cause)
    }
}

/// An error of a request with its remedy.
struct At<'a>(&'a FetchError, Remedy<'a>);

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.0, self.1)
    }
}

fn target_text(stage: Stage) -> &'static str {
    match stage {
        Stage::Blob => "the blob store",
        Stage::Token | Stage::Manifest | Stage::Referrers | Stage::ReferrerManifest => "the host",
    }
}

/// The origin of the credential at the end of a sentence.
struct Applies<'a>(Option<&'a CredentialOrigin>);

impl fmt::Display for Applies<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|origin| write!(f, "; {origin}"))
    }
}

/// Why there is no other credential.
struct Kept<'a>(Option<&'a CredentialError>);

impl fmt::Display for Kept<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|why| write!(f, "; there is no other credential: {why}"))
    }
}

/// What to do, at the end of a sentence.
struct Advice<'a, T>(Option<&'a T>);

impl<T: fmt::Display> fmt::Display for Advice<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|refusal| write!(f, "; {refusal}"))
    }
}

/// Quotes the error body of a registry at the end of a sentence.
struct Quote<'a>(&'a RegistryErrorBody);

impl fmt::Display for Quote<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.excerpt() {
            Some(text) => write!(f, ", saying {text}"),
            None => Ok(()),
        }
    }
}
