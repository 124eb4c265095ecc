//! Parses OCI documents: descriptors, manifests, indexes. Nothing is fetched here.
//!
//! Uses `name`, `limits`, `codec`.

mod annotations;
mod descriptor;
mod index;
mod manifest;
mod target_content;

pub use descriptor::Descriptor;
pub use descriptor::DescriptorError;
pub(crate) use descriptor::RawDescriptor;
pub use index::Index;
pub use index::IndexError;
pub use manifest::ArtifactManifest;
pub use manifest::ManifestError;
pub use manifest::artifact_type;
pub use manifest::target_media_type;
pub use target_content::TargetContent;
pub use target_content::target_content;
