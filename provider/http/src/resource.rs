//! The resources of limiters, and the error of a reached limit.

use std::fmt;
use std::sync::Arc;

use crate::share::Scope;

/// The resource that a limiter counts. The owner of a limit declares its resource as a constant, so the set is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Resource {
    label: &'static str,
    too_many: &'static str,
    unit: Unit,
    waiting_per_unit: usize,
}

/// The unit of a resource, which decides the found value of a [`LimitReached`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unit {
    /// Items: the number in use is reported.
    Item,
    /// Bytes: the number that would be in use with the refused amount is reported.
    Byte,
}

/// Names being resolved.
pub const LOOKUPS: Resource = Resource::new("lookups", "too many name lookups in progress", Unit::Item, 8);

/// Large documents being parsed.
pub const PARSING: Resource = Resource::new("parsing", "too many large documents being parsed", Unit::Item, 64);

/// Checks of content.
pub const CHECKS: Resource = Resource::new("checks", "too many checks of content in progress", Unit::Item, 64);

impl Resource {
    /// A resource with a stable `label` for metrics. `too_many` begins the message of a [`LimitReached`]. At most
    /// `waiting_per_unit` requests are queued for each unit of a group's limit, which bounds their memory. Further ones are refused
    /// immediately.
    #[must_use]
    pub const fn new(label: &'static str, too_many: &'static str, unit: Unit, waiting_per_unit: usize) -> Self {
        Self { label, too_many, unit, waiting_per_unit }
    }

    /// Stable text for labels.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.label
    }

    pub(crate) fn unit(self) -> Unit {
        self.unit
    }

    pub(crate) fn waiting_per_unit(self) -> usize {
        self.waiting_per_unit
    }
}

/// The reason why fewer requests are sent to a host at the same time than the settings allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overload {
    /// The host refused requests because of their number.
    Refused,
    /// The host did not respond in time.
    Late,
}

impl Overload {
    /// All reasons.
    pub const ALL: &'static [Self] = &[Self::Refused, Self::Late];

    /// Stable text for labels.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Late => "timeout",
        }
    }
}

/// That a limit is lower than its setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reduced {
    /// The limit by the settings.
    pub from: usize,
    /// The reason of the last reduction.
    pub why: Overload,
}

impl fmt::Display for Reduced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self.why {
            Overload::Refused => "refused requests",
            Overload::Late => "did not respond in time",
        };
        write!(f, "reduced from {}, as the host {why}", self.from)
    }
}

/// A reached limit, and the scope that shares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitReached {
    /// The limited resource.
    pub resource: Resource,
    /// The scope that shares the limit.
    pub scope: Scope,
    /// The host of the work, if it is not the host on whose behalf it is done.
    pub at: Option<Arc<str>>,
    /// The units in use; see [`Unit`].
    pub found: usize,
    /// The limit in units.
    pub limit: usize,
    /// Whether the limit is lower than its setting for now.
    pub reduced: Option<Reduced>,
}

impl fmt::Display for LimitReached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { resource, scope, at, found, limit, reduced } = self;
        f.write_str(resource.too_many)?;
        if let Some(at) = at {
            write!(f, " at {at}")?;
        }
        write!(f, "{scope}: found {found}, expected at most {limit}")?;
        match reduced {
            Some(reduced) => write!(f, " ({reduced})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for LimitReached {}

/// Observes the use of limits. Called while requests are processed: must not block.
pub trait LimitObserver: Send + Sync + 'static {
    /// The use of `resource` has changed by `change` units.
    fn in_use(&self, resource: Resource, change: i64);

    /// Work was refused because a limit was reached.
    fn limit_reached(&self, reached: &LimitReached);

    /// The limit of one host was reduced.
    fn limit_reduced(&self, resource: Resource, why: Overload);
}

/// A [`LimitObserver`] that does nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unobserved;

impl LimitObserver for Unobserved {
    fn in_use(&self, _: Resource, _: i64) {}

    fn limit_reached(&self, _: &LimitReached) {}

    fn limit_reduced(&self, _: Resource, _: Overload) {}
}
