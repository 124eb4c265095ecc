//! Limits on credentials, each with the origin of its number.

use std::time::Duration;

use countersign_core::limits::JsonLimits;

/// Length of a token in a header, in bytes. Servers refuse header blocks of 16 KiB and more.
pub const TOKEN_BYTES: usize = 16 * 1024;

/// Size of a Docker configuration, in bytes: the limit of a Kubernetes Secret.
pub(crate) const DOCKER_CONFIG_BYTES: usize = 1024 * 1024;

/// Entries of a Docker configuration: a large cluster has some ten registries, each with some projects.
pub(crate) const DOCKER_CONFIG_ENTRIES: usize = 1000;

/// Maximum number of credential helpers in a warning.
pub(crate) const HELPERS_NAMED: usize = 5;

/// Length of a user name and password together, in bytes: the part of [`TOKEN_BYTES`] that remains for base64. A
/// Google key file has 2.3 KiB.
pub(crate) const BASIC_BYTES: usize = 12 * 1024;

/// Length of an identity token, in bytes. It is sent in a form. Those of Azure have some KiB.
pub(crate) const IDENTITY_TOKEN_BYTES: usize = 64 * 1024;

/// A Docker configuration: as many registries as fit into a file of that size with real credentials.
pub(crate) const DOCKER_CONFIG_JSON: JsonLimits =
    JsonLimits { depth: 16, values: 100_000, elements: 10_000, members: 10_000 };

/// The claims of a token of Azure: those that are known have some ten members, and a list of the granted access.
pub(crate) const JWT_JSON: JsonLimits = JsonLimits { depth: 8, values: 512, elements: 128, members: 128 };

/// Cached identities of one source, in bytes: those of some hundred registries.
pub const IDENTITIES_BYTES: usize = 1024 * 1024;

/// Time before its expiry from which an identity is no longer used; at most a tenth of its lifetime. Cloud registries
/// issue identities for 3 to 12 hours.
pub const RENEWED_BEFORE: Duration = Duration::from_secs(5 * 60);

/// An identity that is refused within this time after it was fetched is not fetched again.
pub const REFUSED_AT_ONCE: Duration = Duration::from_secs(30);

/// Time after which an identity that could not be renewed is requested again, while the former one is valid.
pub const RENEWAL_RETRY: Duration = Duration::from_secs(30);

/// Time for the renewal of an identity that is still valid: nothing waits for it.
pub(crate) const RENEWAL_TIMEOUT: Duration = Duration::from_secs(20);
