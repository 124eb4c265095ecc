//! Limits of requests to Azure, with the origin of each number.

use std::time::Duration;

pub(crate) use countersign_cloud::limits::JSON;
pub use countersign_cloud::limits::RESPONSE_BYTES;
pub(crate) use countersign_cloud::limits::TOKEN_BYTES;
pub(crate) use countersign_cloud::limits::TOKEN_LIFE;
use countersign_core::limits::JsonLimits;
use countersign_http::RequestLimits;
use countersign_http::ShareLimits;

/// A file with a token or a secret: 16 KiB, as a token.
pub(crate) const SECRET_FILE_BYTES: usize = 16 * 1024;

/// Time for such a file: one that is mounted needs far less, and a request follows.
pub(crate) const SECRET_FILE_TIMEOUT: Duration = Duration::from_secs(2);

/// A JSON document of Azure Key Vault: a page of 25 versions has some 20 values each, and up to 15 tags.
pub(crate) const VAULT_JSON: JsonLimits = JsonLimits { depth: 8, values: 2048, elements: 128, members: 128 };

/// Most bytes of the versions of one certificate of a vault that are kept until all of them are read: 20 chains have some 50 KiB.
pub const VERSIONS_BYTES: usize = 128 * 1024;

/// Most bytes of the claims that a service demands. Those that are documented have some hundred.
pub(crate) const CLAIMS_BYTES: usize = 4 * 1024;

/// Concurrent requests. A registry needs one in some hours.
pub const REQUESTS: RequestLimits = RequestLimits { per_host: 8, total: 16 };

/// Bytes of responses in memory: sixteen of the largest.
pub const BODIES: ShareLimits = ShareLimits {
    total: 16 * RESPONSE_BYTES,
    host: 8 * RESPONSE_BYTES,
    pattern: 8 * RESPONSE_BYTES,
    unlisted_host: 8 * RESPONSE_BYTES,
    unlisted: 8 * RESPONSE_BYTES,
};
