//! Image indexes of referrers pages and fallback tags.

use serde::Deserialize;
use serde::Deserializer;

use super::Descriptor;
use super::DescriptorError;
use super::RawDescriptor;
use super::annotations::RawAnnotations;
use super::descriptor::text;
use crate::codec::excerpt::Excerpt;
use crate::codec::json;
use crate::codec::json::FirstOf;
use crate::codec::json::JsonError;
use crate::codec::json::Member;
use crate::limits;
use crate::name::MediaType;

/// The entries of an [image index](https://github.com/opencontainers/image-spec/blob/v1.1.1/image-index.md), each
/// parsed separately, so that a malformed entry does not invalidate the others.
#[derive(Clone, Debug)]
pub struct Index {
    /// In the order of the document, at most [`limits::REFERRERS_ENTRIES`].
    pub entries: Vec<Result<Descriptor, DescriptorError>>,
    /// Whether the document has more entries, which were dropped.
    pub cut: bool,
    /// Whether the document has the `mediaType` of an index. The member is optional.
    pub declared: bool,
}

/// The error for bytes that are not an index.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IndexError {
    /// More bytes than [`limits::REFERRERS_PAGE_BYTES`].
    #[error("index: found {found} bytes, expected at most {}", limits::REFERRERS_PAGE_BYTES)]
    TooLarge {
        /// The size in bytes.
        found: usize,
    },
    /// The JSON is invalid.
    #[error("index is not valid JSON: {0}")]
    Json(#[from] JsonError),
    /// The media type is not that of an index.
    #[error("index: found mediaType {found}, expected {}", MediaType::OCI_INDEX)]
    MediaType {
        /// The media type in the document.
        found: Excerpt,
    },
    /// A member has the wrong type.
    #[error("index: member {member} has the wrong type: found {found}, expected {expected}")]
    Type {
        /// The member with the mistake.
        member: &'static str,
        /// The JSON type of the member.
        found: &'static str,
        /// The JSON type that it must have.
        expected: &'static str,
    },
    /// The member `manifests` is missing.
    #[error("index not found: found a JSON object without the member manifests, expected one with it")]
    NoManifests,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    #[serde(default)]
    media_type: Member,
    // A null list is an empty list, as a widely used registry sends it. Without the member, which the specification
    // requires, the document is not an index, and the absence of entries is not certain.
    #[serde(default, deserialize_with = "present")]
    manifests: Option<Option<FirstOf<Entry, { limits::REFERRERS_ENTRIES }>>>,
    /// Must be texts; none is kept.
    #[serde(default)]
    annotations: RawAnnotations<0>,
}

/// Converted to a descriptor immediately, so that no second list of raw descriptors is kept.
struct Entry(Result<Descriptor, DescriptorError>);

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = RawDescriptor::<{ limits::ENTRY_ANNOTATION_BYTES }>::deserialize(deserializer)?;
        Ok(Self(raw.try_into()))
    }
}

impl Index {
    /// Parses a page of referrers.
    ///
    /// # Errors
    /// Too large, not unambiguous JSON within [`limits::INDEX_JSON`], or another document by its `mediaType` or
    /// without `manifests`.
    pub fn parse(bytes: &[u8]) -> Result<Self, IndexError> {
        if bytes.len() > limits::REFERRERS_PAGE_BYTES {
            return Err(IndexError::TooLarge { found: bytes.len() });
        }
        let raw: Raw = json::from_slice(bytes, &limits::INDEX_JSON)?;
        let media_type = text(raw.media_type)
            .map_err(|found| IndexError::Type { member: "mediaType", found, expected: "a text" })?
            .filter(|text| !text.is_empty());
        if let Some(found) = &media_type
            && !found.parse::<MediaType>().is_ok_and(|media_type| media_type == MediaType::OCI_INDEX)
        {
            return Err(IndexError::MediaType { found: Excerpt::of(found) });
        }
        raw.annotations.texts().map_err(|found| IndexError::Type {
            member: "annotations",
            found,
            expected: "an object of strings",
        })?;
        let FirstOf { list, cut } = raw.manifests.ok_or(IndexError::NoManifests)?.unwrap_or_default();
        let entries = list.into_iter().map(|Entry(entry)| entry).collect();
        Ok(Self { entries, cut, declared: media_type.is_some() })
    }
}

/// A member that is present, `null` or not.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn null_and_empty_lists_are_empty_and_an_absent_one_is_no_index() {
        for text in [r#"{"manifests":null}"#, r#"{"manifests":[],"annotations":null}"#] {
            let index = Index::parse(text.as_bytes()).unwrap();
            assert!(index.entries.is_empty() && !index.declared, "{text}");
        }
        let declared = format!(r#"{{"mediaType":"{}","manifests":null}}"#, MediaType::OCI_INDEX);
        assert!(Index::parse(declared.as_bytes()).unwrap().declared);
        for text in ["{}".to_owned(), format!(r#"{{"schemaVersion":2,"mediaType":"{}"}}"#, MediaType::OCI_INDEX)] {
            assert_eq!(Index::parse(text.as_bytes()).unwrap_err(), IndexError::NoManifests, "{text}");
        }
    }

    #[test]
    fn a_malformed_entry_does_not_invalidate_the_others() {
        let digest = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
        let text = format!(
            r#"{{"manifests":[{{"mediaType":"a/b","digest":"sha256:0","size":2}},{{"mediaType":"a/b","digest":"{digest}","size":-1}},7,{{"mediaType":"a/b","digest":"{digest}","size":2,"artifactType":"x/y"}}]}}"#
        );
        let index = Index::parse(text.as_bytes()).unwrap();
        assert!(matches!(index.entries[0], Err(DescriptorError::Digest { .. })));
        assert_eq!(index.entries[1], Err(DescriptorError::Size { found: "-1".to_owned() }));
        assert!(index.entries[2].is_err());
        assert_eq!(index.entries[3].as_ref().unwrap().artifact_type.as_deref(), Some("x/y"));
    }

    #[test]
    fn refuses_another_document() {
        let text = format!(r#"{{"mediaType":"{}"}}"#, MediaType::OCI_MANIFEST);
        assert_eq!(
            Index::parse(text.as_bytes()).unwrap_err(),
            IndexError::MediaType { found: MediaType::OCI_MANIFEST.into() }
        );
    }
}
