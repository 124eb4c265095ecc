//! A request, the route that it takes, and its response.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use countersign_core::codec::text::Text;
use countersign_core::name::Digest;
use http::HeaderMap;
use http::HeaderValue;
use http::Method;
use http::StatusCode;
use url::Url;

use crate::address::AddressPolicy;
use crate::body::BodyLimits;
use crate::concurrency::InFlight;
use crate::content::Content;
use crate::pools::ProxyRuleId;
use crate::pools::RootsId;
use crate::share::Share;

/// A request to be sent.
pub struct Request<'a> {
    /// The share on whose behalf the request is sent.
    pub share: &'a Share,
    /// What the request is for, for the message to callers whose deadline passes: a noun phrase such as "the list of referrers".
    pub step: &'static str,
    /// The server of the share, as [`authority`](crate::authority) names it. Requests to it count as the host's own.
    pub home: &'a str,
    /// The part of the host that it is about, such as a repository; empty if it has no parts. That requests about one part fail says
    /// little about another one.
    pub about: &'a str,
    /// The URL.
    pub url: &'a Url,
    /// The server whose response named the URL; `None` if a user or the settings named it.
    pub referred_by: Option<&'a str>,
    /// The route to the URL's host.
    pub route: Route,
    /// The method and its body.
    pub payload: Payload,
    /// `Accept`.
    pub accept: &'a str,
    /// `Authorization`. Not sent to another origin than that of `url`.
    pub authorization: Option<&'a HeaderValue>,
    /// The handling of redirects.
    pub redirects: Redirects<'a>,
    /// Limits on the body of a 200.
    pub body: BodyLimits,
    /// How long the head of each response may take, connecting included.
    pub head_timeout: HeadTimeout,
    /// Called with the status of the response, if that is no redirect, before its body is read.
    pub on_head: Option<OnHead<'a>>,
}

/// How long the head of a response may take, connecting included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadTimeout {
    /// The time of the whole request.
    Request,
    /// So long.
    After(Duration),
    /// Half of the time that the callers of the work still wait for it, but not less than
    /// [`HEAD_LEAST`](crate::limits::HEAD_LEAST) or several times what the host usually takes; the time of the whole request if either is
    /// not known. Then the request is sent once more over a new connection, with half of the rest of the time: the connection may be
    /// dead, although the host is not. The two are never in progress at the same time.
    OfCallers,
}

/// What a caller does when the head of a response is there.
pub type OnHead<'a> = &'a (dyn Fn(StatusCode) + Sync);

/// The route to a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// The addresses that the host may have. Not checked through a proxy.
    pub addresses: AddressPolicy,
    /// The certificate authorities that are trusted for it.
    pub roots: RootsId,
    /// The proxy rule; `None` if the host is always reached directly.
    pub proxy: Option<ProxyRoute>,
    /// Whether the settings have an entry for it. Hosts without an entry cannot use up the capacity of others.
    pub listed: bool,
}

/// The rule that selects a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProxyRoute {
    /// The rule.
    pub rule: ProxyRuleId,
    /// Whether the rule is for this host, and not for the host that redirects to it.
    pub own: bool,
}

/// The method of a request and its body.
#[derive(Clone, Debug)]
pub enum Payload {
    /// GET.
    Get,
    /// HEAD. The body of the response is empty.
    Head,
    /// POST of a body of this type.
    Post {
        /// `Content-Type`.
        content_type: &'static str,
        /// The body.
        body: Bytes,
    },
    /// Any method with these headers, which replace those of the other members: a request that its maker has signed. Not
    /// for redirects, which would send all headers to another host.
    Signed {
        /// The method.
        method: Method,
        /// All headers but `Host`.
        headers: HeaderMap,
        /// The body.
        body: Bytes,
    },
}

impl Payload {
    /// The method.
    #[must_use]
    pub fn method(&self) -> Method {
        match self {
            Self::Get => Method::GET,
            Self::Head => Method::HEAD,
            Self::Post { .. } => Method::POST,
            Self::Signed { method, .. } => method.clone(),
        }
    }
}

/// The handling of redirects.
#[derive(Clone, Copy)]
pub enum Redirects<'a> {
    /// The request fails: its credential and its route are for this URL only.
    Refuse {
        /// The name of such requests in messages, in the plural.
        what: &'static str,
    },
    /// At most [`limits::REDIRECTS`](crate::limits::REDIRECTS) are followed, never from https to http, and without
    /// `Authorization` once the origin has changed or the policy withholds it.
    Follow(&'a dyn RedirectPolicy),
}

/// Decides the route to the target of a redirect.
pub trait RedirectPolicy: Send + Sync {
    /// The route to `target`, which has another origin than the redirecting URL `from`. `peer` is the address of the
    /// redirecting server; `None` through a proxy.
    ///
    /// # Errors
    /// The reason why `target` must not be reached.
    fn route(&self, from: &Url, target: &Url, peer: Option<SocketAddr>) -> Result<Route, Text>;

    /// Whether the request to `target`, which has the origin of the redirecting URL, has `Authorization` if the redirected
    /// one had it.
    fn keeps_credential(&self, target: &Url) -> bool;

    /// The route in place of `route`, that of the request, for a target that gets no `Authorization`: one that the redirecting
    /// server chose after the origin had changed, or for which [`Self::keeps_credential`] is false. It presents no client certificate.
    fn without_credential(&self, route: Route) -> Route;
}

/// A complete response.
pub struct Response {
    /// The URL after redirects.
    pub url: Url,
    /// The status, not that of a redirect that was followed.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// The address of the server; `None` through a proxy.
    pub peer: Option<SocketAddr>,
    /// Its body.
    pub body: Body,
    /// Whether a redirect led to another origin, so that `Authorization` was no longer sent.
    pub credential_withheld: bool,
    /// The pause that the host requested by 429 or by 503 with `Retry-After`. All clients observe it.
    pub pause: Option<Duration>,
    /// For [`Client::pause`](crate::Client::pause).
    pub in_flight: InFlight,
}

/// The body of a response.
pub enum Body {
    /// The body of a 200 within its limits, with its digest if requested.
    Content(Content, Option<Digest>),
    /// The body of another status; empty if it is larger than
    /// [`limits::ERROR_BODY_BYTES`](crate::limits::ERROR_BODY_BYTES) or did not arrive in time.
    Error(Bytes),
}
