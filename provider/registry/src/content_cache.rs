//! Bytes of manifests and blobs that were received and hashed, by digest: for the next repository, mirror or verification that needs the same.
//!
//! # What they replace
//!
//! A body, and never its existence. They are used only after the location that is asked has answered 200 to a HEAD of the same URL, with the
//! credential and the limits of a GET (`content.rs`). After any other answer a GET decides, unless the server fails. So an image is not
//! verified by a signature that its repository has lost, or that the credential may no longer read. Lists of referrers and tags are never
//! here.
//!
//! # Why a HEAD is enough
//!
//! Whoever is asked decides about the same digest in the same way for both methods: a registry that answers 200 would send the content. What
//! it would send is known without receiving it, as the key is the digest and each entry had it when it was stored, with exactly the size of
//! its descriptor: other bytes would not have been accepted from it either. A signature is about the digest of an image, and not about the
//! place where it lies.
//!
//! # What repositories learn of each other
//!
//! The key has no repository and no credential, so content that one of them may read can be here when another one is asked. A verdict
//! says nothing about it before the 200 of the repository itself: after a 401, 403 or 404 a GET follows, whose reason is that of the verdict. The time
//! of a request says that this process has received the digest before: by a HEAD and a GET in place of one GET, or by what is not received.
//! Whoever asks has named the digest.
//!
//! The server sees a HEAD in place of a GET, and so that the digest was read before. The digest of the envelope is named to it before it has said
//! that it has the manifest; only if it has listed that manifest, and has the image to which the manifest refers. A server that claims to have
//! what it does not have learns this digest, and what a verdict says about the signature of an image that it serves.

use std::sync::Mutex;
use std::sync::PoisonError;

use bytes::Bytes;
use countersign_core::name::Digest;
use countersign_core::oci::Descriptor;
use countersign_http::LruTtlCache;
use tokio::time::Instant;

use crate::limits;
use crate::observer::ContentStored;

type Entries = LruTtlCache<Digest, Bytes>;

/// What is shared by the references to the bytes of an entry, in bytes.
const SHARED: usize = 64;

/// The bytes by digest, without expiry. Nothing in it depends on the settings, so it stays when they change.
pub(crate) struct ContentCache {
    entries: Entries,
    /// Held while an entry is stored and reported, so that the last report is about the state of the cache. Never across an await.
    storing: Mutex<()>,
}

impl ContentCache {
    pub(crate) fn new(max_bytes: usize) -> Self {
        Self { entries: Entries::new(max_bytes), storing: Mutex::new(()) }
    }

    /// The bytes that `descriptor` describes. A descriptor with another size describes others.
    pub(crate) fn get(&self, descriptor: &Descriptor) -> Option<Bytes> {
        let bytes = self.entries.get(&descriptor.digest, Instant::now().into_std())?;
        (u64::try_from(bytes.len()) == Ok(descriptor.size)).then_some(bytes)
    }

    /// Stores bytes whose digest was computed while they were received, and reports that, unless they are large or it has them.
    pub(crate) fn put(&self, digest: &Digest, bytes: Bytes, report: impl FnOnce(&ContentStored)) {
        let _storing = self.storing.lock().unwrap_or_else(PoisonError::into_inner);
        if bytes.len() > limits::CONTENT_ENTRY_BYTES || self.entries.contains(digest) {
            return;
        }
        let size = bytes.len() + digest.as_str().len() + SHARED + Entries::ENTRY_OVERHEAD;
        if let Some(evicted) = self.entries.put(digest.clone(), bytes, size, None) {
            let (entries, bytes) = self.entries.size();
            report(&ContentStored { evicted, entries, bytes });
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use countersign_core::name::DigestAlgorithm;

    use super::*;

    const MIB: usize = 1024 * 1024;

    fn content(byte: u8, length: usize) -> (Descriptor, Bytes) {
        let bytes = Bytes::from(vec![byte; length]);
        let digest = Digest::of(DigestAlgorithm::Sha256, &bytes);
        (Descriptor::new("a/b".parse().unwrap(), digest, u64::try_from(length).unwrap()), bytes)
    }

    fn put(cache: &ContentCache, (descriptor, bytes): &(Descriptor, Bytes)) -> Option<ContentStored> {
        let mut reported = None;
        cache.put(&descriptor.digest, bytes.clone(), |stored| reported = Some(*stored));
        reported
    }

    #[test]
    fn the_least_recently_used_content_is_evicted_by_the_bytes_of_all() {
        let one = 1000 + 71 + SHARED + Entries::ENTRY_OVERHEAD;
        let cache = ContentCache::new(2 * one);
        let all: Vec<_> = (0..3).map(|byte| content(byte, 1000)).collect();
        let put = |at: usize| put(&cache, &all[at]);
        assert_eq!(put(0), Some(ContentStored { evicted: 0, entries: 1, bytes: one }));
        assert_eq!(put(1), Some(ContentStored { evicted: 0, entries: 2, bytes: 2 * one }));
        assert_eq!(cache.get(&all[0].0), Some(all[0].1.clone()));
        assert_eq!(put(2), Some(ContentStored { evicted: 1, entries: 2, bytes: 2 * one }));
        assert_eq!([0, 1, 2].map(|at| cache.get(&all[at].0).is_some()), [true, false, true]);
        // It has it.
        assert_eq!(put(2), None);
    }

    #[test]
    fn large_content_is_not_kept() {
        let cache = ContentCache::new(MIB);
        for (length, is_kept) in
            [(0, true), (limits::CONTENT_ENTRY_BYTES, true), (limits::CONTENT_ENTRY_BYTES + 1, false)]
        {
            let (descriptor, bytes) = content(1, length);
            assert_eq!(put(&cache, &(descriptor.clone(), bytes)).is_some(), is_kept, "{length}");
            assert_eq!(cache.get(&descriptor).is_some(), is_kept, "{length}");
        }
    }

    #[test]
    fn a_descriptor_with_another_size_describes_other_bytes() {
        let cache = ContentCache::new(MIB);
        let (descriptor, bytes) = content(1, 10);
        put(&cache, &(descriptor.clone(), bytes));
        for size in [0, 9, 11, u64::MAX] {
            assert_eq!(cache.get(&Descriptor { size, ..descriptor.clone() }), None);
        }
    }
}
