//! One flight per key: whoever asks while the work is under way waits for the same answer. The work is a task of its
//! own, so that it goes on when the first caller has left.

use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Instant;

use tokio::sync::watch;

/// Why a flight gave no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlightError {
    /// The caller's deadline came first, while the work was busy with `stage`. The work goes on.
    Deadline { stage: &'static str },
    /// The work panicked.
    Panicked,
    /// There are as many flights as may be.
    Full,
}

/// What a flight is busy with, for the message to whoever cannot wait for its end.
#[derive(Clone, Debug)]
pub struct Progress(Arc<Mutex<&'static str>>);

impl Progress {
    /// Says what comes next.
    pub fn enter(&self, stage: &'static str) {
        *lock(&self.0) = stage;
    }

    fn stage(&self) -> &'static str {
        *lock(&self.0)
    }
}

#[derive(Clone, Debug)]
struct Flight<V> {
    answer: watch::Receiver<Option<V>>,
    progress: Progress,
}

type Running<K, V> = Arc<Mutex<HashMap<K, Flight<V>>>>;

/// Work under way, by key.
#[derive(Debug)]
pub struct Flights<K: Hash + Eq, V> {
    running: Running<K, V>,
    most: usize,
}

impl<K, V> Flights<K, V>
where
    K: Hash + Eq + Clone + Send + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// At most `most` flights at a time.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { running: Arc::default(), most }
    }

    /// Joins the flight for `key`, or starts one with `work`, and waits until `deadline`.
    ///
    /// # Errors
    /// See [`FlightError`].
    pub async fn join<F>(&self, key: K, deadline: Instant, work: impl FnOnce(Progress) -> F) -> Result<V, FlightError>
    where
        F: Future<Output = V> + Send + 'static,
    {
        let mut flight = self.board(key, work)?;
        let landed = tokio::time::timeout_at(deadline.into(), flight.answer.wait_for(Option::is_some)).await;
        match landed {
            Ok(Ok(value)) => value.clone().ok_or(FlightError::Panicked),
            // The sender went away without an answer.
            Ok(Err(_)) => Err(FlightError::Panicked),
            Err(_) => Err(FlightError::Deadline { stage: flight.progress.stage() }),
        }
    }

    fn board<F>(&self, key: K, work: impl FnOnce(Progress) -> F) -> Result<Flight<V>, FlightError>
    where
        F: Future<Output = V> + Send + 'static,
    {
        let mut running = lock(&self.running);
        if let Some(flight) = running.get(&key) {
            return Ok(flight.clone());
        }
        if running.len() >= self.most {
            return Err(FlightError::Full);
        }
        let (landing, answer) = watch::channel(None);
        let progress = Progress(Arc::new(Mutex::new("start")));
        let flight = Flight { answer, progress: progress.clone() };
        running.insert(key.clone(), flight.clone());
        let entry = Entry { running: Arc::clone(&self.running), key };
        let work = work(progress);
        tokio::spawn(async move {
            let value = work.await;
            // Out of the list first: whoever asks from now on asks anew.
            drop(entry);
            // Nobody may be waiting any more.
            let _ = landing.send(Some(value));
        });
        Ok(flight)
    }
}

/// Takes the flight off the list when the work ends, by return or by panic.
struct Entry<K: Hash + Eq, V> {
    running: Running<K, V>,
    key: K,
}

impl<K: Hash + Eq, V> Drop for Entry<K, V> {
    fn drop(&mut self) {
        lock(&self.running).remove(&self.key);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // The map is whole between any two operations on it.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::sync::atomic::Ordering;
    use std::time::Duration;

    use tokio::sync::Notify;

    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    #[tokio::test]
    async fn all_who_ask_meanwhile_share_one_flight() {
        let flights = Arc::new(Flights::<u8, usize>::new(4));
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
                flights.join(1, soon(), work).await
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
    async fn the_work_goes_on_when_its_first_caller_has_left() {
        let flights = Flights::<u8, u8>::new(4);
        let work = |progress: Progress| async move {
            progress.enter("sleep");
            tokio::time::sleep(Duration::from_secs(2)).await;
            7
        };
        let now = tokio::time::Instant::now().into_std();
        assert_eq!(
            flights.join(1, now + Duration::from_secs(1), work).await,
            Err(FlightError::Deadline { stage: "sleep" })
        );
        let never = |_| async { unreachable!("the flight is still in the air") };
        assert_eq!(flights.join(1, now + Duration::from_secs(3), never).await, Ok(7));
    }

    #[tokio::test]
    async fn a_panic_is_an_error_and_leaves_nothing_behind() {
        let flights = Flights::<u8, u8>::new(1);
        let panics = |_| async { panic!("on purpose") };
        assert_eq!(flights.join(1, soon(), panics).await, Err(FlightError::Panicked));
        assert_eq!(flights.join(1, soon(), |_| async { 7 }).await, Ok(7));
    }

    #[tokio::test]
    async fn more_flights_than_may_be_are_refused() {
        let flights = Flights::<u8, u8>::new(1);
        let soon = soon();
        let pending = flights.join(1, soon, |_| std::future::pending());
        tokio::pin!(pending);
        assert!(futures_util::future::poll_immediate(pending.as_mut()).await.is_none());
        assert_eq!(flights.join(2, soon, |_| async { 7 }).await, Err(FlightError::Full));
    }
}
