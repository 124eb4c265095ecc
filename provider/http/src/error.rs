//! Errors of requests, with the found and the expected values.

use std::net::IpAddr;
use std::time::Duration;

use countersign_core::codec::excerpt::Excerpt;
use countersign_core::codec::text::Text;

use crate::address::Network;
use crate::answer::AwaitedAnswer;
use crate::answer::Missing;
use crate::limits;
use crate::origin::BadLink;
use crate::progress::Awaited;
use crate::progress::HostPause;
use crate::proxy::InternalHost;
use crate::proxy::ProxyFailure;
use crate::resource::LimitReached;
use crate::setting_limit::SettingLimit;
use crate::tls::TlsFailure;

/// A request that has no complete response. `host` is the destination of the request, which after a redirect is not
/// the first host.
///
/// Contains no URL with its query and no credential. Text of a server is an [`Excerpt`], and host names from
/// responses are DNS names. The message does not name settings, as they are the caller's: see [`Self::remedy`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The host of the request has an address that its [`AddressPolicy`](crate::AddressPolicy) does not permit.
    #[error("{host} is at {address}")]
    AddressRefused {
        /// The destination of the request.
        host: String,
        /// The address of the name.
        address: IpAddr,
    },
    /// A response from `from` leads to a network that is only allowed for hosts in the settings.
    #[error("{from} leads to {host}: found {address}, a {} address, expected a public one", Network::of(*address).as_str())]
    ReferredInside {
        /// The server whose response named the host.
        from: String,
        /// The destination of the request.
        host: String,
        /// The address of the name.
        address: IpAddr,
    },
    /// The redirect policy refuses this host.
    #[error("no request is sent to {host}: {why}")]
    HostDisabled {
        /// The destination of the request.
        host: String,
        /// The reason of the policy.
        why: Text,
    },
    /// The proxy established no connection.
    #[error("cannot reach {host} through the proxy {proxy} (from {setting}): {failure}")]
    Proxy {
        /// The destination of the request.
        host: String,
        /// Host and port of the proxy.
        proxy: String,
        /// The setting that configures the proxy.
        setting: String,
        /// The failure of the proxy.
        failure: Box<ProxyFailure>,
    },
    /// The request needs a proxy, but proxies are not used for `host`.
    #[error(
        "{host} is {}, for which no proxy is used (here {proxy} from {setting})",
        internal.as_str()
    )]
    NotByProxy {
        /// The destination of the request.
        host: String,
        /// The kind of internal host.
        internal: InternalHost,
        /// Host and port of the proxy.
        proxy: String,
        /// The setting that configures the proxy.
        setting: String,
        /// Whether an entry of `NO_PROXY` for the host has an effect.
        no_proxy_applies: bool,
    },
    /// No connection was established.
    #[error("cannot connect to {host}: {detail}")]
    Unreachable {
        /// The destination of the request.
        host: String,
        /// The error of the system or the library.
        detail: String,
    },
    /// No TLS connection was established.
    #[error("cannot connect to {host} over TLS: {failure}")]
    Tls {
        /// The destination of the request.
        host: String,
        /// The reason.
        failure: TlsFailure,
    },
    /// The server uses TLS, and the request was sent over plain HTTP.
    #[error("cannot connect to {host} over plain HTTP: it uses TLS, expected a port without TLS")]
    TlsPort {
        /// The destination of the request.
        host: String,
    },
    /// The connection ended before the response did.
    #[error("the response of {host} ended early: {detail}")]
    Broken {
        /// The destination of the request.
        host: String,
        /// The error of the system or the library.
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
        /// The destination of the request.
        host: String,
        /// Bytes of the body that arrived before.
        received: u64,
    },
    /// The connection received too many bytes that are not content; see [`limits::CONNECTION_BYTES`].
    #[error(
        "{host} sends too many bytes that are not content (interim responses, pings, empty frames, or content \
         byte by byte): expected at most {} KiB on one connection",
        limits::CONNECTION_BYTES / 1024
    )]
    Excess {
        /// The destination of the request.
        host: String,
        /// Whether other requests may have used the connection (HTTP/2).
        shared: bool,
    },
    /// No request was sent, as the last ones had no response.
    #[error(
        "no request was sent to {host}: the last {failures} requests to it failed, the latest {:.1} s ago ({last}); it is asked again within \
         a second",
        ago.as_secs_f64()
    )]
    Failing {
        /// The destination of the request.
        host: String,
        /// The number of requests that failed in a row.
        failures: u32,
        /// How long ago the last one was.
        ago: Duration,
        /// Its failure.
        last: Text,
    },
    /// The request timed out.
    #[error("{host} did not respond in time ({})", missing.activity())]
    Timeout {
        /// The destination of the request.
        host: String,
        /// The phase of the request.
        phase: Phase,
        /// What had not come.
        missing: Missing,
    },
    /// The deadline of the caller passed while another request, which goes on, waited for an answer.
    #[error("the deadline passed: {0}")]
    Late(Box<AwaitedAnswer>),
    /// The host requested a pause that ends after the deadline.
    #[error("{0}")]
    Throttled(HostPause),
    /// A limit that a setting sets to these requests was reached until the deadline, or is at a time after it.
    #[error("{0}")]
    Setting(SettingLimit),
    /// A redirect is not followed.
    #[error("a redirect of {host} is refused: {refusal}")]
    Redirect {
        /// The server that sent the redirect.
        host: String,
        /// The reason.
        refusal: RedirectRefusal,
    },
    /// A redirect was followed to another origin, where the request failed.
    #[error("{cause}; {target} is the host that the request was redirected to")]
    Redirected {
        /// The target of the last redirect.
        target: String,
        /// The failure at the target.
        cause: Box<Self>,
    },
    /// The body is larger than the limit.
    #[error("{host} sends more than {limit} bytes")]
    TooLarge {
        /// The destination of the request.
        host: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// The body has another size than expected.
    #[error("size of the content from {host}: found {found} bytes, expected {expected}")]
    Size {
        /// The destination of the request.
        host: String,
        /// The actual or announced size, in bytes.
        found: u64,
        /// The expected size, in bytes.
        expected: u64,
    },
    /// The body is compressed.
    #[error("{host} sends Content-Encoding {found}, although the request does not accept encodings")]
    ContentEncoding {
        /// The destination of the request.
        host: String,
        /// The value of the header.
        found: Excerpt,
    },
    /// A limit of this process is reached.
    #[error(transparent)]
    Limit(#[from] LimitReached),
}

impl FetchError {
    /// Whether no request was sent to the host, or to the target of a redirect, as the last ones failed.
    #[must_use]
    pub fn was_not_sent(&self) -> bool {
        match self {
            Self::Failing { .. } => true,
            Self::Redirected { cause, .. } => cause.was_not_sent(),
            Self::AddressRefused { .. }
            | Self::ReferredInside { .. }
            | Self::HostDisabled { .. }
            | Self::Proxy { .. }
            | Self::NotByProxy { .. }
            | Self::Unreachable { .. }
            | Self::Tls { .. }
            | Self::TlsPort { .. }
            | Self::Broken { .. }
            | Self::Stalled { .. }
            | Self::Excess { .. }
            | Self::Timeout { .. }
            | Self::Late(_)
            | Self::Throttled(_)
            | Self::Setting(_)
            | Self::Redirect { .. }
            | Self::TooLarge { .. }
            | Self::Size { .. }
            | Self::ContentEncoding { .. }
            | Self::Limit(_) => false,
        }
    }

    /// The failure of the request that work in progress waited for when a deadline passed; `None` if it waited for none.
    #[must_use]
    pub fn of_awaited(awaited: Awaited) -> Option<Self> {
        match awaited {
            Awaited::Pause(pause) => Some(Self::Throttled(pause)),
            Awaited::Answer(answer) => Some(Self::Late(answer)),
            Awaited::Setting(limit) => Some(Self::Setting(limit)),
            Awaited::Limit(reached) => Some(Self::Limit(*reached)),
            Awaited::Nothing | Awaited::Apart(_) => None,
        }
    }
}

/// The phase in which a request timed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Resolving the name, connecting, or the TLS handshake.
    Connect,
    /// Waiting for the head of the response, connecting included.
    Head,
    /// The whole request, including waiting for the head of the response and reading its body.
    Request,
}

/// The reason why a redirect is not followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RedirectRefusal {
    /// The response has no Location.
    #[error("found no Location header, expected one")]
    Missing,
    /// The target is not an acceptable URL.
    #[error(transparent)]
    Url(#[from] BadLink),
    /// The scheme of the target is neither https nor, for a redirect from http, http.
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
