//! The requests in progress under a setting that limits their number, and for how long none of them has had a response.

use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use tokio::time::Instant;

/// For how long no request under a setting must have had a response before that is the cause of the wait of others: longer than a registry
/// that works takes.
const SILENCE: Duration = Duration::from_secs(1);

/// The requests in progress under a setting.
#[derive(Debug, Default)]
pub struct InProgress(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    requests: usize,
    /// Those that wait for a response: since when, and the host of the latest one that was sent.
    silent: Option<(Instant, Arc<str>)>,
    /// When the last of all requests ended.
    ended: Option<Instant>,
}

/// A request in progress, which ends on drop.
#[derive(Debug)]
#[must_use]
pub struct Sent(Arc<InProgress>);

/// No request under a setting has had a complete response for some time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Silence {
    /// Host and port of the latest of these requests, as in the URL.
    pub host: Arc<str>,
    /// The time since the first of them.
    pub time: Duration,
}

impl InProgress {
    /// A request to `host` is sent.
    pub fn send(self: &Arc<Self>, host: &str) -> Sent {
        let now = Instant::now();
        let mut state = self.lock();
        let is_over = state.requests == 0 && state.ended.is_some_and(|ended| now >= ended + SILENCE);
        let since = state.silent.take().map(|(since, _)| since).filter(|_| !is_over);
        state.silent = Some((since.unwrap_or(now), host.into()));
        state.requests += 1;
        Sent(Arc::clone(self))
    }

    /// For how long no request has had a complete response; `None` if it is less than a second, or none is in progress.
    #[must_use]
    pub fn silence(&self) -> Option<Silence> {
        let state = self.lock();
        let (since, host) = state.silent.as_ref().filter(|_| state.requests > 0)?;
        let time = since.elapsed();
        (time >= SILENCE).then(|| Silence { host: Arc::clone(host), time })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No operation can panic while the state is inconsistent.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sent {
    /// The complete response has come.
    pub fn responded(&self) {
        let mut state = self.0.lock();
        if state.requests == 1 {
            state.silent = None;
        } else if let Some((since, _)) = &mut state.silent {
            // Others wait for theirs.
            *since = Instant::now();
        }
    }
}

impl Drop for Sent {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.requests -= 1;
        if state.requests == 0 {
            state.ended = Some(Instant::now());
        }
    }
}

impl fmt::Display for Silence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "found no complete response of {} for {:.1} s", self.host, self.time.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    fn silence(host: &str, milliseconds: u64) -> Option<Silence> {
        Some(Silence { host: host.into(), time: ms(milliseconds) })
    }

    #[tokio::test(start_paused = true)]
    async fn requests_without_a_response_are_silent_after_a_second_until_one_comes() {
        let requests = Arc::new(InProgress::default());
        assert_eq!(requests.silence(), None);
        let (first, second) = (requests.send("a"), requests.send("b"));
        tokio::time::sleep(ms(999)).await;
        assert_eq!(requests.silence(), None);
        tokio::time::sleep(ms(1)).await;
        assert_eq!(requests.silence(), silence("b", 1000));
        second.responded();
        drop(second);
        assert_eq!(requests.silence(), None);
        tokio::time::sleep(ms(1500)).await;
        assert_eq!(requests.silence(), silence("b", 1500));
        drop(first);
        assert_eq!(requests.silence(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_after_one_without_a_response_continues_its_silence_unless_time_passed_between_them() {
        let requests = Arc::new(InProgress::default());
        let first = requests.send("a");
        tokio::time::sleep(ms(900)).await;
        drop(first);
        let second = requests.send("a");
        tokio::time::sleep(ms(300)).await;
        assert_eq!(requests.silence(), silence("a", 1200));
        drop(second);
        tokio::time::sleep(ms(1000)).await;
        let third = requests.send("a");
        tokio::time::sleep(ms(900)).await;
        assert_eq!(requests.silence(), None);
        // Nor is a request after one with a response.
        third.responded();
        drop(third);
        let _fourth = requests.send("a");
        tokio::time::sleep(ms(900)).await;
        assert_eq!(requests.silence(), None);
    }

    #[test]
    fn the_message_names_the_host_and_the_time() {
        let silence = Silence { host: "r.example".into(), time: ms(1740) };
        assert_eq!(silence.to_string(), "found no complete response of r.example for 1.7 s");
    }
}
