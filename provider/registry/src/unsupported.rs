//! What hosts were found not to support, so that not every image costs a request that fails: the referrers API, and HEAD of manifests or
//! blobs.
//!
//! What is remembered decides only which request is sent first: that referrers are absent is known only after both lists, see `referrers.rs`;
//! and without a HEAD the content is received, see `content.rs`.

use std::hash::Hash;
use std::time::Duration;

use countersign_http::LruTtlCache;
use tokio::time::Instant;

/// Keys with the host and its port, each for the same time.
pub(crate) struct Unsupported<K: Hash + Eq> {
    keys: LruTtlCache<K, ()>,
    lifetime: Duration,
}

impl<K: Hash + Eq> Unsupported<K> {
    /// At most `max_bytes` of keys, each for `lifetime`.
    pub(crate) fn new(max_bytes: usize, lifetime: Duration) -> Self {
        Self { keys: LruTtlCache::new(max_bytes), lifetime }
    }

    pub(crate) fn has(&self, key: &K) -> bool {
        self.keys.get(key, Instant::now().into_std()).is_some()
    }

    /// The host has shown that it does not support this. `text` is the size of the texts of the key, in bytes.
    pub(crate) fn add(&self, key: K, text: usize) {
        let bytes = text + LruTtlCache::<K, ()>::ENTRY_OVERHEAD;
        self.keys.put(key, (), bytes, Some((Instant::now() + self.lifetime).into_std()));
    }

    /// The host has shown that it does.
    pub(crate) fn remove(&self, key: &K) {
        self.keys.remove(key);
    }
}
