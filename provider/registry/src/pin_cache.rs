//! A cache of descriptors of image manifests.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::Weak;
use std::time::Duration;

use countersign_core::name::Digest;
use countersign_core::name::DigestAlgorithm;
use countersign_core::name::ImageRef;
use countersign_core::name::MediaType;
use countersign_core::name::Repository;
use countersign_core::name::Selector;
use countersign_core::oci::Descriptor;
use countersign_credentials::CredentialScope;
use countersign_http::Renewal;
use countersign_http::ShardedCache;
use countersign_http::content_type;
use http::HeaderMap;
use lru::LruCache;
use tokio::time::Instant;

use crate::limits;

/// A key of a manifest that was read with a credential. Credentials may have different permissions, and a registry
/// may resolve a tag differently for each of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key<N> {
    repository: Repository,
    name: N,
    scope: CredentialScope,
}

impl<N> Key<N> {
    fn new(repository: &Repository, name: N, scope: &CredentialScope) -> Self {
        Self { repository: repository.clone(), name, scope: scope.clone() }
    }
}

type Tags = ShardedCache<Key<String>, Arc<Tag>>;

/// What a tag was, and until when that is assumed.
#[derive(Debug)]
struct Tag {
    descriptor: Descriptor,
    until: Instant,
    renewal: Renewal,
}

/// A tag in memory, by which its holder sees whether it still is what the tag was last.
#[derive(Clone, Debug)]
pub struct StandingPin(Weak<Tag>);

impl StandingPin {
    /// Whether nothing has taken the place of what the tag was, its lifetime has not ended, and its renewal is not due.
    #[must_use]
    pub fn stands(&self) -> bool {
        let now = Instant::now();
        self.0.upgrade().is_some_and(|tag| now < tag.until && !tag.renewal.is_due(now))
    }
}

type Digests = ShardedCache<Key<Digest>, Descriptor>;

/// Descriptors of manifests that this process has read and hashed, by repository and credential. No lock is held across an await.
pub(crate) struct PinCache {
    /// By tag. An expired entry only shows that the tag was read before.
    tags: Tags,
    /// By digest, without expiry.
    digests: Digests,
    /// Repositories that respond to HEAD without a digest, with the end of that assumption.
    without_head: Mutex<LruCache<Repository, Instant>>,
}

/// The result of a HEAD of a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// A manifest that was read in the repository.
    Known(Descriptor),
    /// One that was read with another media type than the registry states now.
    OtherType(Descriptor),
    /// A manifest that was not.
    Unknown,
    /// No digest, or more than one.
    Nothing,
}

impl PinCache {
    pub(crate) fn new() -> Self {
        let size = NonZeroUsize::new(limits::REPOSITORIES).unwrap_or(NonZeroUsize::MIN);
        Self {
            tags: Tags::new(limits::PINS_BYTES),
            digests: Digests::new(limits::PINS_BYTES),
            without_head: Mutex::new(LruCache::new(size)),
        }
    }

    /// Disables the cache.
    pub(crate) fn retire(&self) {
        self.tags.limit_to(0);
        self.digests.limit_to(0);
        *self.without_head() = LruCache::new(NonZeroUsize::MIN);
    }

    /// The descriptor of a tag that was read with the credential within the lifetime of tags.
    pub(crate) fn current(&self, repository: &Repository, tag: &str, scope: &CredentialScope) -> Option<Descriptor> {
        let (tag, now) = (self.tag(repository, tag, scope)?, Instant::now());
        (now < tag.until).then(|| tag.descriptor.clone())
    }

    /// [`Self::current`], and by what it is seen whether it still is.
    pub(crate) fn standing(
        &self,
        repository: &Repository,
        tag: &str,
        scope: &CredentialScope,
    ) -> Option<(Descriptor, StandingPin)> {
        let (tag, now) = (self.tag(repository, tag, scope)?, Instant::now());
        (now < tag.until).then(|| (tag.descriptor.clone(), StandingPin(Arc::downgrade(&tag))))
    }

    /// Whether [`Self::current`] ends soon, and its renewal is not claimed.
    pub(crate) fn is_due(&self, repository: &Repository, tag: &str, scope: &CredentialScope) -> bool {
        self.tag(repository, tag, scope).is_some_and(|tag| tag.renewal.is_due(Instant::now()))
    }

    /// Whether [`Self::current`] ends soon; true once.
    pub(crate) fn claim_renewal(&self, repository: &Repository, tag: &str, scope: &CredentialScope) -> bool {
        self.tag(repository, tag, scope).is_some_and(|tag| tag.renewal.claim(Instant::now()))
    }

    fn tag(&self, repository: &Repository, tag: &str, scope: &CredentialScope) -> Option<Arc<Tag>> {
        self.tags.get(&Key::new(repository, tag.to_owned(), scope), Instant::now().into_std())
    }

    /// Whether a HEAD may save a GET: the repository responds to HEAD with a digest, and the tag was read before with the credential, so
    /// that its digest may be known, or the manifest with the digest was.
    pub(crate) fn is_worth_a_head(&self, image: &ImageRef, scope: &CredentialScope) -> bool {
        let repository = image.repository();
        let answers = self.without_head().get(repository).is_none_or(|until| *until <= Instant::now());
        answers
            && match image.selector() {
                Selector::Tag(tag) => self.tags.contains(&Key::new(repository, tag.clone(), scope)),
                Selector::Digest(digest) => self.digests.contains(&Key::new(repository, digest.clone(), scope)),
            }
    }

    /// Sends no HEAD to the repository for [`limits::HEAD_PAUSE`].
    pub(crate) fn stop_heads(&self, repository: &Repository) {
        self.without_head().put(repository.clone(), Instant::now() + limits::HEAD_PAUSE);
    }

    /// The manifest of the image with the `Docker-Content-Digest` of these headers, which answer a HEAD of its reference. The header is a
    /// claim of the registry, as the tag is: it only chooses among manifests that were hashed here, and for a digest it can only be that one.
    ///
    /// A manifest need not state its media type. It is the one of the answer then, which may have been wrong once, and signatures are about
    /// it: an answer that states the type of another kind of manifest decides nothing. Other types are not those of manifests: some servers
    /// answer a HEAD with a generic one.
    ///
    /// For a tag only SHA-256 is accepted, as the digest of a tag after a GET is always SHA-256.
    pub(crate) fn claim(&self, image: &ImageRef, scope: &CredentialScope, headers: &HeaderMap) -> Claim {
        let mut values = headers.get_all("docker-content-digest").iter();
        let (Some(value), None) = (values.next(), values.next()) else { return Claim::Nothing };
        let digest: Option<Digest> = value.to_str().ok().and_then(|text| text.trim().parse().ok());
        let digest = match (image.selector(), digest) {
            (Selector::Tag(_), Some(digest)) if digest.algorithm() == DigestAlgorithm::Sha256 => digest,
            (Selector::Digest(asked), Some(digest)) if *asked == digest => digest,
            // Another algorithm, or other content than the reference names: the GET decides.
            (Selector::Digest(_), Some(_)) => return Claim::Unknown,
            (Selector::Tag(_) | Selector::Digest(_), _) => return Claim::Nothing,
        };
        let key = Key::new(image.repository(), digest, scope);
        match self.digests.get(&key, Instant::now().into_std()) {
            None => Claim::Unknown,
            Some(known) if states_other(&known, &content_type(headers)) => Claim::OtherType(known),
            Some(known) => Claim::Known(known),
        }
    }

    /// Stores the descriptor of `image`, which was read with the credential of `scope`; a tag for `lifetime`.
    pub(crate) fn put(&self, image: &ImageRef, scope: &CredentialScope, descriptor: &Descriptor, lifetime: Duration) {
        let repository = image.repository();
        let value = descriptor.media_type.as_str().len() + descriptor.digest.as_str().len();
        let common = repository_bytes(repository) + value;
        if let Selector::Tag(tag) = image.selector() {
            let now = Instant::now();
            let value =
                Tag { descriptor: descriptor.clone(), until: now + lifetime, renewal: Renewal::within(lifetime, now) };
            let bytes = common + tag.len() + size_of::<Tag>() + Tags::ENTRY_OVERHEAD;
            self.tags.put(Key::new(repository, tag.clone(), scope), Arc::new(value), bytes, None);
        }
        let key = Key::new(repository, descriptor.digest.clone(), scope);
        let bytes = common + key.name.as_str().len() + Digests::ENTRY_OVERHEAD;
        self.digests.put(key, descriptor.clone(), bytes, None);
    }

    fn without_head(&self) -> MutexGuard<'_, LruCache<Repository, Instant>> {
        // No operation can panic while it is locked.
        self.without_head.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether `stated` is the type of a manifest, and not that of `known`.
fn states_other(known: &Descriptor, stated: &str) -> bool {
    let types = [MediaType::OCI_MANIFEST, MediaType::OCI_INDEX, MediaType::DOCKER_MANIFEST, MediaType::DOCKER_LIST];
    types.contains(&stated) && known.media_type.as_str() != stated
}

/// The memory of the texts of a repository, in bytes: its host as written and in canonical form, and its path.
pub(crate) fn repository_bytes(repository: &Repository) -> usize {
    2 * repository.host().as_str().len() + repository.path().len()
}
