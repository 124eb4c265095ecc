//! Names of AWS: partitions, regions, ARNs of AWS Signer and of roles, and hosts of its registries.

mod ecr;
mod partition;
mod region;
mod role;
mod signer;
mod wrong_part;

pub use ecr::EcrHost;
pub use ecr::EcrRegistry;
pub use partition::Partition;
pub use region::AwsRegion;
pub use region::RegionError;
pub use role::RoleArn;
pub use signer::SignerIdentity;
pub use signer::SignerNearMiss;
pub use signer::SigningJob;
pub use signer::SigningProfileAlias;
pub use signer::SigningProfileVersion;
pub use wrong_part::WrongPart;
