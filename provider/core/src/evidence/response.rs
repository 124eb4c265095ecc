//! Responses to evidence requests.

use std::fmt;
use std::sync::Arc;

use super::EvidenceRequest;
use crate::codec::text::Text;
use crate::time::UnixTime;

/// The response to an [`EvidenceRequest`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EvidenceResponse {
    /// Received bytes, not verified.
    Received(Received),
    /// There is no response.
    NotAvailable(NotAvailable),
}

/// The bytes of a response, not verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    bytes: Arc<[u8]>,
    at: UnixTime,
}

/// The reason why there is no response: the end of a message such as "revocation could not be checked: …".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotAvailable {
    reason: Text,
}

/// A response that is larger than [`EvidenceRequest::max_response_bytes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the response is too large: found {found} bytes, expected at most {max}")]
pub struct TooLarge {
    /// The size of the response in bytes.
    pub found: usize,
    /// The maximum size in bytes.
    pub max: usize,
}

impl Received {
    /// The response to `request`, received at `at`.
    ///
    /// # Errors
    /// The response exceeds [`EvidenceRequest::max_response_bytes`].
    pub fn new(request: &EvidenceRequest, bytes: impl Into<Arc<[u8]>>, at: UnixTime) -> Result<Self, TooLarge> {
        let (bytes, max) = (bytes.into(), request.max_response_bytes());
        if bytes.len() > max { Err(TooLarge { found: bytes.len(), max }) } else { Ok(Self { bytes, at }) }
    }

    /// The received bytes.
    #[must_use]
    pub fn unverified_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The time of receipt.
    #[must_use]
    pub fn at(&self) -> UnixTime {
        self.at
    }
}

impl NotAvailable {
    /// Creates the value with a reason, which is truncated to the length of a [`Text`].
    #[must_use]
    pub fn new(reason: impl fmt::Display) -> Self {
        Self { reason: Text::of(reason) }
    }

    /// There is no fetcher of OCSP responses and CRLs.
    #[must_use]
    pub fn revocation_not_requested() -> Self {
        Self::new("this version does not request OCSP responses or CRLs")
    }

    /// There is no client of the AWS Signer service.
    #[must_use]
    pub fn signer_service_not_called() -> Self {
        Self::new("this version does not call the service")
    }
}

impl fmt::Display for NotAvailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.reason, f)
    }
}
