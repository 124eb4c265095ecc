//! The items of images that are asked for often, as bytes: from one response to the next only the request ID differs, and is inserted.
//!
//! An item is used again only for the same verdict in memory, not for an equal one: a new verdict is encoded anew.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use countersign_core::name::Digest;
use countersign_core::name::ImageRef;
use countersign_core::verdict::ImageVerdict;
use countersign_http::LruTtlCache;
use tokio::time::Instant;

use crate::engine::ImageResult;
use crate::protocol::EncodedKey;
use crate::protocol::Item;
use crate::protocol::ResponseContext;
use crate::server::request_id::RequestId;
use crate::server::routes::Endpoint;

/// Maximum number of bytes of all items, with the verdicts that they keep in memory: some thousand images.
pub(in crate::server) const RENDERED_BYTES: usize = 3 * 1024 * 1024;

/// While there is no room, one of so many items is stored: images that are asked for by turns would only evict each other.
const STORED_OF: usize = 16;

/// Encodes the item of a key.
pub(super) type Encode = fn(ResponseContext<'_>, &str, &ImageRef, &ImageResult) -> EncodedKey;

/// The items of `/v1/verify` that were rendered lately, by key.
pub(super) struct RenderedItems {
    items: LruTtlCache<String, Arc<Rendered>>,
    /// A random request ID, which is replaced by that of each request. An item that has it in another member too is not kept.
    placeholder: RequestId,
    max_bytes: usize,
    full: AtomicUsize,
}

/// An item without its request ID.
struct Rendered {
    /// Kept, so that no other verdict takes its place in memory.
    verdict: Arc<ImageVerdict>,
    digest: Option<Digest>,
    before: Box<[u8]>,
    after: Box<[u8]>,
}

impl Rendered {
    fn is_of(&self, result: &ImageResult) -> bool {
        Arc::ptr_eq(&self.verdict, &result.verdict) && self.digest == result.digest
    }

    fn item(&self, request_id: &str) -> EncodedKey {
        let Self { before, after, .. } = self;
        EncodedKey::Item(Item { bytes: [before, request_id.as_bytes(), after].concat(), is_error: false })
    }
}

impl RenderedItems {
    pub(super) fn new(max_bytes: usize) -> Self {
        let placeholder = RequestId::new();
        Self { items: LruTtlCache::new(max_bytes), placeholder, max_bytes, full: AtomicUsize::new(0) }
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
        let now = Instant::now().into_std();
        if let Some(rendered) = self.items.get(key, now).filter(|rendered| rendered.is_of(result)) {
            return rendered.item(context.request_id);
        }
        let bytes = self.items.size().1;
        if bytes > self.max_bytes / 8 * 7 && !self.full.fetch_add(1, Ordering::Relaxed).is_multiple_of(STORED_OF) {
            return encode(context, key, image, result);
        }
        let context_of_all = ResponseContext { request_id: self.placeholder.as_str(), ..context };
        let EncodedKey::Item(Item { bytes, is_error: false }) = encode(context_of_all, key, image, result) else {
            return encode(context, key, image, result);
        };
        let Some(rendered) = split(&bytes, self.placeholder.as_str().as_bytes(), result) else {
            return encode(context, key, image, result);
        };
        let item = rendered.item(context.request_id);
        let weight = rendered.before.len() + rendered.after.len() + rendered.verdict.bytes() + key.len();
        let weight = weight + size_of::<Rendered>() + LruTtlCache::<String, Arc<Rendered>>::ENTRY_OVERHEAD;
        self.items.put(key.to_owned(), Arc::new(rendered), weight, None);
        item
    }
}

/// Whether the item may be sent again: that of an admitted image without failed signatures, whose verdict is in memory. Other items have the
/// request ID in texts that are cut to their limits, the time, or as many signatures as the request allows.
fn is_kept(endpoint: Endpoint, result: &ImageResult) -> bool {
    let of_endpoint = match endpoint {
        Endpoint::Verify => true,
        Endpoint::Mutate | Endpoint::RatifyVerify | Endpoint::RatifyMutate => false,
    };
    let is_plain = match &*result.verdict {
        ImageVerdict::Verified(verified) => verified.others.total() == 0,
        ImageVerdict::Skipped(_) => true,
        ImageVerdict::Rejected(_) | ImageVerdict::Inconclusive(_) => false,
    };
    of_endpoint && result.cached && is_plain
}

/// The item around the only place of `placeholder`; `None` if it has none or several.
fn split(bytes: &[u8], placeholder: &[u8], result: &ImageResult) -> Option<Rendered> {
    let mut places = bytes.windows(placeholder.len()).enumerate().filter(|(_, window)| *window == placeholder);
    let (place, _) = places.next()?;
    if places.next().is_some() {
        return None;
    }
    Some(Rendered {
        verdict: Arc::clone(&result.verdict),
        digest: result.digest.clone(),
        before: bytes.get(..place)?.into(),
        after: bytes.get(place + placeholder.len()..)?.into(),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
