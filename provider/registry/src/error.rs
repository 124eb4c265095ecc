//! What can go wrong between us and a registry. Facts with both sides of a mismatch; who must act is [`Trouble`].

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use countersign_core::codec::excerpt::Excerpt;
use countersign_core::name::Digest;
use countersign_core::name::Repository;
use countersign_core::oci::IndexError;
use countersign_core::oci::ManifestError;

use crate::Stage;
use crate::address::Network;
use crate::bounds;
use crate::limit::LimitReached;
use crate::said::Said;
use crate::tls::TlsFailure;

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
    /// The answer breaks a limit, a digest or the protocol.
    AnswerInvalid,
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
    #[error("it is not a URL of at most {} bytes", bounds::URL_BYTES)]
    Url,
    #[error("it leads from https to {found}")]
    Scheme { found: Excerpt },
    #[error("it leads to {found}: want {wanted}")]
    Origin { found: Excerpt, wanted: String },
    #[error("it leads to a page that was already read")]
    Loop,
    #[error("there are more than {} in a row", bounds::REDIRECTS)]
    TooMany,
    #[error("requests for tokens are not redirected")]
    Token,
}

/// What happened. `host` is where the request went, which after a redirect or for a token is not the registry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    #[error("{host} is not in the configuration, and hosts that are not are refused")]
    HostRefused { host: String },
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
    #[error("cannot talk to {host}: {detail}")]
    Unreachable { host: String, detail: String },
    #[error("cannot talk to {host} over TLS: {failure}")]
    Tls { host: String, failure: TlsFailure },
    #[error("the answer of {host} broke off: {detail}")]
    Broken { host: String, detail: String },
    #[error(
        "{host} sends too slowly: found {received} bytes of the answer, expected at least {} every {} s or the end",
        bounds::BODY_WINDOW_BYTES,
        bounds::BODY_WINDOW.as_secs()
    )]
    Stalled { host: String, received: u64 },
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
    #[error("the link to the next page is refused: {0}")]
    Link(LinkRefusal),
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

impl Cause {
    /// Which kind of trouble this is.
    #[must_use]
    pub fn trouble(&self) -> Trouble {
        match self {
            Self::HostRefused { .. }
            | Self::PlainHttpPort { .. }
            | Self::AddressRefused { .. }
            | Self::LeadsInside { .. } => Trouble::Refused,
            Self::Unreachable { .. } | Self::Tls { .. } | Self::Broken { .. } => Trouble::Unreachable,
            Self::Timeout { .. } | Self::Stalled { .. } => Trouble::Timeout,
            // A 401 is a 401, whatever it fails to say about the way in.
            Self::Denied { .. } | Self::Realm(_) | Self::Challenge { .. } => Trouble::Denied,
            Self::Throttled { .. } => Trouble::Throttled,
            Self::Status { .. } | Self::Interrupted => Trouble::Failed,
            Self::NotFound { .. } => Trouble::NotFound,
            Self::Limit(_) => Trouble::Overloaded,
            // Some other kind of artifact; a type that is no artifact's comes from a proxy's page and not from an image.
            Self::Target(ManifestError::MediaType { found }) if found.escaped().starts_with("application/vnd.") => {
                Trouble::Unsupported
            }
            Self::Token { .. }
            | Self::Redirect { .. }
            | Self::Link(_)
            | Self::TooLarge { .. }
            | Self::DeclaredTooLarge { .. }
            | Self::Size { .. }
            | Self::Digest { .. }
            | Self::DigestHeader { .. }
            | Self::ContentType { .. }
            | Self::ContentEncoding { .. }
            | Self::Target(_)
            | Self::Index(_) => Trouble::AnswerInvalid,
        }
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
