//! The observer of requests. This crate has no metrics and no log.

use std::time::Duration;

use countersign_core::codec::text::Text;
use countersign_http::LimitObserver;
use countersign_http::LimitReached;
use countersign_http::Overload;
use countersign_http::Resource;

/// The purpose of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// The exchange of a credential, or an anonymous request, for a bearer token.
    Token,
    /// The image's manifest.
    Manifest,
    /// The list of referrers: a page or the fallback tag.
    Referrers,
    /// The manifest of one referrer.
    ReferrerManifest,
    /// The content of one referrer.
    Blob,
}

impl Stage {
    /// All stages, in the order of verification.
    pub const ALL: &'static [Self] =
        &[Self::Token, Self::Manifest, Self::Referrers, Self::ReferrerManifest, Self::Blob];

    /// What a request is for, for the message to callers whose deadline passes.
    pub(crate) fn step(self) -> &'static str {
        match self {
            Self::Token => "a token of the registry",
            Self::Manifest => "the manifest of the image",
            Self::Referrers => "the list of referrers",
            Self::ReferrerManifest => "the manifest of a referrer",
            Self::Blob => "the content of a referrer",
        }
    }

    /// Stable text for labels and messages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Manifest => "manifest",
            Self::Referrers => "referrers",
            Self::ReferrerManifest => "referrer-manifest",
            Self::Blob => "blob",
        }
    }
}

/// The result of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RequestResult {
    /// 200.
    Ok,
    /// A 401 with a challenge for a token or Basic credentials, which is normal.
    Challenged,
    /// 404.
    NotFound,
    /// 401 or 403.
    Denied,
    /// 429, or 503 with a pause.
    Throttled,
    /// Another status from 500 on.
    ServerError,
    /// No response in time.
    Timeout,
    /// No connection, or it was interrupted.
    Unreachable,
    /// Not sent: the settings do not allow it.
    Refused,
    /// Cancelled while the response was read, as a limit of this process was reached.
    Overloaded,
    /// A response that violates a limit or the protocol.
    Invalid,
}

impl RequestResult {
    /// All results.
    pub const ALL: &'static [Self] = &[
        Self::Ok,
        Self::Challenged,
        Self::NotFound,
        Self::Denied,
        Self::Throttled,
        Self::ServerError,
        Self::Timeout,
        Self::Unreachable,
        Self::Refused,
        Self::Overloaded,
        Self::Invalid,
    ];

    /// Stable text for labels.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Challenged => "challenged",
            Self::NotFound => "not-found",
            Self::Denied => "denied",
            Self::Throttled => "throttled",
            Self::ServerError => "server-error",
            Self::Timeout => "timeout",
            Self::Unreachable => "unreachable",
            Self::Refused => "refused",
            Self::Overloaded => "overloaded",
            Self::Invalid => "invalid",
        }
    }
}

/// The result of a lookup in the tag cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagCache {
    /// The digest was cached; no request is sent.
    Hit,
    /// The digest was not cached.
    Miss,
}

/// How content came that may be in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentUse {
    /// The registry was asked whether it has it, and the bytes were those in memory.
    Asked,
    /// It was received.
    Received,
}

/// The cache of content after an entry was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentStored {
    /// How many entries were evicted.
    pub evicted: usize,
    /// The number of entries.
    pub entries: usize,
    /// Their memory.
    pub bytes: usize,
}

/// A request with its response, for traces. Without queries, headers and bodies, which may have secrets.
#[derive(Clone, Copy, Debug)]
pub struct Exchange<'a> {
    /// As in [`Observer::request`].
    pub entry: Option<&'a str>,
    /// The purpose.
    pub stage: Stage,
    /// The method.
    pub method: &'static str,
    /// The host with its port, if that is not the default one.
    pub host: &'a str,
    /// The path.
    pub path: &'a str,
    /// What authenticated the request to `host`: `none`, `basic`, `bearer`, `form` or `other`.
    pub credential: &'static str,
    /// The host to which redirects led at the end, if it is another one.
    pub redirected_to: Option<&'a str>,
    /// The status of the last response; `None` without one.
    pub status: Option<u16>,
    /// The size of the body of the last response, as far as it was read.
    pub bytes: usize,
    /// The result.
    pub result: RequestResult,
    /// As in [`Observer::request`].
    pub elapsed: Duration,
}

/// Observes every request to a registry or token service, including redirects, after its response was read or it was
/// cancelled. Called while requests are processed: must not block.
pub trait Observer: LimitObserver {
    /// The patterns of all entries of the settings, in their order, when the settings come into use.
    fn entries(&self, patterns: &[&str]);

    /// A request has ended. `entry` is the pattern of the entry under which it was sent: that of its host, or that of the
    /// registry that led there; `None` on behalf of a registry without an entry. `elapsed` starts when the request has
    /// its permits.
    fn request(&self, entry: Option<&str>, stage: Stage, result: RequestResult, elapsed: Duration);

    /// The same request as [`Self::request`], in detail.
    fn exchanged(&self, _: &Exchange<'_>) {}

    /// A request under this entry, as in [`Self::request`], was not sent, as the last ones to its host failed; or it was redirected to such a
    /// host.
    fn not_sent(&self, _: Option<&str>) {}

    /// A request was sent only to keep a connection open. It is no request in the sense of [`Self::request`].
    fn kept_open(&self) {}

    /// A mirror of the entry with this pattern could not be used, for another reason than that it lacks the content, and the next location is
    /// tried if there is one. `why` has no secrets.
    fn mirror_failed(&self, entry: &str, mirror: &Text, stage: Stage, why: &Text);

    /// A tag was looked up in the cache.
    fn tag(&self, found: TagCache);

    /// A registry has content that may be in memory. Not called for requests that fail.
    fn content(&self, _: ContentUse) {}

    /// Content was stored in memory. Calls are in the order of the states.
    fn content_stored(&self, _: &ContentStored) {}
}

/// An [`Observer`] that does nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unobserved;

impl Observer for Unobserved {
    fn entries(&self, _: &[&str]) {}

    fn request(&self, _: Option<&str>, _: Stage, _: RequestResult, _: Duration) {}

    fn mirror_failed(&self, _: &str, _: &Text, _: Stage, _: &Text) {}

    fn tag(&self, _: TagCache) {}
}

impl LimitObserver for Unobserved {
    fn in_use(&self, _: Resource, _: i64) {}

    fn limit_reached(&self, _: &LimitReached) {}

    fn limit_reduced(&self, _: Resource, _: Overload) {}
}
