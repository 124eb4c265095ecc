//! A limit on events that clients can cause at will: they must not flood the log.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::Instant;

/// Admits some events of a kind in each period. The metrics count all of them.
#[derive(Debug)]
pub struct Quota {
    max: u32,
    period: Duration,
    state: Mutex<Option<State>>,
}

#[derive(Clone, Copy, Debug)]
struct State {
    since: Instant,
    admitted: u32,
    left_out: u64,
}

impl Quota {
    /// At most `max` events in each `period`, which begins with its first event.
    #[must_use]
    pub const fn new(max: u32, period: Duration) -> Self {
        Self { max, period, state: Mutex::new(None) }
    }

    /// How many events were left out since the last one that was admitted, if one at `now` is admitted.
    pub fn admit(&self, now: Instant) -> Option<u64> {
        // The state is consistent at every point where it could panic.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let begun = state.filter(|state| now.saturating_duration_since(state.since) < self.period);
        let left_out = state.map_or(0, |state| state.left_out);
        let State { since, admitted, .. } = begun.unwrap_or(State { since: now, admitted: 0, left_out: 0 });
        if admitted < self.max {
            *state = Some(State { since, admitted: admitted + 1, left_out: 0 });
            return Some(left_out);
        }
        *state = Some(State { since, admitted, left_out: left_out + 1 });
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn admits_events_up_to_the_quota_and_counts_the_others() {
        let quota = Quota::new(2, Duration::from_secs(10));
        let begin = Instant::now();
        let at = |seconds| quota.admit(begin + Duration::from_secs(seconds));
        assert_eq!(
            [0, 1, 2, 9, 10, 11, 12, 30].map(at),
            [Some(0), Some(0), None, None, Some(2), Some(0), None, Some(1)]
        );
    }
}
