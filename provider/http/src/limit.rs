//! What is limited, and what is said when a limit is used up.

use std::fmt;
use std::sync::Arc;

use crate::share::Scope;

/// What is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resource {
    /// Images being pinned or verified.
    Verifications,
    /// Requests, counted for the host that was asked, redirects and token exchanges included.
    Requests,
    /// The same requests, counted for the host that answers.
    Answers,
    /// Bytes of bodies and of what was parsed from them.
    Bytes,
    /// Large documents being parsed.
    Parsing,
    /// Checks of content, which are arithmetic.
    Checks,
    /// Names being resolved.
    Lookups,
}

impl Resource {
    /// Every resource.
    pub const ALL: &'static [Self] =
        &[Self::Verifications, Self::Requests, Self::Answers, Self::Bytes, Self::Parsing, Self::Checks, Self::Lookups];

    /// Stable text for labels.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Verifications => "verifications",
            Self::Requests => "requests",
            Self::Answers => "answers",
            Self::Bytes => "bytes",
            Self::Parsing => "parsing",
            Self::Checks => "checks",
            Self::Lookups => "lookups",
        }
    }

    fn too_many(self) -> &'static str {
        match self {
            Self::Verifications => "too many verifications in progress",
            Self::Requests | Self::Answers => "too many registry requests in progress",
            Self::Bytes => "too many bytes of registry answers in memory",
            Self::Parsing => "too many large documents being parsed",
            Self::Checks => "too many checks of content in progress",
            Self::Lookups => "too many name lookups in progress",
        }
    }
}

/// A limit that is used up, and by whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitReached {
    pub resource: Resource,
    pub scope: Scope,
    /// Where the work would have been done, if that is not the host that was asked for the image.
    pub at: Option<Arc<str>>,
    pub found: usize,
    pub limit: usize,
}

impl fmt::Display for LimitReached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { resource, scope, at, found, limit } = self;
        f.write_str(resource.too_many())?;
        if let Some(at) = at {
            write!(f, " at {at}")?;
        }
        write!(f, "{scope}: found {found}, expected at most {limit}")
    }
}

impl std::error::Error for LimitReached {}

/// Told how much of the limits is in use. Called on the path of requests: must not block.
pub trait LimitObserver: Send + Sync + 'static {
    /// So much more of `resource` is in use, or less.
    fn in_use(&self, resource: Resource, change: i64);

    /// Work was refused because a limit is used up.
    fn limit_reached(&self, reached: &LimitReached);
}

/// Counts nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unobserved;

impl LimitObserver for Unobserved {
    fn in_use(&self, _: Resource, _: i64) {}

    fn limit_reached(&self, _: &LimitReached) {}
}
