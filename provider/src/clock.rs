//! The system's clock. Code that decides takes the time as an argument, so that tests can set it.

use std::sync::Arc;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

use countersign_core::time::UnixTime;

/// Reads the time.
pub type Clock = Arc<dyn Fn() -> UnixTime + Send + Sync>;

/// The system's clock as a [`Clock`].
#[must_use]
pub fn system_clock() -> Clock {
    Arc::new(now)
}

/// The time of the system's clock. A clock outside the years 1970 to 9999 shows 1970: no certificate is valid then, so
/// nothing verifies.
#[must_use]
pub fn now() -> UnixTime {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
    let seconds = since_1970.ok().and_then(|since| i64::try_from(since.as_secs()).ok()).unwrap_or(0);
    UnixTime::from_seconds(seconds).unwrap_or(UnixTime::EPOCH)
}
