//! What talking to registries may take in memory at most, for the table in ARCHITECTURE.md; in bytes unless it says
//! otherwise.

use crate::bounds;
use countersign_http::limits;

const KIB: usize = 1024;

/// Bodies, and what was parsed from them.
pub const BODIES: usize = limits::BODIES.total;

/// Large documents that are being parsed.
pub const PARSING: usize = limits::PARSING.total * limits::PARSING_BYTES;

/// A connection: what TLS and HTTP keep, and the largest head of an answer.
pub const CONNECTION: usize = 32 * KIB + limits::HEAD_BYTES;

/// Connections that are kept beside one for each request, a count.
pub const IDLE_CONNECTIONS: usize = limits::IDLE_CONFIGURED + limits::IDLE_OUTSIDE;

/// Tokens, how repositories want to be asked, tags and digests; and what a configuration that was replaced still has.
pub const REMEMBERED: usize = (bounds::TOKENS_BYTES + bounds::LEARNED_BYTES) / bounds::RETIRED * (bounds::RETIRED + 1)
    + 2 * bounds::PINS_BYTES
    + bounds::REPOSITORIES * 512;

/// Threads that resolve names.
pub const LOOKUPS: usize = limits::LOOKUPS.total * 64 * KIB;
