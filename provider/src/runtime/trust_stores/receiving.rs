//! How many stores are received at the same time: of all servers, and of each one.

use std::sync::Arc;

use countersign_http::Class;
use countersign_http::LimitObserver;
use countersign_http::LimitReached;
use countersign_http::Limiter;
use countersign_http::Permit;
use countersign_http::Resource;
use countersign_http::Share;
use countersign_http::ShareLimits;
use countersign_http::Unit;
use tokio::time::Instant;

/// Stores whose content is received at the same time, each of at most [`STORE_FILE_BYTES`](countersign_core::limits::STORE_FILE_BYTES).
pub(super) const RECEIVED: usize = 4;

/// Of [`RECEIVED`], one server has at most a half, and at most as much as it leaves free for others: a server that does not answer does not
/// hold up the stores of others, and two of them do not either.
const LIMITS: ShareLimits = ShareLimits {
    total: RECEIVED,
    host: RECEIVED / 2,
    pattern: RECEIVED / 2,
    unlisted_host: RECEIVED / 2,
    unlisted: RECEIVED / 2,
};

/// Not in the metrics: these are few. All stores may wait.
const RESOURCE: Resource =
    Resource::new("stores-received", "too many trust stores being received at the same time", Unit::Item, 64);

/// Permits for stores that are being received. Clones share them.
#[derive(Clone)]
pub(super) struct Receiving(Limiter);

impl Receiving {
    pub(super) fn new(observer: Arc<dyn LimitObserver>) -> Self {
        Self(Limiter::new(RESOURCE, LIMITS, observer))
    }

    /// A permit to receive a store of `server`, a host with its port, as soon as it may have one more.
    ///
    /// # Errors
    /// There was none until `deadline`.
    pub(super) async fn acquire(&self, server: &str, deadline: Instant) -> Result<Permit, LimitReached> {
        self.0.acquire(&Share::new(server, Class::Listed), deadline).await
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Duration;

    use countersign_http::Unobserved;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn stores_of_silent_servers_leave_permits_for_another_server() {
        let receiving = Receiving::new(Arc::new(Unobserved));
        let soon = || Instant::now() + Duration::from_secs(5);
        let silent = "silent.example";
        let first = receiving.acquire(silent, soon()).await.unwrap();
        let _second = receiving.acquire(silent, soon()).await.unwrap();
        let begin = Instant::now();
        let reached = receiving.acquire(silent, soon()).await.map(drop).unwrap_err();
        assert_eq!(begin.elapsed(), Duration::from_secs(5));
        assert_eq!(
            reached.to_string(),
            "too many trust stores being received at the same time for silent.example: found 2, expected at most 2"
        );
        // A second silent server.
        let _third = receiving.acquire("mute.example", soon()).await.unwrap();
        assert!(receiving.acquire("mute.example", soon()).await.is_err());
        let begin = Instant::now();
        drop(receiving.acquire("good.example", soon()).await.unwrap());
        assert_eq!(begin.elapsed(), Duration::ZERO);
        // What waits goes on when a store of the same server has ended.
        let waiting = tokio::spawn({
            let receiving = receiving.clone();
            async move { receiving.acquire(silent, Instant::now() + Duration::from_secs(5)).await.map(drop) }
        });
        tokio::task::yield_now().await;
        drop(first);
        assert_eq!(waiting.await.unwrap(), Ok(()));
    }
}
