//! Why bytes are not an envelope.

use super::sign1::Sign1Error;
use crate::codec::excerpt::Excerpt;
use crate::codec::json::JsonError;
use crate::codec::text::Text;
use crate::limits;

/// Why bytes are not an envelope of the Notary Project.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// More bytes than [`limits::ENVELOPE_BYTES`].
    #[error("envelope: found {found} bytes, expected at most {}", limits::ENVELOPE_BYTES)]
    TooLarge {
        /// What was found.
        found: usize,
    },
    /// A part that is not the JSON of a JWS.
    #[error("{part} is not valid JSON: {error}")]
    Json {
        /// The part that it is about.
        part: &'static str,
        /// What is wrong.
        error: JsonError,
    },
    /// A part that is not the base64 of a JWS.
    #[error("{part} is not valid base64: {detail}")]
    Base64 {
        /// The part that it is about.
        part: &'static str,
        /// Why not.
        detail: Text,
    },
    /// Not the CBOR that is accepted.
    #[error("COSE is malformed: {0}")]
    Cbor(#[from] Sign1Error),
    /// CBOR that is not COSE.
    #[error("COSE is malformed: {0}")]
    Cose(Text),
    /// A header that must be there.
    #[error("header {name:?} is missing")]
    Missing {
        /// The name of the header.
        name: &'static str,
    },
    /// A header with another value.
    #[error("header {name:?}: found {found}, expected {expected}")]
    Header {
        /// The name of the header.
        name: Excerpt,
        /// What was found.
        found: Text,
        /// What was expected.
        expected: &'static str,
    },
    /// A header that two readers could take from two places.
    #[error("header {name:?}: found in both the protected and the unprotected header, expected in one of them")]
    InBothHeaders {
        /// The name of the header.
        name: Excerpt,
    },
    /// A name that a reader which folds case takes for another.
    #[error("header {name:?}: found another spelling of {reserved:?}, expected the exact name")]
    Spelling {
        /// The name of the header.
        name: Excerpt,
        /// The exact name.
        reserved: &'static str,
    },
    /// More entries than there may be.
    #[error("{name}: found {found} entries, expected at most {expected}")]
    TooMany {
        /// The name of the header.
        name: &'static str,
        /// What was found.
        found: usize,
        /// What was expected.
        expected: usize,
    },
    /// A header of the other signing scheme.
    #[error("header {name:?} is not allowed under signing scheme {scheme}")]
    WrongScheme {
        /// The name of the header.
        name: &'static str,
        /// The signing scheme.
        scheme: &'static str,
    },
    /// A header that every reader must understand.
    #[error("header {name:?}: found no entry in crit, expected one")]
    NotCritical {
        /// The name of the header.
        name: &'static str,
    },
    /// A name that `crit` may not list.
    #[error("crit: found {name:?}, expected only attributes that are present and may be critical, each once")]
    Crit {
        /// The name of the header.
        name: Excerpt,
    },
    /// A part without content.
    #[error("{part} is empty")]
    Empty {
        /// The part that it is about.
        part: &'static str,
    },
    /// A part that is too large.
    #[error("{part}: found {found} bytes, expected at most {expected}")]
    PartTooLarge {
        /// The part that it is about.
        part: &'static str,
        /// What was found.
        found: usize,
        /// What was expected.
        expected: usize,
    },
}

/// That a part is not larger than it may be.
pub(super) fn check_size(part: &'static str, found: usize, expected: usize) -> Result<(), EnvelopeError> {
    if found > expected { Err(EnvelopeError::PartTooLarge { part, found, expected }) } else { Ok(()) }
}
