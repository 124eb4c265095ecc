//! Whose share of a limit a piece of work counts against: the registry host that was asked, and what the settings say of
//! it.

use std::fmt;
use std::sync::Arc;

/// The host of an image reference, for limits. Work that a host causes elsewhere (token services, redirects) counts for
/// it as well.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Share {
    host: Arc<str>,
    class: Class,
}

/// How the settings know a host.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// An entry names exactly this host.
    Listed,
    /// The entry with this pattern matches it. Others can make hosts that match, so that all of them have a joint share.
    Pattern(Arc<str>),
    /// No entry matches it. Anybody can make up such hosts.
    Unlisted,
}

impl Share {
    #[must_use]
    pub fn new(host: &str, class: Class) -> Self {
        Self { host: host.into(), class }
    }

    /// As messages name it.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    #[must_use]
    pub fn class(&self) -> &Class {
        &self.class
    }
}

/// What shares a limit, and what a [`LimitReached`](crate::LimitReached) is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    Host(Arc<str>),
    /// All hosts that match the pattern.
    Pattern(Arc<str>),
    /// All hosts that no entry matches.
    Unlisted,
    /// Everything in the process.
    Process,
}

impl Scope {
    /// Every label.
    pub const LABELS: &'static [&'static str] = &["host", "pattern", "unlisted", "process"];

    /// Stable text for labels: never a name from outside.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::Host(_) => "host",
            Self::Pattern(_) => "pattern",
            Self::Unlisted => "unlisted",
            Self::Process => "process",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(host) => write!(f, " for {host}"),
            Self::Pattern(pattern) => write!(f, " for all hosts that match {pattern}"),
            Self::Unlisted => f.write_str(" for all hosts that are not in the configuration"),
            Self::Process => Ok(()),
        }
    }
}

/// How a limit is shared. Each number is at least 1 where the limiter uses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShareLimits {
    /// For everything in the process.
    pub total: usize,
    /// For one host that an entry names or matches.
    pub host: usize,
    /// For all hosts together that one pattern matches.
    pub pattern: usize,
    /// For one host that no entry matches.
    pub unlisted_host: usize,
    /// For all hosts together that no entry matches.
    pub unlisted: usize,
}

impl ShareLimits {
    /// The usual shares of `total`: a quarter for a host, half for a pattern, a sixteenth for an unlisted host and a
    /// quarter for all of these.
    #[must_use]
    pub const fn of(total: usize) -> Self {
        Self { total, host: total / 4, pattern: total / 2, unlisted_host: total / 16, unlisted: total / 4 }
    }

    /// What work for `share` counts against.
    pub fn claim(&self, share: &Share) -> Claim {
        let host = Scope::Host(Arc::clone(&share.host));
        match &share.class {
            Class::Listed => Claim::new(host.clone(), self.host, host, self.host),
            Class::Pattern(pattern) => {
                Claim::new(Scope::Pattern(Arc::clone(pattern)), self.pattern, host, self.host.min(self.pattern))
            }
            Class::Unlisted => Claim::new(Scope::Unlisted, self.unlisted, host, self.unlisted_host.min(self.unlisted)),
        }
    }
}

/// Two limits below the one of the process: that of a member and that of the group it belongs to. A host that an entry
/// names is the only member of its group.
#[derive(Clone, Debug)]
pub struct Claim {
    pub group: Scope,
    pub group_limit: usize,
    pub member: Scope,
    pub member_limit: usize,
    /// Whether the member takes at most as much as it leaves free in its group.
    pub yields: bool,
    /// Where the work is done, if that is not where the share comes from.
    pub at: Option<Arc<str>>,
}

impl Claim {
    fn new(group: Scope, group_limit: usize, member: Scope, member_limit: usize) -> Self {
        let yields = group != member;
        Self { group, group_limit: group_limit.max(1), member, member_limit: member_limit.max(1), yields, at: None }
    }

    /// A claim on the concurrency of `host`, which serves its own images and, by redirects and as a token service, those
    /// of others. Own ones may take all of `limits.host`; those of another host at most half, so that it cannot hold up
    /// the host's own; those of all unlisted hosts together what one of them may take.
    ///
    /// `asked` is whose image it is, `own` whether `host` is where it was asked for, `listed` whether the settings have an
    /// entry for `host`: a blob store that they do not have is nobody else's.
    pub fn at(host: Arc<str>, asked: &Share, own: bool, listed: bool, limits: &ShareLimits) -> Self {
        let half = limits.host.div_ceil(2);
        let (member, member_limit) = match (&asked.class, own) {
            (Class::Unlisted, true) => (Scope::Host(Arc::clone(&asked.host)), limits.unlisted_host),
            (Class::Unlisted, false) => (Scope::Unlisted, limits.unlisted_host),
            (Class::Listed, true) | (Class::Pattern(_), true) => (Scope::Host(Arc::clone(&asked.host)), limits.host),
            (Class::Listed, false) => (Scope::Host(Arc::clone(&asked.host)), if listed { half } else { limits.host }),
            (Class::Pattern(pattern), false) => {
                (Scope::Pattern(Arc::clone(pattern)), if listed { half } else { limits.host })
            }
        };
        let claim = Self::new(Scope::Host(Arc::clone(&host)), limits.host, member, member_limit);
        Self { yields: false, at: (!own).then_some(host), ..claim }
    }
}
