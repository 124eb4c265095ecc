//! Resolves a reference to the digest of its image, by its manifest or from the cache.

use countersign_core::limits;
use countersign_core::name::Digest;
use countersign_core::name::DigestAlgorithm;
use countersign_core::name::ImageRef;
use countersign_core::name::MediaType;
use countersign_core::name::Repository;
use countersign_core::name::Selector;
use countersign_core::oci;
use countersign_core::oci::Descriptor;
use countersign_credentials::CredentialScope;
use countersign_http::BodyLimits;
use countersign_http::authority;
use countersign_http::content_type;
use countersign_http::excerpt;
use http::HeaderMap;
use tokio::time::Instant;
use url::Url;

use crate::client::Query;
use crate::error::Cause;
use crate::error::RegistryError;
use crate::head_answer::fails_as_well;
use crate::observer::Stage;
use crate::observer::TagCache;
use crate::pin_cache::Claim;
use crate::pin_cache::StandingPin;
use crate::registries::Registries;
use crate::repository_access::RepositoryAccess;
use crate::request::ApiResponse;

/// The media types of images and indexes.
pub(crate) const TARGETS: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json";

/// An image with a verified digest: its manifest was read and hashed, and is an image or an index. Created only by
/// [`Registries::pin`]; later steps do not use tags.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Pinned {
    repository: Repository,
    descriptor: Descriptor,
    scope: CredentialScope,
}

impl Pinned {
    /// The repository.
    #[must_use]
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// Media type, digest and size of the manifest, from its bytes.
    #[must_use]
    pub fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// The scope of the credential with which it was read.
    #[must_use]
    pub fn credential_scope(&self) -> &CredentialScope {
        &self.scope
    }
}

impl Registries {
    /// Resolves an image: reads and checks its manifest, at the first of its locations that has it. The digest is that of the reference, with its algorithm, or
    /// for a tag the sha256 of the received manifest.
    ///
    /// A tag is cached for the configured time, for calls with the same credential; then no request is sent. After that time a tag needs
    /// a HEAD, and a GET only if its digest was not read in this repository, as registries count GETs of manifests as pulls. A digest
    /// that was read needs a HEAD: the repository must still have it for this credential.
    ///
    /// # Errors
    /// There is no valid response by `deadline`, the bytes have another digest, or they are not an image or index.
    pub async fn pin(&self, image: &ImageRef, deadline: Instant) -> Result<Pinned, RegistryError> {
        self.check_spelling(image.repository())?;
        if let Some(pinned) = self.cached_pin(image) {
            return Ok(pinned);
        }
        if let Selector::Tag(_) = image.selector() {
            self.observer().tag(TagCache::Miss);
        }
        self.renew_pin(image, deadline).await
    }

    /// As [`Self::pin`], but the registry is asked for a tag that is cached, too.
    ///
    /// # Errors
    /// As [`Self::pin`]. What is cached stays until its end then.
    pub async fn renew_pin(&self, image: &ImageRef, deadline: Instant) -> Result<Pinned, RegistryError> {
        let repository = image.repository();
        self.check_spelling(repository)?;
        let scope = self.credential_scope(repository);
        let mut attempts = self.attempts(repository, Stage::Manifest, deadline);
        let descriptor = loop {
            let Some(attempt) = attempts.next() else { return Err(attempts.into_error()) };
            match self.read_target(image, &attempt.repository, &scope, attempt.deadline).await {
                Ok(descriptor) => {
                    attempts.succeeded(&attempt);
                    break descriptor;
                }
                Err(error) => attempts.failed(&attempt, error),
            }
        };
        // The credential may have been replaced in the meantime. Then it is unknown with which one the request was
        // sent.
        if self.credential_scope(repository) == scope {
            self.pins().put(image, &scope, &descriptor, self.tag_lifetime());
        }
        Ok(Pinned { repository: repository.clone(), descriptor, scope })
    }

    /// The result of [`Self::pin`] for a tag, if it needs no request. Whoever uses it says so: [`Self::used_cached_pin`].
    #[must_use]
    pub fn cached_pin(&self, image: &ImageRef) -> Option<Pinned> {
        let scope = self.credential_scope(image.repository());
        // A disabled registry is also disabled for cached results.
        if !scope.is_usable() {
            return None;
        }
        let Selector::Tag(tag) = image.selector() else { return None };
        let descriptor = self.pins().current(image.repository(), tag, &scope)?;
        Some(Pinned { repository: image.repository().clone(), descriptor, scope })
    }

    /// The result of [`Self::cached_pin`], and by what its holder sees whether later calls would return the same.
    #[must_use]
    pub fn standing_pin(&self, image: &ImageRef) -> Option<(Pinned, StandingPin)> {
        let scope = self.credential_scope(image.repository());
        if !scope.is_usable() {
            return None;
        }
        let Selector::Tag(tag) = image.selector() else { return None };
        let (descriptor, standing) = self.pins().standing(image.repository(), tag, &scope)?;
        Some((Pinned { repository: image.repository().clone(), descriptor, scope }, standing))
    }

    /// Whether what [`Self::cached_pin`] returns ends soon, and its renewal is not claimed.
    #[must_use]
    pub fn is_pin_due(&self, image: &ImageRef) -> bool {
        let Selector::Tag(tag) = image.selector() else { return false };
        let scope = self.credential_scope(image.repository());
        self.pins().is_due(image.repository(), tag, &scope)
    }

    /// As [`Self::is_pin_due`], and claims the renewal: the caller that gets true renews it with [`Self::renew_pin`], while others use it.
    #[must_use]
    pub fn claim_pin_renewal(&self, image: &ImageRef) -> bool {
        let Selector::Tag(tag) = image.selector() else { return false };
        let scope = self.credential_scope(image.repository());
        self.pins().claim_renewal(image.repository(), tag, &scope)
    }

    /// Counts a use of what [`Self::cached_pin`] has returned.
    pub fn used_cached_pin(&self) {
        self.observer().tag(TagCache::Hit);
    }

    /// The current digest of the image's tag. For a digest, no request is sent.
    ///
    /// # Errors
    /// As [`Self::pin`].
    pub async fn resolve(&self, image: &ImageRef, deadline: Instant) -> Result<Digest, RegistryError> {
        match image.selector() {
            Selector::Digest(digest) => Ok(digest.clone()),
            Selector::Tag(_) => Ok(self.pin(image, deadline).await?.descriptor.digest),
        }
    }

    /// Reads the manifest of an image at the location `at` of its repository, unless a HEAD returns the digest of one that was read before.
    async fn read_target(
        &self,
        image: &ImageRef,
        at: &Repository,
        scope: &CredentialScope,
        deadline: Instant,
    ) -> Result<Descriptor, RegistryError> {
        let stage = Stage::Manifest;
        let repository = image.repository();
        let failed = |cause| RegistryError { repository: repository.clone(), stage, cause };
        let access = self.client().access(at, deadline).await.map_err(failed)?;
        let (reference, algorithm) = match image.selector() {
            Selector::Tag(tag) => (tag.as_str(), DigestAlgorithm::Sha256),
            Selector::Digest(digest) => (digest.as_str(), digest.algorithm()),
        };
        let url = access.url("manifests", reference);
        let is_worth_a_head = self.pins().is_worth_a_head(image, scope);
        let claim =
            if is_worth_a_head { self.claim(&access, (image, scope), &url, deadline).await? } else { Claim::Unknown };
        if let Claim::Known(descriptor) = claim {
            return Ok(descriptor);
        }
        let body = BodyLimits { hash: Some(algorithm), ..BodyLimits::at_most(limits::MANIFEST_BYTES) };
        let query = Query { stage, url: &url, accept: TARGETS, body, deadline };
        let response = self.client().get(&access, query).await?;
        let (bytes, asked) = (response.body.len(), image.clone());
        let described = move || describe(&asked, algorithm, &response);
        let described =
            self.client().transport().limits.parsing().parse(&access.share, bytes, deadline, described).await;
        let descriptor = described.map_err(Cause::from).flatten().map_err(failed)?;
        let head_saves_nothing = match claim {
            Claim::Nothing => true,
            // The HEAD states one type, and the GET another one.
            Claim::OtherType(known) => known == descriptor,
            Claim::Known(_) | Claim::Unknown => false,
        };
        if head_saves_nothing {
            self.pins().stop_heads(repository);
        }
        Ok(descriptor)
    }

    /// The result of a HEAD of the image's reference. Unless the manifest is known, a GET is needed.
    ///
    /// # Errors
    /// Errors that a GET would have as well.
    async fn claim(
        &self,
        access: &RepositoryAccess,
        (image, scope): (&ImageRef, &CredentialScope),
        url: &Url,
        deadline: Instant,
    ) -> Result<Claim, RegistryError> {
        let query = Query { stage: Stage::Manifest, url, accept: TARGETS, body: BodyLimits::at_most(0), deadline };
        match self.client().head(access, query).await {
            Ok(headers) => Ok(self.pins().claim(image, scope, &headers)),
            Err(error) if fails_as_well(&error) => Err(error),
            Err(_) => Ok(Claim::Nothing),
        }
    }
}

/// The descriptor of an image from its bytes, verified against the reference.
fn describe(image: &ImageRef, algorithm: DigestAlgorithm, response: &ApiResponse) -> Result<Descriptor, Cause> {
    let host = authority(&response.url);
    let found = response.digest.clone().unwrap_or_else(|| Digest::of(algorithm, &response.body));
    if let Selector::Digest(expected) = image.selector()
        && found != *expected
    {
        return Err(Cause::Digest { host, found, expected: expected.clone() });
    }
    check_digest_header(&response.headers, &found, &response.body, &host)?;
    let media_type: MediaType = oci::target_media_type(&response.body, &content_type(&response.headers))?;
    let size = u64::try_from(response.body.len()).unwrap_or(u64::MAX);
    Ok(Descriptor::new(media_type, found, size))
}

/// Checks that `Docker-Content-Digest`, if present, is a digest of the bytes, with any algorithm. Otherwise the
/// registry serves unintended content.
fn check_digest_header(headers: &HeaderMap, found: &Digest, body: &[u8], host: &str) -> Result<(), Cause> {
    let Some(value) = headers.get("docker-content-digest") else {
        return Ok(());
    };
    let claimed: Option<Digest> = value.to_str().ok().and_then(|text| text.trim().parse().ok());
    let holds = claimed.is_some_and(|claimed| {
        claimed == *found
            || (claimed.algorithm() != found.algorithm() && claimed == Digest::of(claimed.algorithm(), body))
    });
    if holds {
        return Ok(());
    }
    let claimed = excerpt(value.as_bytes());
    Err(Cause::DigestHeader { host: host.to_owned(), found: found.clone(), claimed })
}
