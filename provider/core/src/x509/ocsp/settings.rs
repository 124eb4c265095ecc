//! What an operator can choose about OCSP responses.

use std::time::Duration;

/// Settings for the times and the nonce of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OcspSettings {
    /// Tolerated difference between the clocks of the responder and of this process. It applies to producedAt,
    /// thisUpdate and nextUpdate, not to the validity period of a responder's certificate.
    pub skew: Duration,
    /// Maximum age, counted from thisUpdate, of a response without nextUpdate. With `None` it is unusable: such a
    /// response states only that newer information is always available.
    pub max_age_without_next_update: Option<Duration>,
    /// How to treat a response without a nonce to a request with one.
    pub missing_nonce: MissingNonce,
}

/// How to treat a response without a nonce to a request with one. Many responders sign responses in advance, which
/// excludes a nonce. A wrong nonce is always refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissingNonce {
    /// Usable.
    Accept,
    /// Unusable.
    Refuse,
}

impl Default for OcspSettings {
    /// Five minutes of skew; no response without nextUpdate; a missing nonce is accepted.
    fn default() -> Self {
        Self {
            skew: Duration::from_secs(5 * 60),
            max_age_without_next_update: None,
            missing_nonce: MissingNonce::Accept,
        }
    }
}
