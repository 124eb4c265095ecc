//! Limits of requests to Azure, with the origin of each number.

use std::time::Duration;

use countersign_core::limits::JsonLimits;
use countersign_http::RequestLimits;
use countersign_http::ShareLimits;

/// A response. Tokens of Entra have some kilobytes.
pub const RESPONSE_BYTES: usize = 64 * 1024;

/// A token, of Entra or of a registry. Headers and forms carry it.
pub(crate) const TOKEN_BYTES: usize = 16 * 1024;

/// A file with a token or a secret: 16 KiB, as a token.
pub(crate) const SECRET_FILE_BYTES: usize = 16 * 1024;

/// A JSON document of Azure: a token, or an error. Those that are known have some ten members.
pub(crate) const JSON: JsonLimits = JsonLimits { depth: 8, values: 512, elements: 128, members: 128 };

/// A JSON document of Azure Key Vault: a page of 25 versions has some 20 values each, and up to 15 tags.
pub(crate) const VAULT_JSON: JsonLimits = JsonLimits { depth: 8, values: 2048, elements: 128, members: 128 };

/// Most bytes of a text of Azure in a message.
pub(crate) const TEXT_BYTES: usize = 512;

/// Most bytes of the claims that a service demands. Those that are documented have some hundred.
pub(crate) const CLAIMS_BYTES: usize = 4 * 1024;

/// The longest life of a token that is used: one of a managed identity has a day.
pub(crate) const TOKEN_LIFE: Duration = Duration::from_secs(24 * 3600);

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
