//! Limits open connections; closes the one that has been idle longest at the limit.
//!
//! Gatekeeper before 3.22 leaves an idle connection with every call. Refusing new ones until these time out would stop
//! all admissions; so the one that has been idle longest is closed.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// All open connections that passed the handshake.
#[derive(Debug)]
pub(super) struct Connections {
    permits: Arc<Semaphore>,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    by_number: HashMap<u64, Arc<Activity>>,
}

/// The activity of one connection.
#[derive(Debug)]
pub(super) struct Activity {
    state: Mutex<State>,
    written: Mutex<Written>,
    /// Notified when the connection must close after its current work.
    pub(super) close: Notify,
}

#[derive(Clone, Copy, Debug)]
struct State {
    in_flight: usize,
    served: bool,
    since: Instant,
    closing: bool,
}

/// Responses that are being written, each with its beginning.
#[derive(Debug, Default)]
struct Written {
    next: u64,
    since: BTreeMap<u64, Instant>,
}

/// Permission for one connection, given back when dropped.
#[derive(Debug)]
pub(super) struct Admitted {
    connections: Arc<Connections>,
    number: u64,
    pub(super) activity: Arc<Activity>,
    _permit: OwnedSemaphorePermit,
}

impl Connections {
    pub(super) fn new(max: usize) -> Self {
        Self { permits: Arc::new(Semaphore::new(max)), open: Mutex::default() }
    }

    /// A permit, if necessary that of the connection which has been idle longest; `evicted` is then called. `None` if
    /// all are busy for as long as `wait`.
    pub(super) async fn admit(self: &Arc<Self>, wait: Duration, evicted: impl Fn()) -> Option<Admitted> {
        let permit = match Arc::clone(&self.permits).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => {
                if self.evict() {
                    evicted();
                }
                tokio::time::timeout(wait, Arc::clone(&self.permits).acquire_owned()).await.ok()?.ok()?
            }
        };
        let activity = Arc::new(Activity::new());
        let mut open = lock(&self.open);
        let number = open.next;
        open.next += 1;
        open.by_number.insert(number, Arc::clone(&activity));
        drop(open);
        Some(Admitted { connections: Arc::clone(self), number, activity, _permit: permit })
    }

    fn evict(&self) -> bool {
        let open = lock(&self.open);
        let idle = open.by_number.values().filter_map(|activity| Some((activity.idle_since()?, activity)));
        let Some((_, activity)) = idle.min_by_key(|(since, _)| *since) else { return false };
        lock(&activity.state).closing = true;
        activity.close.notify_one();
        true
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        lock(&self.connections.open).by_number.remove(&self.number);
    }
}

impl Activity {
    pub(super) fn new() -> Self {
        let state = State { in_flight: 0, served: false, since: Instant::now(), closing: false };
        Self { state: Mutex::new(state), written: Mutex::default(), close: Notify::new() }
    }

    /// A request is under way until the value is dropped.
    pub(super) fn request(self: &Arc<Self>) -> Busy {
        let mut state = lock(&self.state);
        state.in_flight += 1;
        state.served = true;
        Busy(Arc::clone(self))
    }

    /// A response is being written until the value is dropped.
    pub(super) fn response(self: &Arc<Self>) -> Writing {
        let mut written = lock(&self.written);
        let number = written.next;
        written.next += 1;
        written.since.insert(number, Instant::now());
        Writing { activity: Arc::clone(self), number }
    }

    /// Returns when a response has been written for as long as `max`, or at most twice as long.
    pub(super) async fn stalled(&self, max: Duration) {
        loop {
            let now = Instant::now();
            // The oldest one.
            let since = lock(&self.written).since.values().next().copied();
            let end = since.unwrap_or(now) + max;
            if end <= now {
                return;
            }
            tokio::time::sleep_until(end).await;
        }
    }

    /// When the connection must close without a request: `first` after its beginning as long as it has had no request,
    /// `idle` after its last one. A busy connection is checked again after `idle`.
    pub(super) fn closes(&self, first: Duration, idle: Duration) -> Instant {
        let State { in_flight, served, since, closing: _ } = *lock(&self.state);
        match (in_flight, served) {
            (0, false) => since + first,
            (0, true) => since + idle,
            (_, _) => Instant::now() + idle,
        }
    }

    /// Whether a request is under way.
    pub(super) fn is_busy(&self) -> bool {
        lock(&self.state).in_flight > 0
    }

    fn idle_since(&self) -> Option<Instant> {
        let State { in_flight, served: _, since, closing } = *lock(&self.state);
        (in_flight == 0 && !closing).then_some(since)
    }
}

/// See [`Activity::request`].
#[derive(Debug)]
pub(super) struct Busy(Arc<Activity>);

impl Drop for Busy {
    fn drop(&mut self) {
        let mut state = lock(&self.0.state);
        state.in_flight -= 1;
        state.since = Instant::now();
    }
}

/// See [`Activity::response`].
#[derive(Debug)]
pub(super) struct Writing {
    activity: Arc<Activity>,
    number: u64,
}

impl Drop for Writing {
    fn drop(&mut self) {
        lock(&self.activity.written).since.remove(&self.number);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each critical section leaves the value consistent at every point where it could panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::cell::Cell;

    use futures_util::FutureExt as _;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn closes_the_connection_that_is_idle_longest() {
        let connections = Arc::new(Connections::new(3));
        let old = connections.admit(SECOND, || panic!("there is room")).await.unwrap();
        let busy = old.activity.request();
        tokio::time::advance(SECOND).await;
        let idle = connections.admit(SECOND, || panic!("there is room")).await.unwrap();
        tokio::time::advance(SECOND).await;
        let young = connections.admit(SECOND, || panic!("there is room")).await.unwrap();
        let evicted = Cell::new(0);
        let leaves = async {
            idle.activity.close.notified().await;
            drop(idle);
        };
        let (admitted, ()) = tokio::join!(connections.admit(SECOND, || evicted.set(evicted.get() + 1)), leaves);
        assert!(admitted.is_some());
        assert_eq!(evicted.get(), 1);
        assert!(young.activity.close.notified().now_or_never().is_none());
        drop(busy);
    }

    #[tokio::test(start_paused = true)]
    async fn busy_connections_are_not_closed() {
        let connections = Arc::new(Connections::new(1));
        let only = connections.admit(SECOND, || panic!("there is room")).await.unwrap();
        let _busy = only.activity.request();
        assert!(connections.admit(SECOND, || panic!("no connection is idle")).await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn releases_the_permit_on_drop() {
        let connections = Arc::new(Connections::new(1));
        drop(connections.admit(SECOND, || panic!("there is room")).await.unwrap());
        assert!(connections.admit(SECOND, || panic!("there is room")).await.is_some());
        assert!(lock(&connections.open).by_number.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn closes_soon_without_a_first_request_and_late_after_the_last() {
        let activity = Arc::new(Activity::new());
        let began = Instant::now();
        assert_eq!(activity.closes(SECOND, 9 * SECOND), began + SECOND);
        let busy = activity.request();
        tokio::time::advance(5 * SECOND).await;
        assert_eq!(activity.closes(SECOND, 9 * SECOND), began + 14 * SECOND);
        drop(busy);
        tokio::time::advance(SECOND).await;
        assert_eq!(activity.closes(SECOND, 9 * SECOND), began + 14 * SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn stalls_when_one_response_is_not_written_in_time() {
        let activity = Arc::new(Activity::new());
        let began = Instant::now();
        drop(activity.response());
        let slow = async {
            tokio::time::sleep(SECOND).await;
            let slow = activity.response();
            tokio::time::sleep(SECOND).await;
            drop(activity.response());
            slow
        };
        let (slow, ()) = tokio::join!(slow, activity.stalled(3 * SECOND));
        // Checked after three seconds, when the response was two seconds old.
        assert_eq!(began.elapsed(), 4 * SECOND);
        drop(slow);
        assert!(tokio::time::timeout(60 * SECOND, activity.stalled(3 * SECOND)).await.is_err());
    }
}
