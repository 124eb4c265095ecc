//! Hash algorithms by their identifiers, and hashes of bytes.

use aws_lc_rs::digest;

use super::HashAlgorithm;
use crate::codec::der;
use crate::codec::der::NotDer;
use crate::codec::der::Oid;
use crate::codec::der::Reader;
use crate::codec::text::Text;

/// A hash algorithm that is weak or unknown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("hash algorithm: found {found}, expected SHA-256, SHA-384 or SHA-512")]
pub struct HashError {
    /// The name of the algorithm, or its object identifier.
    pub found: Text,
}

/// Object identifiers of hash algorithms that errors name.
const REFUSED: [(&[u8], &str); 4] = [
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x05], "MD5"),
    (&[0x2b, 0x0e, 0x03, 0x02, 0x1a], "SHA-1"),
    (&[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 4], "SHA-224"),
    (&[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 8], "SHA3-256"),
];

impl HashAlgorithm {
    /// `SHA-256`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "SHA-256",
            Self::Sha384 => "SHA-384",
            Self::Sha512 => "SHA-512",
        }
    }

    /// The hash of `bytes`.
    pub(crate) fn digest(self, bytes: &[u8]) -> Vec<u8> {
        let algorithm = match self {
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
        };
        digest::digest(algorithm, bytes).as_ref().to_vec()
    }

    /// Reads an AlgorithmIdentifier with its SEQUENCE; parameters are NULL or absent
    /// ([RFC 5754 §2](https://www.rfc-editor.org/rfc/rfc5754#section-2)).
    ///
    /// # Errors
    /// Another algorithm, with its name, or other parameters.
    pub(crate) fn from_der(raw: &[u8]) -> Result<Self, HashError> {
        let malformed = |NotDer| HashError { found: Text::of("a malformed identifier") };
        let mut fields = Reader::only(raw, der::SEQUENCE).map_err(malformed)?.inside();
        let oid = Oid::from_contents(fields.expect(der::OBJECT_IDENTIFIER).map_err(malformed)?.contents);
        let oid = oid.map_err(malformed)?;
        if let Some(null) = fields.optional(der::NULL).map_err(malformed)?
            && !null.contents.is_empty()
        {
            return Err(malformed(NotDer));
        }
        fields.end().map_err(malformed)?;
        Self::of_oid(oid.contents()).ok_or_else(|| {
            let known = REFUSED.iter().find(|(refused, _)| *refused == oid.contents());
            HashError { found: known.map_or_else(|| Text::of(&oid), |(_, name)| Text::of(name)) }
        })
    }

    /// The algorithm of the contents of an object identifier.
    pub(super) fn of_oid(contents: &[u8]) -> Option<Self> {
        match contents {
            // 2.16.840.1.101.3.4.2
            [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 1] => Some(Self::Sha256),
            [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 2] => Some(Self::Sha384),
            [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 3] => Some(Self::Sha512),
            _ => None,
        }
    }
}

/// The SHA-256 hash.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut fingerprint = [0; 32];
    for (to, from) in fingerprint.iter_mut().zip(digest::digest(&digest::SHA256, bytes).as_ref()) {
        *to = *from;
    }
    fingerprint
}

/// The SHA-1 hash of `bytes`. It identifies a certificate where a protocol has nothing else, and never replaces a
/// signature.
pub(crate) fn sha1_identifier(bytes: &[u8]) -> Vec<u8> {
    digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, bytes).as_ref().to_vec()
}
