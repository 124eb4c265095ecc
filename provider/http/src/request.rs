//! A request, the route that it takes, and its response.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use countersign_core::codec::text::Text;
use countersign_core::name::Digest;
use http::HeaderMap;
use http::HeaderValue;
use http::StatusCode;
use url::Url;

use crate::address::AddressPolicy;
use crate::body::BodyLimits;
use crate::content::Content;
use crate::pools::ProxyRuleId;
use crate::pools::RootsId;
use crate::share::Share;

/// A request to be sent.
pub struct Request<'a> {
    /// On whose behalf it is sent.
    pub share: &'a Share,
    /// The server of the share, as [`authority`](crate::authority) names it. Requests to it count as its own.
    pub home: &'a str,
    /// Where it is sent.
    pub url: &'a Url,
    /// The server whose response named the URL, if neither a user nor the settings did.
    pub referred_by: Option<&'a str>,
    /// How the URL's host is reached.
    pub route: Route,
    /// The method and its body.
    pub payload: Payload,
    /// `Accept`.
    pub accept: &'a str,
    /// `Authorization`. Not sent to another origin than that of `url`.
    pub authorization: Option<&'a HeaderValue>,
    /// What happens on a redirect.
    pub redirects: Redirects<'a>,
    /// What the body of a 200 may be.
    pub body: BodyLimits,
}

/// How a host is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// Which addresses it may have, unless a proxy is asked.
    pub addresses: AddressPolicy,
    /// Which certificate authorities are trusted for it.
    pub roots: RootsId,
    /// Which proxy it may be asked through; none if it is always asked directly.
    pub proxy: Option<ProxyRoute>,
    /// Whether the settings have an entry for it. Hosts without one cannot use up what the others need.
    pub listed: bool,
}

/// Under which rule a proxy is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProxyRoute {
    /// The rule.
    pub rule: ProxyRuleId,
    /// Whether the rule is for this host, and not for the host that leads there.
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
}

/// What happens on a redirect.
#[derive(Clone, Copy)]
pub enum Redirects<'a> {
    /// The request fails: its credential and its route are for this URL only.
    Refuse {
        /// How messages name such requests, in the plural.
        what: &'static str,
    },
    /// At most [`limits::REDIRECTS`](crate::limits::REDIRECTS) are followed, never from https to http, and without
    /// `Authorization` once the origin has changed.
    Follow(&'a dyn RedirectPolicy),
}

/// Decides how the target of a redirect is reached.
pub trait RedirectPolicy: Send + Sync {
    /// The route to `target`, which has another origin than the redirecting URL `from`. `peer` is the address of the
    /// redirecting server, none through a proxy.
    ///
    /// # Errors
    /// Why `target` must not be asked at all.
    fn route(&self, from: &Url, target: &Url, peer: Option<SocketAddr>) -> Result<Route, Text>;
}

/// A complete response.
pub struct Response {
    /// Where it came from, after redirects.
    pub url: Url,
    /// Its status, which is no redirect that was followed.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// The address of the server; none through a proxy.
    pub peer: Option<SocketAddr>,
    /// Its body.
    pub body: Body,
    /// Whether a redirect led to another origin, so that `Authorization` was not sent any more.
    pub credential_withheld: bool,
    /// The pause that the host has asked for, by 429 or by 503 with `Retry-After`. No client sends it requests meanwhile.
    pub pause: Option<Duration>,
}

/// The body of a response.
pub enum Body {
    /// That of a 200, within its limits, with its digest if one was needed.
    Content(Content, Option<Digest>),
    /// That of another status, empty if it is larger than [`limits::ERROR_BODY_BYTES`](crate::limits::ERROR_BODY_BYTES) or
    /// did not arrive in time.
    Error(Bytes),
}
