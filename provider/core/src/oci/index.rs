//! Image indexes as a referrers page or a fallback tag holds them.

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

/// The entries of an [image index](https://github.com/opencontainers/image-spec/blob/v1.1.1/image-index.md), one by
/// one: a broken entry spoils itself, not its neighbours.
#[derive(Clone, Debug)]
pub struct Index {
    pub entries: Vec<Result<Descriptor, DescriptorError>>,
    pub annotations: BTreeMap<String, String>,
}

/// Why bytes are not an index.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IndexError {
    #[error("index has {found} bytes: want at most {}", limits::REFERRERS_PAGE_BYTES)]
    TooLarge { found: usize },
    #[error("index is not JSON as wanted: {0}")]
    Json(#[from] JsonError),
    #[error("index has mediaType {found}: want {}", MediaType::OCI_INDEX)]
    MediaType { found: Excerpt },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    media_type: Option<String>,
    // A list that is null is an empty list: one widely used registry writes it so.
    manifests: Option<Vec<serde_json::Value>>,
    annotations: Option<BTreeMap<String, String>>,
}

impl Index {
    /// Reads a referrers answer.
    ///
    /// # Errors
    /// Too large, not unambiguous JSON, or another document by its `mediaType`.
    pub fn parse(bytes: &[u8]) -> Result<Self, IndexError> {
        if bytes.len() > limits::REFERRERS_PAGE_BYTES {
            return Err(IndexError::TooLarge { found: bytes.len() });
        }
        let raw: Raw = json::from_slice(bytes, &limits::INDEX_JSON)?;
        if let Some(found) = raw.media_type.filter(|text| !text.is_empty() && text != MediaType::OCI_INDEX) {
            return Err(IndexError::MediaType { found: Excerpt::of(&found) });
        }
        let entries = raw.manifests.unwrap_or_default().into_iter().map(entry).collect();
        Ok(Self { entries, annotations: raw.annotations.unwrap_or_default() })
    }
}

fn entry(value: serde_json::Value) -> Result<Descriptor, DescriptorError> {
    // A wrong type somewhere in the entry: the typed reader cannot say more than that the entry is unusable.
    let raw: RawDescriptor =
        serde_json::from_value(value).map_err(|_| DescriptorError::Missing("usable member types"))?;
    raw.try_into()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn null_and_absent_lists_are_empty() {
        for text in [r#"{"manifests":null}"#, "{}", r#"{"manifests":[],"annotations":null}"#] {
            assert!(Index::parse(text.as_bytes()).unwrap().entries.is_empty(), "{text}");
        }
    }

    #[test]
    fn a_broken_entry_spoils_only_itself() {
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
