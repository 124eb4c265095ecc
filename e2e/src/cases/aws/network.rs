//! The network of the chapter: a VPC with private endpoints, and public addresses where AWS has only those.

use super::super::network::Network;

pub(super) const REGION: &str = "eu-west-1";
pub(super) const OTHER_REGION: &str = "us-east-1";
pub(super) const ACCOUNT: &str = "111122223333";
pub(super) const OTHER_ACCOUNT: &str = "444455556666";

/// The registry of the account in the region of the cluster.
pub(super) const REGISTRY: &str = "111122223333.dkr.ecr.eu-west-1.amazonaws.com";
/// Its registry in another region.
pub(super) const OTHER_REGISTRY: &str = "111122223333.dkr.ecr.us-east-1.amazonaws.com";
/// The registry of another account.
pub(super) const PARTNER_REGISTRY: &str = "444455556666.dkr.ecr.eu-west-1.amazonaws.com";
pub(super) const PUBLIC_REGISTRY: &str = "public.ecr.aws";
/// A host that begins as the registry of the account does, and is not Amazon's.
pub(super) const FOREIGN_REGISTRY: &str = "111122223333.dkr.ecr.eu-west-1.amazonaws.com.example.net";

pub(super) const STS: &str = "sts.eu-west-1.amazonaws.com";
pub(super) const SIGNER: &str = "data-signer.eu-west-1.amazonaws.com";
pub(super) const OTHER_SIGNER: &str = "data-signer.us-east-1.amazonaws.com";
pub(super) const ECR_API: &str = "api.ecr.eu-west-1.amazonaws.com";
pub(super) const OTHER_ECR_API: &str = "api.ecr.us-east-1.amazonaws.com";
pub(super) const PUBLIC_ECR_API: &str = "api.ecr-public.us-east-1.amazonaws.com";
pub(super) const BLOBS: &str = "prod-eu-west-1-starport-layer-bucket.s3.eu-west-1.amazonaws.com";
pub(super) const OTHER_BLOBS: &str = "prod-us-east-1-starport-layer-bucket.s3.us-east-1.amazonaws.com";
pub(super) const PUBLIC_BLOBS: &str = "d2glxqk2uabbnd.cloudfront.net";
/// EKS Pod Identity.
pub(super) const POD_IDENTITY: &str = "169.254.170.23";
/// Instance metadata.
pub(super) const METADATA: &str = "169.254.169.254";

/// The doubles' services.
pub(super) const NETWORK: Network = Network(&[
    ("sts", "10.0.64.10:443", &[STS]),
    ("signer-data", "10.0.64.11:443", &[SIGNER]),
    ("ecr-api", "10.0.64.12:443", &[ECR_API]),
    ("ecr-registry", "10.0.64.13:443", &[REGISTRY, PARTNER_REGISTRY, FOREIGN_REGISTRY]),
    ("other-signer-data", "10.0.64.21:443", &[OTHER_SIGNER]),
    ("other-ecr-api", "10.0.64.22:443", &[OTHER_ECR_API]),
    ("other-ecr-registry", "10.0.64.23:443", &[OTHER_REGISTRY]),
    ("blob-store", "52.218.64.10:443", &[BLOBS]),
    ("other-blob-store", "52.218.64.20:443", &[OTHER_BLOBS]),
    ("ecr-public-api", "54.239.16.10:443", &[PUBLIC_ECR_API]),
    ("ecr-public-registry", "75.2.101.78:443", &[PUBLIC_REGISTRY]),
    ("public-blob-store", "18.154.64.10:443", &[PUBLIC_BLOBS]),
    ("pod-identity", "169.254.170.23:80", &[]),
    ("imds", "169.254.169.254:80", &[]),
]);
