//! A cache with a limit in bytes, eviction of the least recently used entries, and an expiry for each entry.

use std::borrow::Borrow;
use std::hash::Hash;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Instant;

use lru::LruCache;

/// Values by key. Can be shared between threads; no lock is held across an await.
#[derive(Debug)]
pub struct LruTtlCache<K: Hash + Eq, V> {
    inner: Mutex<Inner<K, V>>,
}

#[derive(Debug)]
struct Inner<K: Hash + Eq, V> {
    entries: LruCache<K, Entry<V>>,
    bytes: usize,
    max_bytes: usize,
}

#[derive(Debug)]
struct Entry<V> {
    value: V,
    bytes: usize,
    /// Without an expiry, the entry is kept until it is evicted.
    expires: Option<Instant>,
}

impl<K: Hash + Eq, V: Clone> LruTtlCache<K, V> {
    /// Memory of an entry in addition to its texts, in bytes: the entry itself, its links, its slot in the map, and
    /// the overhead of the allocator.
    pub const ENTRY_OVERHEAD: usize = size_of::<K>() + size_of::<Entry<V>>() + 192;

    /// Creates a cache for at most `max_bytes` of entries. Zero disables the cache.
    #[must_use]
    pub fn new(max_bytes: usize) -> Self {
        Self { inner: Mutex::new(Inner { entries: LruCache::unbounded(), bytes: 0, max_bytes }) }
    }

    /// Lowers the limit to `max_bytes` and evicts entries above it.
    pub fn limit_to(&self, max_bytes: usize) {
        let mut inner = self.lock();
        inner.max_bytes = inner.max_bytes.min(max_bytes);
        inner.evict();
        if inner.entries.is_empty() {
            // A new map releases the slots.
            inner.entries = LruCache::unbounded();
        }
    }

    /// The value, unless it has expired at `now`.
    pub fn get<Q: Hash + Eq + ?Sized>(&self, key: &Q, now: Instant) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let mut inner = self.lock();
        match inner.entries.get(key) {
            Some(entry) if entry.expires.is_none_or(|end| end > now) => return Some(entry.value.clone()),
            Some(_) => {}
            None => return None,
        }
        inner.remove(key);
        None
    }

    /// Stores `value` until `expires`, or until it is evicted, in place of the former one. `bytes` is the approximate size of key and
    /// value. Returns how many entries were evicted; `None` if it is larger than the cache, and not stored.
    pub fn put(&self, key: K, value: V, bytes: usize, expires: Option<Instant>) -> Option<usize> {
        let mut inner = self.lock();
        if bytes > inner.max_bytes {
            inner.remove(&key);
            return None;
        }
        if let Some(old) = inner.entries.put(key, Entry { value, bytes, expires }) {
            inner.bytes -= old.bytes;
        }
        inner.bytes += bytes;
        Some(inner.evict())
    }

    /// Removes the entry if `described` is true for its value.
    pub fn remove_if(&self, key: &K, described: impl FnOnce(&V) -> bool) {
        let mut inner = self.lock();
        if inner.entries.peek(key).is_some_and(|entry| described(&entry.value)) {
            inner.remove(key);
        }
    }

    /// The values that have not expired at `now`, the one that was used last first.
    pub fn latest(&self, now: Instant) -> Vec<V> {
        let inner = self.lock();
        let good = inner.entries.iter().filter(|(_, entry)| entry.expires.is_none_or(|end| end > now));
        good.map(|(_, entry)| entry.value.clone()).collect()
    }

    /// Whether there is an entry, expired or not. Does not update its last use.
    pub fn contains(&self, key: &K) -> bool {
        self.lock().entries.contains(key)
    }

    /// Removes the entry.
    pub fn remove(&self, key: &K) {
        self.lock().remove(key);
    }

    /// The number of entries, expired ones included, and their bytes.
    pub fn size(&self) -> (usize, usize) {
        let inner = self.lock();
        (inner.entries.len(), inner.bytes)
    }

    /// The bytes in use, and the limit.
    pub(crate) fn used(&self) -> (usize, usize) {
        let inner = self.lock();
        (inner.bytes, inner.max_bytes)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner<K, V>> {
        // No operation can panic while the members are inconsistent, so a poisoned lock is safe to use.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Hash + Eq, V> Inner<K, V> {
    /// Evicts the least recently used entries until the others fit. Returns their number.
    fn evict(&mut self) -> usize {
        let mut evicted = 0;
        while self.bytes > self.max_bytes {
            let Some((_, old)) = self.entries.pop_lru() else { break };
            self.bytes -= old.bytes;
            evicted += 1;
        }
        evicted
    }

    fn remove<Q: Hash + Eq + ?Sized>(&mut self, key: &Q)
    where
        K: Borrow<Q>,
    {
        if let Some(old) = self.entries.pop(key) {
            self.bytes -= old.bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_entry_ends_at_its_time() {
        let cache = LruTtlCache::new(100);
        let start = Instant::now();
        cache.put("a", 1, 10, Some(start + Duration::from_secs(1)));
        assert_eq!(cache.get(&"a", start), Some(1));
        assert_eq!(cache.get(&"a", start + Duration::from_secs(1)), None);
        assert_eq!(cache.size(), (0, 0));
    }

    #[test]
    fn an_entry_without_an_end_stays_while_there_is_room() {
        let cache = LruTtlCache::new(10);
        cache.put("a", 1, 10, None);
        let later = Instant::now() + Duration::from_secs(1 << 30);
        assert_eq!(cache.get(&"a", later), Some(1));
        cache.put("b", 2, 10, Some(later));
        assert_eq!(cache.get(&"a", later), None);
    }

    #[test]
    fn evicts_the_least_recently_used_entry() {
        let cache = LruTtlCache::new(25);
        let start = Instant::now();
        let end = start + Duration::from_secs(1);
        assert_eq!(cache.put("a", 1, 10, Some(end)), Some(0));
        assert_eq!(cache.put("b", 2, 10, Some(end)), Some(0));
        assert_eq!(cache.get(&"a", start), Some(1));
        assert_eq!(cache.put("c", 3, 10, Some(end)), Some(1));
        assert_eq!(cache.get(&"b", start), None);
        assert_eq!(cache.get(&"a", start), Some(1));
        assert_eq!(cache.size(), (2, 20));
    }

    #[test]
    fn the_latest_values_are_those_that_were_used_last_and_have_not_ended() {
        let cache = LruTtlCache::new(100);
        let start = Instant::now();
        let second = Duration::from_secs(1);
        for (key, life) in [("a", 9), ("b", 9), ("c", 1), ("d", 9)] {
            cache.put(key, key, 10, Some(start + life * second));
        }
        assert_eq!(cache.get(&"a", start), Some("a"));
        assert_eq!(cache.latest(start), ["a", "d", "c", "b"]);
        assert_eq!(cache.latest(start + second), ["a", "d", "b"]);
    }

    #[test]
    fn a_lower_limit_applies_at_once_and_a_higher_one_never() {
        let cache = LruTtlCache::new(30);
        let start = Instant::now();
        let end = start + Duration::from_secs(1);
        for key in ["a", "b", "c"] {
            cache.put(key, 1, 10, Some(end));
        }
        cache.limit_to(10);
        assert_eq!((cache.size(), cache.get(&"c", start)), ((1, 10), Some(1)));
        cache.limit_to(30);
        cache.put("d", 1, 10, Some(end));
        assert_eq!(cache.size(), (1, 10));
        cache.limit_to(0);
        cache.put("e", 1, 10, Some(end));
        assert_eq!(cache.size(), (0, 0));
    }

    #[test]
    fn replacing_an_entry_does_not_count_it_twice() {
        let cache = LruTtlCache::new(25);
        let end = Instant::now() + Duration::from_secs(1);
        cache.put("a", 1, 10, Some(end));
        cache.put("a", 2, 20, Some(end));
        assert_eq!(cache.size(), (1, 20));
    }

    #[test]
    fn does_not_store_a_value_larger_than_the_cache() {
        let cache = LruTtlCache::new(5);
        let end = Instant::now() + Duration::from_secs(1);
        assert_eq!(cache.put("a", 1, 5, Some(end)), Some(0));
        // Nor does the former one stay.
        assert_eq!(cache.put("a", 1, 10, Some(end)), None);
        assert_eq!(cache.size(), (0, 0));
    }
}
