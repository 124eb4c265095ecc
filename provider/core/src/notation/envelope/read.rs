//! Reads an envelope of either format, within its limits.

use super::cose;
use super::error::EnvelopeError;
use super::error::check_size;
use super::format::EnvelopeFormat;
use super::jws;
use super::parsed::Envelope;
use crate::limits;

impl Envelope {
    /// Reads an envelope of that format.
    ///
    /// # Errors
    /// The bytes do not follow the envelope specification; see [`EnvelopeError`].
    pub fn parse(bytes: &[u8], format: EnvelopeFormat) -> Result<Self, EnvelopeError> {
        if bytes.len() > limits::ENVELOPE_BYTES {
            return Err(EnvelopeError::TooLarge { found: bytes.len() });
        }
        let envelope = match format {
            EnvelopeFormat::Jws => jws::parse(bytes),
            EnvelopeFormat::Cose => cose::parse(bytes),
        }?;
        envelope.check_sizes()?;
        Ok(envelope)
    }

    fn check_sizes(&self) -> Result<(), EnvelopeError> {
        if self.signature.is_empty() {
            return Err(EnvelopeError::Empty { part: "signature" });
        }
        if self.unverified_payload.is_empty() {
            return Err(EnvelopeError::Empty { part: "payload" });
        }
        if self.certificates.is_empty() {
            return Err(EnvelopeError::Empty { part: "certificate chain" });
        }
        let max = limits::CHAIN_CERTIFICATES;
        if self.certificates.len() > max {
            let found = self.certificates.len();
            return Err(EnvelopeError::TooMany { name: "certificate chain", found, max });
        }
        let token = self.timestamp_token.as_ref().map_or(0, Vec::len);
        for (part, found, expected) in [
            ("payload", self.unverified_payload.len(), limits::PAYLOAD_BYTES),
            ("timestamp token", token, limits::TIMESTAMP_TOKEN_BYTES),
        ] {
            check_size(part, found, expected)?;
        }
        Ok(())
    }
}
