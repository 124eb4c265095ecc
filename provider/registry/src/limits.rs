//! Limits on what registries and token services may send, in addition to those in `countersign_core::limits` and
//! `countersign_http::limits`.

use std::time::Duration;

use countersign_core::limits::JsonLimits;
use countersign_http::ShareLimits;

const MIB: usize = 1024 * 1024;

/// Bodies, and what was made of them, in memory, in bytes: eight manifests of the largest size, or some thousands of usual
/// ones. A host has capacity for one of the largest and what refers to it.
pub(crate) const BODIES: ShareLimits =
    ShareLimits { total: 32 * MIB, host: 16 * MIB, pattern: 16 * MIB, unlisted_host: 6 * MIB, unlisted: 12 * MIB };

/// Length of a `WWW-Authenticate` header, in bytes.
pub(crate) const CHALLENGE_BYTES: usize = 4 * 1024;

/// `WWW-Authenticate` headers that are read, and challenges in each.
pub(crate) const CHALLENGES: usize = 8;

/// Size of the body of a token response, in bytes.
pub(crate) const TOKEN_BODY_BYTES: usize = 64 * 1024;

/// The longest time for which a token is used.
pub(crate) const TOKEN_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// The lifetime of a token if the response does not say, from the
/// [token specification](https://distribution.github.io/distribution/spec/auth/token/).
pub(crate) const TOKEN_DEFAULT_LIFETIME: Duration = Duration::from_secs(60);

/// Length of the excerpt of an error body of a registry with an entry in the settings, in characters with escapes. That of
/// other hosts is `Excerpt::CHARACTERS`.
pub(crate) const LISTED_EXCERPT_CHARACTERS: usize = 160;

/// Cached tokens, in bytes: 250 of the largest, or some thousands of usual ones, which have 1 to 2 KiB.
pub(crate) const TOKENS_BYTES: usize = 4 * MIB;

/// Cached authentication schemes of repositories, in bytes: some thousands, each about 1 KiB.
pub(crate) const SCHEMES_BYTES: usize = 4 * MIB;

/// Cached tags, in bytes, and cached digests: about five thousand each.
pub(crate) const PINS_BYTES: usize = 2 * MIB;

/// The part of [`TOKENS_BYTES`] and [`SCHEMES_BYTES`] that a replaced configuration keeps, so that its requests under way do
/// not need a new token each.
pub(crate) const RETIRED: usize = 16;

/// How long tags of a repository are read by GET without a HEAD before, after a HEAD had no digest.
pub(crate) const HEAD_PAUSE: Duration = Duration::from_secs(10 * 60);

/// Repositories that are known to answer HEAD without a digest. With names of at most 255 bytes, this is 2 MiB.
pub(crate) const REPOSITORIES: usize = 4096;

/// A token response: real ones have five members, some of them a list of what was granted.
pub(crate) const TOKEN_JSON: JsonLimits = JsonLimits { depth: 16, values: 1024, elements: 1024, members: 64 };

/// An error body of [`countersign_http::limits::ERROR_BODY_BYTES`]: some errors, each with details of any shape.
pub(crate) const ERROR_JSON: JsonLimits = JsonLimits { depth: 16, values: 1024, elements: 1024, members: 256 };
