//! A limit on the number of requests in a second, for one setting.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use tokio::time::Instant;

use crate::error::FetchError;
use crate::progress;
use crate::setting_limit::SettingLimit;
use crate::setting_limit::SettingReached;

/// At most so many requests begin in a second, after at most as many at once ([GCRA](https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm)).
/// A request waits for its turn as for a pause that a host requests: the message names the setting, its number and the wait.
#[derive(Debug)]
pub struct Pace {
    /// The setting, in messages.
    setting: Arc<str>,
    per_second: NonZeroU32,
    /// When all requests so far would have begun, one after the other. The lock is never held across an await.
    next: Mutex<Instant>,
}

impl Pace {
    /// A limit of `per_second` that messages call `setting`.
    #[must_use]
    pub fn new(setting: Arc<str>, per_second: NonZeroU32) -> Self {
        Self { setting, per_second, next: Mutex::new(Instant::now()) }
    }

    /// The setting, in messages.
    #[must_use]
    pub fn setting(&self) -> &str {
        &self.setting
    }

    /// The number of requests in a second.
    #[must_use]
    pub fn per_second(&self) -> NonZeroU32 {
        self.per_second
    }

    /// Waits until a request may begin.
    ///
    /// # Errors
    /// Immediately if its turn is not before `deadline`; it then takes none.
    pub async fn turn(&self, deadline: Instant) -> Result<(), FetchError> {
        match self.reserve(deadline)? {
            Duration::ZERO => {}
            wait => progress::turn(&self.setting, self.per_second, wait).await,
        }
        Ok(())
    }

    /// The wait for a turn, which is taken.
    fn reserve(&self, deadline: Instant) -> Result<Duration, FetchError> {
        const SECOND: Duration = Duration::from_secs(1);
        let interval = SECOND / self.per_second.get();
        let now = Instant::now();
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let end = (*next).max(now) + interval;
        // The requests of one second may begin at once.
        let wait = (end - now).saturating_sub(SECOND);
        if !wait.is_zero() && now + wait >= deadline {
            let reached = SettingReached::PerSecond { limit: self.per_second, wait };
            return Err(FetchError::Setting(SettingLimit { setting: Arc::clone(&self.setting), reached }));
        }
        *next = end;
        Ok(wait)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    fn limited(wait: Duration) -> SettingLimit {
        let reached = SettingReached::PerSecond { limit: NonZeroU32::new(1).unwrap(), wait };
        SettingLimit { setting: "requestsPerSecond of x".into(), reached }
    }

    #[tokio::test(start_paused = true)]
    async fn requests_of_one_second_begin_at_once_and_later_ones_in_turn() {
        let pace = Pace::new("requestsPerSecond of x".into(), NonZeroU32::new(4).unwrap());
        let begun = Instant::now();
        let mut turns = Vec::new();
        for _ in 0..7 {
            pace.turn(begun + ms(10_000)).await.unwrap();
            turns.push(begun.elapsed());
        }
        assert_eq!(turns, [ms(0), ms(0), ms(0), ms(0), ms(250), ms(500), ms(750)]);
        tokio::time::sleep(ms(5000)).await;
        let again = Instant::now();
        for _ in 0..4 {
            pace.turn(again + ms(1)).await.unwrap();
        }
        assert_eq!(again.elapsed(), ms(0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_after_the_deadline_is_refused_at_once_and_not_taken() {
        let pace = Pace::new("requestsPerSecond of x".into(), NonZeroU32::new(1).unwrap());
        let begun = Instant::now();
        pace.turn(begun).await.unwrap();
        let limit = limited(ms(1000));
        for _ in 0..3 {
            assert_eq!(pace.turn(begun + ms(1000)).await, Err(FetchError::Setting(limit.clone())));
        }
        assert_eq!(begun.elapsed(), ms(0));
        pace.turn(begun + ms(1001)).await.unwrap();
        assert_eq!(begun.elapsed(), ms(1000));
        assert_eq!(limit.to_string(), "requestsPerSecond of x (1) requires a wait of 1.0 s");
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_waits_for_its_turn_names_the_setting_to_its_caller() {
        let pace = Pace::new("requestsPerSecond of x".into(), NonZeroU32::new(1).unwrap());
        let far = Instant::now() + ms(60_000);
        pace.turn(far).await.unwrap();
        let late = progress::until(Instant::now() + ms(400), pace.turn(far)).await.unwrap_err();
        assert_eq!(late.awaited, progress::Awaited::Setting(limited(ms(600))));
    }
}
