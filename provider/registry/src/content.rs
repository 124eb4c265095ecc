//! Fetches manifests and blobs of referrers, verified against their descriptors.
//!
//! Those that were received before need not be received again: see `content_cache.rs`.

use bytes::Bytes;
use countersign_core::codec::excerpt::Excerpt;
use countersign_core::name::Digest;
use countersign_core::name::Repository;
use countersign_core::oci::Descriptor;
use countersign_http::BodyLimits;
use countersign_http::Content;
use countersign_http::authority;
use countersign_http::content_type;
use tokio::time::Instant;
use url::Url;

use crate::client::Query;
use crate::error::Cause;
use crate::error::RegistryError;
use crate::error::RegistryErrorKind;
use crate::head_answer::fails_as_well;
use crate::head_answer::is_about;
use crate::observer::ContentStored;
use crate::observer::ContentUse;
use crate::observer::Stage;
use crate::registries::Registries;
use crate::repository_access::RepositoryAccess;
use crate::request::ApiResponse;

/// What is asked for.
struct Wanted<'a> {
    stage: Stage,
    descriptor: &'a Descriptor,
    /// Bytes that need not be received again.
    cached: Option<Bytes>,
    keep: Keep,
}

/// Whether content is kept in memory, and taken from there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keep {
    Yes,
    /// It is received.
    No,
}

impl Wanted<'_> {
    fn url(&self, access: &RepositoryAccess) -> Url {
        let kind = if self.stage == Stage::Blob { "blobs" } else { "manifests" };
        access.url(kind, self.descriptor.digest.as_str())
    }

    fn accept(&self) -> &str {
        if self.stage == Stage::Blob { "*/*" } else { self.descriptor.media_type.as_str() }
    }
}

impl Registries {
    /// The manifest that `descriptor` describes, at most `limit` bytes: verified, with the media type of the
    /// descriptor.
    ///
    /// # Errors
    /// There is no valid response by `deadline`; it is larger than `limit`; its digest, size or media type differ
    /// from the descriptor.
    pub async fn manifest(
        &self,
        repository: &Repository,
        descriptor: &Descriptor,
        limit: usize,
        deadline: Instant,
    ) -> Result<Content, RegistryError> {
        self.content(repository, (Stage::ReferrerManifest, descriptor), Keep::No, limit, deadline).await
    }

    /// The blob that `descriptor` describes, at most `limit` bytes, verified.
    ///
    /// # Errors
    /// There is no valid response by `deadline`; it is larger than `limit`; its digest or size differ from the
    /// descriptor.
    pub async fn blob(
        &self,
        repository: &Repository,
        descriptor: &Descriptor,
        limit: usize,
        deadline: Instant,
    ) -> Result<Content, RegistryError> {
        self.content(repository, (Stage::Blob, descriptor), Keep::No, limit, deadline).await
    }

    /// As [`Self::manifest`], but bytes that were received before are only asked for, and not received again.
    ///
    /// # Errors
    /// As [`Self::manifest`].
    pub async fn manifest_once(
        &self,
        repository: &Repository,
        descriptor: &Descriptor,
        limit: usize,
        deadline: Instant,
    ) -> Result<Content, RegistryError> {
        self.content(repository, (Stage::ReferrerManifest, descriptor), Keep::Yes, limit, deadline).await
    }

    /// As [`Self::blob`], but bytes that were received before are only asked for, and not received again.
    ///
    /// # Errors
    /// As [`Self::blob`].
    pub async fn blob_once(
        &self,
        repository: &Repository,
        descriptor: &Descriptor,
        limit: usize,
        deadline: Instant,
    ) -> Result<Content, RegistryError> {
        self.content(repository, (Stage::Blob, descriptor), Keep::Yes, limit, deadline).await
    }

    /// The bytes that `descriptor` describes, if they were received before: to prepare requests. Nothing follows from them about the
    /// repository, which may have no such content.
    #[must_use]
    pub fn received_before(&self, repository: &Repository, descriptor: &Descriptor) -> Option<Content> {
        let bytes = self.content_cache().get(descriptor)?;
        let budget = self.client().transport().limits.body_budget();
        let held = budget.try_acquire(&self.share(repository), bytes.len()).ok()?;
        Some(Content::new(bytes, held))
    }

    async fn content(
        &self,
        repository: &Repository,
        (stage, descriptor): (Stage, &Descriptor),
        keep: Keep,
        limit: usize,
        deadline: Instant,
    ) -> Result<Content, RegistryError> {
        let cached = match keep {
            Keep::Yes => self.content_cache().get(descriptor),
            Keep::No => None,
        };
        let wanted = Wanted { stage, descriptor, cached, keep };
        let declared = descriptor.size;
        let limit = u64::try_from(limit).unwrap_or(u64::MAX);
        if declared > limit {
            let cause = Cause::DeclaredTooLarge { declared, limit };
            return Err(RegistryError { repository: repository.clone(), stage, cause });
        }
        let mut attempts = self.attempts(repository, stage, deadline);
        loop {
            let Some(attempt) = attempts.next() else { return Err(attempts.into_error()) };
            match self.content_at(&attempt.repository, &wanted, attempt.deadline).await {
                Ok(content) => {
                    attempts.succeeded(&attempt);
                    return Ok(content);
                }
                Err(error) => attempts.failed(&attempt, error),
            }
        }
    }

    /// The content at one location.
    async fn content_at(
        &self,
        repository: &Repository,
        wanted: &Wanted<'_>,
        deadline: Instant,
    ) -> Result<Content, RegistryError> {
        let failed = |cause| RegistryError { repository: repository.clone(), stage: wanted.stage, cause };
        let access = self.client().access(repository, deadline).await.map_err(failed)?;
        let head = (access.authority(), wanted.stage);
        let cached = wanted.cached.as_ref().filter(|_| !self.without_head().has(&head));
        let Some(bytes) = cached else { return self.receive(&access, wanted, deadline).await };
        if self.still_has(&access, wanted, deadline).await? {
            let held = self.client().transport().limits.body_budget().try_acquire(&access.share, bytes.len());
            let held = held.map_err(|reached| failed(reached.into()))?;
            self.observer().content(ContentUse::Asked);
            return Ok(Content::new(bytes.clone(), held));
        }
        let content = self.receive(&access, wanted, deadline).await?;
        // The HEAD has saved nothing.
        let text = head.0.len();
        self.without_head().add(head, text);
        Ok(content)
    }

    /// Whether the registry answers a HEAD with the content. If not, a GET decides.
    ///
    /// # Errors
    /// Those of a GET.
    async fn still_has(
        &self,
        access: &RepositoryAccess,
        wanted: &Wanted<'_>,
        deadline: Instant,
    ) -> Result<bool, RegistryError> {
        let (stage, url, body) = (wanted.stage, wanted.url(access), BodyLimits::at_most(0));
        let query = Query { stage, url: &url, accept: wanted.accept(), body, deadline };
        match self.client().head(access, query).await {
            Ok(headers) => Ok(is_about(stage, wanted.descriptor, &headers)),
            Err(error) if fails_as_well(&error) => {
                // Some servers and proxies never answer a HEAD, or with the status of an outage.
                if matches!(error.kind(), RegistryErrorKind::Timeout | RegistryErrorKind::Failed) {
                    self.without_head().add((access.authority(), stage), access.authority().len());
                }
                Err(error)
            }
            Err(_) => Ok(false),
        }
    }

    /// Receives the content.
    async fn receive(
        &self,
        access: &RepositoryAccess,
        wanted: &Wanted<'_>,
        deadline: Instant,
    ) -> Result<Content, RegistryError> {
        let (stage, descriptor, url) = (wanted.stage, wanted.descriptor, wanted.url(access));
        let failed = |cause| RegistryError { repository: access.repository.clone(), stage, cause };
        let body = BodyLimits {
            limit: descriptor.size,
            size: Some(descriptor.size),
            hash: Some(descriptor.digest.algorithm()),
        };
        let query = Query { stage, url: &url, accept: wanted.accept(), body, deadline };
        let response = self.client().get(access, query).await?;
        match &response.digest {
            Some(found) if *found == descriptor.digest => {}
            found => {
                let found = found.clone().unwrap_or_else(|| Digest::of(descriptor.digest.algorithm(), &response.body));
                let expected = descriptor.digest.clone();
                return Err(failed(Cause::Digest { host: authority(&response.url), found, expected }));
            }
        }
        if let Some(cause) = other_type(stage, descriptor, &response) {
            return Err(failed(cause));
        }
        if wanted.keep == Keep::Yes {
            self.observer().content(ContentUse::Received);
            let report = |stored: &ContentStored| self.observer().content_stored(stored);
            self.content_cache().put(&descriptor.digest, response.body.shared(), report);
        }
        Ok(response.body)
    }
}

/// The mistake in the media type of a manifest, which must be that of its descriptor. Blobs have any.
fn other_type(stage: Stage, descriptor: &Descriptor, response: &ApiResponse) -> Option<Cause> {
    let found = content_type(&response.headers);
    let is_wrong = match stage {
        Stage::ReferrerManifest => descriptor.media_type != *found.as_str(),
        Stage::Token | Stage::Manifest | Stage::Referrers | Stage::Blob => false,
    };
    let expected = descriptor.media_type.as_str().into();
    is_wrong.then(|| Cause::ContentType { host: authority(&response.url), found: Excerpt::of(&found), expected })
}
