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
    #[error("envelope has {found} bytes: want at most {}", limits::ENVELOPE_BYTES)]
    TooLarge {
        /// What was found.
        found: usize,
    },
    /// A part that is not the JSON of a JWS.
    #[error("{part} is not JSON as wanted: {error}")]
    Json {
        /// The part that it is about.
        part: &'static str,
        /// What is wrong.
        error: JsonError,
    },
    /// A part that is not the base64 of a JWS.
    #[error("{part} is not base64 as wanted: {detail}")]
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
    #[error("header {name:?} is {found}: want {wanted}")]
    Header {
        /// The name of the header.
        name: Excerpt,
        /// What was found.
        found: Text,
        /// What was expected.
        wanted: &'static str,
    },
    /// A header that two readers could take from two places.
    #[error("header {name:?} stands in the protected and in the unprotected header: want one of them")]
    InBothHeaders {
        /// The name of the header.
        name: Excerpt,
    },
    /// A name that a reader which folds case takes for another.
    #[error("header {name:?} is another spelling of {reserved:?}: want the exact name")]
    Spelling {
        /// The name of the header.
        name: Excerpt,
        /// The exact name.
        reserved: &'static str,
    },
    /// More entries than there may be.
    #[error("{name} has {found} entries: want at most {wanted}")]
    TooMany {
        /// The name of the header.
        name: &'static str,
        /// What was found.
        found: usize,
        /// What was expected.
        wanted: usize,
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
    #[error("header {name:?} must be listed in crit, and is not")]
    NotCritical {
        /// The name of the header.
        name: &'static str,
    },
    /// A name that `crit` may not list.
    #[error("crit lists {name:?}: want only attributes that are present, may be critical, and each once")]
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
    #[error("{part} has {found} bytes: want at most {wanted}")]
    PartTooLarge {
        /// The part that it is about.
        part: &'static str,
        /// What was found.
        found: usize,
        /// What was expected.
        wanted: usize,
    },
}

/// That a part is not larger than it may be.
pub(super) fn check_size(part: &'static str, found: usize, wanted: usize) -> Result<(), EnvelopeError> {
    if found > wanted { Err(EnvelopeError::PartTooLarge { part, found, wanted }) } else { Ok(()) }
}
