//! What reading an image needs of its registry, tried for `countersign check --online`: a manifest and a blob.

use std::sync::Arc;

use countersign_core::limits;
use countersign_core::name::Digest;
use countersign_core::oci;
use countersign_core::oci::Descriptor;
use countersign_core::oci::TargetContent;
use countersign_core::verdict::Code;
use countersign_core::verdict::Reason;
use countersign_registry::Pinned;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::time::Instant;

use super::Engine;
use super::VerificationRequest;
use super::error_mapping;
use super::state::Inner;

/// The largest blob that is read: that of the largest envelope.
const BLOB_BYTES: usize = limits::ENVELOPE_BYTES;

/// The content of an image that was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The digest of the image, or why its manifest cannot be read.
    pub manifest: Result<Digest, Reason>,
    /// Not tried if the manifest cannot be read.
    pub blob: BlobReading,
}

/// The configuration of an image, or of the first one of an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BlobReading {
    /// It was read, and has this digest.
    Read(Digest),
    /// Why it, or the manifest that names it, cannot be read.
    Failed(Reason),
    /// Why no blob was requested.
    NotTried(&'static str),
}

impl Engine {
    /// Reads the manifest of the request's image, and one blob of at most 1 MiB: the configuration of the image. No layer is read,
    /// and no signature.
    pub fn try_reading(&self, request: VerificationRequest) -> BoxFuture<'static, Reading> {
        let inner = Arc::clone(&self.0);
        async move {
            let until = request.deadline.instant();
            match inner.pin(&request).await {
                Ok(pinned) => {
                    let blob = inner.read_blob(&pinned, until.into()).await;
                    let blob = blob.unwrap_or_else(BlobReading::Failed);
                    Reading { manifest: Ok(pinned.descriptor().digest.clone()), blob }
                }
                Err(reason) => {
                    Reading { manifest: Err(reason), blob: BlobReading::NotTried("the manifest cannot be read") }
                }
            }
        }
        .boxed()
    }
}

impl Inner {
    async fn read_blob(&self, pinned: &Pinned, deadline: Instant) -> Result<BlobReading, Reason> {
        let mut content = self.content_of(pinned, pinned.descriptor(), deadline).await?;
        if let TargetContent::Manifest(first) = content {
            content = self.content_of(pinned, &first, deadline).await?;
        }
        let config = match content {
            TargetContent::Config(config) => config,
            TargetContent::Manifest(_) => return Ok(BlobReading::NotTried("the index has another index")),
            TargetContent::Nothing => return Ok(BlobReading::NotTried("the image has no configuration")),
        };
        if usize::try_from(config.size).map_or(true, |size| size > BLOB_BYTES) {
            return Ok(BlobReading::NotTried("the configuration of the image has more than 1 MiB"));
        }
        let read = self.registries.blob(pinned.repository(), &config, BLOB_BYTES, deadline).await;
        read.map_err(|error| error_mapping::reason(&error))?;
        Ok(BlobReading::Read(config.digest))
    }

    async fn content_of(
        &self,
        pinned: &Pinned,
        manifest: &Descriptor,
        deadline: Instant,
    ) -> Result<TargetContent, Reason> {
        let repository = pinned.repository();
        let bytes = self.registries.manifest(repository, manifest, limits::MANIFEST_BYTES, deadline).await;
        let bytes = bytes.map_err(|error| error_mapping::reason(&error))?;
        let length = bytes.len();
        let parsed = self.registries.parse(repository, length, deadline, move || oci::target_content(&bytes)).await;
        let parsed = parsed.map_err(|reached| error_mapping::overloaded(&reached))?;
        parsed.map_err(|error| Reason::new(Code::ImageUnsupported, error))
    }
}
