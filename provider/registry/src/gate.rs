//! Politeness per host, for everybody in the process: how many requests at once, and not before when.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use lru::LruCache;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::bounds;
use crate::error::Cause;
use crate::error::Phase;

/// What is known of every host that was lately asked, and the places for requests.
pub(crate) struct Gates {
    /// Held only to look up or insert, never across an await. A host that was pushed out of the list while requests
    /// to it are under way gets a second set of places; their number stays within the total.
    hosts: Mutex<LruCache<String, Arc<Gate>>>,
    requests: Arc<Semaphore>,
    requests_per_host: usize,
}

/// One host's places, and the time before which it does not want to be asked.
struct Gate {
    requests: Arc<Semaphore>,
    closed_until: Mutex<Option<Instant>>,
}

/// A request's place; the next one may begin when it is dropped.
pub(crate) struct Place {
    _host: OwnedSemaphorePermit,
    _total: OwnedSemaphorePermit,
}

impl Gates {
    pub(crate) fn new(requests_per_host: usize, requests: usize) -> Self {
        let hosts = NonZeroUsize::new(bounds::HOSTS).unwrap_or(NonZeroUsize::MIN);
        Self {
            hosts: Mutex::new(LruCache::new(hosts)),
            requests: Arc::new(Semaphore::new(requests.min(Semaphore::MAX_PERMITS))),
            requests_per_host: requests_per_host.min(Semaphore::MAX_PERMITS),
        }
    }

    /// Waits until `host` may be asked and there is a place.
    ///
    /// # Errors
    /// At once if the host asked for a pause that ends after `deadline`; at `deadline` if there was no place.
    pub(crate) async fn enter(&self, host: &str, deadline: Instant) -> Result<Place, Cause> {
        let gate = self.gate(host);
        loop {
            gate.wait(host, deadline).await?;
            let places = async {
                let host = Arc::clone(&gate.requests).acquire_owned().await.ok()?;
                let total = Arc::clone(&self.requests).acquire_owned().await.ok()?;
                Some(Place { _host: host, _total: total })
            };
            // The semaphores are never closed, so that None cannot be; it would count as no place.
            let place = tokio::time::timeout_at(deadline, places).await.ok().flatten();
            let Some(place) = place else {
                return Err(Cause::Timeout { host: host.to_owned(), phase: Phase::Queue });
            };
            // Another request may have been told to wait while this one queued.
            if gate.remaining().is_none() {
                return Ok(place);
            }
        }
    }

    /// Nobody asks `host` for `pause`, or longer if it already asked for longer.
    pub(crate) fn close(&self, host: &str, pause: Duration) {
        let until = Instant::now() + pause;
        let gate = self.gate(host);
        let mut closed = gate.closed_until.lock().unwrap_or_else(PoisonError::into_inner);
        *closed = Some(closed.map_or(until, |earlier| earlier.max(until)));
    }

    fn gate(&self, host: &str) -> Arc<Gate> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(hosts.get_or_insert_ref(host, || {
            Arc::new(Gate {
                requests: Arc::new(Semaphore::new(self.requests_per_host)),
                closed_until: Mutex::new(None),
            })
        }))
    }
}

impl Gate {
    fn remaining(&self) -> Option<Duration> {
        let closed = *self.closed_until.lock().unwrap_or_else(PoisonError::into_inner);
        closed.map(|until| until.saturating_duration_since(Instant::now())).filter(|wait| !wait.is_zero())
    }

    async fn wait(&self, host: &str, deadline: Instant) -> Result<(), Cause> {
        while let Some(wait) = self.remaining() {
            if Instant::now() + wait >= deadline {
                return Err(Cause::Throttled { host: host.to_owned(), wait });
            }
            tokio::time::sleep(wait).await;
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn a_closed_gate_fails_at_once_if_it_opens_too_late_and_waits_otherwise() {
        let gates = Gates::new(1, 1);
        gates.close("a", 10 * SECOND);
        gates.close("a", SECOND);
        let start = Instant::now();
        assert_eq!(
            gates.enter("a", start + 10 * SECOND).await.err(),
            Some(Cause::Throttled { host: "a".to_owned(), wait: 10 * SECOND })
        );
        assert_eq!(start.elapsed(), Duration::ZERO);
        drop(gates.enter("b", start + SECOND).await.unwrap());
        gates.enter("a", start + 11 * SECOND).await.unwrap();
        assert!(start.elapsed() >= 10 * SECOND && start.elapsed() < 11 * SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn places_are_counted_per_host_and_in_all() {
        let gates = Gates::new(1, 2);
        let soon = Instant::now() + SECOND;
        let queue = |host: &str| Some(Cause::Timeout { host: host.to_owned(), phase: Phase::Queue });
        let a = gates.enter("a", soon).await.unwrap();
        assert_eq!(gates.enter("a", soon).await.err(), queue("a"));
        let later = Instant::now() + SECOND;
        let _b = gates.enter("b", later).await.unwrap();
        assert_eq!(gates.enter("c", later).await.err(), queue("c"));
        drop(a);
        gates.enter("c", Instant::now() + SECOND).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn who_queued_while_the_gate_closed_waits_for_it() {
        let gates = Arc::new(Gates::new(1, 1));
        let start = Instant::now();
        let first = gates.enter("a", start + SECOND).await.unwrap();
        let second = tokio::spawn({
            let gates = Arc::clone(&gates);
            async move { gates.enter("a", start + 20 * SECOND).await.map(|_| Instant::now()) }
        });
        tokio::task::yield_now().await;
        gates.close("a", 5 * SECOND);
        drop(first);
        assert!(second.await.unwrap().unwrap() >= start + 5 * SECOND);
    }
}
