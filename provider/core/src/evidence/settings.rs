//! What an operator can choose about evidence.

use std::time::Duration;

use crate::x509::ocsp::MissingNonce;
use crate::x509::ocsp::OcspSettings;

/// Settings for the times of evidence, the same when it is read and when it is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EvidenceSettings {
    /// Tolerated difference between the clocks of the issuers of evidence and of this process.
    pub skew: Duration,
    /// Maximum age, counted from thisUpdate, of an OCSP response without nextUpdate. With `None` it is unusable. A CRL
    /// without nextUpdate always is.
    pub max_age_without_next_update: Option<Duration>,
    /// How to treat an OCSP response without a nonce to a request with one.
    pub missing_nonce: MissingNonce,
    /// The longest use of evidence after it was fetched; `None` for no limit. A verdict that stands on it ends then, too.
    pub max_lifetime: Option<Duration>,
}

impl EvidenceSettings {
    /// The settings for OCSP responses.
    #[must_use]
    pub fn ocsp(&self) -> OcspSettings {
        let Self { skew, max_age_without_next_update, missing_nonce, max_lifetime: _ } = *self;
        OcspSettings { skew, max_age_without_next_update, missing_nonce }
    }
}

impl Default for EvidenceSettings {
    /// As [`OcspSettings::default`]: five minutes, and no response without nextUpdate. Without a longest use.
    fn default() -> Self {
        let OcspSettings { skew, max_age_without_next_update, missing_nonce } = OcspSettings::default();
        Self { skew, max_age_without_next_update, missing_nonce, max_lifetime: None }
    }
}
