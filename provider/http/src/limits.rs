//! Limits on what servers may send and use, each with the origin of its number.

use std::time::Duration;

use crate::share::ShareLimits;

const MIB: usize = 1024 * 1024;

/// Redirects followed for one request. Servers need one, to their content store.
pub const REDIRECTS: usize = 5;

/// Length of a `Location` or `Link` header, in bytes. Pre-signed URLs have up to 2 KiB.
pub const URL_BYTES: usize = 8 * 1024;

/// Length of a host name in a URL that a response names, in bytes: the limit of the DNS.
pub const HOST_BYTES: usize = 253;

/// How long a body may be without [`BODY_WINDOW_BYTES`] of progress. The first three TCP retransmissions are within
/// 1.4 s.
pub const BODY_WINDOW: Duration = Duration::from_secs(2);

/// The bytes of a body that must arrive in each [`BODY_WINDOW`], unless it ends, in bytes: far below any usable
/// connection.
pub const BODY_WINDOW_BYTES: u64 = 16 * 1024;

/// Size of the body of a response that is not 200, in bytes: an error message.
pub const ERROR_BODY_BYTES: usize = 16 * 1024;

/// A document up to this size is parsed by the calling task, in bytes: about a millisecond of work at most. Usual
/// documents are far smaller.
pub const PARSED_AT_ONCE_BYTES: usize = 64 * 1024;

/// Maximum memory for parsing a document in addition to its bytes: the largest number in `countersign_core::limits`,
/// that of `INDEX_JSON`.
pub const PARSING_BYTES: usize = 12 * MIB;

/// Large documents that are parsed concurrently, each on a thread.
pub const PARSING: ShareLimits = ShareLimits { total: 2, host: 1, pattern: 1, unlisted_host: 1, unlisted: 1 };

/// Checks of content that run concurrently, each on a thread. Their cost does not depend on the number of bytes: 15
/// KiB may hold ten certificates with keys of 521 bits, which take some ten milliseconds.
pub const CHECKS: ShareLimits = ShareLimits { total: 8, host: 2, pattern: 4, unlisted_host: 1, unlisted: 2 };

/// Names of a certificate in an error.
pub const CERTIFICATE_NAMES: usize = 3;

/// The longest pause that a server may request.
pub const RETRY_AFTER: Duration = Duration::from_secs(60);

/// The pause after a 429 without a `Retry-After` that can be used.
pub const RETRY_AFTER_DEFAULT: Duration = Duration::from_secs(5);

/// Retries of a request that failed before the end of its response, or with 502, 503 or 504.
pub const RETRIES: u32 = 2;

/// Pause before the first retry. It doubles, and up to as much again is added at random.
pub const BACKOFF: Duration = Duration::from_millis(50);

/// Size of the head of a proxy's response to CONNECT, in bytes.
pub const PROXY_RESPONSE_HEAD_BYTES: usize = 16 * 1024;

/// Connections to hosts that the settings name, in addition to one for each request. Above this number idle connections
/// are closed.
pub const IDLE_CONFIGURED: usize = 80;

/// The same for hosts that only a pattern matches, or that are not listed: an attacker can create any number of their
/// names.
pub const IDLE_UNLISTED: usize = 16;

/// Size of the head of a response, and of the buffer of a connection, in bytes. A head holds some headers of 8 KiB with
/// URLs or challenges.
pub const HEAD_BYTES: usize = 64 * 1024;

/// Bytes that a connection may receive in addition to content: the TLS handshake, the heads of the HTTP/2 streams
/// that are open at once, and the body bytes in flight ([`HTTP2_CONNECTION_WINDOW`]). Each response and its content
/// restore what they have used.
pub const CONNECTION_BYTES: u64 = 1024 * 1024;

/// Bytes that each response restores of [`CONNECTION_BYTES`]: its head, and the received part of a body that is not
/// read ([`HTTP2_STREAM_WINDOW`]). Other requests use the same HTTP/2 connection.
pub const RESPONSE_BYTES: u64 = (64 + 256) * 1024;

/// Names that are resolved concurrently, each on a thread.
pub const LOOKUPS: ShareLimits = ShareLimits { total: 64, host: 8, pattern: 16, unlisted_host: 4, unlisted: 16 };

/// Addresses of a name that are tried. Large services have ten.
pub const ADDRESSES: usize = 32;

/// How long an idle connection is kept.
pub const POOL_IDLE: Duration = Duration::from_secs(60);

/// Time between two TCP keep-alive probes on a silent connection.
pub const TCP_KEEPALIVE: Duration = Duration::from_secs(30);

/// Flow-control window of one HTTP/2 stream, in bytes. Small, as many hosts may fill their windows at the same time.
/// A usual response fits.
pub const HTTP2_STREAM_WINDOW: u32 = 256 * 1024;

/// Flow-control window of one HTTP/2 connection, in bytes.
pub const HTTP2_CONNECTION_WINDOW: u32 = 512 * 1024;

/// Time between two pings of an HTTP/2 connection.
pub const HTTP2_PING: Duration = Duration::from_secs(15);

/// Timeout of a ping.
pub const HTTP2_PONG: Duration = Duration::from_secs(5);

/// Servers whose TLS sessions are kept: those of some registries, their token services and their blob stores.
pub const SESSION_SERVERS: usize = 8;

/// Sessions of TLS 1.3 that are kept of a server. Servers send one to four for each connection.
pub const SESSIONS_PER_SERVER: usize = 2;

/// How long a session is kept, and those of connections that resume it: from the check of the server's certificates. Until then a server
/// whose certificate has expired is still accepted.
pub const SESSION_LIFETIME: Duration = Duration::from_secs(60 * 60);

/// Memory of all sessions, in bytes: each with a ticket, which has at most 64 KiB, and with the certificates of the server, which have as many.
pub const SESSIONS_BYTES: usize = SESSION_SERVERS * SESSIONS_PER_SERVER * 128 * 1024;

/// `User-Agent` of every request.
pub const USER_AGENT: &str = concat!("countersign/", env!("CARGO_PKG_VERSION"));

/// Hosts whose pause is stored, separately for configured hosts and for others.
pub const HOSTS: usize = 1024;

/// Length of a `WWW-Authenticate` header, in bytes.
pub const CHALLENGE_BYTES: usize = 4 * 1024;

/// `WWW-Authenticate` headers that are read, and challenges in each.
pub const CHALLENGES: usize = 8;

/// Hosts whose state is kept, separately for hosts of the settings and for others.
pub const HEALTH_HOSTS: usize = 256;

/// Parts of a host that fails about each of which one request is sent in [`PROBE_PATIENT`], beside those that look whether the host has
/// returned: other parts may work, and few are in use in that time.
pub const PROBE_PARTS: usize = 8;

/// Parts of a host that are known for its responses about them.
pub const ANSWERED_PARTS: usize = 8;

/// How long after a response about a part of a host it is taken for one that works. As long as a reduction of its concurrency lasts.
pub const ANSWERED: Duration = REDUCED_FOR;

/// The last failure of a host, in bytes.
pub const FAILURE_TEXT_BYTES: usize = 240;

/// Memory of the state of hosts, in bytes: each with its last failure, and what wakes the requests that wait.
pub const HEALTH_BYTES: usize = 2 * HEALTH_HOSTS * 1088;

/// Hosts whose reduced concurrency is kept, separately for hosts of the settings and for others.
pub const REDUCED_HOSTS: usize = 256;

/// Memory of the reduced concurrency of hosts, in bytes.
pub const REDUCED_BYTES: usize = 2 * REDUCED_HOSTS * 128;

/// How long the reduced concurrency of a host lasts while no more requests are wanted than it allows. As long as the longest pause that a
/// server may request, and counted from its end.
pub const REDUCED_FOR: Duration = Duration::from_secs(60);

/// Failures of a host without a response between them after which it is taken for one that fails: more than the attempts of one request.
pub const FAILURES: u32 = 5;

/// The time between the first and the last of them at least, so that a connection that is closed under many requests does not count.
pub const FAILURES_TIME: Duration = Duration::from_millis(200);

/// Time between two requests to a host that fails at once.
pub const PROBE_FAST: Duration = Duration::from_millis(100);

/// Time between two requests to a host that does not respond. Below a second with the time of a response.
pub const PROBE_SLOW: Duration = Duration::from_millis(400);

/// Time between two requests to a host that does not respond that wait for it as long as any request may.
pub const PROBE_PATIENT: Duration = Duration::from_secs(5);

/// How long other requests wait for the next request to a host that fails, and for its result.
pub const PROBE_WAIT: Duration = Duration::from_millis(100);

/// The head of a response may take so many times as long as the longest of recent ones.
pub const HEAD_TIMES: u32 = 4;

/// The least time for the head of a response: a lost packet is sent again within it, and a response that is late once comes.
pub const HEAD_LEAST: Duration = Duration::from_millis(400);
