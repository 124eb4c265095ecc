//! The maximum memory of fetching evidence, for the table in ARCHITECTURE.md; in bytes.

/// OCSP responses that are being received, beside CRLs.
pub(super) const SMALL_BODIES: usize = 2 * 1024 * 1024;

/// Responses that are being received and read, if a CRL has at most `max_crl_bytes`: what a list has is as much as it
/// leaves free, so that one large list does not use up what others need.
#[must_use]
pub fn received(max_crl_bytes: usize) -> usize {
    max_crl_bytes.saturating_mul(2).saturating_add(SMALL_BODIES)
}

/// Answers of AWS Signer: about 800, each of which is about one signature.
pub const SIGNER_STATUSES: usize = 1024 * 1024;
