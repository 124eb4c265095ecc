//! Which requests are sent again, and when.

use std::hash::BuildHasher as _;
use std::time::Duration;

use http::HeaderMap;
use http::header;
use tokio::time::Instant;

use crate::error::Cause;
use crate::observer::Stage;
use countersign_http::limits;

/// How often a request may be sent again, and when.
pub(crate) struct Retry {
    left: u32,
    pause: Duration,
}

impl Retry {
    pub(crate) fn new() -> Self {
        Self { left: limits::RETRIES, pause: limits::BACKOFF }
    }

    /// Waits if another try makes sense after `cause` and before `deadline`. All requests here are safe to repeat. What
    /// came with an answer is repeated only if the answer says that the server could not, or if it broke off before its
    /// end; an answer that breaks a limit or comes too slowly would do so again.
    pub(crate) async fn again(&mut self, cause: &Cause, deadline: Instant) -> bool {
        if let Cause::Redirected { stage: Stage::Referrers, .. } = cause {
            // The fallback tag is asked instead.
            return false;
        }
        let wait = match cause.innermost() {
            // What was too much may have come with other requests of the same connection.
            Cause::Unreachable { .. }
            | Cause::Broken { .. }
            | Cause::Excess { shared: true, .. }
            | Cause::Status { status: 502..=504, .. } => self.back_off(),
            Cause::Proxy { failure, .. } if failure.may_pass() => self.back_off(),
            Cause::Throttled { wait, .. } | Cause::TooManyRequests { wait, .. } => *wait,
            Cause::HostRefused { .. }
            | Cause::Misconfigured { .. }
            | Cause::AddressRefused { .. }
            | Cause::LeadsInside { .. }
            | Cause::NotByProxy { .. }
            | Cause::Proxy { .. }
            | Cause::Tls { .. }
            | Cause::Timeout { .. }
            | Cause::Stalled { .. }
            | Cause::Excess { .. }
            | Cause::Denied { .. }
            | Cause::Realm(_)
            | Cause::Status { .. }
            | Cause::NotFound { .. }
            | Cause::Challenge { .. }
            | Cause::Token { .. }
            | Cause::Redirect { .. }
            | Cause::Redirected { .. }
            | Cause::Link(_)
            | Cause::Page { .. }
            | Cause::NoList(_)
            | Cause::ImageItself { .. }
            | Cause::BareNotFound { .. }
            | Cause::TooLarge { .. }
            | Cause::DeclaredTooLarge { .. }
            | Cause::Size { .. }
            | Cause::Digest { .. }
            | Cause::DigestHeader { .. }
            | Cause::ContentType { .. }
            | Cause::ContentEncoding { .. }
            | Cause::Target(_)
            | Cause::Index(_)
            | Cause::Interrupted
            | Cause::Limit(_)
            | Cause::PlainHttpPort { .. } => return false,
        };
        if self.left == 0 || Instant::now() + wait >= deadline {
            return false;
        }
        self.left -= 1;
        tokio::time::sleep(wait).await;
        true
    }

    fn back_off(&mut self) -> Duration {
        let wait = self.pause + jitter(self.pause);
        self.pause *= 2;
        wait
    }
}

/// From nothing to `most`, so that callers that failed together do not come back together.
fn jitter(most: Duration) -> Duration {
    let random = std::hash::RandomState::new().hash_one(0_u8);
    let millis = u64::try_from(most.as_millis()).unwrap_or(0);
    Duration::from_millis(random % millis.saturating_add(1))
}

/// `Retry-After` in seconds, at most a minute. A date counts as none: it is only as good as two clocks.
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
