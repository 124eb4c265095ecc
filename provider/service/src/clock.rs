//! The system's clock. Code that decides takes the time as an argument, so that tests can set it.

use std::sync::Arc;
use std::time::Duration;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

use countersign_core::time::UnixTime;
use tokio::time::Instant;

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

/// A time by the clock, and by the time that passes. What is kept from then on until another time ends although the clock is set
/// back in the meantime.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    shown: UnixTime,
    at: Instant,
}

impl Moment {
    /// This moment, at which the clock shows `shown`.
    pub(crate) fn new(shown: UnixTime) -> Self {
        Self { shown, at: Instant::now() }
    }

    /// What the clock showed.
    pub(crate) fn shown(&self) -> UnixTime {
        self.shown
    }

    /// The later one of `now`, which the clock shows, and what it would show if it had not been set since.
    pub(crate) fn latest(&self, now: UnixTime) -> UnixTime {
        self.shown.checked_add(self.at.elapsed()).map_or(now, |unset| unset.max(now))
    }

    /// By how much the clock, which shows `now`, was set back since, in whole seconds.
    pub(crate) fn set_back(&self, now: UnixTime) -> Duration {
        Duration::from_secs(self.latest(now).saturating_duration_since(now).as_secs())
    }

    /// When so much time has passed that `end` has come; `None` if that is too late for the system.
    pub(crate) fn instant_of(&self, end: UnixTime) -> Option<Instant> {
        self.at.checked_add(end.saturating_duration_since(self.shown))
    }
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

    #[tokio::test(start_paused = true)]
    async fn time_that_passes_counts_although_the_clock_is_set_back() {
        let at = |text| UnixTime::from_rfc3339(text).ok();
        let (begin, end) = (at("2026-11-27T12:00:00Z"), at("2026-11-27T12:05:00Z"));
        let (Some(begin), Some(end), Some(former)) = (begin, end, at("2026-11-26T12:00:00.250Z")) else {
            panic!("times");
        };
        let moment = Moment::new(begin);
        assert_eq!(moment.instant_of(end), Some(Instant::now() + Duration::from_secs(300)));
        assert_eq!(moment.instant_of(former), Some(Instant::now()));
        tokio::time::advance(Duration::from_secs(90)).await;
        assert_eq!((moment.latest(former), moment.latest(end)), (begin.saturating_add(Duration::from_secs(90)), end));
        let day_and_time_passed = Duration::from_secs(24 * 3600 + 89);
        assert_eq!((moment.set_back(former), moment.set_back(end)), (day_and_time_passed, Duration::ZERO));
    }
}
