//! The maximum memory of the service, for the table in ARCHITECTURE.md; in bytes unless stated otherwise.

use super::handler;
use super::health;
use super::listen;
use super::tls;

const KIB: usize = 1024;

/// Requests whose bodies are read.
pub const READING: usize = handler::READING.ordinary + handler::READING.large;

/// Requests that wait to be processed.
pub const WAITING: usize = handler::WAITING.ordinary + handler::WAITING.large;

/// Requests whose keys are processed.
pub const WORKING: usize = handler::WORKING.ordinary + handler::WORKING.large;

/// Responses that are not written yet.
pub const RESPONSES: usize = handler::RESPONSES_BYTES;

/// Items of responses that are used again.
pub const RENDERED: usize = handler::RENDERED_BYTES;

/// A connection: what TLS and HTTP keep (31 KiB were measured after the handshake), the largest head of a request, and
/// encrypted data that the client has not read.
pub const CONNECTION: usize = 32 * KIB + listen::HEAD_BYTES + tls::UNSENT_BYTES;

/// The system's send buffer, with its own bookkeeping.
pub const SOCKET: usize = 2 * listen::SEND_BUFFER_BYTES;

/// Handshakes at the same time, a count.
pub const HANDSHAKES: usize = listen::HANDSHAKES;

/// A handshake: the largest message that rustls puts together, and the buffer that it arrives in.
pub const HANDSHAKE: usize = (64 + 16) * KIB;

/// Probes and metrics: responses, and the buffers of connections.
pub const HEALTH: usize = health::ANSWERS_BYTES + health::CONNECTIONS * (health::HEAD_BYTES + 32 * KIB);

/// All series of metrics, and what writes them as a text. Statements, trust stores and registries with series of
/// their own are limited, so that it does not depend on files.
pub const METRICS: usize = 3 * KIB * KIB;

/// The largest text of all metrics: a response of the port.
pub const METRICS_TEXT: usize = health::ANSWER_BYTES;

/// The memory that counts for a request with these keys while they are processed, at most `at_once` of one registry at
/// a time.
#[must_use]
pub fn of_request(keys: &[String], at_once: usize) -> usize {
    handler::request_bytes(keys, at_once)
}

/// The memory that counts for a request with these keys while it waits to be processed.
#[must_use]
pub fn of_waiting_request(keys: &[String]) -> usize {
    handler::waiting_bytes(keys)
}
