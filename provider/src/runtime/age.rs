//! How old something is, for lines of the status.

use countersign_core::time::UnixTime;

/// Hours and minutes from `since` to `now`: `2h05m`. Zero if the clock was set back.
pub(crate) fn age(since: UnixTime, now: UnixTime) -> String {
    let minutes = u64::try_from(now.seconds().saturating_sub(since.seconds())).unwrap_or_default() / 60;
    format!("{}h{:02}m", minutes / 60, minutes % 60)
}
