//! Polling with a time limit.

use std::thread;
use std::time::Duration;
use std::time::Instant;

use anyhow::Context;

/// Interval between two probes: short compared with the wait, long compared with the cost of a probe.
const PAUSE: Duration = Duration::from_millis(50);

/// Calls `probe` until it succeeds, or fails with its last error after `limit`. `what` completes "waited for".
pub(crate) fn until<T>(what: &str, limit: Duration, mut probe: impl FnMut() -> anyhow::Result<T>) -> anyhow::Result<T> {
    let end = Instant::now() + limit;
    loop {
        match probe() {
            Ok(found) => return Ok(found),
            Err(error) if Instant::now() >= end => {
                return Err(error).with_context(|| format!("waited {limit:?} for {what}"));
            }
            Err(_) => thread::sleep(PAUSE),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use anyhow::bail;

    use super::*;

    #[test]
    fn probes_again_until_it_succeeds() {
        let mut probes = 0;
        let found = until("three", Duration::from_secs(5), || {
            probes += 1;
            if probes == 3 { Ok(probes) } else { bail!("not yet") }
        });
        assert_eq!(found.unwrap(), 3);
    }

    #[test]
    fn fails_with_the_last_error_after_the_limit() {
        let error = until::<()>("a reply", Duration::ZERO, || bail!("no reply")).unwrap_err();
        assert_eq!(format!("{error:#}"), "waited 0ns for a reply: no reply");
    }
}
