//! Limits of requests to Google Cloud, with the origin of each number.

pub use countersign_cloud::limits::RESPONSE_BYTES;
use countersign_http::RequestLimits;
use countersign_http::ShareLimits;

/// Concurrent requests. One token serves for all registries: the former one may still be requested when a reload needs another.
pub const REQUESTS: RequestLimits = RequestLimits { per_host: 4, total: 4 };

/// Bytes of responses in memory: four of the largest.
pub const BODIES: ShareLimits = ShareLimits {
    total: 4 * RESPONSE_BYTES,
    host: 4 * RESPONSE_BYTES,
    pattern: 4 * RESPONSE_BYTES,
    unlisted_host: 4 * RESPONSE_BYTES,
    unlisted: 4 * RESPONSE_BYTES,
};
