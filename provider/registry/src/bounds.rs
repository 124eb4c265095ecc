//! Numbers that bound what registries and token services may send, beside those in `countersign_core::limits`.

use std::time::Duration;

use crate::share::ShareLimits;
use countersign_core::limits::JsonLimits;

const MIB: usize = 1024 * 1024;

/// Most redirects followed for one request. Registries need one, to their blob store.
pub(crate) const REDIRECTS: usize = 5;

/// Largest `Location` or `Link` header read, in bytes. Pre-signed URLs have up to 2 KiB.
pub(crate) const URL_BYTES: usize = 8 * 1024;

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

/// How long a body may be without [`BODY_WINDOW_BYTES`] of progress. The first three retransmissions of TCP come within
/// 1.4 s.
pub(crate) const BODY_WINDOW: Duration = Duration::from_secs(2);

/// What must arrive of a body in each [`BODY_WINDOW`], unless it ends, in bytes: far below any usable connection.
pub(crate) const BODY_WINDOW_BYTES: u64 = 16 * 1024;

/// What bodies, and what was parsed from them, may take together, in bytes: eight manifests of the largest size, or some
/// thousands of usual ones. A host has room for one of the largest and what refers to it.
pub(crate) const BODIES: ShareLimits =
    ShareLimits { total: 32 * MIB, host: 16 * MIB, pattern: 16 * MIB, unlisted_host: 6 * MIB, unlisted: 12 * MIB };

/// A document up to this is parsed where it arrives, in bytes: about a millisecond of work at most. Usual manifests,
/// indexes and envelopes are far smaller.
pub(crate) const PARSED_AT_ONCE_BYTES: usize = 64 * 1024;

/// What parsing a document takes at most beside its bytes: what is said of `countersign_core::limits::INDEX_JSON`, the
/// most that any of them takes.
pub(crate) const PARSING_BYTES: usize = 12 * MIB;

/// Large documents that are parsed at the same time, on as many threads.
pub(crate) const PARSING: ShareLimits = ShareLimits { total: 2, host: 1, pattern: 1, unlisted_host: 1, unlisted: 1 };

/// Checks of content that run at the same time, on as many threads. What one costs is not in its bytes: 15 KiB may hold ten
/// certificates with keys of 521 bits, which take some ten milliseconds.
pub(crate) const CHECKS: ShareLimits = ShareLimits { total: 8, host: 2, pattern: 4, unlisted_host: 1, unlisted: 2 };

/// Most of an error body that is read, in bytes.
pub(crate) const ERROR_BODY_BYTES: usize = 16 * 1024;

/// Longest excerpt of an error body of a registry that stands in the settings, in characters with escapes. Those of other
/// hosts, and of whatever else comes from outside, have `Excerpt::CHARACTERS`.
pub(crate) const LISTED_EXCERPT_CHARACTERS: usize = 160;

/// Most names of a certificate that an error repeats.
pub(crate) const CERTIFICATE_NAMES: usize = 3;

/// Longest host name in a URL that an answer sends, in bytes: that of the DNS.
pub(crate) const HOST_BYTES: usize = 253;

/// Longest pause that a registry may ask for.
pub(crate) const RETRY_AFTER: Duration = Duration::from_secs(60);

/// The pause after a 429 that names none in seconds.
pub(crate) const RETRY_AFTER_DEFAULT: Duration = Duration::from_secs(5);

/// Further tries of a request that failed before the end of its answer, or with 502, 503, 504.
pub(crate) const RETRIES: u32 = 2;

/// Pause before the first further try; doubles, and up to as much again is added at random.
pub(crate) const BACKOFF: Duration = Duration::from_millis(50);

/// Largest head of a proxy's answer to CONNECT, in bytes.
pub(crate) const PROXY_ANSWER_BYTES: usize = 16 * 1024;

/// Connections to hosts that the settings name, beside one for each request that may be under way. When there are more, those
/// that are not in use are closed.
pub(crate) const IDLE_CONFIGURED: usize = 128;

/// The same for hosts whose names are chosen outside: behind a pattern, or where registries need not be listed, a hostile
/// registry has any number of them.
pub(crate) const IDLE_OUTSIDE: usize = 32;

/// Largest head of an answer, and largest buffer of a connection, in bytes. Headers of 8 KiB with URLs or challenges are
/// read, and some of them.
pub(crate) const HEAD_BYTES: usize = 64 * 1024;

/// What a connection may receive that is no content, in bytes: the handshake of TLS, the heads of HTTP/2 streams that are
/// open at once, and what may be under way of their bodies ([`HTTP2_CONNECTION_WINDOW`]). Each answer and its content
/// make up for what they have used.
pub(crate) const CONNECTION_BYTES: u64 = 1024 * 1024;

/// What each answer adds to [`CONNECTION_BYTES`]: its head, and what comes of a body that is not read ([`HTTP2_STREAM_WINDOW`]).
/// Other images' requests use the same HTTP/2 connection.
pub(crate) const ANSWER_BYTES: u64 = (64 + 256) * 1024;

/// Names that are being resolved at the same time, each on a thread.
pub(crate) const LOOKUPS: ShareLimits = ShareLimits { total: 64, host: 8, pattern: 16, unlisted_host: 4, unlisted: 16 };

/// Most addresses of a name that are tried. Large services have ten.
pub(crate) const ADDRESSES: usize = 32;

/// How long a connection that nobody uses is kept.
pub(crate) const POOL_IDLE: Duration = Duration::from_secs(60);

/// Between the probes of TCP on a silent connection.
pub(crate) const TCP_KEEPALIVE: Duration = Duration::from_secs(30);

/// What may be under way in one HTTP/2 stream, in bytes. Small, as many hosts may fill theirs at once; a usual answer fits.
pub(crate) const HTTP2_STREAM_WINDOW: u32 = 256 * 1024;

/// The same for one HTTP/2 connection.
pub(crate) const HTTP2_CONNECTION_WINDOW: u32 = 512 * 1024;

/// Between two pings of an HTTP/2 connection, and how long an answer to one may take.
pub(crate) const HTTP2_PING: Duration = Duration::from_secs(15);
pub(crate) const HTTP2_PONG: Duration = Duration::from_secs(5);

/// `User-Agent` of every request.
pub(crate) const USER_AGENT: &str = concat!("countersign/", env!("CARGO_PKG_VERSION"));

/// Hosts whose pause is remembered, of those in the settings and of others.
pub(crate) const HOSTS: usize = 1024;

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
