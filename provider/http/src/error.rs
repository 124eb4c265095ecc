//! Why a request has no response. Facts with both sides of a mismatch.

use std::net::IpAddr;
use std::time::Duration;

use countersign_core::codec::excerpt::Excerpt;
use countersign_core::codec::text::Text;

use crate::address::Network;
use crate::limits;
use crate::origin::BadLink;
use crate::proxy::InternalHost;
use crate::proxy::ProxyFailure;
use crate::resource::LimitReached;
use crate::tls::TlsFailure;

/// A request that has no complete response. `host` is where the request went, which after a redirect is not the host that
/// was asked.
///
/// Never carries a URL with its query, nor a credential. What a server has written is an [`Excerpt`], and host
/// names that a response chose are DNS names. The message does not say which setting to change, as the caller names the
/// settings: see [`Self::remedy`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The host of the request has an address that its [`AddressPolicy`](crate::AddressPolicy) does not permit.
    #[error("{host} is at {address}")]
    AddressRefused {
        /// Where the request would have gone.
        host: String,
        /// What the name resolves to.
        address: IpAddr,
    },
    /// A response from `from` leads into a network that only the settings may name.
    #[error("{from} leads to {host}: found {address}, a {} address, expected a public one", Network::of(*address).as_str())]
    ReferredInside {
        /// Whose response named the host.
        from: String,
        /// Where the request would have gone.
        host: String,
        /// What the name resolves to.
        address: IpAddr,
    },
    /// The redirect policy does not allow requests to this host.
    #[error("{host} is not asked: {why}")]
    HostDisabled {
        /// Where the request would have gone.
        host: String,
        /// What the policy says.
        why: Text,
    },
    /// The proxy did not connect us.
    #[error("cannot reach {host} through the proxy {proxy} (from {setting}): {failure}")]
    Proxy {
        /// Where the request was to go.
        host: String,
        /// Host and port of the proxy.
        proxy: String,
        /// Where the proxy is configured.
        setting: String,
        /// What the proxy did.
        failure: Box<ProxyFailure>,
    },
    /// The request would need a proxy, and none is asked for `host`.
    #[error(
        "{host} is {}, for which no proxy is used (here {proxy} from {setting}); if it can be reached directly, add it to \
         NO_PROXY",
        internal.as_str()
    )]
    NotByProxy {
        /// Where the request was to go.
        host: String,
        /// In which way the host is internal.
        internal: InternalHost,
        /// Host and port of the proxy.
        proxy: String,
        /// Where the proxy is configured.
        setting: String,
    },
    /// There is no connection.
    #[error("cannot talk to {host}: {detail}")]
    Unreachable {
        /// Where the request went.
        host: String,
        /// What the system or the library reports.
        detail: String,
    },
    /// There is no TLS connection.
    #[error("cannot talk to {host} over TLS: {failure}")]
    Tls {
        /// Where the request went.
        host: String,
        /// Why not.
        failure: TlsFailure,
    },
    /// The connection ended before the response did.
    #[error("the response of {host} ended early: {detail}")]
    Broken {
        /// Where the request went.
        host: String,
        /// What the system or the library reports.
        detail: String,
    },
    /// Less than [`limits::BODY_WINDOW_BYTES`] of the body arrived within [`limits::BODY_WINDOW`].
    #[error(
        "{host} sends too slowly: found {received} bytes of the response, expected at least {} every {} s or the \
         end",
        limits::BODY_WINDOW_BYTES,
        limits::BODY_WINDOW.as_secs()
    )]
    Stalled {
        /// Where the request went.
        host: String,
        /// Bytes of the body that arrived before.
        received: u64,
    },
    /// The connection received too much that is no content; see [`limits::CONNECTION_BYTES`].
    #[error(
        "{host} sends too many bytes that are not content (interim responses, pings, empty frames, or content \
         byte by byte): expected at most {} KiB on one connection",
        limits::CONNECTION_BYTES / 1024
    )]
    Excess {
        /// Where the request went.
        host: String,
        /// Whether other requests may have used the connection: HTTP/2.
        shared: bool,
    },
    /// The time was over.
    #[error("{host} gave no answer in time (connecting or reading)")]
    Timeout {
        /// Where the request went.
        host: String,
        /// What the request was doing.
        phase: Phase,
    },
    /// The host has asked for a pause that ends too late.
    #[error("{host} asks to wait {} s", wait.as_secs().max(1))]
    Throttled {
        /// Where the request was to go.
        host: String,
        /// From now to the time when the host may be asked again.
        wait: Duration,
    },
    /// A redirect is not followed.
    #[error("a redirect of {host} is refused: {refusal}")]
    Redirect {
        /// Whose response is a redirect.
        host: String,
        /// Why it is not followed.
        refusal: RedirectRefusal,
    },
    /// A redirect was followed to another origin, where the request failed.
    #[error("{cause}; {target} is the host that the request was redirected to")]
    Redirected {
        /// Where the last redirect led.
        target: String,
        /// What went wrong there.
        cause: Box<Self>,
    },
    /// The body is larger than the limit.
    #[error("{host} sends more than {limit} bytes")]
    TooLarge {
        /// Where the request went.
        host: String,
        /// What the body may have, in bytes.
        limit: u64,
    },
    /// The body has another size than expected.
    #[error("size of the content from {host}: found {found} bytes, expected {expected}")]
    Size {
        /// Where the request went.
        host: String,
        /// What the body has, or is announced to have, in bytes.
        found: u64,
        /// What the body should have, in bytes.
        expected: u64,
    },
    /// The body is compressed.
    #[error("{host} sends Content-Encoding {found}, although it was asked not to encode")]
    ContentEncoding {
        /// Where the request went.
        host: String,
        /// The header.
        found: Excerpt,
    },
    /// A limit of ours is reached.
    #[error(transparent)]
    Limit(#[from] LimitReached),
}

/// What a request was doing when its time was over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Looking up the name, connecting, or setting up TLS.
    Connect,
    /// Any of these, waiting for the head of the response, or reading its body.
    Request,
}

/// Why a redirect is not followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RedirectRefusal {
    /// The response does not say where to.
    #[error("found no Location header, expected one")]
    Missing,
    /// The target is no URL that is followed.
    #[error(transparent)]
    Url(#[from] BadLink),
    /// The target is neither https, nor http where the redirecting URL is.
    #[error("found the scheme {found}, expected https")]
    Scheme {
        /// The scheme of the target.
        found: Excerpt,
    },
    /// The limit on redirects is reached.
    #[error("found more than {} in sequence", limits::REDIRECTS)]
    TooMany,
    /// The request must not be redirected.
    #[error("{what} are not redirected")]
    NotAllowed {
        /// The kind of request, in the plural.
        what: &'static str,
    },
}
