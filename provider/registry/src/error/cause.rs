//! What happened.

use std::fmt;
use std::time::Duration;

use countersign_core::codec::excerpt::Excerpt;
use countersign_core::codec::text::Text;
use countersign_core::name::Digest;
use countersign_core::oci::IndexError;
use countersign_core::oci::ManifestError;
use countersign_credentials::CredentialError;
use countersign_http::FetchError;
use countersign_http::LimitReached;

use super::credential_kind::CredentialKind;
use super::refusal::LinkRefusal;
use super::refusal::RealmRefusal;
use super::remedy::Remedy;
use crate::error_body::RegistryErrorBody;
use crate::observer::Stage;
use crate::quota::Quota;

/// What happened. `host` is where the request went, which after a redirect or for a token is not the registry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// The settings refuse hosts without an entry.
    #[error("{host} is not in the configuration, and unlistedRegistries is refuse")]
    HostRefused {
        /// The registry.
        host: String,
    },
    /// The registry's entry has a mistake.
    #[error("{host} is not asked: {why}")]
    Misconfigured {
        /// The registry.
        host: String,
        /// Which file and entry has which mistake.
        why: Text,
    },
    /// There is no credential although there should be one.
    #[error("no credential for {host}: {error}")]
    NoCredential {
        /// The registry.
        host: String,
        /// The reason.
        error: CredentialError,
    },
    /// The reference writes a port that is ambiguous for a registry over plain HTTP.
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
    #[error("{0}{remedy}", remedy = Remedy(.0))]
    Fetch(FetchError),
    /// The exchange for a token, which another call began, did not end in time.
    #[error("{host} gave no answer in time (waiting for a token)")]
    TokenTimeout {
        /// The token service.
        host: String,
    },
    /// 401 or 403.
    #[error("{host} responds with status {status} to {}{}", credential.sent(), Quote(error))]
    Denied {
        /// The destination of the request.
        host: String,
        /// Of the response.
        status: u16,
        /// What the request carried.
        credential: CredentialKind,
        /// What the registry says.
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
        /// What the registry says.
        error: RegistryErrorBody,
    },
    /// Another status than 200 that has no variant of its own.
    #[error("{host} responds with status {status}{}", Quote(error))]
    Status {
        /// The destination of the request.
        host: String,
        /// Of the response.
        status: u16,
        /// What the registry says.
        error: RegistryErrorBody,
    },
    /// 404.
    #[error("{host} responds that it does not exist{}", Quote(error))]
    NotFound {
        /// The destination of the request.
        host: String,
        /// What the registry says.
        error: RegistryErrorBody,
    },
    /// The challenge of a 401 cannot be answered.
    #[error("{host} requests credentials in a way that is not supported: {detail}")]
    Challenge {
        /// The destination of the request.
        host: String,
        /// A sentence.
        detail: &'static str,
    },
    /// The response of a token service has no token that can be used.
    #[error("{host} sends an invalid token response: {detail}")]
    Token {
        /// The token service.
        host: String,
        /// A sentence.
        detail: &'static str,
    },
    /// A redirect was followed to another host, where the request failed.
    #[error("{cause}; {target} is {} that {registry} redirects to", target_text(*stage))]
    Redirected {
        /// The host that was asked.
        registry: String,
        /// Where its response led.
        target: String,
        /// What was asked for.
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
        /// From 1.
        number: usize,
        /// The reason.
        cause: Box<Self>,
    },
    /// There is no list of referrers to rely on.
    #[error(transparent)]
    NoList(Box<NoList>),
    /// The registry sends the image in place of the list of its referrers.
    #[error("{host} sends the image itself: expected the list of its referrers")]
    ImageItself {
        /// The destination of the request.
        host: String,
    },
    /// A 404 that may come from something in front of the registry.
    #[error(
        "{host} responds with status 404 but without a registry's error body: found another page, expected \
         MANIFEST_UNKNOWN"
    )]
    BareNotFound {
        /// The destination of the request.
        host: String,
    },
    /// A descriptor declares a larger size than may be read.
    #[error("declared size: found {declared} bytes, expected at most {limit}")]
    DeclaredTooLarge {
        /// The size in the descriptor.
        declared: u64,
        /// What may be read, in bytes.
        limit: u64,
    },
    /// The bytes have another digest.
    #[error("digest of the content from {host}: found {found}, expected {expected}")]
    Digest {
        /// The destination of the request.
        host: String,
        /// That of the bytes.
        found: Digest,
        /// That of the reference or descriptor.
        expected: Digest,
    },
    /// The digest in the response's header is not that of the bytes.
    #[error("digest of the content from {host}: found {found}, expected {claimed} as in its Docker-Content-Digest")]
    DigestHeader {
        /// The destination of the request.
        host: String,
        /// That of the bytes.
        found: Digest,
        /// The header.
        claimed: Excerpt,
    },
    /// The response has another media type.
    #[error("Content-Type from {host}: found {found}, expected {expected}")]
    ContentType {
        /// The destination of the request.
        host: String,
        /// That of the response.
        found: Excerpt,
        /// That of the descriptor, or of an index.
        expected: Excerpt,
    },
    /// The bytes are no image manifest or index.
    #[error(transparent)]
    Target(#[from] ManifestError),
    /// The bytes are no index.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The task that exchanged the credential for a token panicked.
    #[error("internal error: the token exchange ended without a result")]
    Interrupted,
}

/// Why there is no list of referrers to rely on: what the API sent in place of one, and what is under the tag of the
/// [referrers tag schema](https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#referrers-tag-schema).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{}the referrers API: {api}; the fallback tag {tag}: {fallback}; expected an image index from one of them",
    self.heading()
)]
pub struct NoList {
    /// Why the API gave no list.
    pub api: Cause,
    /// The fallback tag.
    pub tag: String,
    /// What is under it.
    pub fallback: Fallback,
}

/// What is under a fallback tag.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fallback {
    /// Nothing.
    #[error("found 404")]
    Absent,
    /// The image: the registry reads the tag as the digest.
    #[error("found the image itself")]
    Image,
    /// An index of referrers.
    #[error("found an index, which may not be all")]
    Index,
    /// It cannot be read.
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
    /// The registry `host` is not asked, as there is no credential.
    pub(crate) fn of_credential(host: String, error: CredentialError) -> Self {
        match error {
            CredentialError::Unusable(why) => Self::Misconfigured { host, why },
            CredentialError::Fetch(_) | CredentialError::Timeout | CredentialError::Interrupted => {
                Self::NoCredential { host, error }
            }
        }
    }

    /// A 404 that does not say that the repository does not exist: for the referrers API, "not supported" in the
    /// specification.
    pub(crate) fn is_absence(&self) -> bool {
        matches!(self.innermost(), Self::NotFound { error, .. } if !error.name_unknown())
    }

    /// A 401 or 403 to a request with the configured credential, or to a token that it was exchanged for.
    pub(crate) fn is_refused_credential(&self) -> bool {
        let Self::Denied { credential, .. } = self else { return false };
        match credential {
            CredentialKind::Basic | CredentialKind::IdentityToken | CredentialKind::Bearer => true,
            CredentialKind::Anonymous | CredentialKind::Withheld => false,
        }
    }

    /// A status by which a server refuses a kind of request as such, rather than this one now. Not 401, 403 and 404, which
    /// have variants of their own; not 408, 421, 425 and 429, which ask for a retry.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self, Self::Status { status: 400..=499 | 501, .. })
            && !matches!(self, Self::Status { status: 408 | 421 | 425, .. })
    }

    /// What went wrong, at whichever host.
    pub(crate) fn innermost(&self) -> &Self {
        if let Self::Redirected { cause, .. } = self { cause.innermost() } else { self }
    }
}

impl From<LimitReached> for Cause {
    fn from(reached: LimitReached) -> Self {
        Self::Fetch(FetchError::Limit(reached))
    }
}

fn target_text(stage: Stage) -> &'static str {
    match stage {
        Stage::Blob => "the blob store",
        Stage::Token | Stage::Manifest | Stage::Referrers | Stage::ReferrerManifest => "the host",
    }
}

/// What a registry says, as the end of a sentence.
struct Quote<'a>(&'a RegistryErrorBody);

impl fmt::Display for Quote<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.excerpt() {
            Some(text) => write!(f, ", saying {text}"),
            None => Ok(()),
        }
    }
}
