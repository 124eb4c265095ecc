//! Requests without callers.

use std::time::Duration;

/// How long a request goes on without callers. The settings limit its time; this is more than they allow.
pub(super) const GRACE: Duration = Duration::from_secs(3600);
