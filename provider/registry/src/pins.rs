//! Which image manifests were read, so that they need not be read again.

use std::num::NonZeroUsize;
use std::time::Duration;

use countersign_core::name::Digest;
use countersign_core::name::DigestAlgorithm;
use countersign_core::name::ImageRef;
use countersign_core::name::Repository;
use countersign_core::name::Selector;
use countersign_core::oci::Descriptor;
use http::HeaderMap;
use lru::LruCache;
use tokio::time::Instant;

use crate::bounds;

/// Manifests that this process read and hashed itself, by repository.
pub(crate) struct Pins {
    /// By tag. After its time an entry says only that the tag was read once.
    tags: LruCache<(Repository, String), (Descriptor, Instant)>,
    /// By digest: true for ever.
    digests: LruCache<(Repository, Digest), Descriptor>,
}

impl Pins {
    pub(crate) fn new() -> Self {
        let size = NonZeroUsize::new(bounds::REPOSITORIES).unwrap_or(NonZeroUsize::MIN);
        Self { tags: LruCache::new(size), digests: LruCache::new(size) }
    }

    /// What the image is, if that needs no request: its digest was read, or its tag within its lifetime.
    pub(crate) fn current(&mut self, image: &ImageRef) -> Option<Descriptor> {
        let repository = image.repository().clone();
        match image.selector() {
            Selector::Digest(digest) => self.digests.get(&(repository, digest.clone())).cloned(),
            Selector::Tag(tag) => {
                let (descriptor, until) = self.tags.get(&(repository, tag.clone()))?;
                (Instant::now() < *until).then(|| descriptor.clone())
            }
        }
    }

    /// Whether the tag was ever read, so that it may well stand for a digest that is known.
    pub(crate) fn has_tag(&self, repository: &Repository, tag: &str) -> bool {
        self.tags.contains(&(repository.clone(), tag.to_owned()))
    }

    /// What was read in `repository` under the one `Docker-Content-Digest` of these headers. The header is a claim of the
    /// registry, as the tag is: it chooses among manifests that were hashed here, and is believed no further.
    ///
    /// Only SHA-256 counts: a GET of a tag gives such a digest, and a HEAD must not lead to another one.
    pub(crate) fn claimed(&mut self, repository: &Repository, headers: &HeaderMap) -> Option<Descriptor> {
        let mut values = headers.get_all("docker-content-digest").iter();
        let (Some(value), None) = (values.next(), values.next()) else { return None };
        let digest: Digest = value.to_str().ok()?.trim().parse().ok()?;
        if digest.algorithm() != DigestAlgorithm::Sha256 {
            return None;
        }
        self.digests.get(&(repository.clone(), digest)).cloned()
    }

    /// Remembers what `image` is; a tag for `lifetime`.
    pub(crate) fn remember(&mut self, image: &ImageRef, descriptor: &Descriptor, lifetime: Duration) {
        let repository = image.repository().clone();
        if let Selector::Tag(tag) = image.selector() {
            let until = Instant::now() + lifetime;
            self.tags.put((repository.clone(), tag.clone()), (descriptor.clone(), until));
        }
        self.digests.put((repository, descriptor.digest.clone()), descriptor.clone());
    }
}
