//! What a manifest leads to first.

use serde::Deserialize;

use super::Descriptor;
use super::ManifestError;
use super::RawDescriptor;
use crate::codec::json;
use crate::codec::json::FirstOf;
use crate::limits;

/// The first content of an image or an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetContent {
    /// The configuration of an image, a blob.
    Config(Descriptor),
    /// The first manifest of an index.
    Manifest(Descriptor),
    /// There is neither.
    Nothing,
}

#[derive(Deserialize)]
struct Raw {
    config: Option<RawDescriptor<0>>,
    manifests: Option<FirstOf<RawDescriptor<0>, 1>>,
}

/// The first content of the image or index with this manifest. Other mistakes in the manifest are ignored.
///
/// # Errors
/// Too large, not unambiguous JSON within [`limits::TARGET_JSON`], or a broken descriptor.
pub fn target_content(bytes: &[u8]) -> Result<TargetContent, ManifestError> {
    if bytes.len() > limits::MANIFEST_BYTES {
        return Err(ManifestError::TooLarge { found: bytes.len() });
    }
    let raw: Raw = json::from_slice(bytes, &limits::TARGET_JSON)?;
    let read = |member, raw: RawDescriptor<0>| {
        Descriptor::try_from(raw).map_err(|error| ManifestError::Descriptor { member, error })
    };
    if let Some(config) = raw.config {
        return read("config", config).map(TargetContent::Config);
    }
    match raw.manifests.and_then(|manifests| manifests.list.into_iter().next()) {
        Some(first) => read("manifests", first).map(TargetContent::Manifest),
        None => Ok(TargetContent::Nothing),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn descriptor(media_type: &str) -> String {
        format!(r#"{{"mediaType":"{media_type}","digest":"{DIGEST}","size":2,"annotations":{{"a":"b"}}}}"#)
    }

    fn expected(media_type: &str) -> Descriptor {
        Descriptor::new(media_type.parse().unwrap(), DIGEST.parse().unwrap(), 2)
    }

    #[test]
    fn the_configuration_of_an_image_and_the_first_manifest_of_an_index_are_found() {
        let (config, other) = (descriptor("a/config"), descriptor("a/other"));
        let image = format!(r#"{{"config":{config},"layers":[{other}]}}"#);
        assert_eq!(target_content(image.as_bytes()), Ok(TargetContent::Config(expected("a/config"))));
        let index = format!(r#"{{"manifests":[{config},{other}]}}"#);
        assert_eq!(target_content(index.as_bytes()), Ok(TargetContent::Manifest(expected("a/config"))));
        for nothing in ["{}", r#"{"manifests":[]}"#, r#"{"config":null,"layers":[]}"#] {
            assert_eq!(target_content(nothing.as_bytes()), Ok(TargetContent::Nothing), "{nothing}");
        }
    }

    #[test]
    fn a_broken_descriptor_and_a_large_document_are_refused() {
        for (text, member) in [(r#"{"config":{}}"#, "config"), (r#"{"manifests":[{}]}"#, "manifests")] {
            let Err(ManifestError::Descriptor { member: found, .. }) = target_content(text.as_bytes()) else {
                panic!("{text}")
            };
            assert_eq!(found, member);
        }
        let found = limits::MANIFEST_BYTES + 1;
        assert_eq!(target_content(&vec![b' '; found]), Err(ManifestError::TooLarge { found }));
    }
}
