//! The system's clock. Code that decides takes the time as an argument, so that tests can set it.

use std::sync::Arc;
use std::time::Duration;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

use countersign_core::time::UnixTime;

/// Reads the time.
pub type Clock = Arc<dyn Fn() -> UnixTime + Send + Sync>;

/// The system's clock as a [`Clock`], to the millisecond: whatever ends at a second has ended after it, as for notation. A clock
/// outside the years 1970 to 9999 shows 1970: no certificate is valid then, so nothing verifies.
#[must_use]
pub fn system_clock() -> Clock {
    Arc::new(precise)
}

fn precise() -> UnixTime {
    SystemTime::now().duration_since(UNIX_EPOCH).ok().and_then(at).unwrap_or(UnixTime::EPOCH)
}

/// The time of the system's clock in whole seconds, for reports. What [`system_clock`] says about other years applies.
#[must_use]
pub fn now() -> UnixTime {
    UnixTime::from_seconds(precise().seconds()).unwrap_or(UnixTime::EPOCH)
}

/// This long after 1970, to the millisecond.
fn at(since_1970: Duration) -> Option<UnixTime> {
    let milliseconds =
        Duration::from_secs(since_1970.as_secs()) + Duration::from_millis(since_1970.subsec_millis().into());
    UnixTime::EPOCH.checked_add(milliseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_is_over_a_millisecond_later() {
        let after = |nanoseconds| at(Duration::new(1_795_738_611, nanoseconds)).map(|time| time.to_string());
        assert_eq!(after(999_999), Some("2026-11-27T00:16:51Z".to_owned()));
        assert_eq!(after(1_000_000), Some("2026-11-27T00:16:51.001Z".to_owned()));
        assert_eq!(after(278_999_999), Some("2026-11-27T00:16:51.278Z".to_owned()));
        assert!(at(Duration::new(1_795_738_611, 1_000_000)) > at(Duration::from_secs(1_795_738_611)));
        assert_eq!(at(Duration::MAX), None);
    }
}
