//! Limits the memory of requests while their bodies are read, while they wait to be processed, and while their keys are
//! processed. Ordinary and large requests have separate limits, so that large ones do not delay ordinary ones. Requests
//! that wait use no memory for reading, so that the next one is read at once: what is known about its keys is answered.

use std::collections::HashSet;
use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::Semaphore;
use tokio::time::Instant;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// Memory of reading, as a multiple of the body: the body with its spare capacity, and its keys.
const READING_FACTOR: usize = 3;

/// Memory of each key beside its text while a body is read, in bytes. Each key has at least four bytes in a body.
const READ_KEY_BYTES: usize = 64;
const BODY_KEY_BYTES: usize = 4;

/// Least memory of a request while its body is read, in bytes: its task and buffers.
const READING_BYTES: usize = 8 * KIB;

/// A larger body is a large one, in bytes: that of 600 images with long names. Large ones are parsed on separate
/// threads.
pub(super) const LARGE_BODY_BYTES: usize = 64 * KIB;

/// Memory of a request while it waits to be processed, in bytes: itself; and each key, beside its text: its index, its part
/// of the response, and what the allocator adds. Held against the allocator in `tests/memory/request.rs`.
const WAITING_BYTES: usize = 4 * KIB;
const WAITING_KEY_BYTES: usize = 96;

/// Memory of a request while its keys are processed, in bytes: itself; each key, beside three times its text; and each
/// key in progress. Held against the allocator in `tests/memory/request.rs`.
const REQUEST_BYTES: usize = 8 * KIB;
const KEY_BYTES: usize = 512;
const KEY_FACTOR: usize = 3;
const WORKING_KEY_BYTES: usize = 6 * KIB;

/// A request with more memory than this is a large one: about fifty images.
const LARGE_REQUEST_BYTES: usize = 256 * KIB;

/// Limits of all requests together, in bytes: some 300 requests of the usual size that are read and 300 that are
/// processed. Others wait within their deadline. Two large requests always fit, so that a slow one does not block all
/// others.
pub(in crate::server) const READING: PoolBytes = PoolBytes { ordinary: 3 * MIB, large: 6 * MIB };
pub(in crate::server) const WORKING: PoolBytes = PoolBytes { ordinary: 12 * MIB, large: 8 * MIB };

/// The same of those that were read and wait to be processed: one of 20 images on each of `server.maxConnections`, and
/// seven of a thousand images. Further ones are refused at once.
pub(in crate::server) const WAITING: PoolBytes = PoolBytes { ordinary: 5 * MIB / 2, large: 3 * MIB / 2 };

/// For ordinary requests and for large ones, in bytes.
#[derive(Clone, Copy, Debug)]
pub(in crate::server) struct PoolBytes {
    pub(in crate::server) ordinary: usize,
    pub(in crate::server) large: usize,
}

/// The limits. Shared by all configurations.
#[derive(Debug)]
pub(super) struct RequestLimit {
    pub(super) reading: Pool,
    pub(super) waiting: Pool,
    pub(super) working: Pool,
}

/// One of them. Counts KiB, as semaphores count up to 2^32.
#[derive(Debug)]
pub(super) struct Pool {
    pools: PoolBytes,
    /// The most that one large request takes, in bytes.
    largest: usize,
    pub(super) ordinary: Arc<Semaphore>,
    pub(super) large: Arc<Semaphore>,
}

/// The limit was in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum RequestLimitReached {
    /// Until the deadline.
    #[error("overloaded: too many requests in progress; what to do: add replicas")]
    Ordinary,
    /// Until the deadline.
    #[error("overloaded: too many large requests in progress; what to do: add replicas")]
    Large,
    /// By those that wait already: at once.
    #[error("overloaded: too many requests wait to be processed; what to do: add replicas")]
    Waiting,
}

impl RequestLimitReached {
    /// The cause without its remedy, for the reason of a key.
    pub(super) fn cause(self) -> &'static str {
        match self {
            Self::Ordinary => "too many requests in progress",
            Self::Large => "too many large requests in progress",
            Self::Waiting => "too many requests wait to be processed",
        }
    }

    /// Whether the time of the request has passed.
    pub(super) fn is_late(self) -> bool {
        match self {
            Self::Ordinary | Self::Large => true,
            Self::Waiting => false,
        }
    }
}

impl RequestLimit {
    pub(super) fn new() -> Self {
        Self { reading: Pool::new(READING, 2), waiting: Pool::new(WAITING, 1), working: Pool::new(WORKING, 2) }
    }

    /// A permit to read a body with at most `max_keys` keys and the announced length, if any.
    ///
    /// # Errors
    /// The limit was in use until `until`.
    pub(super) async fn to_read(
        &self,
        announced: Option<usize>,
        max_bytes: usize,
        max_keys: usize,
        until: Instant,
    ) -> Result<OwnedSemaphorePermit, RequestLimitReached> {
        let small = announced.filter(|bytes| *bytes <= LARGE_BODY_BYTES);
        let bytes = small.unwrap_or(max_bytes.max(LARGE_BODY_BYTES));
        let keys = max_keys.min(bytes / BODY_KEY_BYTES);
        let taken = bytes.saturating_mul(READING_FACTOR).saturating_add(keys.saturating_mul(READ_KEY_BYTES));
        self.reading.take(taken.max(READING_BYTES), small.is_none(), until).await
    }

    /// A permit to process `keys`, at most `at_once` at a time but at least one of each host, in place of that to read them.
    ///
    /// # Errors
    /// The limit was in use until `until`, or too many wait for it.
    pub(super) async fn to_work(
        &self,
        keys: &[String],
        at_once: usize,
        until: Instant,
        reading: OwnedSemaphorePermit,
    ) -> Result<OwnedSemaphorePermit, RequestLimitReached> {
        let taken = request_bytes(keys, at_once);
        let large = taken > LARGE_REQUEST_BYTES;
        if let Some(working) = self.working.try_take(taken, large) {
            return Ok(working);
        }
        let waiting = self.waiting.try_take(waiting_bytes(keys), large).ok_or(RequestLimitReached::Waiting)?;
        drop(reading);
        let working = self.working.take(taken, large, until).await;
        drop(waiting);
        working
    }
}

/// Memory of a request while it waits to be processed, in bytes.
pub(in crate::server) fn waiting_bytes(keys: &[String]) -> usize {
    let texts: usize = keys.iter().map(String::len).sum();
    WAITING_BYTES + texts + WAITING_KEY_BYTES * keys.len()
}

/// Memory of a request while its keys are processed, in bytes.
pub(in crate::server) fn request_bytes(keys: &[String], at_once: usize) -> usize {
    let texts: usize = keys.iter().map(String::len).sum();
    // At least one of each host.
    let hosts: HashSet<&str> = keys.iter().map(|key| key.split_once('/').map_or("", |(host, _)| host)).collect();
    let working = keys.len().min(at_once.max(hosts.len()));
    REQUEST_BYTES + KEY_FACTOR * texts + KEY_BYTES * keys.len() + WORKING_KEY_BYTES * working
}

impl Pool {
    /// `large_at_once` large requests always fit.
    fn new(pools: PoolBytes, large_at_once: usize) -> Self {
        let PoolBytes { ordinary, large } = pools;
        let semaphore = |kib| Arc::new(Semaphore::new(kib));
        let (largest, of_ordinary, of_large) = (large / large_at_once, ordinary / KIB, large / KIB);
        Self { pools, largest, ordinary: semaphore(of_ordinary), large: semaphore(of_large) }
    }

    async fn take(
        &self,
        bytes: usize,
        large: bool,
        until: Instant,
    ) -> Result<OwnedSemaphorePermit, RequestLimitReached> {
        let (pool, kib) = self.share(bytes, large);
        let reached = if large { RequestLimitReached::Large } else { RequestLimitReached::Ordinary };
        match tokio::time::timeout_at(until, Arc::clone(pool).acquire_many_owned(kib)).await {
            // The semaphores are never closed.
            Ok(permit) => permit.map_err(|_| reached),
            Err(_) => Err(reached),
        }
    }

    /// Without waiting: what is free while others wait is theirs.
    fn try_take(&self, bytes: usize, large: bool) -> Option<OwnedSemaphorePermit> {
        let (pool, kib) = self.share(bytes, large);
        Arc::clone(pool).try_acquire_many_owned(kib).ok()
    }

    /// The semaphore for so many bytes, and how many KiB of it.
    fn share(&self, bytes: usize, large: bool) -> (&Arc<Semaphore>, u32) {
        let (pool, most) = if large { (&self.large, self.largest) } else { (&self.ordinary, self.pools.ordinary) };
        (pool, u32::try_from(bytes.min(most).div_ceil(KIB)).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn keys(hosts: usize, keys: usize) -> Vec<String> {
        (0..keys).map(|number| format!("{}.example/a:{number:0>4}", number % hosts)).collect()
    }

    #[test]
    fn counts_the_larger_of_concurrency_and_number_of_hosts() {
        // Each has 16 bytes.
        let fixed = |count: usize| 8192 + 3 * 16 * count + 512 * count;
        for (hosts, count, working) in [(1, 1, 1), (1, 9, 9), (1, 99, 32), (9, 99, 32), (10, 10, 10)] {
            let keys = keys(hosts, count);
            assert_eq!(request_bytes(&keys, 32), fixed(count) + 6144 * working, "{hosts} {count}");
        }
        let many: Vec<String> = (0..50).map(|number| format!("{}.example/a:{number:0>3}", 10 + number)).collect();
        assert_eq!(request_bytes(&many, 32), fixed(50) + 6144 * 50);
        assert_eq!(request_bytes(&["nginx".to_owned(), "busybox".to_owned()], 1), 8192 + 3 * 12 + 2 * 512 + 6144);
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(1)
    }

    /// A permit for work after a small body was read.
    async fn work(requests: &RequestLimit, keys: &[String]) -> Result<OwnedSemaphorePermit, RequestLimitReached> {
        let reading = requests.to_read(Some(100), 64 * MIB, 10_000, soon()).await?;
        requests.to_work(keys, 32, soon(), reading).await
    }

    #[tokio::test(start_paused = true)]
    async fn large_requests_wait_for_each_other_and_the_others_do_not() {
        let requests = RequestLimit::new();
        let (small, large) = (keys(1, 10), keys(1, 9999));
        let first = work(&requests, &large).await;
        let second = work(&requests, &large).await;
        assert!(first.is_ok() && second.is_ok());
        assert_eq!(work(&requests, &large).await.err(), Some(RequestLimitReached::Large));
        assert!(work(&requests, &small).await.is_ok());
        drop(first);
        assert!(work(&requests, &large).await.is_ok());
        let mut held = Vec::new();
        let reached = loop {
            match work(&requests, &small).await {
                Ok(permit) => held.push(permit),
                Err(reached) => break reached,
            }
        };
        assert_eq!((reached, held.len()), (RequestLimitReached::Ordinary, 12 * KIB / 74));
    }

    #[tokio::test(start_paused = true)]
    async fn requests_that_wait_have_a_limit_of_their_own_and_further_ones_are_refused_at_once() {
        let requests = RequestLimit::new();
        let (small, large) = (keys(1, 10), keys(1, 9999));
        let all =
            (requests.working.ordinary.try_acquire_many(12 * 1024), requests.working.large.try_acquire_many(8 * 1024));
        let began = Instant::now();
        let waits = async |keys: &[String]| {
            let waiting = async { assert!(work(&requests, keys).await.is_err_and(RequestLimitReached::is_late)) };
            let refused = async {
                tokio::task::yield_now().await;
                let refused = (work(&requests, keys).await.err(), began.elapsed());
                let reading =
                    (requests.reading.ordinary.available_permits(), requests.reading.large.available_permits());
                (refused, reading, requests.waiting.large.available_permits())
            };
            tokio::join!(waiting, refused).1
        };
        // A large one takes 1,098 KiB of 1,536.
        let refused = (Some(RequestLimitReached::Waiting), Duration::ZERO);
        assert_eq!(waits(&large).await, (refused, (3 * KIB, 6 * KIB), 438));
        drop(all);
        let _all = requests.working.ordinary.try_acquire_many(12 * 1024);
        let waiting: Vec<_> = (0..5 * KIB / 2 / 6).map(|_| Box::pin(work(&requests, &small))).collect();
        let mut waiting = tokio::task::unconstrained(futures_util::future::join_all(waiting));
        assert!(futures_util::poll!(&mut waiting).is_pending());
        assert_eq!(work(&requests, &small).await.err(), Some(RequestLimitReached::Waiting));
        assert!(waiting.await.iter().all(|ended| ended.as_ref().err() == Some(&RequestLimitReached::Ordinary)));
    }

    #[tokio::test(start_paused = true)]
    async fn large_bodies_wait_for_each_other_and_the_others_do_not() {
        let requests = RequestLimit::new();
        let read = async |announced| requests.to_read(announced, 64 * MIB, 10_000, soon()).await;
        let (first, second) = (read(None).await, read(Some(MIB)).await);
        assert!(first.is_ok() && second.is_ok());
        assert_eq!(read(None).await.err(), Some(RequestLimitReached::Large));
        assert!(read(Some(LARGE_BODY_BYTES)).await.is_ok());
        // One of 64 KiB may have ten thousand keys.
        let before = requests.reading.ordinary.available_permits();
        let _third = read(Some(LARGE_BODY_BYTES)).await;
        assert_eq!(before - requests.reading.ordinary.available_permits(), 3 * 64 + 625);
    }
}
