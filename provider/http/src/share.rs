//! Shares of limits: the host for which work is done, and how the settings name it.

use std::fmt;
use std::sync::Arc;

/// The host on whose behalf work is done, for limits. Work at other hosts, for example after a redirect, counts for
/// it as well.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Share {
    host: Arc<str>,
    class: Class,
}

/// The form in which the settings name a host.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// An entry names exactly this host.
    Listed,
    /// The entry with this pattern matches it. Third parties can create hosts that match, so all of them share one
    /// limit.
    Pattern(Arc<str>),
    /// No entry matches it. Users can name any number of such hosts.
    Unlisted,
}

impl Share {
    /// Creates the share of `host`, whose name appears in messages.
    #[must_use]
    pub fn new(host: &str, class: Class) -> Self {
        Self { host: host.into(), class }
    }

    /// The name of the host in messages.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The form in which the settings name the host.
    #[must_use]
    pub fn class(&self) -> &Class {
        &self.class
    }
}

/// The scope of a limit.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// One host.
    Host(Arc<str>),
    /// All hosts that match the pattern.
    Pattern(Arc<str>),
    /// All hosts that no entry matches.
    Unlisted,
    /// Everything in the process.
    Process,
}

impl Scope {
    /// All labels.
    pub const LABELS: &'static [&'static str] = &["host", "pattern", "unlisted", "process"];

    /// Stable text for labels, without untrusted names.
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

/// The shares of a limit. A limiter treats 0 as 1.
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

    /// The limits that work for `share` counts against.
    pub(crate) fn claim(&self, share: &Share) -> Claim {
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

/// The two limits below that of the process: those of a member and of its group. A host that an entry names is the
/// only member of its group.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    pub group: Scope,
    pub group_limit: usize,
    pub member: Scope,
    pub member_limit: usize,
    /// Whether the member may use at most as much as it leaves free in its group.
    pub yields: bool,
    /// The host of the work, if it is not the host of the share.
    pub at: Option<Arc<str>>,
    /// Whether the settings have an entry for the host of the work.
    pub listed: bool,
    /// Whether the limit of the host applies without reductions: to requests that look whether it has returned.
    pub exempt: bool,
}

impl Claim {
    fn new(group: Scope, group_limit: usize, member: Scope, member_limit: usize) -> Self {
        let yields = group != member;
        Self {
            group,
            group_limit: group_limit.max(1),
            member,
            member_limit: member_limit.max(1),
            yields,
            at: None,
            listed: true,
            exempt: false,
        }
    }

    /// A claim on the concurrency of `host`, which serves its own content and, as the target of redirects, that of
    /// other hosts. Requests for its own content may use all of `limits.host`; requests on behalf of another host at
    /// most half, so that they cannot delay the host's own; requests of all unlisted hosts together the limit of one
    /// of them.
    ///
    /// `asked` is the share on whose behalf the request is made, `own` is true if it is that of `host`, and `listed`
    /// if the settings have an entry for `host`. Without one, no other listed host depends on it.
    pub(crate) fn at(host: Arc<str>, asked: &Share, own: bool, listed: bool, limits: &ShareLimits) -> Self {
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
        Self { yields: false, at: (!own).then_some(host), listed, ..claim }
    }
}
