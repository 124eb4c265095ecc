//! Retries of failed requests.

use std::hash::BuildHasher as _;
use std::time::Duration;

use http::HeaderMap;
use http::header;
use tokio::time::Instant;

use crate::limits;
use crate::progress;
use crate::progress::HostPause;

/// Whether to retry a failed request. All requests are safe to repeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RetryAdvice {
    /// No retry: it would fail again.
    Never,
    /// A retry after a pause that grows with each retry.
    BackOff,
    /// A retry after this pause, which the server requested.
    After(HostPause),
}

/// The retries of one request.
#[derive(Debug)]
pub struct Retry {
    left: u32,
    pause: Duration,
}

impl Retry {
    /// Creates a value with [`limits::RETRIES`] retries, the first after [`limits::BACKOFF`].
    #[must_use]
    #[allow(clippy::new_without_default, reason = "a default would not say that it has retries")]
    pub fn new() -> Self {
        Self { left: limits::RETRIES, pause: limits::BACKOFF }
    }

    /// Waits as advised and returns true, unless the request must not be retried, has no retries left, or could only be
    /// retried after `deadline`.
    pub async fn wait(&mut self, advice: RetryAdvice, deadline: Instant) -> bool {
        let (wait, pause) = match advice {
            RetryAdvice::Never => return false,
            RetryAdvice::BackOff => (self.back_off(), None),
            RetryAdvice::After(pause) => (pause.wait, Some(pause)),
        };
        if self.left == 0 || Instant::now() + wait >= deadline {
            return false;
        }
        self.left -= 1;
        match pause {
            Some(pause) => progress::pause(pause).await,
            None => tokio::time::sleep(wait).await,
        }
        true
    }

    fn back_off(&mut self) -> Duration {
        let wait = self.pause + jitter(self.pause);
        self.pause *= 2;
        wait
    }
}

/// A random time up to `max`, so that callers that failed together do not retry together.
fn jitter(max: Duration) -> Duration {
    let random = std::hash::RandomState::new().hash_one(0_u8);
    let millis = u64::try_from(max.as_millis()).unwrap_or(0);
    Duration::from_millis(random % millis.saturating_add(1))
}

/// `Retry-After` in seconds, at most [`limits::RETRY_AFTER`]. A date is ignored, as it depends on two clocks.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse::<u64>().ok()?;
    Some(Duration::from_secs(seconds).min(limits::RETRY_AFTER))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_read_in_seconds_and_capped() {
        let pause = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::RETRY_AFTER, text.parse().unwrap());
            retry_after(&headers)
        };
        assert_eq!(pause("7"), Some(Duration::from_secs(7)));
        assert_eq!(pause("86400"), Some(Duration::from_secs(60)));
        assert_eq!(pause("-1"), None);
        assert_eq!(pause("Wed, 21 Oct 2026 07:28:00 GMT"), None);
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }
}
