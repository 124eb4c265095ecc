//! Single flight: callers that need the result of work in progress wait for it instead of starting it again.
//!
//! The work runs in its own task and continues when the first caller stops waiting. It is cancelled some time after the
//! last caller stopped waiting ([`GRACE`], unless [`SingleFlight::with_grace`] sets another time), so that abandoned work
//! releases permits, connections and memory.

use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::progress::Awaited;
use crate::progress::Progress;
use crate::progress::waiting_for;

/// How long abandoned work continues. A webhook request that timed out is usually sent again within a second, and
/// then joins the work.
pub const GRACE: Duration = Duration::from_secs(2);

/// The reason why a caller gets no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FlightError {
    /// The caller's deadline passed. The work continues.
    Deadline {
        /// The stage of the work; `None` if it had not started.
        stage: Option<&'static str>,
        /// What it waits for.
        awaited: Awaited,
    },
    /// The work panicked.
    Panicked,
}

#[derive(Debug)]
struct Flight<V> {
    result: Arc<watch::Sender<Option<V>>>,
    progress: Progress,
    /// The number of callers that have joined since the start.
    joined: u64,
}

type Running<K, V> = Arc<Mutex<HashMap<K, Flight<V>>>>;

/// Work in progress, by key. The amount of work is not limited: the work must acquire a permit first.
#[derive(Debug)]
pub struct SingleFlight<K: Hash + Eq, V> {
    running: Running<K, V>,
    /// How long abandoned work continues.
    grace: Duration,
}

impl<K: Hash + Eq, V> Default for SingleFlight<K, V> {
    fn default() -> Self {
        Self::with_grace(GRACE)
    }
}

impl<K: Hash + Eq, V> SingleFlight<K, V> {
    /// Work that continues for `grace` without callers: for results that are kept, and that take longer than callers
    /// wait.
    #[must_use]
    pub fn with_grace(grace: Duration) -> Self {
        Self { running: Arc::default(), grace }
    }
}

impl<K, V> SingleFlight<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Joins the work for `key`, or starts `work` if there is none, and waits for its result until `deadline`.
    ///
    /// # Errors
    /// See [`FlightError`].
    pub async fn join_or_start<F>(
        &self,
        key: K,
        deadline: Instant,
        work: impl FnOnce(Progress) -> F,
    ) -> Result<V, FlightError>
    where
        F: Future<Output = V> + Send + 'static,
    {
        let (mut result, progress, _) = self.subscribe(key, deadline, work);
        let _waiting = waiting_for(&progress);
        match tokio::time::timeout_at(deadline, result.wait_for(Option::is_some)).await {
            Ok(Ok(value)) => value.clone().ok_or(FlightError::Panicked),
            // The sender was dropped without a result.
            Ok(Err(_)) => Err(FlightError::Panicked),
            Err(_) => Err(FlightError::Deadline { stage: progress.stage(), awaited: progress.awaited() }),
        }
    }

    /// Starts `work` for `key` without a caller; it continues for `keep` like work with one. `None` if there is such work already.
    /// The future ends with the work, or after `keep`.
    pub fn start<F>(
        &self,
        key: K,
        keep: Duration,
        work: impl FnOnce(Progress) -> F,
    ) -> Option<impl Future<Output = ()> + Send + 'static>
    where
        F: Future<Output = V> + Send + 'static,
    {
        let (mut result, _, is_new) = self.subscribe(key, Instant::now() + keep, work);
        is_new.then_some(
            async move { drop(tokio::time::timeout(keep, result.wait_for(Option::is_some)).await.map(drop)) },
        )
    }

    /// Whether work for `key` is in progress.
    #[must_use]
    pub fn is_running(&self, key: &K) -> bool {
        lock(&self.running).contains_key(key)
    }

    /// The result and the progress of the work for `key`, whose caller waits until `deadline`, and whether it was started.
    fn subscribe<F>(
        &self,
        key: K,
        deadline: Instant,
        work: impl FnOnce(Progress) -> F,
    ) -> (watch::Receiver<Option<V>>, Progress, bool)
    where
        F: Future<Output = V> + Send + 'static,
    {
        let mut running = lock(&self.running);
        if let Some(flight) = running.get_mut(&key) {
            flight.joined += 1;
            flight.progress.expect(deadline);
            return (flight.result.subscribe(), flight.progress.clone(), false);
        }
        let (sender, result) = watch::channel(None);
        let (sender, progress) = (Arc::new(sender), Progress::default());
        progress.expect(deadline);
        let work = progress.clone().during(work(progress.clone()));
        let flight = Flight { result: Arc::clone(&sender), progress: progress.clone(), joined: 1 };
        running.insert(key.clone(), flight);
        let entry = Entry { running: Arc::clone(&self.running), key, result: sender, grace: self.grace };
        tokio::spawn(async move {
            tokio::select! {
                value = work => entry.end(value),
                () = entry.abandoned() => {}
            }
        });
        (result, progress, true)
    }
}

/// Removes the work from the map when it ends: by return, by panic, or when it is abandoned.
struct Entry<K: Hash + Eq, V> {
    running: Running<K, V>,
    key: K,
    result: Arc<watch::Sender<Option<V>>>,
    grace: Duration,
}

impl<K: Hash + Eq, V> Entry<K, V> {
    fn end(self, value: V) {
        let result = Arc::clone(&self.result);
        // Removed first, so that later callers start new work.
        drop(self);
        result.send_replace(Some(value));
    }

    /// Returns when no caller has waited for the grace period; the work is removed from the map then.
    async fn abandoned(&self) {
        loop {
            self.result.closed().await;
            let joined = self.joined();
            tokio::time::sleep(self.grace).await;
            if self.remove_unless_joined(joined) {
                return;
            }
        }
    }

    fn joined(&self) -> Option<u64> {
        lock(&self.running).get(&self.key).map(|flight| flight.joined)
    }

    /// Removes the work if no caller waits and none has joined since the count was `joined`, as each caller starts a
    /// new grace period. No caller can join during the check.
    fn remove_unless_joined(&self, joined: Option<u64>) -> bool {
        let mut running = lock(&self.running);
        let same = running.get(&self.key).map(|flight| flight.joined) == joined;
        let abandoned = same && self.result.receiver_count() == 0;
        if abandoned {
            running.remove(&self.key);
        }
        abandoned
    }
}

impl<K: Hash + Eq, V> Drop for Entry<K, V> {
    fn drop(&mut self) {
        let mut running = lock(&self.running);
        // After abandoned work was removed, there may be new work for the key.
        if running.get(&self.key).is_some_and(|flight| Arc::ptr_eq(&flight.result, &self.result)) {
            running.remove(&self.key);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // No operation can panic while the map is inconsistent.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::sync::atomic::Ordering;

    use tokio::sync::Notify;

    use super::*;
    use crate::progress::HostPause;
    use crate::progress::pause;

    const SECOND: Duration = Duration::from_secs(1);

    fn soon() -> Instant {
        Instant::now() + 60 * SECOND
    }

    #[tokio::test]
    async fn concurrent_callers_share_one_flight() {
        let flights = Arc::new(SingleFlight::<u8, usize>::default());
        let started = Arc::new(AtomicUsize::new(0));
        let go = Arc::new(Notify::new());
        let ask = || {
            let (flights, started, go) = (Arc::clone(&flights), Arc::clone(&started), Arc::clone(&go));
            tokio::spawn(async move {
                let work = |_| async move {
                    let number = started.fetch_add(1, Ordering::SeqCst);
                    go.notified().await;
                    number
                };
                flights.join_or_start(1, soon(), work).await
            })
        };
        let asked = [ask(), ask(), ask()];
        while started.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        go.notify_one();
        for one in asked {
            assert_eq!(one.await.unwrap(), Ok(0));
        }
        assert_eq!(started.load(Ordering::SeqCst), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn the_work_continues_when_its_first_caller_stops_waiting() {
        let flights = SingleFlight::<u8, u8>::default();
        let work = |progress: Progress| async move {
            progress.enter("sleep");
            tokio::time::sleep(2 * SECOND).await;
            7
        };
        let now = Instant::now();
        let late = flights.join_or_start(1, now + SECOND, work).await;
        assert_eq!(late, Err(FlightError::Deadline { stage: Some("sleep"), awaited: Awaited::Nothing }));
        let never = |_| async { unreachable!("the flight is still in the air") };
        assert_eq!(flights.join_or_start(1, now + 3 * SECOND, never).await, Ok(7));
    }

    #[tokio::test]
    async fn a_panic_is_an_error_and_removes_the_work() {
        let flights = SingleFlight::<u8, u8>::default();
        let panics = |_| async { panic!("on purpose") };
        assert_eq!(flights.join_or_start(1, soon(), panics).await, Err(FlightError::Panicked));
        assert_eq!(flights.join_or_start(1, soon(), |_| async { 7 }).await, Ok(7));
    }

    /// Work that never ends, and notifies when it is dropped.
    fn endless(dropped: &Arc<Notify>) -> impl Future<Output = u8> + Send + 'static {
        struct NotifyOnDrop(Arc<Notify>);
        impl Drop for NotifyOnDrop {
            fn drop(&mut self) {
                self.0.notify_one();
            }
        }
        let notify = NotifyOnDrop(Arc::clone(dropped));
        async move {
            let _notify = notify;
            std::future::pending().await
        }
    }

    #[tokio::test(start_paused = true)]
    async fn work_without_a_caller_continues_for_its_time_and_can_be_joined() {
        let flights = SingleFlight::<u8, u8>::default();
        let dropped = Arc::new(Notify::new());
        let now = Instant::now();
        let kept = flights.start(1, 5 * SECOND, |_| endless(&dropped)).unwrap();
        assert!(flights.start(1, 5 * SECOND, |_| async { unreachable!("the work is running") }).is_none());
        kept.await;
        dropped.notified().await;
        assert_eq!(now.elapsed(), 5 * SECOND + GRACE);
        let slow = |_| async {
            tokio::time::sleep(SECOND).await;
            7
        };
        let kept = tokio::spawn(flights.start(1, 5 * SECOND, slow).unwrap());
        let never = |_| async { unreachable!("the work is running") };
        assert_eq!(flights.join_or_start(1, soon(), never).await, Ok(7));
        kept.await.unwrap();
        assert_eq!(now.elapsed(), 6 * SECOND + GRACE);
    }

    #[tokio::test(start_paused = true)]
    async fn cancels_abandoned_work_after_the_grace_period() {
        let flights = SingleFlight::<u8, u8>::default();
        let dropped = Arc::new(Notify::new());
        let now = Instant::now();
        let late = flights.join_or_start(1, now + SECOND, |_| endless(&dropped)).await;
        assert_eq!(late, Err(FlightError::Deadline { stage: None, awaited: Awaited::Nothing }));
        dropped.notified().await;
        assert_eq!(now.elapsed(), SECOND + GRACE);
        // The next caller starts new work.
        assert_eq!(flights.join_or_start(1, soon(), |_| async { 7 }).await, Ok(7));
    }

    #[tokio::test(start_paused = true)]
    async fn a_grace_period_can_be_longer_than_the_work() {
        let flights = SingleFlight::<u8, u8>::with_grace(60 * SECOND);
        let slow = |_| async {
            tokio::time::sleep(30 * SECOND).await;
            7
        };
        let now = Instant::now();
        assert_eq!(
            flights.join_or_start(1, now + SECOND, slow).await,
            Err(FlightError::Deadline { stage: None, awaited: Awaited::Nothing })
        );
        tokio::time::sleep_until(now + 29 * SECOND).await;
        let never = |_| async { unreachable!("the first work is still running") };
        assert_eq!(flights.join_or_start(1, soon(), never).await, Ok(7));
        assert_eq!(now.elapsed(), 30 * SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_within_the_grace_period_restarts_it() {
        let flights = SingleFlight::<u8, u8>::default();
        let dropped = Arc::new(Notify::new());
        let now = Instant::now();
        let _ = flights.join_or_start(1, now + SECOND, |_| endless(&dropped)).await;
        tokio::time::sleep_until(now + 2 * SECOND).await;
        let never = |_| async { unreachable!("the flight is still in the air") };
        let _ = flights.join_or_start(1, now + 2 * SECOND + SECOND / 2, never).await;
        dropped.notified().await;
        assert!(now.elapsed() >= 2 * SECOND + SECOND / 2 + GRACE);
        assert!(now.elapsed() <= 3 * SECOND + 2 * GRACE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_whose_deadline_passes_learns_the_pause_that_the_work_waits_for() {
        let (outer, inner) = (SingleFlight::<u8, u8>::default(), Arc::new(SingleFlight::<u8, u8>::default()));
        let paused = |progress: Progress| async move {
            progress.enter("pause");
            pause(HostPause { host: "a".to_owned(), wait: 5 * SECOND }).await;
            7
        };
        let now = Instant::now();
        let pause_of = |seconds| Awaited::Pause(HostPause { host: "a".to_owned(), wait: seconds * SECOND });
        let late = inner.join_or_start(1, now + SECOND, paused).await;
        assert_eq!(late, Err(FlightError::Deadline { stage: Some("pause"), awaited: pause_of(4) }));
        // Work that waits for this work.
        let joins = |_| {
            let inner = Arc::clone(&inner);
            let never = |_| async { unreachable!("the first work is still running") };
            async move { inner.join_or_start(1, now + 20 * SECOND, never).await.unwrap() }
        };
        let late = outer.join_or_start(1, now + 2 * SECOND, joins).await;
        assert_eq!(late, Err(FlightError::Deadline { stage: None, awaited: pause_of(3) }));
        let never = |_| async { unreachable!("the work is still running") };
        assert_eq!(outer.join_or_start(1, now + 6 * SECOND, never).await, Ok(7));
    }

    #[tokio::test(start_paused = true)]
    async fn a_waiting_caller_keeps_the_work_running() {
        let flights = Arc::new(SingleFlight::<u8, u8>::default());
        let slow = |_| async {
            tokio::time::sleep(30 * SECOND).await;
            7
        };
        let stays = flights.join_or_start(1, soon(), slow);
        let leaves = flights.join_or_start(1, Instant::now() + SECOND, |_| async { unreachable!("there is a flight") });
        let (stayed, left) = tokio::join!(stays, leaves);
        assert_eq!((stayed, left), (Ok(7), Err(FlightError::Deadline { stage: None, awaited: Awaited::Nothing })));
    }
}
