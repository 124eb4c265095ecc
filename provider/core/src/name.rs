//! Registry names: digests, media types, hosts, repositories and image references.
//!
//! Text is parsed here into types, once.

mod aws;
mod azure;
mod digest;
mod dns;
mod google;
mod host;
mod host_error;
mod media_type;
mod reference;
mod reference_error;

pub use aws::AwsRegion;
pub use aws::EcrHost;
pub use aws::EcrRegistry;
pub use aws::Partition;
pub use aws::RegionError;
pub use aws::RoleArn;
pub use aws::SignerIdentity;
pub use aws::SignerNearMiss;
pub use aws::SigningJob;
pub use aws::SigningProfileAlias;
pub use aws::SigningProfileVersion;
pub use aws::WrongPart;
pub use azure::AcrHost;
pub use azure::AcrRegistry;
pub use azure::AzureCloud;
pub use azure::ClientId;
pub use azure::DirectoryIdError;
pub use azure::TenantId;
pub use azure::VaultCertificate;
pub use azure::VaultCertificateVersion;
pub use azure::VaultHost;
pub use azure::VaultHostError;
pub use azure::VaultNameError;
pub use digest::Digest;
pub use digest::DigestAlgorithm;
pub use digest::DigestError;
pub use digest::Hasher;
pub use digest::ListHasher;
pub use dns::is_dns_label;
pub use dns::is_dns_name;
pub use google::GcrHost;
pub use google::GoogleRegistryHost;
pub use host::Host;
pub use host::HostName;
pub use host_error::HostError;
pub use media_type::MediaType;
pub use media_type::MediaTypeError;
pub use reference::ImageRef;
pub use reference::Repository;
pub use reference::Selector;
pub use reference_error::ReferenceError;
