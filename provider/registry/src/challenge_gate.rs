//! Of requests about one repository at the same time, of which nothing is known yet, one is sent first; the others wait for its response,
//! which usually is the challenge. Without this each of them would get a 401.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use countersign_http::Progress;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::authorization::SchemeKey;
use crate::limits;

type Running = Mutex<HashMap<SchemeKey, Sent>>;

/// A first request.
#[derive(Clone)]
struct Sent {
    ended: watch::Receiver<()>,
    /// That of its work, for the callers of those that wait.
    progress: Option<Progress>,
}

/// First requests in progress. Their number is that of requests in progress at most.
#[derive(Default)]
pub(crate) struct ChallengeGate(Arc<Running>);

/// The result of [`ChallengeGate::enter`].
pub(crate) enum Entered {
    /// The caller sends the first request, and drops this as soon as its result is known to others.
    First(First),
    /// The first request has a result, or the caller has waited long enough.
    After,
}

/// Lets the others go on when it is dropped.
pub(crate) struct First {
    running: Arc<Running>,
    key: SchemeKey,
    /// Sends nothing: the receivers wait for its end.
    _end: watch::Sender<()>,
}

impl ChallengeGate {
    /// Waits for the first request for `key`, if there is one: at most [`limits::CHALLENGE_WAIT`] and half of the time until
    /// `deadline`, so that after a first request without a response there is time for another one.
    pub(crate) async fn enter(&self, key: SchemeKey, deadline: Instant) -> Entered {
        let mut first = {
            let mut running = lock(&self.0);
            match running.get(&key) {
                Some(first) => first.clone(),
                None => {
                    let (end, first) = watch::channel(());
                    running.insert(key.clone(), Sent { ended: first, progress: Progress::current() });
                    return Entered::First(First { running: Arc::clone(&self.0), key, _end: end });
                }
            }
        };
        let wait = (deadline.saturating_duration_since(Instant::now()) / 2).min(limits::CHALLENGE_WAIT);
        let _waiting = first.progress.as_ref().and_then(Progress::awaited_here);
        // Both results are the end of the wait.
        let _ = tokio::time::timeout(wait, first.ended.changed()).await;
        Entered::After
    }
}

impl Drop for First {
    fn drop(&mut self) {
        lock(&self.running).remove(&self.key);
    }
}

fn lock(running: &Running) -> MutexGuard<'_, HashMap<SchemeKey, Sent>> {
    // No operation can panic while the map is inconsistent.
    running.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Duration;

    use countersign_credentials::Identity;

    use super::*;

    fn key(repository: &str) -> SchemeKey {
        (repository.parse().unwrap(), Identity::anonymous().revision().clone())
    }

    #[tokio::test(start_paused = true)]
    async fn others_wait_until_the_first_ends_and_are_not_serialised() {
        let gate = ChallengeGate::default();
        let started = Instant::now();
        let deadline = started + Duration::from_secs(30);
        let Entered::First(first) = gate.enter(key("r.example/a"), deadline).await else { panic!() };
        // Another repository has its own.
        assert!(matches!(gate.enter(key("r.example/b"), deadline).await, Entered::First(_)));
        let ends = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            drop(first);
        };
        let (one, other, ()) =
            tokio::join!(gate.enter(key("r.example/a"), deadline), gate.enter(key("r.example/a"), deadline), ends);
        assert!(matches!((one, other), (Entered::After, Entered::After)));
        assert_eq!(started.elapsed(), Duration::from_millis(100));
        assert!(lock(&gate.0).is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_leaves_time_for_a_request() {
        let gate = ChallengeGate::default();
        let deadline = Instant::now() + Duration::from_secs(30);
        let _first = gate.enter(key("r.example/a"), deadline).await;
        for (left, waited) in [
            (Duration::from_secs(30), limits::CHALLENGE_WAIT),
            (Duration::from_millis(200), Duration::from_millis(100)),
            (Duration::ZERO, Duration::ZERO),
        ] {
            let started = Instant::now();
            assert!(matches!(gate.enter(key("r.example/a"), started + left).await, Entered::After));
            assert_eq!(started.elapsed(), waited);
        }
    }
}
