//! Numbers that bound what other servers may send and take, with their origin.

use std::time::Duration;

use crate::share::ShareLimits;

const MIB: usize = 1024 * 1024;

/// Most redirects followed for one request. Registries need one, to their blob store.
pub const REDIRECTS: usize = 5;

/// Largest `Location` or `Link` header read, in bytes. Pre-signed URLs have up to 2 KiB.
pub const URL_BYTES: usize = 8 * 1024;

/// How long a body may be without [`BODY_WINDOW_BYTES`] of progress. The first three retransmissions of TCP come within
/// 1.4 s.
pub const BODY_WINDOW: Duration = Duration::from_secs(2);

/// What must arrive of a body in each [`BODY_WINDOW`], unless it ends, in bytes: far below any usable connection.
pub const BODY_WINDOW_BYTES: u64 = 16 * 1024;

/// What bodies, and what was parsed from them, may take together, in bytes: eight manifests of the largest size, or some
/// thousands of usual ones. A host has room for one of the largest and what refers to it.
pub const BODIES: ShareLimits =
    ShareLimits { total: 32 * MIB, host: 16 * MIB, pattern: 16 * MIB, unlisted_host: 6 * MIB, unlisted: 12 * MIB };

/// A document up to this is parsed where it arrives, in bytes: about a millisecond of work at most. Usual manifests,
/// indexes and envelopes are far smaller.
pub const PARSED_AT_ONCE_BYTES: usize = 64 * 1024;

/// What parsing a document takes at most beside its bytes: what is said of `countersign_core::limits::INDEX_JSON`, the
/// most that any of them takes.
pub const PARSING_BYTES: usize = 12 * MIB;

/// Large documents that are parsed at the same time, on as many threads.
pub const PARSING: ShareLimits = ShareLimits { total: 2, host: 1, pattern: 1, unlisted_host: 1, unlisted: 1 };

/// Checks of content that run at the same time, on as many threads. What one costs is not in its bytes: 15 KiB may hold ten
/// certificates with keys of 521 bits, which take some ten milliseconds.
pub const CHECKS: ShareLimits = ShareLimits { total: 8, host: 2, pattern: 4, unlisted_host: 1, unlisted: 2 };

/// Most of an error body that is read, in bytes.
pub const ERROR_BODY_BYTES: usize = 16 * 1024;

/// Most names of a certificate that an error repeats.
pub const CERTIFICATE_NAMES: usize = 3;

/// Longest host name in a URL that an answer sends, in bytes: that of the DNS.
pub const HOST_BYTES: usize = 253;

/// Longest pause that a registry may ask for.
pub const RETRY_AFTER: Duration = Duration::from_secs(60);

/// The pause after a 429 that names none in seconds.
pub const RETRY_AFTER_DEFAULT: Duration = Duration::from_secs(5);

/// Further tries of a request that failed before the end of its answer, or with 502, 503, 504.
pub const RETRIES: u32 = 2;

/// Pause before the first further try; doubles, and up to as much again is added at random.
pub const BACKOFF: Duration = Duration::from_millis(50);

/// Largest head of a proxy's answer to CONNECT, in bytes.
pub const PROXY_ANSWER_BYTES: usize = 16 * 1024;

/// Connections to hosts that the settings name, beside one for each request that may be under way. When there are more, those
/// that are not in use are closed.
pub const IDLE_CONFIGURED: usize = 128;

/// The same for hosts whose names are chosen outside: behind a pattern, or where registries need not be listed, a hostile
/// registry has any number of them.
pub const IDLE_OUTSIDE: usize = 32;

/// Largest head of an answer, and largest buffer of a connection, in bytes. Headers of 8 KiB with URLs or challenges are
/// read, and some of them.
pub const HEAD_BYTES: usize = 64 * 1024;

/// What a connection may receive that is no content, in bytes: the handshake of TLS, the heads of HTTP/2 streams that are
/// open at once, and what may be under way of their bodies ([`HTTP2_CONNECTION_WINDOW`]). Each answer and its content
/// make up for what they have used.
pub const CONNECTION_BYTES: u64 = 1024 * 1024;

/// What each answer adds to [`CONNECTION_BYTES`]: its head, and what comes of a body that is not read ([`HTTP2_STREAM_WINDOW`]).
/// Other images' requests use the same HTTP/2 connection.
pub const ANSWER_BYTES: u64 = (64 + 256) * 1024;

/// Names that are being resolved at the same time, each on a thread.
pub const LOOKUPS: ShareLimits = ShareLimits { total: 64, host: 8, pattern: 16, unlisted_host: 4, unlisted: 16 };

/// Most addresses of a name that are tried. Large services have ten.
pub const ADDRESSES: usize = 32;

/// How long a connection that nobody uses is kept.
pub const POOL_IDLE: Duration = Duration::from_secs(60);

/// Between the probes of TCP on a silent connection.
pub const TCP_KEEPALIVE: Duration = Duration::from_secs(30);

/// What may be under way in one HTTP/2 stream, in bytes. Small, as many hosts may fill theirs at once; a usual answer fits.
pub const HTTP2_STREAM_WINDOW: u32 = 256 * 1024;

/// The same for one HTTP/2 connection.
pub const HTTP2_CONNECTION_WINDOW: u32 = 512 * 1024;

/// Between two pings of an HTTP/2 connection, and how long an answer to one may take.
pub const HTTP2_PING: Duration = Duration::from_secs(15);
pub const HTTP2_PONG: Duration = Duration::from_secs(5);

/// `User-Agent` of every request.
pub const USER_AGENT: &str = concat!("countersign/", env!("CARGO_PKG_VERSION"));

/// Hosts whose pause is remembered, of those in the settings and of others.
pub const HOSTS: usize = 1024;
