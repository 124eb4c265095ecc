//! A limit on the number of requests in a second, for one setting.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use tokio::time::Instant;

use crate::error::FetchError;
use crate::progress;
use crate::setting_limit::SettingLimit;
use crate::setting_limit::SettingReached;

const SECOND: Duration = Duration::from_secs(1);

/// At most so many requests begin in a second, after at most as many at once ([GCRA](https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm)).
/// A request waits for its turn as for a pause that a host requests: the message names the setting, its number and the wait. A request that
/// is cancelled before its turn takes none, so that those behind it begin earlier.
#[derive(Debug)]
pub struct Pace {
    /// The setting, in messages.
    setting: Arc<str>,
    per_second: NonZeroU32,
    /// The lock is never held across an await.
    state: Mutex<State>,
    /// Held by the request whose turn is next. Others get it in the order of their arrival.
    first: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct State {
    /// When all requests so far would have begun, one after the other.
    next: Instant,
    /// The number of requests that wait for their turn.
    waiting: u32,
}

/// A request that waits for its turn; `None` once it has begun.
struct Queued<'a>(Option<&'a Pace>);

impl Pace {
    /// A limit of `per_second` that messages call `setting`.
    #[must_use]
    pub fn new(setting: Arc<str>, per_second: NonZeroU32) -> Self {
        let state = Mutex::new(State { next: Instant::now(), waiting: 0 });
        Self { setting, per_second, state, first: tokio::sync::Mutex::new(()) }
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
        let Some((mut queued, wait)) = self.arrive(deadline)? else { return Ok(()) };
        let until = Instant::now() + wait;
        let _waiting = progress::waiting_for_turn(&self.setting, self.per_second, until);
        let _first = self.first.lock().await;
        while let Err(until) = self.begin(&mut queued) {
            tokio::time::sleep_until(until).await;
        }
        Ok(())
    }

    /// Begins a request at once, with the result `None`, or queues it; with the wait for its turn if all before it wait for theirs.
    fn arrive(&self, deadline: Instant) -> Result<Option<(Queued<'_>, Duration)>, FetchError> {
        let now = Instant::now();
        let mut state = self.lock();
        // All before it begin first.
        let end = state.next.max(now) + self.interval() * state.waiting.saturating_add(1);
        let wait = (end - now).saturating_sub(SECOND);
        if !wait.is_zero() && now + wait >= deadline {
            let reached = SettingReached::PerSecond { limit: self.per_second, wait };
            return Err(FetchError::Setting(SettingLimit { setting: Arc::clone(&self.setting), reached }));
        }
        if wait.is_zero() && state.waiting == 0 {
            state.next = end;
            return Ok(None);
        }
        state.waiting += 1;
        Ok(Some((Queued(Some(self)), wait)))
    }

    /// Begins the first of the queued requests.
    ///
    /// # Errors
    /// Its turn is later: at this time.
    fn begin(&self, queued: &mut Queued<'_>) -> Result<(), Instant> {
        let now = Instant::now();
        let mut state = self.lock();
        let end = state.next.max(now) + self.interval();
        // The requests of one second may begin at once.
        if end > now + SECOND {
            return Err(end - SECOND);
        }
        state.next = end;
        state.waiting -= 1;
        queued.0 = None;
        Ok(())
    }

    fn interval(&self) -> Duration {
        SECOND / self.per_second.get()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No operation can panic while the state is inconsistent.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        if let Some(pace) = self.0 {
            pace.lock().waiting -= 1;
        }
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

    #[tokio::test(start_paused = true)]
    async fn a_turn_whose_requests_were_cancelled_is_free_again() {
        let pace = Pace::new("requestsPerSecond of x".into(), NonZeroU32::new(1).unwrap());
        let begun = Instant::now();
        pace.turn(begun + ms(30_000)).await.unwrap();
        // The work of twenty callers, which they leave after two seconds; its own deadline is later.
        let left = (0..20).map(|_| tokio::time::timeout(ms(2000), pace.turn(begun + ms(30_000))));
        drop(futures_util::future::join_all(left).await);
        assert_eq!(begun.elapsed(), ms(2000));
        // Nothing is waiting or was sent for a second.
        assert_eq!(pace.turn(Instant::now() + ms(1800)).await, Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn those_behind_a_request_that_is_cancelled_begin_earlier() {
        let pace = Pace::new("requestsPerSecond of x".into(), NonZeroU32::new(1).unwrap());
        let begun = Instant::now();
        let turn = async || {
            pace.turn(begun + ms(30_000)).await.unwrap();
            begun.elapsed()
        };
        assert_eq!(turn().await, ms(0));
        let cancelled = tokio::time::timeout(ms(500), turn());
        let (first, cancelled, second, third) = tokio::join!(turn(), cancelled, turn(), turn());
        assert!(cancelled.is_err());
        assert_eq!([first, second, third], [ms(1000), ms(2000), ms(3000)]);
        // So does the one whose turn was next.
        let cancelled = tokio::time::timeout(ms(500), turn());
        let (cancelled, behind) = tokio::join!(cancelled, turn());
        assert!(cancelled.is_err());
        assert_eq!(behind, ms(4000));
    }
}
