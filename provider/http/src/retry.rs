//! Retries of failed requests.

use std::hash::BuildHasher as _;
use std::time::Duration;

use http::HeaderMap;
use http::header;
use httpdate::parse_http_date;
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

/// `Retry-After` ([RFC 9110](https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3)), at most [`limits::RETRY_AFTER`].
///
/// A date counts from the `Date` of the same response, so that the clock of this process has no effect. Without a `Date`, and if it is not
/// after that, it is ignored.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name| headers.get(name)?.to_str().ok().map(str::trim);
    let pause = text(header::RETRY_AFTER)?;
    let wait = match pause.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let (until, now) = (parse_http_date(pause).ok()?, parse_http_date(text(header::DATE)?).ok()?);
            until.duration_since(now).ok().filter(|wait| !wait.is_zero())?
        }
    };
    Some(wait.min(limits::RETRY_AFTER))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// The pause of a response with `Retry-After` and `Date`.
    fn pause(text: &str, date: Option<&str>) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(header::RETRY_AFTER, text.parse().unwrap());
        if let Some(date) = date {
            headers.insert(header::DATE, date.parse().unwrap());
        }
        retry_after(&headers)
    }

    #[test]
    fn a_pause_until_a_date_counts_from_the_date_of_the_response_and_is_capped() {
        // Long ago by any clock, so that only the difference of both can be the pause.
        let at = |text: &str| pause(text, Some("Wed, 21 Oct 2015 07:28:00 GMT"));
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(at("Wed, 21 Oct 2015 07:28:07 GMT"), seconds(7));
        assert_eq!(at(" Wed, 21 Oct 2015 07:28:01 GMT "), seconds(1));
        assert_eq!(at("Wed, 21 Oct 2015 07:29:00 GMT"), seconds(60));
        assert_eq!(at("Fri, 31 Dec 9999 23:59:59 GMT"), seconds(60));
        // The obsolete formats of RFC 9110.
        assert_eq!(at("Wednesday, 21-Oct-15 07:28:09 GMT"), seconds(9));
        assert_eq!(at("Wed Oct 21 07:28:11 2015"), seconds(11));
        // Seconds need no date.
        assert_eq!(at("7"), seconds(7));
    }

    #[test]
    fn a_date_that_has_passed_or_has_no_date_beside_it_is_no_pause() {
        let date = Some("Wed, 21 Oct 2015 07:28:00 GMT");
        assert_eq!(pause("Wed, 21 Oct 2015 07:28:00 GMT", date), None);
        assert_eq!(pause("Wed, 21 Oct 2015 07:27:59 GMT", date), None);
        assert_eq!(pause("Thu, 01 Jan 1970 00:00:00 GMT", date), None);
        assert_eq!(pause("Wed, 21 Oct 2015 07:28:07 GMT", None), None);
        assert_eq!(pause("Wed, 21 Oct 2015 07:28:07 GMT", Some("now")), None);
        assert_eq!(pause("Wed, 21 Oct 2015 07:28:07 GMT", Some("")), None);
        // Not dates.
        for text in [
            "",
            "soon",
            "Wed, 21 Oct 2015 07:28:60 GMT",
            "Wed, 31 Feb 2015 07:28:07 GMT",
            "Wed, 21 Oct 1969 07:28:07 GMT",
        ] {
            assert_eq!(pause(text, date), None, "{text}");
        }
    }

    #[test]
    fn a_pause_is_read_in_seconds_and_capped() {
        let pause = |text: &str| pause(text, None);
        assert_eq!(pause("7"), Some(Duration::from_secs(7)));
        assert_eq!(pause("86400"), Some(Duration::from_secs(60)));
        assert_eq!(pause("-1"), None);
        assert_eq!(pause("Wed, 21 Oct 2026 07:28:00 GMT"), None);
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }
}
