//! Fetches manifests and blobs of referrers, verified against their descriptors.

use countersign_core::codec::excerpt::Excerpt;
use countersign_core::name::Digest;
use countersign_core::name::Repository;
use countersign_core::oci::Descriptor;
use countersign_http::BodyLimits;
use countersign_http::Content;
use countersign_http::authority;
use countersign_http::content_type;
use tokio::time::Instant;

use crate::client::Query;
use crate::error::Cause;
use crate::error::RegistryError;
use crate::observer::Stage;
use crate::registries::Registries;
use crate::request::ApiResponse;

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
        let stage = Stage::ReferrerManifest;
        Ok(self.content(repository, "manifests", descriptor, limit, stage, deadline).await?.body)
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
        Ok(self.content(repository, "blobs", descriptor, limit, Stage::Blob, deadline).await?.body)
    }

    async fn content(
        &self,
        repository: &Repository,
        kind: &str,
        descriptor: &Descriptor,
        limit: usize,
        stage: Stage,
        deadline: Instant,
    ) -> Result<ApiResponse, RegistryError> {
        let limit = u64::try_from(limit).unwrap_or(u64::MAX);
        if descriptor.size > limit {
            let cause = Cause::DeclaredTooLarge { declared: descriptor.size, limit };
            return Err(RegistryError { repository: repository.clone(), stage, cause });
        }
        let mut attempts = self.attempts(repository, stage, deadline);
        loop {
            let Some(attempt) = attempts.next() else { return Err(attempts.into_error()) };
            match self.content_at(&attempt.repository, kind, descriptor, stage, attempt.deadline).await {
                Ok(response) => {
                    attempts.succeeded(&attempt);
                    return Ok(response);
                }
                Err(error) => attempts.failed(&attempt, error),
            }
        }
    }

    /// The content at one location.
    async fn content_at(
        &self,
        repository: &Repository,
        kind: &str,
        descriptor: &Descriptor,
        stage: Stage,
        deadline: Instant,
    ) -> Result<ApiResponse, RegistryError> {
        let failed = |cause| RegistryError { repository: repository.clone(), stage, cause };
        let access = self.client().access(repository, deadline).await.map_err(failed)?;
        let url = access.url(kind, descriptor.digest.as_str());
        let accept = if stage == Stage::Blob { "*/*" } else { descriptor.media_type.as_str() };
        let body = BodyLimits {
            limit: descriptor.size,
            size: Some(descriptor.size),
            hash: Some(descriptor.digest.algorithm()),
        };
        let response = self.client().get(&access, Query { stage, url: &url, accept, body, deadline }).await?;
        match &response.digest {
            Some(found) if *found == descriptor.digest => match other_type(stage, descriptor, &response) {
                Some(cause) => Err(failed(cause)),
                None => Ok(response),
            },
            found => {
                let found = found.clone().unwrap_or_else(|| Digest::of(descriptor.digest.algorithm(), &response.body));
                let expected = descriptor.digest.clone();
                Err(failed(Cause::Digest { host: authority(&response.url), found, expected }))
            }
        }
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
