//! The maximum memory of requests to Azure, for the table in ARCHITECTURE.md; in bytes. Nothing in a build without Azure.

/// Requests at the same time.
pub const REQUESTS: usize = own::REQUESTS;

/// Responses that are being received.
pub const BODIES: usize = own::BODIES;

/// Tokens of Microsoft Entra, and of Azure Container Registry for one identity: those of some hundred registries.
pub const TOKENS: usize = own::TOKENS;

#[cfg(feature = "azure")]
mod own {
    use countersign_azure::limits;

    pub(super) const REQUESTS: usize = limits::REQUESTS.total;
    pub(super) const BODIES: usize = limits::BODIES.total;
    pub(super) const TOKENS: usize = 2 * countersign_credentials::limits::IDENTITIES_BYTES;
}

#[cfg(not(feature = "azure"))]
mod own {
    pub(super) const REQUESTS: usize = 0;
    pub(super) const BODIES: usize = 0;
    pub(super) const TOKENS: usize = 0;
}
