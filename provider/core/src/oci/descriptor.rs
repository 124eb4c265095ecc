//! [Descriptors](https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md).

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;

use crate::codec::excerpt::Excerpt;
use crate::name::Digest;
use crate::name::DigestError;
use crate::name::MediaType;

/// What a document says about another: media type, digest, size, and for referrers its artifact type and annotations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Descriptor {
    pub media_type: MediaType,
    pub digest: Digest,
    /// In bytes.
    pub size: u64,
    pub artifact_type: Option<String>,
    pub annotations: BTreeMap<String, String>,
}

impl Descriptor {
    /// A descriptor with nothing but the three members that are compared.
    #[must_use]
    pub fn new(media_type: MediaType, digest: Digest, size: u64) -> Self {
        Self { media_type, digest, size, artifact_type: None, annotations: BTreeMap::new() }
    }
}

impl fmt::Display for Descriptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}, {} bytes)", self.digest, self.media_type, self.size)
    }
}

/// Why a descriptor is not well-formed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DescriptorError {
    #[error("descriptor has no {0}")]
    Missing(&'static str),
    #[error("descriptor has mediaType {found}, which is not a media type")]
    MediaType { found: Excerpt },
    #[error("descriptor has digest {found}: {error}")]
    Digest { found: Excerpt, error: DigestError },
    #[error("descriptor has size {found}: want a whole number from 0 to 2^63-1")]
    Size { found: String },
}

/// As written. `null` counts as absent: registries write `"annotations": null`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RawDescriptor {
    media_type: Option<String>,
    digest: Option<String>,
    size: Option<serde_json::Number>,
    artifact_type: Option<String>,
    annotations: Option<BTreeMap<String, String>>,
}

impl TryFrom<RawDescriptor> for Descriptor {
    type Error = DescriptorError;

    fn try_from(raw: RawDescriptor) -> Result<Self, DescriptorError> {
        let media_type = raw.media_type.ok_or(DescriptorError::Missing("mediaType"))?;
        let digest = raw.digest.ok_or(DescriptorError::Missing("digest"))?;
        let size = raw.size.ok_or(DescriptorError::Missing("size"))?;
        Ok(Self {
            media_type: media_type
                .parse()
                .map_err(|_| DescriptorError::MediaType { found: Excerpt::of(&media_type) })?,
            digest: digest.parse().map_err(|error| DescriptorError::Digest { found: Excerpt::of(&digest), error })?,
            size: size
                .as_u64()
                .filter(|size| i64::try_from(*size).is_ok())
                .ok_or_else(|| DescriptorError::Size { found: size.to_string() })?,
            artifact_type: raw.artifact_type.filter(|text| !text.is_empty()),
            annotations: raw.annotations.unwrap_or_default(),
        })
    }
}
