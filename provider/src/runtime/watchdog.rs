//! Detects polls that do not end. A file system that does not respond blocks them, and nothing can interrupt that.

use std::pin::pin;
use std::time::Duration;

use tokio::time::timeout;

/// A poll usually takes milliseconds. Ten times what a slow network file system needs.
const OVERDUE: Duration = Duration::from_secs(30);

/// For the trust policy: as long as changed trust may have no effect. A replica whose file system responds again within
/// this time stays in service.
const UNREADABLE: Duration = Duration::from_secs(5 * 60);

/// The time that a poll takes already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::runtime) enum Late {
    /// 30 seconds.
    Overdue,
    /// 5 minutes: the trust policy counts as unreadable.
    Unreadable,
}

/// Waits for `poll`, and calls `late` when it takes that long.
pub(super) async fn watch<T>(poll: impl Future<Output = T>, mut late: impl FnMut(Late)) -> T {
    let mut poll = pin!(poll);
    for (wait, reached) in [(OVERDUE, Late::Overdue), (UNREADABLE.saturating_sub(OVERDUE), Late::Unreadable)] {
        match timeout(wait, &mut poll).await {
            Ok(done) => return done,
            Err(_) => late(reached),
        }
    }
    poll.await
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use tokio::sync::oneshot;
    use tokio::time::Instant;
    use tokio::time::sleep;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn reports_each_time_that_a_poll_takes_longer_than() {
        for (seconds, expected) in [
            (0, vec![]),
            (29, vec![]),
            (31, vec![(30, Late::Overdue)]),
            (299, vec![(30, Late::Overdue)]),
            (301, vec![(30, Late::Overdue), (300, Late::Unreadable)]),
            (100_000, vec![(30, Late::Overdue), (300, Late::Unreadable)]),
        ] {
            let start = Instant::now();
            let mut reports = Vec::new();
            let poll = async {
                sleep(Duration::from_secs(seconds)).await;
                "done"
            };
            assert_eq!(watch(poll, |late| reports.push((start.elapsed().as_secs(), late))).await, "done");
            assert_eq!(reports, expected, "{seconds}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_poll_that_never_ends_is_reported_and_not_abandoned() {
        let (end, ended) = oneshot::channel();
        let mut reports = Vec::new();
        {
            let mut watched = pin!(watch(ended, |late| reports.push(late)));
            assert!(timeout(Duration::from_secs(1000), &mut watched).await.is_err());
            end.send(7).unwrap();
            assert_eq!(watched.await, Ok(7));
        }
        assert_eq!(reports, [Late::Overdue, Late::Unreadable]);
    }
}
