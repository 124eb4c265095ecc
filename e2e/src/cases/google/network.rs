//! The network of the chapter: a node with the metadata server of GKE, and the addresses of Private Google Access.

use super::super::network::Network;

pub(super) const REGISTRY: &str = "europe-west1-docker.pkg.dev";
/// The metadata server, which Countersign calls by its number.
pub(super) const METADATA: &str = "169.254.169.254";
/// As messages name it.
pub(super) const METADATA_SERVER: &str = "169.254.169.254:80";

/// The doubles' services.
pub(super) const NETWORK: Network = Network(&[
    ("artifact-registry", "199.36.153.8:443", &[REGISTRY]),
    ("metadata", "169.254.169.254:80", &["metadata.google.internal"]),
]);
