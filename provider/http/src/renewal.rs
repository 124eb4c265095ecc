//! When something in memory is renewed, before it ends.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;

/// The last fifth of the lifetime of a value in memory. The first caller that uses the value in that time renews it, so that later callers
/// do not wait for a new one. A value that is not used in that time is not renewed.
#[derive(Debug)]
pub struct Renewal {
    /// `None` if it is not renewed.
    from: Option<Instant>,
    is_claimed: AtomicBool,
}

impl Renewal {
    /// During the last fifth of a lifetime that begins at `now`.
    #[must_use]
    pub fn within(lifetime: Duration, now: Instant) -> Self {
        Self { from: Some(now + lifetime / 5 * 4), is_claimed: AtomicBool::new(false) }
    }

    /// Never.
    #[must_use]
    pub fn never() -> Self {
        Self { from: None, is_claimed: AtomicBool::new(false) }
    }

    /// Whether the time for it has come at `now`, and it is not claimed.
    #[must_use]
    pub fn is_due(&self, now: Instant) -> bool {
        self.from.is_some_and(|from| from <= now) && !self.is_claimed.load(Ordering::Relaxed)
    }

    /// As [`Self::is_due`], and claims it: true for the first caller only. A renewal that fails is not repeated, so that a
    /// registry that does not respond is not asked again and again.
    #[must_use]
    pub fn claim(&self, now: Instant) -> bool {
        self.from.is_some_and(|from| from <= now) && !self.is_claimed.swap(true, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_claimed_once_in_the_last_fifth() {
        let now = Instant::now();
        let renewal = Renewal::within(Duration::from_secs(10), now);
        let after = |seconds| renewal.claim(now + Duration::from_secs(seconds));
        let is_due = |seconds| renewal.is_due(now + Duration::from_secs(seconds));
        assert_eq!([is_due(7), is_due(8)], [false, true]);
        assert_eq!([after(0), after(7), after(8), after(9), after(10)], [false, false, true, false, false]);
        assert!(!is_due(10) && !Renewal::never().claim(now + Duration::from_secs(10)));
    }
}
