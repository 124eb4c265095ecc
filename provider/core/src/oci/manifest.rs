//! Manifests of targets and of signatures.

use serde::Deserialize;

use super::Descriptor;
use super::DescriptorError;
use super::RawDescriptor;
use super::descriptor;
use crate::codec::excerpt::Excerpt;
use crate::codec::json;
use crate::codec::json::AnyObject;
use crate::codec::json::JsonError;
use crate::codec::json::Member;
use crate::limits;
use crate::name::MediaType;

/// The error for bytes that are not a usable manifest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// More bytes than [`limits::MANIFEST_BYTES`].
    #[error("manifest: found {found} bytes, expected at most {}", limits::MANIFEST_BYTES)]
    TooLarge {
        /// The size in bytes.
        found: usize,
    },
    /// The JSON is invalid.
    #[error("manifest is not valid JSON: {0}")]
    Json(#[from] JsonError),
    /// The document and the header have different media types.
    #[error("manifest: found mediaType {body} in its body and Content-Type {header}, expected the same in both")]
    MediaTypesDiffer {
        /// The media type in the document.
        body: Excerpt,
        /// The media type in the header.
        header: Excerpt,
    },
    /// The media type is not that of an image or index.
    #[error("manifest: found media type {found}, expected an image manifest or an image index")]
    MediaType {
        /// The media type of the manifest.
        found: Excerpt,
    },
    /// The document has the members of an image and of an index.
    #[error("manifest: found the members of an image and of an index, expected those of one of them")]
    ImageAndIndex,
    /// The members do not fit the media type.
    #[error("manifest is declared as {declared} but does not have its members")]
    MembersDoNotFit {
        /// The media type.
        declared: Excerpt,
    },
    /// A member has the wrong type.
    #[error("manifest: member {member} has the wrong type: found {found}, expected a string")]
    Type {
        /// The member with the mistake.
        member: &'static str,
        /// The JSON type of the member.
        found: &'static str,
    },
    /// A descriptor is invalid.
    #[error("manifest: member {member} is invalid: {error}")]
    Descriptor {
        /// The member with the mistake.
        member: &'static str,
        /// The cause.
        error: DescriptorError,
    },
}

/// The members that distinguish an image from an index. Descriptors are only checked to be objects; the container
/// runtime parses them.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawTarget {
    #[serde(default)]
    media_type: Member,
    config: Option<TargetDescriptor>,
    layers: Option<Vec<TargetDescriptor>>,
    manifests: Option<Vec<TargetDescriptor>>,
    #[allow(dead_code, reason = "read for its type")]
    subject: Option<TargetDescriptor>,
    #[allow(dead_code, reason = "read for its type")]
    annotations: Option<AnyObject>,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "read for their types")]
struct TargetDescriptor {
    annotations: Option<AnyObject>,
    platform: Option<AnyObject>,
}

/// The media type of a target manifest, from its body and the registry's `Content-Type`, which must be equal. The
/// members must fit it, as otherwise one reader could read an index and another an image.
///
/// # Errors
/// The document is not unambiguously one of the four supported kinds of manifest within [`limits::TARGET_JSON`].
pub fn target_media_type(bytes: &[u8], content_type: &str) -> Result<MediaType, ManifestError> {
    if bytes.len() > limits::MANIFEST_BYTES {
        return Err(ManifestError::TooLarge { found: bytes.len() });
    }
    let raw: RawTarget = json::from_slice(bytes, &limits::TARGET_JSON)?;
    let declared: Option<MediaType> = content_type.parse().ok();
    check_media_type(raw.media_type, declared.as_ref(), content_type)?;
    let unknown = || ManifestError::MediaType { found: content_type.into() };
    let media_type = declared.ok_or_else(unknown)?;
    let image = raw.config.is_some() || raw.layers.is_some();
    let index = raw.manifests.is_some();
    let fits = match media_type.as_str() {
        MediaType::OCI_MANIFEST | MediaType::DOCKER_MANIFEST => image,
        MediaType::OCI_INDEX | MediaType::DOCKER_LIST => index,
        _ => return Err(unknown()),
    };
    if image && index {
        return Err(ManifestError::ImageAndIndex);
    }
    if !fits {
        return Err(ManifestError::MembersDoNotFit { declared: content_type.into() });
    }
    Ok(media_type)
}

/// Checks that the body's `mediaType`, if present, is the declared one.
fn check_media_type(body: Member, declared: Option<&MediaType>, written: &str) -> Result<(), ManifestError> {
    let body = descriptor::text(body).map_err(|found| ManifestError::Type { member: "mediaType", found })?;
    match body {
        Some(body) if body.parse::<MediaType>().ok().as_ref() != declared || declared.is_none() => {
            Err(ManifestError::MediaTypesDiffer { body: Excerpt::of(&body), header: written.into() })
        }
        Some(_) | None => Ok(()),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawType {
    #[serde(default)]
    artifact_type: Member,
    config: Option<RawConfig>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawConfig {
    #[serde(default)]
    media_type: Member,
}

/// The artifact type of a manifest: `artifactType`, otherwise `config.mediaType`. Other mistakes in the manifest are
/// ignored, as a manifest of another artifact need not be supported.
///
/// # Errors
/// Too large, not unambiguous JSON, or these members are not strings.
pub fn artifact_type(bytes: &[u8]) -> Result<Option<String>, ManifestError> {
    if bytes.len() > limits::MANIFEST_BYTES {
        return Err(ManifestError::TooLarge { found: bytes.len() });
    }
    let raw: RawType = json::from_slice(bytes, &limits::TARGET_JSON)?;
    let read =
        |member, written| descriptor::artifact_type(written).map_err(|found| ManifestError::Type { member, found });
    match (read("artifactType", raw.artifact_type)?, raw.config) {
        (Some(own), _) => Ok(Some(own)),
        (None, Some(config)) => read("config.mediaType", config.media_type),
        (None, None) => Ok(None),
    }
}

/// A manifest that refers to another one, such as a signature: an OCI image manifest with a `subject`, or the older
/// OCI artifact manifest. Its annotations are not kept, nor those of its descriptors.
#[derive(Clone, Debug)]
pub struct ArtifactManifest {
    /// `artifactType`, or `config.mediaType` in the form that has no `artifactType`; see
    /// [`Descriptor::artifact_type`].
    pub artifact_type: Option<String>,
    /// The layers, or the blobs.
    pub layers: Vec<Descriptor>,
    /// The manifest that it refers to.
    pub subject: Option<Descriptor>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawArtifact {
    #[serde(default)]
    media_type: Member,
    #[serde(default)]
    artifact_type: Member,
    config: Option<RawDescriptor<0>>,
    layers: Option<Vec<RawDescriptor<0>>>,
    blobs: Option<Vec<RawDescriptor<0>>>,
    subject: Option<RawDescriptor<0>>,
    #[allow(dead_code, reason = "read for its type")]
    annotations: Option<AnyObject>,
}

impl ArtifactManifest {
    /// Reads a referrer that its index entry declares as `media_type`.
    ///
    /// # Errors
    /// Too large, not unambiguous JSON within [`limits::REFERRER_JSON`], another media type, or a broken descriptor.
    pub fn parse(bytes: &[u8], media_type: &MediaType) -> Result<Self, ManifestError> {
        if bytes.len() > limits::MANIFEST_BYTES {
            return Err(ManifestError::TooLarge { found: bytes.len() });
        }
        let raw: RawArtifact = json::from_slice(bytes, &limits::REFERRER_JSON)?;
        check_media_type(raw.media_type, Some(media_type), media_type.as_str())?;
        let (content, layers, config) = match media_type.as_str() {
            MediaType::OCI_MANIFEST => ("layers", raw.layers, raw.config),
            MediaType::OCI_ARTIFACT => ("blobs", raw.blobs, None),
            _ => return Err(ManifestError::MediaType { found: media_type.as_str().into() }),
        };
        let read = |member, raw: RawDescriptor<0>| {
            Descriptor::try_from(raw).map_err(|error| ManifestError::Descriptor { member, error })
        };
        let config = config.map(|config| read("config", config)).transpose()?;
        let layers =
            layers.unwrap_or_default().into_iter().map(|layer| read(content, layer)).collect::<Result<_, _>>()?;
        let subject = raw.subject.map(|subject| read("subject", subject)).transpose()?;
        let artifact_type = descriptor::artifact_type(raw.artifact_type)
            .map_err(|found| ManifestError::Type { member: "artifactType", found })?
            .or_else(|| config.map(|config| config.media_type.to_string()));
        Ok(Self { artifact_type, layers, subject })
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
    fn uses_the_header_for_a_body_without_media_type_if_its_members_fit() {
        assert_eq!(
            target_media_type(br#"{"config":{},"layers":[]}"#, MediaType::OCI_MANIFEST).unwrap(),
            MediaType::OCI_MANIFEST
        );
        assert_eq!(
            target_media_type(br#"{"manifests":[]}"#, MediaType::OCI_MANIFEST).unwrap_err(),
            ManifestError::MembersDoNotFit { declared: MediaType::OCI_MANIFEST.into() }
        );
        assert_eq!(
            target_media_type(br#"{"config":{},"manifests":[]}"#, MediaType::OCI_MANIFEST).unwrap_err(),
            ManifestError::ImageAndIndex
        );
        assert_eq!(
            target_media_type(br#"{"config":{}}"#, "application/json").unwrap_err(),
            ManifestError::MediaType { found: "application/json".into() }
        );
    }

    #[test]
    fn the_artifact_type_can_be_read_from_manifests_that_are_otherwise_broken() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(artifact_type(text.as_bytes()).unwrap().as_deref(), expected, "{text}");
        };
        check(r#"{"artifactType":"a/b","config":{"mediaType":"c/d"},"layers":7}"#, Some("a/b"));
        check(r#"{"artifactType":"","config":{"mediaType":"c/d","size":-1}}"#, Some("c/d"));
        check(r#"{"artifactType":null,"config":null}"#, None);
        check("{}", None);
        check(r#"{"artifactType":"A/B; c=d"}"#, Some("a/b"));
        for text in ["", "[]", r#"{"artifactType":"a/b","artifactType":"c/d"}"#] {
            assert!(matches!(artifact_type(text.as_bytes()), Err(ManifestError::Json(_))), "{text}");
        }
        for (text, member) in
            [(r#"{"artifactType":7}"#, "artifactType"), (r#"{"config":{"mediaType":7}}"#, "config.mediaType")]
        {
            let error = artifact_type(text.as_bytes()).unwrap_err();
            assert_eq!(error, ManifestError::Type { member, found: "a number" }, "{text}");
        }
    }

    #[test]
    fn errors_name_the_member_that_the_media_type_has() {
        for (media_type, member) in [(MediaType::OCI_MANIFEST, "layers"), (MediaType::OCI_ARTIFACT, "blobs")] {
            let body = format!(r#"{{"{member}":[{{}}]}}"#);
            let error = ArtifactManifest::parse(body.as_bytes(), &media_type.parse().unwrap()).unwrap_err();
            assert_eq!(error.to_string(), format!("manifest: member {member} is invalid: descriptor has no mediaType"));
        }
    }

    #[test]
    fn reads_the_artifact_type_from_the_config_in_the_legacy_form() {
        let sha = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
        let body = format!(r#"{{"config":{{"mediaType":"a/b","digest":"{sha}","size":2}},"layers":null}}"#);
        let media_type = MediaType::OCI_MANIFEST.parse().unwrap();
        let manifest = ArtifactManifest::parse(body.as_bytes(), &media_type).unwrap();
        assert_eq!(manifest.artifact_type.as_deref(), Some("a/b"));
        assert!(manifest.layers.is_empty());
        assert!(manifest.subject.is_none());
    }
}
