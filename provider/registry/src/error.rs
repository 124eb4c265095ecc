//! What can go wrong between us and a registry. Facts with both sides of a mismatch; who must act is [`Trouble`].

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use countersign_core::codec::excerpt::Excerpt;
use countersign_core::codec::text::Text;
use countersign_core::name::Digest;
use countersign_core::name::Repository;
use countersign_core::oci::IndexError;
use countersign_core::oci::ManifestError;
use http::StatusCode;

use crate::Stage;
use crate::proxy::Inside;
use crate::quota::Quota;
use crate::said::Said;
use countersign_http::LimitReached;
use countersign_http::Network;
use countersign_http::limits;
use countersign_http::tls::TlsFailure;

/// A request about an image that did not get its answer.
///
/// Never carries a URL with its query, a token or a password. What a registry has written stands in it as an [`Excerpt`],
/// and host names that an answer chose are names of the DNS.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot get the {} of {repository}: {cause}", stage.text())]
pub struct RegistryError {
    pub repository: Repository,
    pub stage: Stage,
    pub cause: Cause,
}

impl RegistryError {
    /// Which kind of trouble this is, for a closed set of codes.
    #[must_use]
    pub fn trouble(&self) -> Trouble {
        self.cause.trouble()
    }
}

/// The kinds of trouble that ask for different action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Trouble {
    /// What the configuration says about this host has a mistake, so that it is not asked.
    Misconfigured,
    /// The configuration does not let us talk to this host or address.
    Refused,
    /// No connection, or it broke.
    Unreachable,
    /// No answer in time.
    Timeout,
    /// 401, 403, or a credential that may not go where the registry wants it.
    Denied,
    /// The registry asks to wait, for longer than the caller can.
    Throttled,
    /// The registry reports a failure of its own, or a status that has no meaning here.
    Failed,
    /// The answer breaks a limit or the protocol.
    AnswerInvalid,
    /// A redirect leads where it may not.
    RedirectRefused,
    /// The bytes are not those that their descriptor promises.
    ContentMismatch,
    /// The registry refuses the referrers API and has no list under the fallback tag.
    ReferrersUnsupported,
    /// The registry says that it does not have it.
    NotFound,
    /// The target is not an image or index that can be run.
    Unsupported,
    /// We have as much in hand as we can.
    Overloaded,
}

/// What was going on when the time ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Connecting, and reading the answer.
    Answer,
    /// Waiting for a token that another call had already asked for.
    Token,
}

/// With what the request identified itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialKind {
    Anonymous,
    Basic,
    IdentityToken,
    Bearer,
    /// None, whatever is configured: a redirect led to another host.
    Withheld,
}

/// What a proxy did in place of connecting us.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProxyFailure {
    #[error("it cannot be reached: {detail}")]
    Unreachable { detail: String },
    #[error("it cannot be reached over TLS (`ca` is here that of the proxy): {failure}")]
    Tls { failure: TlsFailure },
    #[error("it gave no answer to CONNECT in time")]
    Timeout,
    #[error("its answer to CONNECT breaks HTTP: {detail}")]
    Answer { detail: String },
    #[error("it answers {status}: {}", login_text(*sent))]
    Login {
        status: u16,
        /// Whether a user name and password are configured.
        sent: bool,
    },
    #[error("it answers {status} to CONNECT: want 200; see whether its rules allow this host and port")]
    Status { status: u16 },
}

impl ProxyFailure {
    fn trouble(&self) -> Trouble {
        match self {
            Self::Timeout => Trouble::Timeout,
            Self::Unreachable { .. }
            | Self::Tls { .. }
            | Self::Answer { .. }
            | Self::Login { .. }
            | Self::Status { .. } => Trouble::Unreachable,
        }
    }

    /// Whether the same may succeed in a moment.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Answer { .. } | Self::Status { status: 502..=504 } => true,
            Self::Tls { .. } | Self::Timeout | Self::Login { .. } | Self::Status { .. } => false,
        }
    }

    /// For an answer with this status, which is no 200. `asks` if it has a `Proxy-Authenticate`, `sent` if it was asked
    /// with a login. Some proxies answer 401 to a wrong one.
    pub(crate) fn answered(status: StatusCode, asks: bool, sent: bool) -> Self {
        let login = asks || [StatusCode::PROXY_AUTHENTICATION_REQUIRED, StatusCode::UNAUTHORIZED].contains(&status);
        let status = status.as_u16();
        if login { Self::Login { status, sent } } else { Self::Status { status } }
    }
}

fn login_text(sent: bool) -> &'static str {
    if sent {
        "it does not take the configured user name and password"
    } else {
        "it wants a user name and a password; add them to the proxy's URL, or to its usernameFile and passwordFile"
    }
}

/// Why a token service is not asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RealmRefusal {
    #[error("its scheme is {found}: want https")]
    Scheme { found: Excerpt },
    #[error("it is not a URL of a host")]
    Url,
    #[error("the credential may not go there: add {host} to the registry's realmHosts if it belongs to the registry")]
    Host { host: String },
}

/// Why a redirect or a further page is not followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkRefusal {
    #[error("found no Location header, expected one")]
    Missing,
    #[error("found no URL of at most {} bytes with a host and without a user name, expected one", limits::URL_BYTES)]
    Url,
    #[error("found the scheme {found}, expected https")]
    Scheme { found: Excerpt },
    #[error("it leads to {found}: want {wanted}")]
    Origin { found: Excerpt, wanted: String },
    #[error("it leads to a page that was already read")]
    Loop,
    #[error("there are more than {} in a row", limits::REDIRECTS)]
    TooMany,
    #[error("requests for tokens are not redirected")]
    Token,
}

/// What happened. `host` is where the request went, which after a redirect or for a token is not the registry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    #[error("{host} is not in the configuration, and hosts that are not are refused")]
    HostRefused { host: String },
    #[error("{host} is not asked: {why}")]
    Misconfigured {
        host: String,
        /// Which file and entry has which mistake.
        why: Text,
    },
    #[error(
        "{host} writes port {port}, and without a port the configuration has it as plain HTTP at port 80: want references without a port, as one place has one spelling"
    )]
    PlainHttpPort { host: String, port: u16 },
    #[error("{host} is at {address}, where only configured registries may be")]
    AddressRefused { host: String, address: IpAddr },
    /// A redirect or a realm leads from `from` into a network that only the configuration may name.
    #[error(
        "{from} leads to {host}, found at {address}, a {} address: want a public one; if this is meant, add {from} to \
         registries, or {host} to its realmHosts if it serves its tokens",
        network_text(*address)
    )]
    LeadsInside { from: String, host: String, address: IpAddr },
    /// `proxy` is its host and port, `setting` where it is configured.
    #[error("cannot reach {host} by the proxy {proxy} (from {setting}): {failure}")]
    Proxy { host: String, proxy: String, setting: String, failure: Box<ProxyFailure> },
    /// No proxy is asked for `host`.
    #[error(
        "{host} is {}, for which no proxy is asked (here {proxy} from {setting}): if it can be reached directly, add it to \
         NO_PROXY, or write proxy: none in its entry of registries",
        inside.text()
    )]
    NotByProxy { host: String, inside: Inside, proxy: String, setting: String },
    #[error("cannot talk to {host}: {detail}")]
    Unreachable { host: String, detail: String },
    #[error("cannot talk to {host} over TLS: {failure}")]
    Tls { host: String, failure: TlsFailure },
    #[error("the answer of {host} broke off: {detail}")]
    Broken { host: String, detail: String },
    #[error(
        "{host} sends too slowly: found {received} bytes of the answer, expected at least {} every {} s or the end",
        limits::BODY_WINDOW_BYTES,
        limits::BODY_WINDOW.as_secs()
    )]
    Stalled { host: String, received: u64 },
    /// See `limits::CONNECTION_BYTES`.
    #[error(
        "{host} sends too much that is no content (interim answers, pings, empty frames, or content byte by byte): found \
         more than a connection may receive of it, at most {} KiB",
        limits::CONNECTION_BYTES / 1024
    )]
    Excess {
        host: String,
        /// Whether other requests may have used the connection: HTTP/2.
        shared: bool,
    },
    #[error("{host} gave no answer in time ({})", phase_text(*phase))]
    Timeout { host: String, phase: Phase },
    #[error("{host} answers {status} to {}{}", credential_text(*credential), quote(said))]
    Denied { host: String, status: u16, credential: CredentialKind, said: Said },
    #[error("the registry names a token service that is refused: {0}")]
    Realm(#[from] RealmRefusal),
    #[error("{host} asks to wait {} s", wait.as_secs().max(1))]
    Throttled {
        host: String,
        /// From now to the time when the host may be asked again.
        wait: Duration,
    },
    #[error("{host} answers 429, too many requests, with {quota}{}", quote(said))]
    TooManyRequests {
        host: String,
        /// As [`Self::Throttled`].
        wait: Duration,
        quota: Quota,
        said: Said,
    },
    #[error("{host} answers {status}{}", quote(said))]
    Status { host: String, status: u16, said: Said },
    #[error("{host} does not have it{}", quote(said))]
    NotFound { host: String, said: Said },
    #[error("{host} asks for credentials in a way that is not understood: {detail}")]
    Challenge { host: String, detail: &'static str },
    #[error("{host} sends a bad token answer: {detail}")]
    Token { host: String, detail: &'static str },
    #[error("a redirect of {host} is refused: {refusal}")]
    Redirect { host: String, refusal: LinkRefusal },
    #[error("{cause}; {target} is {} that {registry} redirects to", target_text(*stage))]
    Redirected {
        /// Who was asked.
        registry: String,
        /// Where its answer led.
        target: String,
        stage: Stage,
        /// What went wrong there.
        cause: Box<Self>,
    },
    #[error("the link to the next page is refused: {0}")]
    Link(LinkRefusal),
    #[error("page {number} of the list: {cause}")]
    Page {
        /// From 1.
        number: usize,
        cause: Box<Self>,
    },
    #[error(transparent)]
    NoList(Box<NoList>),
    #[error("{host} sends the image itself: expected the list of its referrers")]
    ImageItself { host: String },
    #[error(
        "{host} answers 404 without the error message of a registry: found another page, expected MANIFEST_UNKNOWN"
    )]
    BareNotFound { host: String },
    #[error("{host} sends more than {limit} bytes")]
    TooLarge { host: String, limit: u64 },
    #[error("it is declared with {declared} bytes: want at most {limit}")]
    DeclaredTooLarge { declared: u64, limit: u64 },
    #[error("{host} sends {found} bytes: want {wanted}")]
    Size { host: String, found: u64, wanted: u64 },
    #[error("{host} sends bytes with digest {found}: want {wanted}")]
    Digest { host: String, found: Digest, wanted: Digest },
    #[error("{host} sends bytes with digest {found}, and a Docker-Content-Digest of {claimed}")]
    DigestHeader { host: String, found: Digest, claimed: Excerpt },
    #[error("{host} sends Content-Type {found}: want {wanted}")]
    ContentType { host: String, found: Excerpt, wanted: Excerpt },
    #[error("{host} sends Content-Encoding {found}, although it was asked not to encode")]
    ContentEncoding { host: String, found: Excerpt },
    #[error(transparent)]
    Target(#[from] ManifestError),
    #[error(transparent)]
    Index(#[from] IndexError),
    #[error("the exchange for a token ended without a result")]
    Interrupted,
    #[error(transparent)]
    Limit(#[from] LimitReached),
}

/// Why there is no list of referrers to rely on: what the API gave in place of one, and what stands under the tag of the
/// [referrers tag schema](https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#referrers-tag-schema).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{}the referrers API: {api}; the fallback tag {tag}: {fallback}; expected an image index from one of them",
    self.heading()
)]
pub struct NoList {
    pub api: Cause,
    pub tag: String,
    pub fallback: Fallback,
}

/// What stands under a fallback tag.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fallback {
    #[error("found 404")]
    Absent,
    /// The registry takes the tag for the digest.
    #[error("found the image itself")]
    Image,
    #[error("found an index, which may not be all")]
    Index,
    #[error("{0}")]
    Failed(Cause),
}

impl NoList {
    fn heading(&self) -> &'static str {
        if self.trouble() == Trouble::ReferrersUnsupported { "the registry has no referrers support; " } else { "" }
    }

    fn trouble(&self) -> Trouble {
        match &self.fallback {
            Fallback::Failed(cause) => cause.trouble(),
            Fallback::Absent | Fallback::Image | Fallback::Index if self.api.is_refusal() => {
                Trouble::ReferrersUnsupported
            }
            Fallback::Absent | Fallback::Image | Fallback::Index => self.api.trouble(),
        }
    }
}

impl Cause {
    /// A 404 that does not say that the repository is not there: for the referrers API, the specification's word for "not
    /// supported".
    pub(crate) fn is_absence(&self) -> bool {
        matches!(self.innermost(), Self::NotFound { said, .. } if !said.name_unknown())
    }

    /// A status by which a server refuses a kind of request as such, rather than this one now. Not 401, 403 and 404, which
    /// have causes of their own; not 408, 421, 425 and 429, which ask for another try.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self, Self::Status { status: 400..=499 | 501, .. })
            && !matches!(self, Self::Status { status: 408 | 421 | 425, .. })
    }

    /// Which kind of trouble this is.
    #[must_use]
    pub fn trouble(&self) -> Trouble {
        match self {
            Self::Misconfigured { .. } => Trouble::Misconfigured,
            Self::HostRefused { .. }
            | Self::PlainHttpPort { .. }
            | Self::AddressRefused { .. }
            | Self::LeadsInside { .. }
            | Self::NotByProxy { .. } => Trouble::Refused,
            Self::Proxy { failure, .. } => failure.trouble(),
            Self::Unreachable { .. } | Self::Tls { .. } | Self::Broken { .. } => Trouble::Unreachable,
            Self::Timeout { .. } | Self::Stalled { .. } => Trouble::Timeout,
            // A 401 is a 401, whatever it fails to say about the way in.
            Self::Denied { .. } | Self::Realm(_) | Self::Challenge { .. } => Trouble::Denied,
            Self::Throttled { .. } | Self::TooManyRequests { .. } => Trouble::Throttled,
            Self::Status { .. } | Self::Interrupted => Trouble::Failed,
            Self::NotFound { .. } => Trouble::NotFound,
            Self::Limit(_) => Trouble::Overloaded,
            // Some other kind of artifact; a type that is no artifact's comes from a proxy's page and not from an image.
            Self::Target(ManifestError::MediaType { found }) if found.escaped().starts_with("application/vnd.") => {
                Trouble::Unsupported
            }
            Self::Redirect { .. } => Trouble::RedirectRefused,
            Self::Redirected { cause, .. } => after_redirect(cause.trouble()),
            Self::TooLarge { .. } | Self::DeclaredTooLarge { .. } | Self::Size { .. } | Self::Digest { .. } => {
                Trouble::ContentMismatch
            }
            Self::NoList(no_list) => no_list.trouble(),
            // The registry itself named the page.
            Self::Page { cause, .. } if cause.trouble() == Trouble::NotFound => Trouble::AnswerInvalid,
            Self::Page { cause, .. } => cause.trouble(),
            // A registry's list may promise what its manifest is not; a page of a proxy is another matter.
            Self::ContentType { found, .. } if found.escaped().starts_with("application/vnd.") => {
                Trouble::ContentMismatch
            }
            Self::Token { .. }
            | Self::Excess { .. }
            | Self::Link(_)
            | Self::ImageItself { .. }
            | Self::BareNotFound { .. }
            | Self::DigestHeader { .. }
            | Self::ContentType { .. }
            | Self::ContentEncoding { .. }
            | Self::Target(_)
            | Self::Index(_) => Trouble::AnswerInvalid,
        }
    }

    /// What went wrong, at whichever host.
    pub(crate) fn innermost(&self) -> &Self {
        if let Self::Redirected { cause, .. } = self { cause.innermost() } else { self }
    }
}

/// What the trouble with the host to which a registry redirects is, as trouble with the registry.
fn after_redirect(trouble: Trouble) -> Trouble {
    match trouble {
        // The registry chose this host, and the configuration does not let us ask it.
        Trouble::Refused => Trouble::RedirectRefused,
        // No credential of ours was sent: the registry's own access to its store is refused.
        Trouble::Denied => Trouble::Failed,
        Trouble::Misconfigured
        | Trouble::Unreachable
        | Trouble::Timeout
        | Trouble::Throttled
        | Trouble::Failed
        | Trouble::AnswerInvalid
        | Trouble::RedirectRefused
        | Trouble::ContentMismatch
        | Trouble::ReferrersUnsupported
        | Trouble::NotFound
        | Trouble::Unsupported
        | Trouble::Overloaded => trouble,
    }
}

fn network_text(address: IpAddr) -> &'static str {
    match Network::of(address) {
        Network::Public => "public",
        Network::Private => "private",
        Network::Loopback => "loopback",
        Network::LinkLocal => "link-local or metadata",
        Network::Unusable => "reserved",
    }
}

fn phase_text(phase: Phase) -> &'static str {
    match phase {
        Phase::Answer => "connecting or reading",
        Phase::Token => "waiting for a token",
    }
}

fn credential_text(kind: CredentialKind) -> &'static str {
    match kind {
        CredentialKind::Anonymous => "a request without credentials, as none are configured for it",
        CredentialKind::Basic => "the configured user name and password",
        CredentialKind::IdentityToken => "the configured identity token",
        CredentialKind::Bearer => "the configured bearer token",
        CredentialKind::Withheld => "a request without credentials, as redirects to other hosts carry none",
    }
}

fn target_text(stage: Stage) -> &'static str {
    match stage {
        Stage::Blob => "the blob store",
        Stage::Token | Stage::Manifest | Stage::Referrers | Stage::ReferrerManifest => "the host",
    }
}

fn quote(said: &Said) -> Quote<'_> {
    Quote(said)
}

struct Quote<'a>(&'a Said);

impl fmt::Display for Quote<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.text() {
            Some(text) => write!(f, ", saying {text}"),
            None => Ok(()),
        }
    }
}
