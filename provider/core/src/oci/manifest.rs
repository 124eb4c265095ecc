//! Manifests: what the target is, and what a signature manifest holds.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Descriptor;
use super::DescriptorError;
use super::RawDescriptor;
use crate::codec::excerpt::Excerpt;
use crate::json;
use crate::json::JsonError;
use crate::limits;
use crate::name::MediaType;

/// Why bytes are not a manifest that can be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    #[error("manifest has {found} bytes: want at most {}", limits::MANIFEST_BYTES)]
    TooLarge { found: usize },
    #[error("manifest is not JSON as wanted: {0}")]
    Json(#[from] JsonError),
    #[error("manifest has mediaType {body} in its body and {header} as Content-Type: want the same")]
    MediaTypesDiffer { body: Excerpt, header: Excerpt },
    #[error("manifest has media type {found}: want an image manifest or an image index")]
    MediaType { found: Excerpt },
    #[error("manifest has the members of an image and of an index: want one of them")]
    TwoShapes,
    #[error("manifest is declared as {declared} but has not its members")]
    OtherShape { declared: Excerpt },
    #[error("manifest has a bad {member}: {error}")]
    Descriptor { member: &'static str, error: DescriptorError },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawTarget {
    media_type: Option<String>,
    config: Option<serde_json::Value>,
    layers: Option<serde_json::Value>,
    manifests: Option<serde_json::Value>,
}

/// The media type of a target manifest, from its body and the registry's `Content-Type`, which must agree; the
/// members must fit it. Otherwise one document could be an index to one reader and an image to another.
///
/// # Errors
/// Anything that is not clearly one of the four kinds of manifest that can be run.
pub fn target_media_type(bytes: &[u8], content_type: &str) -> Result<MediaType, ManifestError> {
    if bytes.len() > limits::MANIFEST_BYTES {
        return Err(ManifestError::TooLarge { found: bytes.len() });
    }
    let raw: RawTarget = json::from_slice(bytes, &limits::TARGET_JSON)?;
    if let Some(body) = raw.media_type.filter(|body| body != content_type) {
        return Err(ManifestError::MediaTypesDiffer { body: Excerpt::of(&body), header: content_type.into() });
    }
    let image = raw.config.is_some() || raw.layers.is_some();
    let index = raw.manifests.is_some();
    let fits = match content_type {
        MediaType::OCI_MANIFEST | MediaType::DOCKER_MANIFEST => image,
        MediaType::OCI_INDEX | MediaType::DOCKER_LIST => index,
        _ => return Err(ManifestError::MediaType { found: content_type.into() }),
    };
    if image && index {
        return Err(ManifestError::TwoShapes);
    }
    if !fits {
        return Err(ManifestError::OtherShape { declared: content_type.into() });
    }
    content_type.parse().map_err(|_| ManifestError::MediaType { found: content_type.into() })
}

/// A manifest that refers to another one, such as a signature: an OCI image manifest with a `subject`, or the older
/// OCI artifact manifest.
#[derive(Clone, Debug)]
pub struct ArtifactManifest {
    /// `artifactType`, or `config.mediaType` in the form that has no `artifactType`.
    pub artifact_type: Option<String>,
    pub layers: Vec<Descriptor>,
    pub subject: Option<Descriptor>,
    pub annotations: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawArtifact {
    media_type: Option<String>,
    artifact_type: Option<String>,
    config: Option<RawDescriptor>,
    layers: Option<Vec<RawDescriptor>>,
    blobs: Option<Vec<RawDescriptor>>,
    subject: Option<RawDescriptor>,
    annotations: Option<BTreeMap<String, String>>,
}

impl ArtifactManifest {
    /// Reads a referrer that its index entry declares as `media_type`.
    ///
    /// # Errors
    /// Too large, not unambiguous JSON, another media type, or a broken descriptor.
    pub fn parse(bytes: &[u8], media_type: &MediaType) -> Result<Self, ManifestError> {
        if bytes.len() > limits::MANIFEST_BYTES {
            return Err(ManifestError::TooLarge { found: bytes.len() });
        }
        let raw: RawArtifact = json::from_slice(bytes, &limits::REFERRER_JSON)?;
        if let Some(body) = raw.media_type.filter(|body| body != media_type.as_str()) {
            return Err(ManifestError::MediaTypesDiffer {
                body: Excerpt::of(&body),
                header: media_type.as_str().into(),
            });
        }
        let (layers, config) = match media_type.as_str() {
            MediaType::OCI_MANIFEST => (raw.layers, raw.config),
            MediaType::OCI_ARTIFACT => (raw.blobs, None),
            _ => return Err(ManifestError::MediaType { found: media_type.as_str().into() }),
        };
        let read = |member, raw: RawDescriptor| {
            Descriptor::try_from(raw).map_err(|error| ManifestError::Descriptor { member, error })
        };
        let config = config.map(|config| read("config", config)).transpose()?;
        let layers =
            layers.unwrap_or_default().into_iter().map(|layer| read("layers", layer)).collect::<Result<_, _>>()?;
        let subject = raw.subject.map(|subject| read("subject", subject)).transpose()?;
        let artifact_type = raw
            .artifact_type
            .filter(|text| !text.is_empty())
            .or_else(|| config.map(|config| config.media_type.to_string()));
        Ok(Self { artifact_type, layers, subject, annotations: raw.annotations.unwrap_or_default() })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn body_and_header_must_agree() {
        let body = format!(r#"{{"mediaType":"{}","manifests":[]}}"#, MediaType::OCI_INDEX);
        assert_eq!(target_media_type(body.as_bytes(), MediaType::OCI_INDEX).unwrap(), MediaType::OCI_INDEX);
        assert_eq!(
            target_media_type(body.as_bytes(), MediaType::OCI_MANIFEST).unwrap_err(),
            ManifestError::MediaTypesDiffer {
                body: MediaType::OCI_INDEX.into(),
                header: MediaType::OCI_MANIFEST.into()
            }
        );
    }

    #[test]
    fn an_undeclared_body_takes_the_header_if_its_members_fit() {
        assert_eq!(
            target_media_type(br#"{"config":{},"layers":[]}"#, MediaType::OCI_MANIFEST).unwrap(),
            MediaType::OCI_MANIFEST
        );
        assert_eq!(
            target_media_type(br#"{"manifests":[]}"#, MediaType::OCI_MANIFEST).unwrap_err(),
            ManifestError::OtherShape { declared: MediaType::OCI_MANIFEST.into() }
        );
        assert_eq!(
            target_media_type(br#"{"config":{},"manifests":[]}"#, MediaType::OCI_MANIFEST).unwrap_err(),
            ManifestError::TwoShapes
        );
        assert_eq!(
            target_media_type(br#"{"config":{}}"#, "application/json").unwrap_err(),
            ManifestError::MediaType { found: "application/json".into() }
        );
    }

    #[test]
    fn takes_the_artifact_type_from_the_config_in_the_legacy_form() {
        let sha = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
        let body = format!(r#"{{"config":{{"mediaType":"a/b","digest":"{sha}","size":2}},"layers":null}}"#);
        let media_type = MediaType::OCI_MANIFEST.parse().unwrap();
        let manifest = ArtifactManifest::parse(body.as_bytes(), &media_type).unwrap();
        assert_eq!(manifest.artifact_type.as_deref(), Some("a/b"));
        assert!(manifest.layers.is_empty());
        assert!(manifest.subject.is_none());
    }
}
