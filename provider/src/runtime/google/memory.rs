//! The maximum memory of requests to Google Cloud, for the table in ARCHITECTURE.md; in bytes. Nothing in a build without its client.

/// Requests at the same time.
pub const REQUESTS: usize = own::REQUESTS;

/// Responses that are being received.
pub const BODIES: usize = own::BODIES;

/// Tokens: one, and the former one.
pub const TOKENS: usize = own::TOKENS;

#[cfg(feature = "google")]
mod own {
    use countersign_google::limits;

    pub(super) const REQUESTS: usize = limits::REQUESTS.total;
    pub(super) const BODIES: usize = limits::BODIES.total;
    pub(super) const TOKENS: usize = 2 * limits::RESPONSE_BYTES;
}

#[cfg(not(feature = "google"))]
mod own {
    pub(super) const REQUESTS: usize = 0;
    pub(super) const BODIES: usize = 0;
    pub(super) const TOKENS: usize = 0;
}
