//! What happens on the wire, told to whoever counts it. This crate has no metrics and no log.

use std::time::Duration;

use countersign_http::LimitObserver;
use countersign_http::LimitReached;
use countersign_http::Resource;

/// What a request was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// The exchange of a credential, or of nothing, for a bearer token.
    Token,
    /// The image's own manifest.
    Manifest,
    /// The list of what refers to the image, page or fallback tag.
    Referrers,
    /// The manifest of one referrer.
    ReferrerManifest,
    /// The content of one referrer.
    Blob,
}

impl Stage {
    /// Every stage, in the order in which an image goes through them.
    pub const ALL: &'static [Self] =
        &[Self::Token, Self::Manifest, Self::Referrers, Self::ReferrerManifest, Self::Blob];

    /// Stable text for labels and messages.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Manifest => "manifest",
            Self::Referrers => "referrers",
            Self::ReferrerManifest => "referrer-manifest",
            Self::Blob => "blob",
        }
    }
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RequestResult {
    Ok,
    /// 401 that leads to a token or to Basic credentials: part of the normal course.
    Challenged,
    NotFound,
    Denied,
    Throttled,
    ServerError,
    Timeout,
    Unreachable,
    /// Not sent: the address is one that may not be asked.
    Refused,
    /// Given up in the middle of the answer, because too many others are being read.
    Overloaded,
    /// An answer that breaks a limit or a rule.
    Invalid,
}

impl RequestResult {
    /// Every result.
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
    pub fn text(self) -> &'static str {
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

/// Whether a tag's digest was remembered, so that the registry is not asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagMemory {
    Hit,
    Miss,
}

/// Told of every request to a registry or token service, redirects included, once its answer has been read or given up.
/// Two implementations: the service's metrics, and [`Unobserved`]. Called on the path of requests: must not block.
pub trait Observer: LimitObserver {
    /// `elapsed` begins when the request has its place among the concurrent ones.
    fn request(&self, stage: Stage, result: RequestResult, elapsed: Duration);

    /// A tag was looked up among the remembered ones.
    fn tag(&self, found: TagMemory);
}

/// Counts nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unobserved;

impl Observer for Unobserved {
    fn request(&self, _: Stage, _: RequestResult, _: Duration) {}

    fn tag(&self, _: TagMemory) {}
}

impl LimitObserver for Unobserved {
    fn in_use(&self, _: Resource, _: i64) {}

    fn limit_reached(&self, _: &LimitReached) {}
}
