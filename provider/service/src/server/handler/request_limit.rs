//! Limits the memory of requests while their bodies are read and while their keys are processed. Ordinary and large
//! requests have separate limits, so that large ones do not delay ordinary ones.

use std::collections::HashSet;

use tokio::sync::Semaphore;
use tokio::sync::SemaphorePermit;
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

/// Memory of a request while its keys are processed, in bytes: itself; each key, beside three times its text; and each
/// key in progress. Held against the allocator in `tests/memory/request.rs`.
const REQUEST_BYTES: usize = 8 * KIB;
const KEY_BYTES: usize = 512;
const KEY_FACTOR: usize = 3;
const WORKING_KEY_BYTES: usize = 6 * KIB;

/// A request with more memory than this is a large one: about fifty images.
const LARGE_REQUEST_BYTES: usize = 256 * KIB;

/// Limits of all requests together, in bytes: some 700 requests of the usual size that are read and 300 that are
/// processed. Others wait within their deadline. Two large requests always fit, so that a slow one does not block all
/// others.
pub(in crate::server) const READING: PoolBytes = PoolBytes { ordinary: 6 * MIB, large: 6 * MIB };
pub(in crate::server) const WORKING: PoolBytes = PoolBytes { ordinary: 12 * MIB, large: 8 * MIB };

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
    pub(super) working: Pool,
}

/// One of the two. Counts KiB, as semaphores count up to 2^32.
#[derive(Debug)]
pub(super) struct Pool {
    pools: PoolBytes,
    pub(super) ordinary: Semaphore,
    pub(super) large: Semaphore,
}

/// The limit was in use until the deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum RequestLimitReached {
    #[error("overloaded: too many requests in progress; what to do: add replicas")]
    Ordinary,
    #[error("overloaded: too many large requests in progress; what to do: add replicas")]
    Large,
}

impl RequestLimitReached {
    /// The cause without its remedy, for the reason of a key.
    pub(super) fn cause(self) -> &'static str {
        match self {
            Self::Ordinary => "too many requests in progress",
            Self::Large => "too many large requests in progress",
        }
    }
}

impl RequestLimit {
    pub(super) fn new() -> Self {
        Self { reading: Pool::new(READING), working: Pool::new(WORKING) }
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
    ) -> Result<SemaphorePermit<'_>, RequestLimitReached> {
        let small = announced.filter(|bytes| *bytes <= LARGE_BODY_BYTES);
        let bytes = small.unwrap_or(max_bytes.max(LARGE_BODY_BYTES));
        let keys = max_keys.min(bytes / BODY_KEY_BYTES);
        let taken = bytes.saturating_mul(READING_FACTOR).saturating_add(keys.saturating_mul(READ_KEY_BYTES));
        self.reading.take(taken.max(READING_BYTES), small.is_none(), until).await
    }

    /// A permit to process `keys`, at most `at_once` at a time but at least one of each host.
    ///
    /// # Errors
    /// The limit was in use until `until`.
    pub(super) async fn to_work(
        &self,
        keys: &[String],
        at_once: usize,
        until: Instant,
    ) -> Result<SemaphorePermit<'_>, RequestLimitReached> {
        let taken = request_bytes(keys, at_once);
        self.working.take(taken, taken > LARGE_REQUEST_BYTES, until).await
    }
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
    fn new(pools: PoolBytes) -> Self {
        let PoolBytes { ordinary, large } = pools;
        Self { pools, ordinary: Semaphore::new(ordinary / KIB), large: Semaphore::new(large / KIB) }
    }

    async fn take(
        &self,
        bytes: usize,
        large: bool,
        until: Instant,
    ) -> Result<SemaphorePermit<'_>, RequestLimitReached> {
        let (pool, total, reached) = if large {
            (&self.large, self.pools.large / 2, RequestLimitReached::Large)
        } else {
            (&self.ordinary, self.pools.ordinary, RequestLimitReached::Ordinary)
        };
        let kib = u32::try_from(bytes.min(total).div_ceil(KIB)).unwrap_or(u32::MAX);
        match tokio::time::timeout_at(until, pool.acquire_many(kib)).await {
            // The semaphores are never closed.
            Ok(permit) => permit.map_err(|_| reached),
            Err(_) => Err(reached),
        }
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

    #[tokio::test(start_paused = true)]
    async fn large_requests_wait_for_each_other_and_the_others_do_not() {
        let requests = RequestLimit::new();
        let soon = || Instant::now() + Duration::from_secs(1);
        let (small, large) = (keys(1, 10), keys(1, 9999));
        let first = requests.to_work(&large, 32, soon()).await;
        let second = requests.to_work(&large, 9999, soon()).await;
        assert!(first.is_ok() && second.is_ok());
        assert_eq!(requests.to_work(&large, 32, soon()).await.err(), Some(RequestLimitReached::Large));
        assert!(requests.to_work(&small, 32, soon()).await.is_ok());
        drop(first);
        assert!(requests.to_work(&large, 32, soon()).await.is_ok());
        let mut held = Vec::new();
        let reached = loop {
            match requests.to_work(&small, 32, soon()).await {
                Ok(permit) => held.push(permit),
                Err(reached) => break reached,
            }
        };
        assert_eq!((reached, held.len()), (RequestLimitReached::Ordinary, 12 * KIB / 74));
    }

    #[tokio::test(start_paused = true)]
    async fn large_bodies_wait_for_each_other_and_the_others_do_not() {
        let requests = RequestLimit::new();
        let soon = || Instant::now() + Duration::from_secs(1);
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
