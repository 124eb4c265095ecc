//! OCI descriptors.

use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::json;

use crate::hash;

/// Media type of an image manifest.
pub const IMAGE_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// Media type of an image index.
pub const IMAGE_INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// An OCI descriptor. Its fields are public, so that a test can make any of them wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// `mediaType`
    pub media_type: String,
    /// `digest`, as written.
    pub digest: String,
    /// `size`, in bytes.
    pub size: u64,
    /// `artifactType`; `None` omits it.
    pub artifact_type: Option<String>,
    /// `annotations`; omitted if empty.
    pub annotations: BTreeMap<String, String>,
}

impl Descriptor {
    /// The descriptor of `bytes`, with their SHA-256.
    #[must_use]
    pub fn of(media_type: &str, bytes: &[u8]) -> Self {
        Self {
            media_type: media_type.to_owned(),
            digest: hash::sha256_digest(bytes),
            size: u64::try_from(bytes.len()).expect("fits"),
            artifact_type: None,
            annotations: BTreeMap::new(),
        }
    }

    /// The descriptor of an image manifest that no registry has. Different seeds give different digests.
    #[must_use]
    pub fn sample(seed: &str) -> Self {
        Self::of(IMAGE_MANIFEST, seed.as_bytes())
    }

    /// Sets one annotation.
    #[must_use]
    pub fn annotation(mut self, key: &str, value: &str) -> Self {
        self.annotations.insert(key.to_owned(), value.to_owned());
        self
    }

    /// The JSON object; absent and empty members are omitted.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut json = json!({ "mediaType": self.media_type, "digest": self.digest, "size": self.size });
        if let Some(artifact_type) = &self.artifact_type {
            json["artifactType"] = json!(artifact_type);
        }
        if !self.annotations.is_empty() {
            json["annotations"] = json!(self.annotations);
        }
        json
    }
}
