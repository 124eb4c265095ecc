//! Signature envelopes: their format, and only that. Nothing here says whether a signature is good.
//!
//! Certificates are bytes here, the payload is opaque; the checks of [`crate::notation`] give them meaning, and parse the
//! payload only after the signature over it was checked.

mod attributes;
mod cose;
mod jws;

pub use attributes::Attributes;
pub use attributes::ExtendedAttribute;
pub(super) use attributes::PLUGIN;
pub(super) use attributes::PLUGIN_MIN_VERSION;
pub use attributes::SigningScheme;

use crate::codec::cbor::CborError;
use crate::codec::excerpt::Excerpt;
use crate::codec::text::Text;
use crate::crypto::HashAlgorithm;
use crate::crypto::SignatureAlgorithm;
use crate::limits;
use crate::name::MediaType;

/// The only payload content type of the [signature specification](https://github.com/notaryproject/specifications/blob/d4b62b949228911bd5e62da4f5f8dd38682d293a/specs/signature-specification.md#payload).
pub const PAYLOAD_TYPE: &str = "application/vnd.cncf.notary.payload.v1+json";

/// The two envelope formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EnvelopeFormat {
    /// [Flattened JWS JSON](https://github.com/notaryproject/specifications/blob/d4b62b949228911bd5e62da4f5f8dd38682d293a/specs/signature-envelope-jws.md).
    Jws,
    /// [Tagged COSE_Sign1](https://github.com/notaryproject/specifications/blob/d4b62b949228911bd5e62da4f5f8dd38682d293a/specs/signature-envelope-cose.md).
    Cose,
}

impl EnvelopeFormat {
    /// The format that a layer's media type names.
    #[must_use]
    pub fn of_media_type(media_type: &MediaType) -> Option<Self> {
        match media_type.as_str() {
            "application/jose+json" => Some(Self::Jws),
            "application/cose" => Some(Self::Cose),
            _ => None,
        }
    }

    /// `jws` or `cose`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Jws => "jws",
            Self::Cose => "cose",
        }
    }
}

/// The signature algorithms of the
/// [specification](https://github.com/notaryproject/specifications/blob/d4b62b949228911bd5e62da4f5f8dd38682d293a/specs/signature-specification.md#signature-algorithm-requirements).
const ALGORITHMS: [SignatureAlgorithm; 6] = [
    SignatureAlgorithm::RsaPss(HashAlgorithm::Sha256),
    SignatureAlgorithm::RsaPss(HashAlgorithm::Sha384),
    SignatureAlgorithm::RsaPss(HashAlgorithm::Sha512),
    SignatureAlgorithm::Ecdsa(HashAlgorithm::Sha256),
    SignatureAlgorithm::Ecdsa(HashAlgorithm::Sha384),
    SignatureAlgorithm::Ecdsa(HashAlgorithm::Sha512),
];

/// The algorithm, if it is one that the specification allows.
fn allowed(algorithm: Option<SignatureAlgorithm>) -> Option<SignatureAlgorithm> {
    algorithm.filter(|algorithm| ALGORITHMS.contains(algorithm))
}

/// A well-formed envelope. Nothing in it has been verified.
#[derive(Clone, Debug)]
pub struct Envelope {
    pub(crate) format: EnvelopeFormat,
    /// What the header claims; the key decides.
    pub(crate) claimed_algorithm: SignatureAlgorithm,
    pub(crate) attributes: Attributes,
    /// DER certificates, in the envelope's order.
    pub(crate) certificates: Vec<Vec<u8>>,
    /// The exact bytes that the signature covers.
    pub(crate) signed_bytes: Vec<u8>,
    pub(crate) signature: Vec<u8>,
    pub(crate) unverified_payload: Vec<u8>,
    /// The RFC 3161 token over `signature`, if there is one.
    pub(crate) timestamp_token: Option<Vec<u8>>,
}

/// Why bytes are not an envelope of the Notary Project.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    #[error("envelope has {found} bytes: want at most {}", limits::ENVELOPE_BYTES)]
    TooLarge { found: usize },
    #[error("{part} is not JSON as wanted: {error}")]
    Json { part: &'static str, error: crate::codec::json::JsonError },
    #[error("{part} is not base64 as wanted: {detail}")]
    Base64 { part: &'static str, detail: Text },
    #[error("COSE is malformed: {0}")]
    Cbor(#[from] CborError),
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

impl Envelope {
    /// Reads an envelope of that format.
    ///
    /// # Errors
    /// Anything that the two envelope specifications do not have; see [`EnvelopeError`].
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

    #[must_use]
    pub fn format(&self) -> EnvelopeFormat {
        self.format
    }

    #[must_use]
    pub fn unverified_attributes(&self) -> &Attributes {
        &self.attributes
    }

    /// DER certificates, leaf first, as the envelope has them.
    #[must_use]
    pub fn unverified_certificates(&self) -> &[Vec<u8>] {
        &self.certificates
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
        let most = limits::CHAIN_CERTIFICATES;
        if self.certificates.len() > most {
            let found = self.certificates.len();
            return Err(EnvelopeError::TooMany { name: "certificate chain", found, wanted: most });
        }
        let token = self.timestamp_token.as_ref().map_or(0, Vec::len);
        for (part, found, wanted) in [
            ("payload", self.unverified_payload.len(), limits::PAYLOAD_BYTES),
            ("timestamp token", token, limits::TIMESTAMP_TOKEN_BYTES),
        ] {
            check_size(part, found, wanted)?;
        }
        Ok(())
    }
}

fn check_size(part: &'static str, found: usize, wanted: usize) -> Result<(), EnvelopeError> {
    if found > wanted { Err(EnvelopeError::PartTooLarge { part, found, wanted }) } else { Ok(()) }
}
