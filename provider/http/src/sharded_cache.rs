//! An [`LruTtlCache`] in parts with a lock each, for caches that every request uses: threads with different keys rarely wait for one
//! another.
//!
//! A key is always in the same part, chosen by its hash. The hash has a random seed for each cache, so that names cannot be
//! chosen beforehand which are all in one part; they would evict entries of that part, and change no result.
//!
//! Of the limit in bytes each part has its share, and the least recently used entries *of a part* are evicted when that is full: not always
//! the least recently used ones of all, and before all parts are full. As each entry counts for [`ShardedCache::ENTRY_OVERHEAD`] at least,
//! the limit in bytes is one of their number as well.
//!
//! A look-up hashes the key once more than with one lock; `cargo bench-micro` compares both. A thread that loses its processor while it has a
//! lock stops those only that need the same part.

use std::borrow::Borrow;
use std::hash::BuildHasher as _;
use std::hash::Hash;
use std::hash::Hasher as _;
use std::hash::RandomState;
use std::time::Instant;

use lru::DefaultHasher;

use crate::lru_ttl_cache::LruTtlCache;

/// Maximum number of parts: some for each core of a usual replica.
const MOST: usize = 16;

/// Smallest share of a part in bytes, unless there is one part only: twice the largest verdict, of an image with as many failed signatures
/// as are kept, and about a hundred entries of the usual size, so that the parts fill evenly.
const SMALLEST: usize = 256 * 1024;

/// Values by key. Can be shared between threads; no lock is held across an await, and no two at a time.
#[derive(Debug)]
pub struct ShardedCache<K: Hash + Eq, V> {
    /// A power of two.
    parts: Box<[LruTtlCache<K, V>]>,
    /// As fast as that of the maps: a keyed hash such as SipHash would take longer than all else of a look-up.
    hasher: DefaultHasher,
    /// Hashed before each key, as the seed of the hasher alone is that of its address.
    seed: u64,
}

impl<K: Hash + Eq, V: Clone> ShardedCache<K, V> {
    /// See [`LruTtlCache::ENTRY_OVERHEAD`].
    pub const ENTRY_OVERHEAD: usize = LruTtlCache::<K, V>::ENTRY_OVERHEAD;

    /// Creates a cache for at most `max_bytes` of entries, in as many parts as that is enough for. Zero disables the cache.
    #[must_use]
    pub fn new(max_bytes: usize) -> Self {
        let count = parts_of(max_bytes);
        let parts = (0..count).map(|_| LruTtlCache::new(max_bytes / count)).collect();
        Self { parts, hasher: DefaultHasher::default(), seed: RandomState::new().hash_one(0_u8) }
    }

    /// Lowers the limit to `max_bytes` and evicts entries above it. The number of parts stays.
    pub fn limit_to(&self, max_bytes: usize) {
        for part in &self.parts {
            part.limit_to(max_bytes / self.parts.len());
        }
    }

    /// See [`LruTtlCache::get`].
    pub fn get<Q: Hash + Eq + ?Sized>(&self, key: &Q, now: Instant) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.part(key)?.get(key, now)
    }

    /// See [`LruTtlCache::put`]; larger than a part is not stored either.
    pub fn put(&self, key: K, value: V, bytes: usize, expires: Option<Instant>) -> Option<usize> {
        self.part(&key)?.put(key, value, bytes, expires)
    }

    /// Whether there is an entry, expired or not. Does not update its last use.
    pub fn contains(&self, key: &K) -> bool {
        self.part(key).is_some_and(|part| part.contains(key))
    }

    /// Removes the entry.
    pub fn remove(&self, key: &K) {
        if let Some(part) = self.part(key) {
            part.remove(key);
        }
    }

    /// The number of entries, expired ones included, and their bytes. While others change it, the sum of parts at different moments.
    pub fn size(&self) -> (usize, usize) {
        let sizes = self.parts.iter().map(LruTtlCache::size);
        sizes.fold((0, 0), |(entries, bytes), (more, their)| (entries + more, bytes + their))
    }

    /// The bytes in use of the part that has or would have `key`, and its limit.
    pub fn used<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> (usize, usize)
    where
        K: Borrow<Q>,
    {
        self.part(key).map_or((0, 0), LruTtlCache::used)
    }

    /// The part of a key. There always is one.
    fn part<Q: Hash + ?Sized>(&self, key: &Q) -> Option<&LruTtlCache<K, V>> {
        if let [only] = &*self.parts {
            return Some(only);
        }
        let mut hasher = self.hasher.build_hasher();
        hasher.write_u64(self.seed);
        key.hash(&mut hasher);
        // The hash is a fast one, whose bytes alone are not equally distributed for all seeds and keys: numbers in a row left parts empty.
        // The highest byte of the product depends on all of them.
        let hash = hasher.finish();
        let [.., byte] = (hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes();
        self.parts.get(usize::from(byte) & (self.parts.len() - 1))
    }
}

/// The number of parts of a cache: a power of two.
fn parts_of(max_bytes: usize) -> usize {
    let enough_for = (max_bytes / SMALLEST).clamp(1, MOST);
    1 << enough_for.ilog2()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const MIB: usize = 1024 * 1024;

    /// The numbers of the keys in each part.
    fn keys_by_part(cache: &ShardedCache<u32, u32>, keys: std::ops::Range<u32>) -> Vec<Vec<u32>> {
        let of = |part: &LruTtlCache<u32, u32>| keys.clone().filter(|key| part.contains(key)).collect();
        cache.parts.iter().map(of).collect()
    }

    /// The first keys whose entries are or would be in a part.
    fn keys_of_part(cache: &ShardedCache<u32, u32>, part: usize, count: usize) -> Vec<u32> {
        let is_in_part =
            |key: &u32| cache.part(key).is_some_and(|of_key| std::ptr::eq(of_key, &raw const cache.parts[part]));
        (0..).filter(is_in_part).take(count).collect()
    }

    #[test]
    fn a_cache_has_as_many_parts_as_its_size_is_enough_for() {
        let cases = [
            (0, 1),
            (SMALLEST, 1),
            (2 * SMALLEST - 1, 1),
            (2 * SMALLEST, 2),
            (4 * SMALLEST - 1, 2),
            (3 * MIB, 8),
            (4 * MIB, 16),
            (4096 * MIB, 16),
        ];
        for (bytes, parts) in cases {
            assert_eq!(ShardedCache::<u32, u32>::new(bytes).parts.len(), parts, "{bytes}");
        }
    }

    #[test]
    fn an_entry_may_have_the_size_of_a_part() {
        for (bytes, largest) in [(100, 100), (2 * SMALLEST, SMALLEST), (32 * SMALLEST, 2 * SMALLEST)] {
            let cache = ShardedCache::new(bytes);
            assert_eq!(cache.put(1, 1, largest, None), Some(0), "{bytes}");
            assert_eq!((cache.size(), cache.used(&1)), ((1, largest), (largest, largest)), "{bytes}");
            // Nor does the former one stay.
            assert_eq!(cache.put(1, 2, largest + 1, None), None, "{bytes}");
            assert_eq!((cache.size(), cache.used(&1)), ((0, 0), (0, largest)), "{bytes}");
        }
    }

    #[test]
    fn a_key_has_one_value_and_one_part() {
        let cache = ShardedCache::new(4 * MIB);
        let now = Instant::now();
        for round in 0..3 {
            for key in 0..1000 {
                assert_eq!(cache.put(key, key + round, 100, None), Some(0));
            }
        }
        assert_eq!(cache.size(), (1000, 100_000));
        for key in 0..1000 {
            assert_eq!((cache.get(&key, now), cache.contains(&key)), (Some(key + 2), true));
        }
        let parts = keys_by_part(&cache, 0..1000);
        assert_eq!(parts.iter().map(Vec::len).sum::<usize>(), 1000);
        // With any seed: that one of 16 parts has none of 1000 keys is less likely than 1 in 10^25.
        assert!(parts.iter().all(|keys| !keys.is_empty()), "{parts:?}");
        cache.remove(&7);
        assert_eq!((cache.get(&7, now), cache.contains(&7), cache.size()), (None, false, (999, 99_900)));
    }

    #[test]
    fn keys_are_in_all_parts_for_every_seed() {
        let mut cache = ShardedCache::<u32, u32>::new(4 * MIB);
        for seed in 0..300_u64 {
            cache.seed = seed.wrapping_mul(0x0123_4567_89ab_cdef);
            let mut keys = [0_usize; 16];
            for key in 0..1000 {
                let of_key = cache.part(&key).map(std::ptr::from_ref);
                let part = cache.parts.iter().position(|part| Some(std::ptr::from_ref(part)) == of_key);
                keys[part.unwrap()] += 1;
            }
            // 62 on average, with a standard deviation of 8.
            assert!(keys.iter().all(|keys| (20..120).contains(keys)), "{seed}: {keys:?}");
        }
    }

    #[test]
    fn the_seed_of_each_cache_is_its_own() {
        let parts = |_: u32| {
            let cache = ShardedCache::new(4 * MIB);
            (0..100).for_each(|key| assert_eq!(cache.put(key, key, 100, None), Some(0)));
            keys_by_part(&cache, 0..100)
        };
        assert_ne!(parts(1), parts(2));
    }

    #[test]
    fn evicts_the_least_recently_used_entry_of_a_part_and_no_other() {
        const ENTRY: usize = SMALLEST / 4;
        let cache = ShardedCache::new(2 * SMALLEST);
        let now = Instant::now();
        let (first, second) = (keys_of_part(&cache, 0, 5), keys_of_part(&cache, 1, 4));
        // The other part is used before all.
        for key in second.iter().chain(&first[..4]) {
            assert_eq!(cache.put(*key, *key, ENTRY, None), Some(0));
        }
        assert_eq!((cache.size(), cache.used(&first[0])), ((8, 2 * SMALLEST), (SMALLEST, SMALLEST)));
        assert_eq!(cache.get(&first[0], now), Some(first[0]));
        assert_eq!(cache.put(first[4], 5, ENTRY, None), Some(1));
        let kept = |keys: &[u32]| keys.iter().map(|key| cache.contains(key)).collect::<Vec<_>>();
        assert_eq!(kept(&first), [true, false, true, true, true]);
        assert_eq!(kept(&second), [true; 4]);
        assert_eq!(cache.size(), (8, 2 * SMALLEST));
    }

    #[test]
    fn all_parts_together_stay_within_the_limit() {
        let cache = ShardedCache::new(3 * MIB);
        let evicted: usize = (0_u32..10_000).filter_map(|key| cache.put(key, key, 1000, None)).sum();
        let (entries, bytes) = cache.size();
        assert_eq!((entries + evicted, bytes), (10_000, 1000 * entries));
        // Each of the 8 parts has 393 entries.
        assert_eq!(entries, 8 * (3 * MIB / 8 / 1000));
    }

    #[test]
    fn an_entry_ends_at_its_time_in_every_part() {
        let cache = ShardedCache::new(4 * MIB);
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        for key in 0..100 {
            cache.put(key, key, 100, Some(start + second));
        }
        assert!((0..100).all(|key| cache.get(&key, start) == Some(key)));
        assert!((0..100).all(|key| cache.get(&key, start + second).is_none()));
        assert_eq!(cache.size(), (0, 0));
    }

    #[test]
    fn a_lower_limit_applies_to_every_part_at_once() {
        let cache = ShardedCache::new(4 * MIB);
        (0_u32..1000).for_each(|key| assert_eq!(cache.put(key, key, 1000, None), Some(0)));
        cache.limit_to(16 * 2500);
        assert_eq!((cache.size(), cache.used(&0)), ((32, 32_000), (2000, 2500)));
        cache.limit_to(0);
        assert_eq!(cache.put(1, 1, 1000, None), None);
        assert_eq!(cache.size(), (0, 0));
    }

    #[test]
    fn threads_that_use_it_together_leave_the_sums_right() {
        let cache = ShardedCache::new(4 * MIB);
        let now = Instant::now();
        std::thread::scope(|scope| {
            for thread in 0_u32..4 {
                let cache = &cache;
                scope.spawn(move || {
                    for key in 0..1000 {
                        cache.put(key * 4 + thread, key, 100, None);
                        assert_eq!(cache.get(&(key * 4 + thread), now), Some(key));
                        if key % 2 == 0 {
                            cache.remove(&(key * 4 + thread));
                        }
                    }
                });
            }
        });
        assert_eq!(cache.size(), (2000, 200_000));
    }
}
