//! The maximum memory of requests to AWS, for the table in ARCHITECTURE.md; in bytes. Nothing in a build without AWS.

/// Requests at the same time.
pub const REQUESTS: usize = own::REQUESTS;

/// Responses that are being received.
pub const BODIES: usize = own::BODIES;

/// Tokens of Amazon ECR, of one role: those of some hundred regions. Usually there is one role, and one token of some kilobytes.
pub const TOKENS: usize = own::TOKENS;

#[cfg(feature = "aws")]
mod own {
    use countersign_aws::limits;

    pub(super) const REQUESTS: usize = limits::REQUESTS.total;
    pub(super) const BODIES: usize = limits::BODIES.total;
    pub(super) const TOKENS: usize = countersign_credentials::limits::IDENTITIES_BYTES;
}

#[cfg(not(feature = "aws"))]
mod own {
    pub(super) const REQUESTS: usize = 0;
    pub(super) const BODIES: usize = 0;
    pub(super) const TOKENS: usize = 0;
}
