//! The maximum memory of fetching trust stores, for the table in ARCHITECTURE.md.

use super::client;

/// Requests at the same time.
pub const REQUESTS: usize = client::REQUESTS.total;

/// Responses that are being received, in bytes.
pub const BODIES: usize = client::BODIES.total;
