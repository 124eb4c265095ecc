//! The images that `--online` tries to read, with the permissions that their reading needs.

use countersign_core::codec::text::Text;
use countersign_core::evidence::UsableUntil;
use countersign_core::name::ImageRef;
use countersign_core::notation::EvidenceStatus;

use super::Findings;
use super::read_locations::MirrorFailure;
use super::read_locations::SeenLocations;
use crate::config::Config;
use crate::config::Credentials;
use crate::engine::BlobReading;
use crate::engine::Reading;

/// An image of `--image` that was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TriedImage {
    /// As it is written.
    pub(super) image: String,
    /// Whose token is used, if it is read with one of a cloud.
    pub(super) role: Option<String>,
    permissions: Option<Permissions>,
    pub(super) reading: Reading,
    /// The repository that its manifest was read from; `None` without mirrors, or if it was not read.
    pub(super) location: Option<Text>,
    /// What AWS Signer has answered about its signatures.
    pub(super) signer: Vec<SignerStatus>,
}

/// The status of a signature at AWS Signer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SignerStatus {
    /// The version of the signing profile.
    pub(super) profile: Text,
    pub(super) status: EvidenceStatus,
    pub(super) usable_until: UsableUntil,
}

/// What of an image is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Manifest,
    Blob,
}

impl Part {
    /// The name of the part, and of its member in the document.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Manifest => "manifest",
            Self::Blob => "blob",
        }
    }
}

/// Whose token an image is read with, and what its reading needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Permissions {
    AmazonEcr,
    AzureContainerRegistry,
    ArtifactRegistry,
}

impl Permissions {
    /// The action of IAM that Amazon ECR requires
    /// ([actions](https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerregistry.html)), or
    /// the role that Azure Container Registry
    /// ([roles](https://learn.microsoft.com/azure/container-registry/container-registry-rbac-built-in-roles-overview)) or Artifact
    /// Registry ([roles](https://cloud.google.com/artifact-registry/docs/access-control#roles)) requires.
    fn of(self, part: Part) -> &'static str {
        match (self, part) {
            (Self::AmazonEcr, Part::Manifest) => "ecr:BatchGetImage",
            (Self::AmazonEcr, Part::Blob) => "ecr:GetDownloadUrlForLayer",
            (Self::AzureContainerRegistry, Part::Manifest | Part::Blob) => "AcrPull",
            (Self::ArtifactRegistry, Part::Manifest | Part::Blob) => "roles/artifactregistry.reader",
        }
    }
}

/// The result for one part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PartResult {
    /// It was read, and has this digest.
    Read(String),
    /// Why it cannot be read.
    Failed(String),
    /// Why it was not requested.
    NotTried(&'static str),
}

impl TriedImage {
    pub(super) fn new(config: &Config, image: &ImageRef, reading: Reading, seen: &SeenLocations) -> Self {
        let registry = config.registry_of(image.repository());
        let has_mirrors = registry.is_some_and(|registry| !registry.mirrors.locations.is_empty());
        let location = seen.read.clone().filter(|_| has_mirrors && reading.manifest.is_ok());
        let used = registry.and_then(|registry| match &registry.credentials {
            // Everyone may read public images.
            Credentials::Ecr(_) if registry.is_public_ecr() => None,
            Credentials::Ecr(ecr) => Some((ecr.role_name(), Permissions::AmazonEcr)),
            Credentials::Acr(acr) => Some((acr.name(), Permissions::AzureContainerRegistry)),
            Credentials::Google(account) => Some((account.name(), Permissions::ArtifactRegistry)),
            Credentials::Anonymous
            | Credentials::Broken(_)
            | Credentials::DockerConfig(_)
            | Credentials::Files { .. } => None,
        });
        let (role, permissions) = used.unzip();
        Self { image: image.to_string(), role, permissions, reading, location, signer: Vec::new() }
    }

    /// What the role or identity needs to read a part; `None` without a token of a cloud.
    pub(super) fn permission(&self, part: Part) -> Option<&'static str> {
        self.permissions.map(|permissions| permissions.of(part))
    }

    /// Both parts with their results.
    pub(super) fn parts(&self) -> [(Part, PartResult); 2] {
        let Reading { manifest, blob } = &self.reading;
        let manifest = match manifest {
            Ok(digest) => PartResult::Read(digest.to_string()),
            Err(why) => PartResult::Failed(why.to_string()),
        };
        let blob = match blob {
            BlobReading::Read(digest) => PartResult::Read(digest.to_string()),
            BlobReading::Failed(why) => PartResult::Failed(why.to_string()),
            BlobReading::NotTried(why) => PartResult::NotTried(why),
        };
        [(Part::Manifest, manifest), (Part::Blob, blob)]
    }

    /// Whether no part failed to be read.
    pub(super) fn is_read(&self) -> bool {
        self.parts().iter().all(|(_, result)| match result {
            PartResult::Read(_) | PartResult::NotTried(_) => true,
            PartResult::Failed(_) => false,
        })
    }

    /// A warning for each mirror that could not be used.
    pub(super) fn warn_of_mirrors(&self, failures: &[MirrorFailure], findings: &mut Findings) {
        let read = self.location.as_ref().map_or_else(String::new, |at| format!("; the image was read at {at}"));
        for MirrorFailure { mirror, stage, why } in failures {
            let (image, stage) = (&self.image, stage.as_str());
            findings.warn(
                "mirror-unusable",
                format_args!("{image}: its mirror {mirror} has not sent the {stage}: {why}{read}"),
            );
        }
    }

    /// A warning for each part that cannot be read.
    pub(super) fn warn(&self, findings: &mut Findings) {
        for (part, result) in self.parts() {
            let why = match result {
                PartResult::Failed(why) => why,
                PartResult::Read(_) | PartResult::NotTried(_) => continue,
            };
            let role = self.role.as_ref().map_or_else(String::new, |role| format!(" with the token of {role}"));
            let message = format_args!("{}: its {} cannot be read{role}: {why}", self.image, part.as_str());
            findings.warn("image-unreadable", message);
        }
    }
}
