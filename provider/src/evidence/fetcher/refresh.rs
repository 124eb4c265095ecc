//! Refreshes evidence in the background before it ends.

use std::sync::Arc;
use std::sync::Weak;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use tokio::time::Instant;

use super::Fetcher;
use super::Shared;
use super::addresses;

/// How often the entries are compared with the clock.
const PERIOD: Duration = Duration::from_secs(10);

/// Entries that are refreshed at the same time. Requests have limits of their own.
const CONCURRENT: usize = 8;

/// The longest time for one entry, after which the next round continues.
const ENTRY_TIME: Duration = Duration::from_secs(60);

/// Starts the task. It ends when nothing else uses `shared`.
pub(super) fn start(shared: Weak<Shared>) {
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(PERIOD).await;
            let Some(shared) = shared.upgrade() else { return };
            let active = shared.in_use.load_full();
            due(&Fetcher { shared, active }).await;
        }
    });
}

/// Refreshes what is due, and publishes what is in memory.
pub(super) async fn due(fetcher: &Fetcher) {
    let Fetcher { shared, active } = fetcher;
    let (now, settings) = (fetcher.now(), Arc::clone(&active.settings));
    let due = shared.kept.due(now, &settings);
    stream::iter(due)
        .for_each_concurrent(CONCURRENT, |(key, target)| async move {
            let deadline = Instant::now() + ENTRY_TIME;
            // A failure is in the log and the metrics; the former evidence is used until its end.
            if fetcher.load(&target, &addresses(&target), deadline).await.is_err() {
                let retry_at = fetcher.now().saturating_add(fetcher.active.settings.negative_lifetime);
                shared.kept.refresh_failed(&key, retry_at);
            }
        })
        .await;
    fetcher.show_kept();
}
