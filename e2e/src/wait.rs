//! Waiting with an end: ask again until the answer is there or the time is over.

use std::thread;
use std::time::Duration;
use std::time::Instant;

use anyhow::Context;

/// Between two questions. Short against what is waited for, long against what a question costs.
const PAUSE: Duration = Duration::from_millis(50);

/// Asks `probe` until it answers, or fails with its last error once `limit` is over. `what` completes "waited for".
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
    fn asks_again_until_there_is_an_answer() {
        let mut asked = 0;
        let found = until("three", Duration::from_secs(5), || {
            asked += 1;
            if asked == 3 { Ok(asked) } else { bail!("not yet") }
        });
        assert_eq!(found.unwrap(), 3);
    }

    #[test]
    fn says_what_was_waited_for_and_the_last_error() {
        let error = until::<()>("a sign", Duration::ZERO, || bail!("no sign")).unwrap_err();
        assert_eq!(format!("{error:#}"), "waited 0ns for a sign: no sign");
    }
}
