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
    let round = move || {
        let shared = shared.upgrade()?;
        let active = shared.in_use.load_full();
        Some(async move { due(&Fetcher { shared, active }).await })
    };
    tokio::spawn(repeat(round));
}

/// Runs rounds until there is none. A panic ends its round only.
async fn repeat<F>(mut next: impl FnMut() -> Option<F>)
where
    F: Future<Output = ()> + Send + 'static,
{
    loop {
        tokio::time::sleep(PERIOD).await;
        let Some(round) = next() else { return };
        if tokio::spawn(round).await.is_err() {
            tracing::error!(
                "internal error: the refresh of evidence panicked, and is tried again; report this with the log"
            );
        }
    }
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
                shared.kept.refresh_failed(&key, fetcher.now(), &fetcher.active.settings);
            }
        })
        .await;
    fetcher.show_kept();
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::sync::atomic::Ordering;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_panic_ends_one_round_and_not_the_refresh() {
        let ended = Arc::new(AtomicUsize::new(0));
        let mut started = 0;
        let next = || {
            started += 1;
            let (number, ended) = (started, Arc::clone(&ended));
            (number < 4).then_some(async move {
                assert!(number != 1, "on purpose");
                ended.fetch_add(1, Ordering::SeqCst);
            })
        };
        repeat(next).await;
        assert_eq!((started, ended.load(Ordering::SeqCst)), (4, 2));
    }
}
