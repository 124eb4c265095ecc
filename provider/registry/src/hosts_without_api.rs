//! Hosts that were found to have no referrers API, so that not every image costs a request that fails.
//!
//! What is remembered decides only which list is read first: absence is known only after both, see `referrers.rs`.

use countersign_http::LruTtlCache;
use tokio::time::Instant;

use crate::limits;

/// Hosts with their ports, each for [`limits::API_ABSENCE`].
pub(crate) struct HostsWithoutApi(LruTtlCache<String, ()>);

impl HostsWithoutApi {
    pub(crate) fn new() -> Self {
        Self(LruTtlCache::new(limits::HOSTS_WITHOUT_API_BYTES))
    }

    pub(crate) fn has(&self, authority: &String) -> bool {
        self.0.get(authority, Instant::now().into_std()).is_some()
    }

    /// The host has responded that it has no list, and has one under the fallback tag.
    pub(crate) fn add(&self, authority: String) {
        let bytes = authority.len() + LruTtlCache::<String, ()>::ENTRY_OVERHEAD;
        self.0.put(authority, (), bytes, Some((Instant::now() + limits::API_ABSENCE).into_std()));
    }

    /// The host has sent a list.
    pub(crate) fn remove(&self, authority: &String) {
        self.0.remove(authority);
    }
}
