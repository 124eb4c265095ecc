//! Numbers that bound what registries and token services may send, beside those in `countersign_core::limits`.

use std::time::Duration;

use countersign_core::limits::JsonLimits;

const MIB: usize = 1024 * 1024;

/// Largest `WWW-Authenticate` header read, in bytes.
pub(crate) const CHALLENGE_BYTES: usize = 4 * 1024;

/// Most `WWW-Authenticate` headers read, and most challenges in them.
pub(crate) const CHALLENGES: usize = 8;

/// Largest body of a token answer, in bytes.
pub(crate) const TOKEN_BODY_BYTES: usize = 64 * 1024;

/// Longest token, in bytes. Servers refuse header blocks of 16 KiB and more.
pub(crate) const TOKEN_BYTES: usize = 16 * 1024;

/// Longest lifetime of a token that is believed.
pub(crate) const TOKEN_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// What a token lives if the answer does not say, from the
/// [token specification](https://distribution.github.io/distribution/spec/auth/token/).
pub(crate) const TOKEN_DEFAULT_LIFETIME: Duration = Duration::from_secs(60);

/// Longest excerpt of an error body of a registry that stands in the settings, in characters with escapes. Those of other
/// hosts, and of whatever else comes from outside, have `Excerpt::CHARACTERS`.
pub(crate) const LISTED_EXCERPT_CHARACTERS: usize = 160;

/// What remembered tokens may take, in bytes: 250 of the largest, or some thousands of usual ones, which have 1 to 2 KiB.
pub(crate) const TOKENS_BYTES: usize = 4 * MIB;

/// What it may take to remember how repositories want to be asked, in bytes: some thousands, each about 1 KiB.
pub(crate) const LEARNED_BYTES: usize = 4 * MIB;

/// What remembered tags may take, and what remembered digests may, in bytes: about five thousand each.
pub(crate) const PINS_BYTES: usize = 2 * MIB;

/// The part of [`TOKENS_BYTES`] and [`LEARNED_BYTES`] that a configuration which was replaced keeps: enough that its requests
/// under way need no new token each.
pub(crate) const RETIRED: usize = 16;

/// How long tags of a repository are read by GET at once, after a HEAD was not answered with a digest.
pub(crate) const HEAD_PAUSE: Duration = Duration::from_secs(10 * 60);

/// Repositories of which it is remembered that their HEADs are of no use. With names of at most 255 bytes that is 2 MiB.
pub(crate) const REPOSITORIES: usize = 4096;

/// Largest Docker configuration read, in bytes: what a Secret can hold.
pub(crate) const DOCKER_CONFIG_BYTES: usize = 1024 * 1024;

/// Most entries of a Docker configuration: a large cluster has some ten registries, each with some projects.
pub(crate) const DOCKER_CONFIG_ENTRIES: usize = 1000;

/// Most credential helpers that a warning names.
pub(crate) const HELPERS_NAMED: usize = 5;

/// Longest user name and password together, in bytes: what [`TOKEN_BYTES`] of a header have room for in base64.
/// A key file of Google's has 2.3 KiB.
pub(crate) const BASIC_BYTES: usize = 12 * 1024;

/// Longest identity token, in bytes. It travels in a form; Azure's have some KiB.
pub(crate) const IDENTITY_TOKEN_BYTES: usize = 64 * 1024;

/// A Docker configuration: as many registries as a file of that size has room for with real credentials.
pub(crate) const DOCKER_CONFIG_JSON: JsonLimits =
    JsonLimits { depth: 16, values: 100_000, elements: 10_000, members: 10_000 };

/// A token answer: real ones have five members. Of the others some have a list of what was granted.
pub(crate) const TOKEN_JSON: JsonLimits = JsonLimits { depth: 16, values: 1024, elements: 1024, members: 64 };

/// An error body of [`ERROR_BODY_BYTES`]: some errors, each with details of any shape.
pub(crate) const ERROR_JSON: JsonLimits = JsonLimits { depth: 16, values: 1024, elements: 1024, members: 256 };
