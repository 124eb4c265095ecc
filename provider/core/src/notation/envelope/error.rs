//! Errors of envelopes.

use super::sign1::Sign1Error;
use crate::codec::excerpt::Excerpt;
use crate::codec::json::JsonError;
use crate::codec::text::Text;
use crate::limits;

/// The error for bytes that are not an envelope of the Notary Project.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// More bytes than [`limits::ENVELOPE_BYTES`].
    #[error("envelope: found {found} bytes, expected at most {}", limits::ENVELOPE_BYTES)]
    TooLarge {
        /// The size in bytes.
        found: usize,
    },
    /// A part is not valid JSON.
    #[error("{part} is not valid JSON: {error}")]
    Json {
        /// The part with the mistake.
        part: &'static str,
        /// The cause.
        error: JsonError,
    },
    /// A part is not valid base64.
    #[error("{part} is not valid base64: {detail}")]
    Base64 {
        /// The part with the mistake.
        part: &'static str,
        /// The reason.
        detail: Text,
    },
    /// The CBOR is invalid.
    #[error("COSE is malformed: {0}")]
    Cbor(#[from] Sign1Error),
    /// The CBOR is not COSE.
    #[error("COSE is malformed: {0}")]
    Cose(Text),
    /// A required header is missing.
    #[error("header {name:?} is missing")]
    Missing {
        /// The name of the header.
        name: &'static str,
    },
    /// A header has an unexpected value.
    #[error("header {name:?}: found {found}, expected {expected}")]
    Header {
        /// The name of the header.
        name: Excerpt,
        /// The value of the header.
        found: Text,
        /// The values that are allowed.
        expected: &'static str,
    },
    /// A header is in both the protected and the unprotected header.
    #[error("header {name:?}: found in both the protected and the unprotected header, expected in one of them")]
    InBothHeaders {
        /// The name of the header.
        name: Excerpt,
    },
    /// A name differs from a reserved one only in case.
    #[error("header {name:?}: found another spelling of {reserved:?}, expected the exact name")]
    Spelling {
        /// The name of the header.
        name: Excerpt,
        /// The exact name.
        reserved: &'static str,
    },
    /// A list or map has too many entries.
    #[error("{name}: found {found} entries, expected at most {max}")]
    TooMany {
        /// The name of the list or map.
        name: &'static str,
        /// The number of entries.
        found: usize,
        /// The maximum number of entries.
        max: usize,
    },
    /// A header belongs to the other signing scheme.
    #[error("header {name:?} is not allowed under signing scheme {scheme}")]
    WrongScheme {
        /// The name of the header.
        name: &'static str,
        /// The signing scheme.
        scheme: &'static str,
    },
    /// A header that must be critical is not listed in `crit`.
    #[error("header {name:?}: found no entry in crit, expected one")]
    NotCritical {
        /// The name of the header.
        name: &'static str,
    },
    /// `crit` lists a name that it must not list.
    #[error("crit: found {name:?}, expected only attributes that are present and may be critical, each once")]
    Crit {
        /// The name of the header.
        name: Excerpt,
    },
    /// A part is empty.
    #[error("{part} is empty")]
    Empty {
        /// The part with the mistake.
        part: &'static str,
    },
    /// A part is too large.
    #[error("{part}: found {found} bytes, expected at most {max}")]
    PartTooLarge {
        /// The part with the mistake.
        part: &'static str,
        /// The size in bytes.
        found: usize,
        /// The maximum size in bytes.
        max: usize,
    },
}

/// Checks the size of a part, in bytes.
pub(super) fn check_size(part: &'static str, found: usize, max: usize) -> Result<(), EnvelopeError> {
    if found > max { Err(EnvelopeError::PartTooLarge { part, found, max }) } else { Ok(()) }
}
