//! Why bytes are not an envelope.

use super::sign1::Sign1Error;
use crate::codec::excerpt::Excerpt;
use crate::codec::json::JsonError;
use crate::codec::text::Text;
use crate::limits;

/// Why bytes are not an envelope of the Notary Project.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    #[error("envelope has {found} bytes: want at most {}", limits::ENVELOPE_BYTES)]
    TooLarge { found: usize },
    #[error("{part} is not JSON as wanted: {error}")]
    Json { part: &'static str, error: JsonError },
    #[error("{part} is not base64 as wanted: {detail}")]
    Base64 { part: &'static str, detail: Text },
    #[error("COSE is malformed: {0}")]
    Cbor(#[from] Sign1Error),
    #[error("COSE is malformed: {0}")]
    Cose(Text),
    #[error("header {name:?} is missing")]
    Missing { name: &'static str },
    #[error("header {name:?} is {found}: want {wanted}")]
    Header { name: Excerpt, found: Text, wanted: &'static str },
    #[error("header {name:?} stands in the protected and in the unprotected header: want one of them")]
    InBothHeaders { name: Excerpt },
    #[error("header {name:?} is another spelling of {reserved:?}: want the exact name")]
    Spelling { name: Excerpt, reserved: &'static str },
    #[error("{name} has {found} entries: want at most {wanted}")]
    TooMany { name: &'static str, found: usize, wanted: usize },
    #[error("header {name:?} is not allowed under signing scheme {scheme}")]
    WrongScheme { name: &'static str, scheme: &'static str },
    #[error("header {name:?} must be listed in crit, and is not")]
    NotCritical { name: &'static str },
    #[error("crit lists {name:?}: want only attributes that are present, may be critical, and each once")]
    Crit { name: Excerpt },
    #[error("{part} is empty")]
    Empty { part: &'static str },
    #[error("{part} has {found} bytes: want at most {wanted}")]
    PartTooLarge { part: &'static str, found: usize, wanted: usize },
}

/// That a part is not larger than it may be.
pub(super) fn check_size(part: &'static str, found: usize, wanted: usize) -> Result<(), EnvelopeError> {
    if found > wanted { Err(EnvelopeError::PartTooLarge { part, found, wanted }) } else { Ok(()) }
}
