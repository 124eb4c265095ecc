//! The items of images that are asked for often, as bytes: from one response to the next only the request ID differs, and is inserted. With
//! each is the line of its event in the log.
//!
//! An item is used again only for the same verdict in memory, not for an equal one: a new verdict is encoded anew, and its item takes the place
//! of the former one. While a result stands ([`Standing`]), the verdict need not be looked up for that.
//!
//! When a verdict leaves its cache, its item stays until the key is asked for again or others need its place, and is not used. Until then it
//! keeps the verdict, whose bytes count for the limit of the items.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use countersign_core::name::Digest;
use countersign_core::name::ImageRef;
use countersign_core::verdict::ImageVerdict;
use countersign_http::ShardedCache;
use tokio::time::Instant;

use crate::engine::ImageResult;
use crate::engine::Standing;
use crate::protocol::EncodedKey;
use crate::protocol::Item;
use crate::protocol::ResponseContext;
use crate::server::request_id::RequestId;
use crate::server::routes::Endpoint;
use crate::telemetry::log::Decision;
use crate::telemetry::log::PreparedVerdict;
use crate::telemetry::log::VerdictEvent;
use crate::telemetry::metrics::CacheEvent;
use crate::telemetry::metrics::CacheSize;
use crate::telemetry::metrics::Metrics;

/// Maximum number of bytes of all items, with the verdicts that they keep in memory: a thousand images.
pub(in crate::server) const RENDERED_BYTES: usize = 3 * 1024 * 1024;

/// While there is no room, one of so many items is stored: images that are asked for by turns would only evict each other.
const STORED_OF: usize = 16;

/// Encodes the item of a key.
pub(super) type Encode = fn(ResponseContext<'_>, &str, &ImageRef, &ImageResult) -> EncodedKey;

/// The items of `/v1/verify` that were rendered lately, by key.
pub(super) struct RenderedItems {
    items: ShardedCache<String, Arc<Rendered>>,
    /// A random request ID, which is replaced by that of each request. An item that has it in another member too is not kept.
    placeholder: RequestId,
    full: AtomicUsize,
    metrics: Arc<Metrics>,
}

/// An item without its request ID.
#[derive(Clone)]
pub(super) struct Rendered {
    /// Kept, so that no other verdict takes its place in memory.
    pub(super) verdict: Arc<ImageVerdict>,
    pub(super) digest: Option<Digest>,
    parts: Arc<Parts>,
    standing: Option<Standing>,
}

/// What does not change from one response to the next.
struct Parts {
    before: Box<[u8]>,
    after: Box<[u8]>,
    event: Option<PreparedVerdict>,
}

impl Rendered {
    fn is_of(&self, result: &ImageResult) -> bool {
        Arc::ptr_eq(&self.verdict, &result.verdict) && self.digest == result.digest
    }

    pub(super) fn item(&self, request_id: &str) -> EncodedKey {
        let Parts { before, after, event: _ } = &*self.parts;
        EncodedKey::Item(Item { bytes: [before, request_id.as_bytes(), after].concat(), is_error: false })
    }

    /// The line of the event.
    pub(super) fn event(&self) -> Option<&PreparedVerdict> {
        self.parts.event.as_ref()
    }

    /// With the key, in bytes.
    fn weight(&self, key: &str) -> usize {
        let Self { verdict, digest, parts, standing } = self;
        let Parts { before, after, event } = &**parts;
        size_of::<Self>()
            + size_of::<Parts>()
            + ShardedCache::<String, Arc<Self>>::ENTRY_OVERHEAD
            + [key.len(), before.len(), after.len(), verdict.bytes()].iter().sum::<usize>()
            + digest.as_ref().map_or(0, |digest| digest.as_str().len())
            + event.as_ref().map_or(0, PreparedVerdict::bytes)
            + standing.as_ref().map_or(0, Standing::heap_bytes)
    }
}

impl RenderedItems {
    pub(super) fn new(max_bytes: usize, metrics: Arc<Metrics>) -> Self {
        let placeholder = RequestId::new();
        Self { items: ShardedCache::new(max_bytes), placeholder, full: AtomicUsize::new(0), metrics }
    }

    /// The item of a key whose result `stands`.
    pub(super) fn standing(
        &self,
        endpoint: Endpoint,
        key: &str,
        stands: impl FnOnce(&Standing) -> bool,
    ) -> Option<Arc<Rendered>> {
        if !is_kept_for(endpoint) {
            return None;
        }
        let rendered = self.items.get(key, Instant::now().into_std())?;
        let rendered = rendered.standing.as_ref().is_some_and(stands).then_some(rendered)?;
        self.metrics.cache_event(CacheEvent::ItemHit);
        Some(rendered)
    }

    /// Keeps with the item of a key what its `result` depends on, if it is in memory.
    pub(super) fn stand(
        &self,
        endpoint: Endpoint,
        key: &str,
        result: &ImageResult,
        standing: impl FnOnce() -> Option<Standing>,
    ) {
        if !is_kept(endpoint, result) {
            return;
        }
        let rendered = self.items.get(key, Instant::now().into_std()).filter(|rendered| rendered.is_of(result));
        if let Some(rendered) = rendered
            && let Some(standing) = standing()
        {
            self.keep(key, Rendered { standing: Some(standing), ..Rendered::clone(&rendered) });
        }
    }

    /// The item of a key, by `encode` unless it was rendered for the same verdict before.
    pub(super) fn encode(
        &self,
        endpoint: Endpoint,
        context: ResponseContext<'_>,
        (key, image): (&str, &ImageRef),
        result: &ImageResult,
        encode: Encode,
    ) -> EncodedKey {
        if !is_kept(endpoint, result) {
            return encode(context, key, image, result);
        }
        let former = self.items.get(key, Instant::now().into_std());
        if let Some(rendered) = former.as_ref().filter(|rendered| rendered.is_of(result)) {
            self.metrics.cache_event(CacheEvent::ItemHit);
            return rendered.item(context.request_id);
        }
        self.metrics.cache_event(CacheEvent::ItemMiss);
        // That of a former verdict has a place.
        if former.is_none() && !self.takes_another(key) {
            return encode(context, key, image, result);
        }
        let context_of_all = ResponseContext { request_id: self.placeholder.as_str(), ..context };
        let EncodedKey::Item(Item { bytes, is_error: false }) = encode(context_of_all, key, image, result) else {
            return encode(context, key, image, result);
        };
        let Some((before, after)) = split(&bytes, self.placeholder.as_str().as_bytes()) else {
            return encode(context, key, image, result);
        };
        let event = PreparedVerdict::of(&event(endpoint, key, result));
        let rendered = Rendered {
            verdict: Arc::clone(&result.verdict),
            digest: result.digest.clone(),
            parts: Arc::new(Parts { before: before.into(), after: after.into(), event }),
            standing: None,
        };
        let item = rendered.item(context.request_id);
        self.keep(key, rendered);
        item
    }

    /// Whether there is room for the item of another key, or it is one of those that are stored without.
    fn takes_another(&self, key: &str) -> bool {
        let (used, most) = self.items.used(key);
        used <= most / 8 * 7 || self.full.fetch_add(1, Ordering::Relaxed).is_multiple_of(STORED_OF)
    }

    fn keep(&self, key: &str, rendered: Rendered) {
        let weight = rendered.weight(key);
        let evicted = self.items.put(key.to_owned(), Arc::new(rendered), weight, None);
        self.metrics.cache_events(CacheEvent::ItemEvicted, evicted.unwrap_or_default());
        let (entries, bytes) = self.items.size();
        self.metrics.cached_items(CacheSize { entries, bytes });
    }
}

/// Whether the item may be sent again: that of an admitted image without failed signatures, whose verdict is in memory. Other items have the
/// request ID in texts that are cut to their limits, the time, or as many signatures as the request allows.
fn is_kept(endpoint: Endpoint, result: &ImageResult) -> bool {
    let is_plain = match &*result.verdict {
        ImageVerdict::Verified(verified) => verified.others.total() == 0,
        ImageVerdict::Skipped(_) => true,
        ImageVerdict::Rejected(_) | ImageVerdict::Inconclusive(_) => false,
    };
    is_kept_for(endpoint) && result.cached && is_plain
}

fn is_kept_for(endpoint: Endpoint) -> bool {
    match endpoint {
        Endpoint::Verify => true,
        Endpoint::Mutate | Endpoint::RatifyVerify | Endpoint::RatifyMutate => false,
    }
}

/// The event about the result, without what differs from one request to the next.
fn event<'a>(endpoint: Endpoint, key: &'a str, result: &'a ImageResult) -> VerdictEvent<'a> {
    VerdictEvent {
        endpoint: endpoint.as_str(),
        request_id: "",
        image: key,
        digest: result.digest.as_ref().map(Digest::as_str),
        decision: Decision::Decided(&result.verdict),
        cached: result.cached,
        repeated: 0,
        elapsed: Duration::ZERO,
    }
}

/// The item around the only place of `placeholder`; `None` if it has none or several.
fn split<'a>(bytes: &'a [u8], placeholder: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let mut places = bytes.windows(placeholder.len()).enumerate().filter(|(_, window)| *window == placeholder);
    let (place, _) = places.next()?;
    if places.next().is_some() {
        return None;
    }
    Some((bytes.get(..place)?, bytes.get(place + placeholder.len()..)?))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
