//! Limits of requests to Google Cloud, with the origin of each number.

pub use countersign_cloud::limits::RESPONSE_BYTES;
use countersign_http::RequestLimits;
use countersign_http::ShareLimits;

/// Concurrent requests. One token serves for all registries: a former client may still request one after a change of the settings.
pub const REQUESTS: RequestLimits = RequestLimits { per_host: 2, total: 2 };

/// Bytes of responses in memory: two of the largest.
pub const BODIES: ShareLimits = ShareLimits {
    total: 2 * RESPONSE_BYTES,
    host: 2 * RESPONSE_BYTES,
    pattern: 2 * RESPONSE_BYTES,
    unlisted_host: 2 * RESPONSE_BYTES,
    unlisted: 2 * RESPONSE_BYTES,
};
