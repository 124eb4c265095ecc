//! The one table of signature algorithms, with their names in X.509, JWS and COSE, and the reader of X.509's
//! AlgorithmIdentifiers.

use std::fmt;

use super::SignatureError;
use crate::codec::der;
use crate::codec::der::NotDer;
use crate::codec::der::Oid;
use crate::codec::der::Reader;
use crate::codec::text::Text;

/// The hash functions of signatures, of the SHA-2 family ([FIPS 180-4](https://csrc.nist.gov/pubs/fips/180-4/upd1/final)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HashAlgorithm {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

/// The supported signature algorithms. Others are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SignatureAlgorithm {
    /// RSASSA-PKCS1-v1_5 ([RFC 8017 §8.2](https://www.rfc-editor.org/rfc/rfc8017#section-8.2)).
    RsaPkcs1(HashAlgorithm),
    /// RSASSA-PSS with the same hash in its mask and a salt as long as the hash
    /// ([RFC 8017 §8.1](https://www.rfc-editor.org/rfc/rfc8017#section-8.1)).
    RsaPss(HashAlgorithm),
    /// ECDSA on one of the curves P-256, P-384 and P-521 ([FIPS 186-5](https://csrc.nist.gov/pubs/fips/186-5/final)).
    Ecdsa(HashAlgorithm),
}

/// The properties of an algorithm.
struct Row {
    /// The name in messages.
    name: &'static str,
    /// The contents of the object identifier. RSASSA-PSS has one for all hashes: its parameters name the hash.
    oid: &'static [u8],
    /// `alg` of JWS ([RFC 7518 §3.1](https://www.rfc-editor.org/rfc/rfc7518#section-3.1)).
    jose: &'static str,
    /// `alg` of COSE ([RFC 9053 §2](https://www.rfc-editor.org/rfc/rfc9053#section-2),
    /// [RFC 8230 §2](https://www.rfc-editor.org/rfc/rfc8230#section-2),
    /// [RFC 8812 §2](https://www.rfc-editor.org/rfc/rfc8812#section-2)).
    cose: i64,
}

/// 1.2.840.113549.1.1.10, id-RSASSA-PSS.
const PSS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a];

/// Object identifiers of algorithms that errors name: broken, weak, or not part of the specification.
const REFUSED: [(&[u8], &str); 9] = [
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 2], "MD2 with RSA"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 4], "MD5 with RSA"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 5], "SHA-1 with RSA"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 14], "SHA-224 with RSA"),
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x01], "ECDSA with SHA-1"),
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 1], "ECDSA with SHA-224"),
    (&[0x2a, 0x86, 0x48, 0xce, 0x38, 0x04, 0x03], "DSA with SHA-1"),
    (&[0x2b, 0x65, 0x70], "Ed25519"),
    (&[0x2b, 0x65, 0x71], "Ed448"),
];

impl SignatureAlgorithm {
    /// Every algorithm.
    pub const ALL: [Self; 9] = [
        Self::RsaPkcs1(HashAlgorithm::Sha256),
        Self::RsaPkcs1(HashAlgorithm::Sha384),
        Self::RsaPkcs1(HashAlgorithm::Sha512),
        Self::RsaPss(HashAlgorithm::Sha256),
        Self::RsaPss(HashAlgorithm::Sha384),
        Self::RsaPss(HashAlgorithm::Sha512),
        Self::Ecdsa(HashAlgorithm::Sha256),
        Self::Ecdsa(HashAlgorithm::Sha384),
        Self::Ecdsa(HashAlgorithm::Sha512),
    ];

    /// The table of algorithms. PKCS #1: 1.2.840.113549.1.1.{11, 12, 13}; ECDSA: 1.2.840.10045.4.3.{2, 3, 4}.
    fn row(self) -> Row {
        use HashAlgorithm::Sha256;
        use HashAlgorithm::Sha384;
        use HashAlgorithm::Sha512;
        const PKCS1_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 11];
        const PKCS1_SHA384: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 12];
        const PKCS1_SHA512: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 13];
        const ECDSA_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 2];
        const ECDSA_SHA384: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 3];
        const ECDSA_SHA512: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 4];
        let row = |name, oid, jose, cose| Row { name, oid, jose, cose };
        match self {
            Self::RsaPkcs1(Sha256) => row("SHA-256 with RSA", PKCS1_SHA256, "RS256", -257),
            Self::RsaPkcs1(Sha384) => row("SHA-384 with RSA", PKCS1_SHA384, "RS384", -258),
            Self::RsaPkcs1(Sha512) => row("SHA-512 with RSA", PKCS1_SHA512, "RS512", -259),
            Self::RsaPss(Sha256) => row("RSASSA-PSS with SHA-256", PSS, "PS256", -37),
            Self::RsaPss(Sha384) => row("RSASSA-PSS with SHA-384", PSS, "PS384", -38),
            Self::RsaPss(Sha512) => row("RSASSA-PSS with SHA-512", PSS, "PS512", -39),
            Self::Ecdsa(Sha256) => row("ECDSA with SHA-256", ECDSA_SHA256, "ES256", -7),
            Self::Ecdsa(Sha384) => row("ECDSA with SHA-384", ECDSA_SHA384, "ES384", -35),
            Self::Ecdsa(Sha512) => row("ECDSA with SHA-512", ECDSA_SHA512, "ES512", -36),
        }
    }

    /// The name in messages about certificates: `ECDSA with SHA-256`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The `alg` of a JWS: `PS256`.
    #[must_use]
    pub fn jose_name(self) -> &'static str {
        self.row().jose
    }

    /// The `alg` of a COSE message: -37.
    #[must_use]
    pub fn cose_id(self) -> i64 {
        self.row().cose
    }

    /// The algorithm with that `alg` in a JWS.
    #[must_use]
    pub fn of_jose_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.jose_name() == name)
    }

    /// The algorithm with that `alg` in a COSE message.
    #[must_use]
    pub fn of_cose_id(id: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.cose_id() == id)
    }

    /// Reads an AlgorithmIdentifier with its SEQUENCE
    /// ([RFC 5280 §4.1.1.2](https://www.rfc-editor.org/rfc/rfc5280#section-4.1.1.2)).
    ///
    /// # Errors
    /// [`SignatureError::Algorithm`] for an algorithm that is not in the table, with its name;
    /// [`SignatureError::Parameters`] for parameters that the algorithm must not have.
    pub(crate) fn from_der(raw: &[u8]) -> Result<Self, SignatureError> {
        let malformed = |NotDer| SignatureError::Algorithm { found: Text::of("malformed") };
        let mut fields = Reader::only(raw, der::SEQUENCE).map_err(malformed)?.inside();
        let oid = fields.expect(der::OBJECT_IDENTIFIER).map_err(malformed)?.contents;
        let oid = Oid::from_contents(oid).map_err(malformed)?;
        if oid.contents() == PSS {
            return pss(fields);
        }
        match Self::ALL.into_iter().find(|algorithm| algorithm.row().oid == oid.contents()) {
            Some(algorithm @ Self::RsaPkcs1(_)) => pkcs1(algorithm, fields),
            Some(algorithm @ (Self::RsaPss(_) | Self::Ecdsa(_))) => no_parameters(algorithm, fields),
            None => {
                let refused = REFUSED.iter().find(|(known, _)| *known == oid.contents());
                let found = refused.map_or_else(|| Text::of(&oid), |(_, name)| Text::of(name));
                Err(SignatureError::Algorithm { found })
            }
        }
    }
}

impl SignatureAlgorithm {
    /// Reads the signature algorithm of a CMS SignerInfo, whose signed attributes are hashed with `hash`
    /// ([RFC 5754 §3](https://www.rfc-editor.org/rfc/rfc5754#section-3)). `rsaEncryption` is RSASSA-PKCS1-v1_5 with
    /// that hash; every other algorithm names the same hash
    /// ([RFC 8933 §3.1](https://www.rfc-editor.org/rfc/rfc8933#section-3.1)).
    ///
    /// # Errors
    /// As [`Self::from_der`], and [`SignatureError::Hash`] for another hash.
    pub(crate) fn from_cms(raw: &[u8], hash: HashAlgorithm) -> Result<Self, SignatureError> {
        // 1.2.840.113549.1.1.1
        const RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
        if let Ok(identifier) = Reader::only(raw, der::SEQUENCE) {
            let mut fields = identifier.inside();
            if fields.expect(der::OBJECT_IDENTIFIER).is_ok_and(|oid| oid.contents == RSA_ENCRYPTION) {
                return pkcs1(Self::RsaPkcs1(hash), fields);
            }
        }
        let algorithm = Self::from_der(raw)?;
        if algorithm.hash() == hash {
            Ok(algorithm)
        } else {
            Err(SignatureError::Hash { algorithm: algorithm.name(), expected: hash.name() })
        }
    }

    /// The hash function of the algorithm.
    #[must_use]
    pub fn hash(self) -> HashAlgorithm {
        match self {
            Self::RsaPkcs1(hash) | Self::RsaPss(hash) | Self::Ecdsa(hash) => hash,
        }
    }
}

impl fmt::Display for SignatureAlgorithm {
    /// As [`Self::name`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Parameters are NULL or absent (RFC 4055 section 5 requires readers to accept both).
fn pkcs1(algorithm: SignatureAlgorithm, parameters: Reader<'_>) -> Result<SignatureAlgorithm, SignatureError> {
    null_or_nothing(parameters)
        .map(|()| algorithm)
        .map_err(|NotDer| SignatureError::Parameters { algorithm: "SHA-2 with RSA", expected: "NULL" })
}

/// ECDSA has no parameters (RFC 5758 section 3.2).
fn no_parameters(algorithm: SignatureAlgorithm, parameters: Reader<'_>) -> Result<SignatureAlgorithm, SignatureError> {
    parameters
        .end()
        .map(|()| algorithm)
        .map_err(|NotDer| SignatureError::Parameters { algorithm: "ECDSA", expected: "none" })
}

fn pss(parameters: Reader<'_>) -> Result<SignatureAlgorithm, SignatureError> {
    pss_hash(parameters).map(SignatureAlgorithm::RsaPss).map_err(|NotDer| SignatureError::Parameters {
        algorithm: "RSASSA-PSS",
        expected: "SHA-256, SHA-384 or SHA-512, the same hash in MGF1, a salt as long as the hash and trailer field 1",
    })
}

/// RSASSA-PSS-params, RFC 4055 section 3.1. The defaults mean SHA-1, so every field except the trailer must be
/// present.
fn pss_hash(mut parameters: Reader<'_>) -> Result<HashAlgorithm, NotDer> {
    // 1.2.840.113549.1.1.8
    const MGF1: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x08];
    let only = |bytes| Reader::only(bytes, der::SEQUENCE);
    let mut fields = parameters.expect(der::SEQUENCE)?.inside();
    parameters.end()?;
    let digest = hash(only(fields.expect(der::constructed(0))?.contents)?.inside())?;
    let mut mask = only(fields.expect(der::constructed(1))?.contents)?.inside();
    let function = mask.expect(der::OBJECT_IDENTIFIER)?.contents;
    let mask_digest = hash(mask.expect(der::SEQUENCE)?.inside())?;
    mask.end()?;
    let salt = Reader::only(fields.expect(der::constructed(2))?.contents, der::INTEGER)?.unsigned()?;
    if let Some(trailer) = fields.optional(der::constructed(3))?
        && Reader::only(trailer.contents, der::INTEGER)?.unsigned()? != [1]
    {
        return Err(NotDer);
    }
    fields.end()?;
    let wanted_salt = match digest {
        HashAlgorithm::Sha256 => [32],
        HashAlgorithm::Sha384 => [48],
        HashAlgorithm::Sha512 => [64],
    };
    if function == MGF1 && mask_digest == digest && salt == wanted_salt { Ok(digest) } else { Err(NotDer) }
}

/// The contents of a hash's AlgorithmIdentifier.
fn hash(mut fields: Reader<'_>) -> Result<HashAlgorithm, NotDer> {
    let oid = fields.expect(der::OBJECT_IDENTIFIER)?.contents;
    null_or_nothing(fields)?;
    HashAlgorithm::of_oid(oid).ok_or(NotDer)
}

fn null_or_nothing(mut parameters: Reader<'_>) -> Result<(), NotDer> {
    match parameters.optional(der::NULL)? {
        Some(null) if !null.contents.is_empty() => Err(NotDer),
        Some(_) | None => parameters.end(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_algorithm_has_names_of_its_own_and_is_found_by_them() {
        let all = SignatureAlgorithm::ALL;
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
        for algorithm in all {
            assert_eq!(SignatureAlgorithm::of_jose_name(algorithm.jose_name()), Some(algorithm));
            assert_eq!(SignatureAlgorithm::of_cose_id(algorithm.cose_id()), Some(algorithm));
        }
        assert_eq!(all.iter().map(|algorithm| algorithm.name()).collect::<BTreeSet<_>>().len(), all.len());
        assert_eq!(SignatureAlgorithm::of_jose_name("none"), None);
        assert_eq!(SignatureAlgorithm::of_jose_name("ps256"), None);
        assert_eq!(SignatureAlgorithm::of_cose_id(-8), None);
    }

    #[test]
    fn refused_algorithms_are_not_in_the_table() {
        for (oid, name) in REFUSED {
            assert!(SignatureAlgorithm::ALL.iter().all(|algorithm| algorithm.row().oid != oid), "{name}");
        }
    }
}
