//! Limits on what registries and token services may send, in addition to those in `countersign_core::limits` and
//! `countersign_http::limits`.

use std::time::Duration;

use countersign_core::limits::JsonLimits;
use countersign_http::ShareLimits;
use countersign_http::limits::HEALTH_BYTES;
use countersign_http::limits::REDUCED_BYTES;

const MIB: usize = 1024 * 1024;

/// Bodies in memory, and values parsed from them, in bytes: eight manifests of the maximum size, or some thousands of
/// usual ones. A host has capacity for one manifest of the maximum size and its referrers.
pub(crate) const BODIES: ShareLimits =
    ShareLimits { total: 32 * MIB, host: 16 * MIB, pattern: 16 * MIB, unlisted_host: 6 * MIB, unlisted: 12 * MIB };

/// Size of the body of a token response, in bytes.
pub(crate) const TOKEN_BODY_BYTES: usize = 64 * 1024;

/// The longest time for which a token is used.
pub(crate) const TOKEN_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// The default lifetime of a token, from the [token
/// specification](https://distribution.github.io/distribution/spec/auth/token/).
pub(crate) const TOKEN_DEFAULT_LIFETIME: Duration = Duration::from_secs(60);

/// Length of the excerpt of an error body of a registry with an entry in the settings, in characters with escapes.
/// For other hosts it is `Excerpt::CHARACTERS`.
pub(crate) const LISTED_EXCERPT_CHARACTERS: usize = 160;

/// The same of the refusal of a permission by a registry of Amazon with an entry: it names the principal, the action, the resource and the
/// policy, of which the ARNs alone have some hundred characters each.
pub(crate) const PERMISSION_EXCERPT_CHARACTERS: usize = 512;

/// Cached tokens, in bytes: 250 of the largest, or some thousands of usual ones, which have 1 to 2 KiB.
pub(crate) const TOKENS_BYTES: usize = 4 * MIB;

/// Cached authentication schemes of repositories, in bytes: some thousands, each at most about 1 KiB. Together with
/// [`REALMS_BYTES`], [`HOSTS_WITHOUT_API_BYTES`], [`HOSTS_WITHOUT_HEAD_BYTES`] and the state of hosts 4 MiB.
pub(crate) const SCHEMES_BYTES: usize =
    4 * MIB - REALMS_BYTES - HOSTS_WITHOUT_API_BYTES - HOSTS_WITHOUT_HEAD_BYTES - HEALTH_BYTES - REDUCED_BYTES;

/// Token services that hosts have named, in bytes: some hundred, each about half a KiB, for each host, entry and credential.
pub(crate) const REALMS_BYTES: usize = 256 * 1024;

/// Hosts without the referrers API, in bytes: some hundred.
pub(crate) const HOSTS_WITHOUT_API_BYTES: usize = 64 * 1024;

/// Hosts of which a HEAD of manifests or blobs saves nothing, in bytes: some hundred.
pub(crate) const HOSTS_WITHOUT_HEAD_BYTES: usize = 64 * 1024;

/// Content that was received, in bytes: some hundred signatures, whose manifest and envelope have 1 and 3 to 10 KiB.
pub(crate) const CONTENT_BYTES: usize = 4 * MIB;

/// The largest one that is kept, in bytes: most envelopes have a tenth of it, and the cache has room for some tens of such ones.
pub(crate) const CONTENT_ENTRY_BYTES: usize = 64 * 1024;

/// The time for which a host is not asked for the referrers API if its fallback tag has what is looked for.
pub(crate) const API_ABSENCE: Duration = Duration::from_secs(10 * 60);

/// The time for which a host is expected to name the same token service, counted from its last challenge.
pub(crate) const REALM_LIFETIME: Duration = Duration::from_secs(60 * 60);

/// The longest time for which a request waits for the response to the first one about its repository: longer than a connection and a
/// response of a distant registry usually take.
pub(crate) const CHALLENGE_WAIT: Duration = Duration::from_millis(500);

/// Cached tags, in bytes, and cached digests: about five thousand each.
pub(crate) const PINS_BYTES: usize = 2 * MIB;

/// The divisor of [`TOKENS_BYTES`], [`SCHEMES_BYTES`] and [`REALMS_BYTES`] for a replaced configuration, whose requests in progress
/// still use their tokens.
pub(crate) const RETIRED: usize = 16;

/// The time for which tags of a repository, or referrers of a host, are read by GET without a prior HEAD, after a HEAD has saved nothing.
pub(crate) const HEAD_PAUSE: Duration = Duration::from_secs(10 * 60);

/// The time for which a location of a repository with mirrors is tried after the others, after it was unreachable.
pub(crate) const LOCATION_REST: Duration = Duration::from_secs(10);

/// The least share of the time of a location before the last one, if that of the work allows it: longer than a response of a distant
/// registry usually takes.
pub(crate) const LOCATION_LEAST: Duration = Duration::from_millis(400);

/// Hosts to which a connection is kept open, each with its route: less than 16 KiB.
pub(crate) const KEPT_OPEN: usize = 16;

/// A request is sent over a connection that is idle for so long. Many servers and load balancers close one after 60 s, some after 30 s.
pub(crate) const TOUCHED_AFTER: Duration = Duration::from_secs(20);

/// The time between two looks for idle connections. With [`TOUCHED_AFTER`] below 30 s.
pub(crate) const TOUCH_EVERY: Duration = Duration::from_secs(5);

/// The time for the response to a request that keeps a connection open.
pub(crate) const TOUCH_TIMEOUT: Duration = Duration::from_secs(2);

/// Locations that are known to have been unreachable. Each is a host that the settings name: less than 0.1 MiB.
pub(crate) const RESTING_LOCATIONS: usize = 256;

/// Length of the failure of one location in the message about all of them, in bytes.
pub(crate) const LOCATION_TEXT_BYTES: usize = 240;

/// Repositories that are known to respond to HEAD without a digest. With names of at most 255 bytes, this is 2 MiB.
pub(crate) const REPOSITORIES: usize = 4096;

/// A token response: real ones have five members, some of them a list of the granted access.
pub(crate) const TOKEN_JSON: JsonLimits = JsonLimits { depth: 16, values: 1024, elements: 1024, members: 64 };

/// An error body of [`countersign_http::limits::ERROR_BODY_BYTES`]: some errors, each with details of any type.
pub(crate) const ERROR_JSON: JsonLimits = JsonLimits { depth: 16, values: 1024, elements: 1024, members: 256 };
