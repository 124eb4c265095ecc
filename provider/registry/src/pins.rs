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
use countersign_http::Remembered;
use countersign_http::repository_bytes;

/// Manifests that this process read and hashed itself, by repository.
pub(crate) struct Pins {
    /// By tag. After its time an entry says only that the tag was read once.
    tags: Remembered<(Repository, String), (Descriptor, Instant)>,
    /// By digest: true for ever.
    digests: Remembered<(Repository, Digest), Descriptor>,
    /// Repositories whose HEADs name no digest, each until its time.
    without_head: LruCache<Repository, Instant>,
}

/// What a HEAD of a tag names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// A manifest that was read in the repository.
    Known(Descriptor),
    /// A manifest that was not.
    Unknown,
    /// Nothing that is the one digest of a manifest.
    Nothing,
}

impl Pins {
    pub(crate) fn new() -> Self {
        let size = NonZeroUsize::new(bounds::REPOSITORIES).unwrap_or(NonZeroUsize::MIN);
        Self {
            tags: Remembered::new(bounds::PINS_BYTES),
            digests: Remembered::new(bounds::PINS_BYTES),
            without_head: LruCache::new(size),
        }
    }

    /// Forgets everything, for good.
    pub(crate) fn retire(&mut self) {
        self.tags.limit_to(0);
        self.digests.limit_to(0);
        self.without_head = LruCache::new(NonZeroUsize::MIN);
    }

    /// What the image is, if that needs no request: its digest was read, or its tag within its lifetime.
    pub(crate) fn current(&mut self, image: &ImageRef) -> Option<Descriptor> {
        let repository = image.repository().clone();
        match image.selector() {
            Selector::Digest(digest) => self.digests.get(&(repository, digest.clone()), Instant::now().into_std()),
            Selector::Tag(tag) => {
                let now = Instant::now();
                let (descriptor, until) = self.tags.get(&(repository, tag.clone()), now.into_std())?;
                (now < until).then_some(descriptor)
            }
        }
    }

    /// Whether a HEAD may spare a GET: the tag was read before, so that it may well stand for a digest that is known, and
    /// the repository's HEADs are of use.
    pub(crate) fn is_worth_a_head(&mut self, repository: &Repository, tag: &str) -> bool {
        let answers = self.without_head.get(repository).is_none_or(|until| *until <= Instant::now());
        answers && self.tags.contains(&(repository.clone(), tag.to_owned()))
    }

    /// HEADs of the repository are of no use for a while.
    pub(crate) fn stop_heads(&mut self, repository: &Repository) {
        self.without_head.put(repository.clone(), Instant::now() + bounds::HEAD_PAUSE);
    }

    /// What was read in `repository` under the one `Docker-Content-Digest` of these headers. The header is a claim of the
    /// registry, as the tag is: it chooses among manifests that were hashed here, and is believed no further.
    ///
    /// Only SHA-256 counts: a GET of a tag gives such a digest, and a HEAD must not lead to another one.
    pub(crate) fn claim(&mut self, repository: &Repository, headers: &HeaderMap) -> Claim {
        let mut values = headers.get_all("docker-content-digest").iter();
        let (Some(value), None) = (values.next(), values.next()) else { return Claim::Nothing };
        let digest: Option<Digest> = value.to_str().ok().and_then(|text| text.trim().parse().ok());
        match digest.filter(|digest| digest.algorithm() == DigestAlgorithm::Sha256) {
            Some(digest) => match self.digests.get(&(repository.clone(), digest), Instant::now().into_std()) {
                Some(descriptor) => Claim::Known(descriptor),
                None => Claim::Unknown,
            },
            None => Claim::Nothing,
        }
    }

    /// Remembers what `image` is; a tag for `lifetime`.
    pub(crate) fn remember(&mut self, image: &ImageRef, descriptor: &Descriptor, lifetime: Duration) {
        let repository = image.repository().clone();
        let value = descriptor.media_type.as_str().len() + descriptor.digest.as_str().len();
        let common = repository_bytes(&repository) + value;
        if let Selector::Tag(tag) = image.selector() {
            let until = Instant::now() + lifetime;
            let bytes = common + tag.len() + Remembered::<(Repository, String), (Descriptor, Instant)>::AROUND;
            self.tags.put((repository.clone(), tag.clone()), (descriptor.clone(), until), bytes, None);
        }
        let key = (repository, descriptor.digest.clone());
        let bytes = common + key.1.as_str().len() + Remembered::<(Repository, Digest), Descriptor>::AROUND;
        self.digests.put(key, descriptor.clone(), bytes, None);
    }
}
