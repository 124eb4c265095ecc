//! Signature algorithms of tokens.

use crate::der;
use crate::hash::Hash;
use crate::pki::Key;
use crate::pki::KeyType;
use crate::pki::SignatureForm;

const NULL: [u8; 2] = [0x05, 0x00];

/// How a TSA signs. The hash of RSA keys is chosen here; an EC key has that of its curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SigningAlgorithm {
    /// `rsaEncryption`: RSASSA-PKCS1-v1_5 with the digest algorithm of the SignerInfo.
    RsaEncryption(Hash),
    /// `sha256WithRSAEncryption` and similar.
    RsaPkcs1(Hash),
    /// `id-RSASSA-PSS` with the hash of the key size: SHA-256, SHA-384 or SHA-512 for 2048, 3072 or 4096 bits.
    RsaPss,
    /// `ecdsa-with-SHA256` and similar.
    Ecdsa,
}

impl SigningAlgorithm {
    /// The usual algorithm of a key.
    #[must_use]
    pub fn of(key: &Key) -> Self {
        match key.kind() {
            KeyType::Rsa2048 | KeyType::Rsa3072 | KeyType::Rsa4096 => Self::RsaEncryption(Hash::Sha256),
            KeyType::P256 | KeyType::P384 | KeyType::P521 | KeyType::Ed25519 => Self::Ecdsa,
        }
    }

    /// The hash of the algorithm with this key.
    #[must_use]
    pub fn hash(self, key: &Key) -> Hash {
        match (self, key.kind()) {
            (Self::RsaEncryption(hash) | Self::RsaPkcs1(hash), _) => hash,
            (Self::RsaPss, KeyType::Rsa3072) | (Self::Ecdsa, KeyType::P384) => Hash::Sha384,
            (Self::RsaPss, KeyType::Rsa4096) | (Self::Ecdsa, KeyType::P521) => Hash::Sha512,
            (Self::RsaPss | Self::Ecdsa, _) => Hash::Sha256,
        }
    }

    /// The AlgorithmIdentifier with this key.
    #[must_use]
    pub fn identifier(self, key: &Key) -> Vec<u8> {
        let hash = self.hash(key);
        match self {
            Self::RsaEncryption(_) => der::sequence([der::oid("1.2.840.113549.1.1.1"), NULL.to_vec()]),
            Self::RsaPkcs1(_) => {
                let oid = match hash {
                    Hash::Sha1 => "1.2.840.113549.1.1.5",
                    Hash::Sha256 => "1.2.840.113549.1.1.11",
                    Hash::Sha384 => "1.2.840.113549.1.1.12",
                    Hash::Sha512 => "1.2.840.113549.1.1.13",
                };
                der::sequence([der::oid(oid), NULL.to_vec()])
            }
            Self::RsaPss => {
                let mask = der::sequence([der::oid("1.2.840.113549.1.1.8"), hash.identifier()]);
                let salt = der::integer(hash.digest(&[]).len() as u64);
                let parameters = der::sequence([
                    der::element(0xa0, &hash.identifier()),
                    der::element(0xa1, &mask),
                    der::element(0xa2, &salt),
                ]);
                der::sequence([der::oid("1.2.840.113549.1.1.10"), parameters])
            }
            Self::Ecdsa => {
                let oid = match hash {
                    Hash::Sha1 => "1.2.840.10045.4.1",
                    Hash::Sha256 => "1.2.840.10045.4.3.2",
                    Hash::Sha384 => "1.2.840.10045.4.3.3",
                    Hash::Sha512 => "1.2.840.10045.4.3.4",
                };
                der::sequence([der::oid(oid)])
            }
        }
    }

    /// Signs `message`; panics if the algorithm does not belong to the key.
    #[must_use]
    pub fn sign(self, key: &Key, message: &[u8]) -> Vec<u8> {
        let form = match (self, self.hash(key)) {
            (Self::RsaEncryption(_) | Self::RsaPkcs1(_), Hash::Sha384) => SignatureForm::Pkcs1Sha384,
            (Self::RsaEncryption(_) | Self::RsaPkcs1(_), Hash::Sha512) => SignatureForm::Pkcs1Sha512,
            (Self::RsaEncryption(_) | Self::RsaPkcs1(_), Hash::Sha256 | Hash::Sha1) => SignatureForm::Pkcs1Sha256,
            (Self::RsaPss, _) => SignatureForm::Proper,
            (Self::Ecdsa, _) => SignatureForm::EcdsaDer,
        };
        key.sign_as(form, message)
    }
}
