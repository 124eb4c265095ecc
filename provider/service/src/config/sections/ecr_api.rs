//! The endpoint of the API of Amazon ECR, and what is none: a registry.

use countersign_core::name::EcrHost;
use countersign_http::Endpoint;

/// What an endpoint is expected to be in place of a registry.
pub const WANTED_API: &str = "the API of Amazon ECR, which issues tokens: https://api.ecr.REGION.amazonaws.com, or the name of the VPC \
                                     endpoint com.amazonaws.REGION.ecr.api";

/// Whether the endpoint is that of registries of Amazon ECR, or of a VPC endpoint for them, and not that of the API.
#[must_use]
pub fn is_registry(endpoint: &Endpoint) -> bool {
    let host = endpoint.url().host_str().unwrap_or_default();
    let of_registries = [".dkr.ecr.", ".dkr.ecr-fips.", ".dkr-ecr.", ".dkr-ecr-fips."];
    let from_a_label = format!(".{host}");
    of_registries.iter().any(|part| from_a_label.contains(part))
        || host.parse().is_ok_and(|host| EcrHost::of(&host).is_some())
}
