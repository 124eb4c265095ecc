//! Maximum memory use of registry access, for the table in ARCHITECTURE.md. In bytes unless noted otherwise.

use countersign_http::limits as http;

use crate::limits;

const KIB: usize = 1024;

/// Bodies, and values parsed from them.
pub const BODIES: usize = limits::BODIES.total;

/// Large documents that are being parsed.
pub const PARSING: usize = http::PARSING.total * http::PARSING_BYTES;

/// A connection: the state of TLS and HTTP, and the largest head of a response.
pub const CONNECTION: usize = 32 * KIB + http::HEAD_BYTES;

/// Sessions of TLS servers.
pub const SESSIONS: usize = http::SESSIONS_BYTES;

/// Number of connections in addition to one for each request.
pub const IDLE_CONNECTIONS: usize = http::IDLE_CONFIGURED + http::IDLE_UNLISTED;

/// Tokens, authentication schemes, token services, the state of hosts, those without the referrers API or HEAD, tags and digests, including
/// those of a replaced configuration.
pub const CACHED: usize = (limits::TOKENS_BYTES + limits::SCHEMES_BYTES + limits::REALMS_BYTES) / limits::RETIRED
    * (limits::RETIRED + 1)
    + http::HEALTH_BYTES
    + http::REDUCED_BYTES
    + limits::HOSTS_WITHOUT_API_BYTES
    + limits::HOSTS_WITHOUT_HEAD_BYTES
    + 2 * limits::PINS_BYTES
    + limits::REPOSITORIES * 512;

/// Manifests and envelopes of signatures. A replaced configuration has none of its own.
pub const CONTENT: usize = limits::CONTENT_BYTES;

/// Threads that resolve names.
pub const LOOKUPS: usize = http::LOOKUPS.total * 64 * KIB;
