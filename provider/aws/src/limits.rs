//! Limits of requests to AWS, with the origin of each number.

use std::time::Duration;

use countersign_http::RequestLimits;
use countersign_http::ShareLimits;

/// A response. Tokens of ECR have some kilobytes, and no stated limit.
pub const RESPONSE_BYTES: usize = 256 * 1024;

/// Most bytes of a text of AWS in a message.
pub(crate) const TEXT_BYTES: usize = 512;

/// Concurrent requests: the service allows tens in a second, and one signature needs one.
pub const REQUESTS: RequestLimits = RequestLimits { per_host: 16, total: 32 };

/// Bytes of responses in memory: sixteen of the largest.
pub const BODIES: ShareLimits = ShareLimits {
    total: 16 * RESPONSE_BYTES,
    host: 8 * RESPONSE_BYTES,
    pattern: 8 * RESPONSE_BYTES,
    unlisted_host: 8 * RESPONSE_BYTES,
    unlisted: 8 * RESPONSE_BYTES,
};

/// Credentials are fetched again this long before they end
/// ([sources of credentials](https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html) replace them then).
pub const CREDENTIALS_RENEWED_BEFORE: Duration = Duration::from_secs(5 * 60);

/// After a failure, credentials that are still valid are fetched again this much later.
pub const CREDENTIALS_RETRY: Duration = Duration::from_secs(30);

/// Time for credentials, with all attempts.
pub const CREDENTIALS_TIMEOUT: Duration = Duration::from_secs(5);

/// Time for a file with credentials: one that is mounted needs far less, and a request follows.
pub(crate) const FILE_TIMEOUT: Duration = Duration::from_secs(2);

/// A file with a token, which is sent in a header or in a form. Those of EKS have about 1 KiB.
pub(crate) const TOKEN_FILE_BYTES: usize = 64 * 1024;

/// A file with profiles: a thousand of them.
pub(crate) const PROFILE_FILE_BYTES: usize = 256 * 1024;

/// How long a service is not called after it refused a call because of the number of calls, if it names no time.
pub const THROTTLED_PAUSE: Duration = Duration::from_secs(2);

/// Regions of one kind of client: as many as AWS has, twice.
pub const REGIONS: usize = 64;

/// Credentials of roles, each for one region of STS: four roles in each region. The memory of one is some kilobytes.
pub const ROLES: usize = 4 * REGIONS;
