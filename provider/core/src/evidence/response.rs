//! What came back.

use std::fmt;
use std::sync::Arc;

use super::EvidenceRequest;
use crate::codec::text::Text;
use crate::time::UnixTime;

/// The answer to an [`EvidenceRequest`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EvidenceResponse {
    /// Bytes that are not verified.
    Received(Received),
    /// No answer.
    NotAvailable(NotAvailable),
}

/// The bytes of an answer. Nothing in them has been verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    bytes: Arc<[u8]>,
    at: UnixTime,
}

/// Why there is no answer: the end of a message such as "revocation could not be checked: …".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotAvailable {
    reason: Text,
}

/// An answer that is larger than [`EvidenceRequest::max_response_bytes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the answer is too large: found {found} bytes, expected at most {expected}")]
pub struct TooLarge {
    /// Bytes that the answer has.
    pub found: usize,
    /// Bytes that it may have.
    pub expected: usize,
}

impl Received {
    /// The answer to `request` that was received `at` that time.
    ///
    /// # Errors
    /// More bytes than [`EvidenceRequest::max_response_bytes`].
    pub fn new(request: &EvidenceRequest, bytes: impl Into<Arc<[u8]>>, at: UnixTime) -> Result<Self, TooLarge> {
        let (bytes, expected) = (bytes.into(), request.max_response_bytes());
        if bytes.len() > expected { Err(TooLarge { found: bytes.len(), expected }) } else { Ok(Self { bytes, at }) }
    }

    /// The answer as it was received.
    #[must_use]
    pub fn unverified_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// When it was received.
    #[must_use]
    pub fn at(&self) -> UnixTime {
        self.at
    }
}

impl NotAvailable {
    /// For this reason, which is cut to the length of a [`Text`].
    #[must_use]
    pub fn new(reason: impl fmt::Display) -> Self {
        Self { reason: Text::of(reason) }
    }
}

impl fmt::Display for NotAvailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.reason, f)
    }
}
