//! Private keys; keys that are slow to generate are cached per process, and the first of them are read from [`super::rsa`].

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::OnceLock;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature;
use aws_lc_rs::signature::EcdsaKeyPair;
use aws_lc_rs::signature::EcdsaSigningAlgorithm;
use aws_lc_rs::signature::Ed25519KeyPair;
use aws_lc_rs::signature::RsaEncoding;
use aws_lc_rs::signature::RsaKeyPair;
use aws_lc_rs::signature::RsaPssSaltLength;
use rcgen::KeyPair;
use rcgen::RsaKeySize;
use rustls_pki_types::PrivatePkcs8KeyDer;

use super::rsa;

/// The key types of the algorithm table of the Notary Project, and one that is not in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyType {
    /// RSA, 2048 bits.
    Rsa2048,
    /// RSA, 3072 bits.
    Rsa3072,
    /// RSA, 4096 bits.
    Rsa4096,
    /// ECDSA on P-256.
    P256,
    /// ECDSA on P-384.
    P384,
    /// ECDSA on P-521.
    P521,
    /// For negative cases: no Notary Project signature may use it.
    Ed25519,
}

impl KeyType {
    /// The six key types that may sign.
    pub const SIGNING: [Self; 6] = [Self::Rsa2048, Self::Rsa3072, Self::Rsa4096, Self::P256, Self::P384, Self::P521];

    /// The JWS `alg` of a signature by such a key.
    #[must_use]
    pub const fn jws_alg(self) -> &'static str {
        match self {
            Self::Rsa2048 => "PS256",
            Self::Rsa3072 => "PS384",
            Self::Rsa4096 => "PS512",
            Self::P256 => "ES256",
            Self::P384 => "ES384",
            Self::P521 => "ES512",
            Self::Ed25519 => "EdDSA",
        }
    }

    /// The COSE algorithm number of a signature by such a key.
    #[must_use]
    pub const fn cose_alg(self) -> i64 {
        match self {
            Self::Rsa2048 => -37,
            Self::Rsa3072 => -38,
            Self::Rsa4096 => -39,
            Self::P256 => -7,
            Self::P384 => -35,
            Self::P521 => -36,
            Self::Ed25519 => -8,
        }
    }

    const fn is_rsa(self) -> bool {
        matches!(self, Self::Rsa2048 | Self::Rsa3072 | Self::Rsa4096)
    }
}

/// The form of the signature bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SignatureForm {
    /// The form of the algorithm table: RSASSA-PSS with a salt as long as the hash; r then s of fixed width.
    #[default]
    Proper,
    /// RSASSA-PSS with the key's hash and no salt.
    PssSalt0,
    /// RSASSA-PSS with the key's hash and 20 bytes of salt.
    PssSalt20,
    /// RSASSA-PSS with SHA-256, whatever the size of the key.
    PssSha256,
    /// RSASSA-PSS with SHA-384, whatever the size of the key.
    PssSha384,
    /// RSASSA-PSS with SHA-512, whatever the size of the key.
    PssSha512,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Pkcs1Sha256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Pkcs1Sha384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Pkcs1Sha512,
    /// ECDSA as a DER SEQUENCE of two integers, as in X.509.
    EcdsaDer,
}

/// A private key. Cheap to clone; prints its type only.
#[derive(Clone)]
pub struct Key(Arc<Inner>);

struct Inner {
    kind: KeyType,
    /// Signs certificates.
    issuing: KeyPair,
    /// Signs envelopes.
    signing: Signing,
}

enum Signing {
    Rsa(Box<RsaKeyPair>),
    Ec { fixed: EcdsaKeyPair, der: EcdsaKeyPair },
    Ed(Ed25519KeyPair),
}

impl Key {
    /// Generates a new key. RSA of 4096 bits takes about a second: prefer [`Self::cached`].
    #[must_use]
    pub fn generate(kind: KeyType) -> Self {
        let generated = match kind {
            KeyType::Rsa2048 => KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, RsaKeySize::_2048),
            KeyType::Rsa3072 => KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA384, RsaKeySize::_3072),
            KeyType::Rsa4096 => KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA512, RsaKeySize::_4096),
            KeyType::P256 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256),
            KeyType::P384 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384),
            KeyType::P521 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P521_SHA512),
            KeyType::Ed25519 => KeyPair::generate_for(&rcgen::PKCS_ED25519),
        };
        Self::of_pair(kind, generated.expect("the library makes all of these keys"))
    }

    /// The next of the keys in the tree, otherwise a new one.
    fn next(kind: KeyType) -> Self {
        let (keys, algorithm) = match kind {
            KeyType::Rsa2048 => (&rsa::RSA_2048, &rcgen::PKCS_RSA_SHA256),
            KeyType::Rsa3072 => (&rsa::RSA_3072, &rcgen::PKCS_RSA_SHA384),
            KeyType::Rsa4096 => (&rsa::RSA_4096, &rcgen::PKCS_RSA_SHA512),
            KeyType::P256 | KeyType::P384 | KeyType::P521 | KeyType::Ed25519 => return Self::generate(kind),
        };
        let Some(pkcs8) = keys.next() else { return Self::generate(kind) };
        let pair = KeyPair::from_pkcs8_der_and_sign_algo(&PrivatePkcs8KeyDer::from(pkcs8), algorithm);
        Self::of_pair(kind, pair.expect("the files in the tree are keys"))
    }

    fn of_pair(kind: KeyType, issuing: KeyPair) -> Self {
        let pkcs8 = issuing.serialized_der();
        let ec = |fixed: &'static EcdsaSigningAlgorithm, der: &'static EcdsaSigningAlgorithm| Signing::Ec {
            fixed: EcdsaKeyPair::from_pkcs8(fixed, pkcs8).expect("own key"),
            der: EcdsaKeyPair::from_pkcs8(der, pkcs8).expect("own key"),
        };
        let signing = match kind {
            KeyType::Rsa2048 | KeyType::Rsa3072 | KeyType::Rsa4096 => {
                Signing::Rsa(Box::new(RsaKeyPair::from_pkcs8(pkcs8).expect("own key")))
            }
            KeyType::P256 => {
                ec(&signature::ECDSA_P256_SHA256_FIXED_SIGNING, &signature::ECDSA_P256_SHA256_ASN1_SIGNING)
            }
            KeyType::P384 => {
                ec(&signature::ECDSA_P384_SHA384_FIXED_SIGNING, &signature::ECDSA_P384_SHA384_ASN1_SIGNING)
            }
            KeyType::P521 => {
                ec(&signature::ECDSA_P521_SHA512_FIXED_SIGNING, &signature::ECDSA_P521_SHA512_ASN1_SIGNING)
            }
            KeyType::Ed25519 => Signing::Ed(Ed25519KeyPair::from_pkcs8(pkcs8).expect("own key")),
        };
        Self(Arc::new(Inner { kind, issuing, signing }))
    }

    /// The key of this type and number: the same one for every caller in this process.
    #[must_use]
    pub fn cached(kind: KeyType, number: usize) -> Self {
        type Pool = Mutex<HashMap<(KeyType, usize), Arc<OnceLock<Key>>>>;
        static POOL: OnceLock<Pool> = OnceLock::new();
        let cell = {
            let mut pool = POOL.get_or_init(Pool::default).lock().expect("the lock is not poisoned");
            Arc::clone(pool.entry((kind, number)).or_default())
        };
        // Outside the lock, so that other keys can be generated at the same time.
        cell.get_or_init(|| Self::next(kind)).clone()
    }

    /// A new key where generation is fast, a cached key where it is slow.
    pub(crate) fn quick(kind: KeyType, number: usize) -> Self {
        if kind.is_rsa() { Self::cached(kind, number) } else { Self::generate(kind) }
    }

    /// The type of the key.
    #[must_use]
    pub fn kind(&self) -> KeyType {
        self.0.kind
    }

    /// Signs `message` in the form of the algorithm table.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.sign_as(SignatureForm::Proper, message)
    }

    /// Signs `message` in the given form; panics if the form does not belong to the key type.
    #[must_use]
    pub fn sign_as(&self, form: SignatureForm, message: &[u8]) -> Vec<u8> {
        match &self.0.signing {
            Signing::Rsa(pair) => {
                let mut bytes = vec![0; pair.public_modulus_len()];
                pair.sign(rsa_encoding(self.0.kind, form), &SystemRandom::new(), message, &mut bytes)
                    .expect("RSA signs any message");
                bytes
            }
            Signing::Ec { fixed, der } => {
                let pair = match form {
                    SignatureForm::Proper => fixed,
                    SignatureForm::EcdsaDer => der,
                    SignatureForm::PssSalt0
                    | SignatureForm::PssSalt20
                    | SignatureForm::PssSha256
                    | SignatureForm::PssSha384
                    | SignatureForm::PssSha512
                    | SignatureForm::Pkcs1Sha256
                    | SignatureForm::Pkcs1Sha384
                    | SignatureForm::Pkcs1Sha512 => panic!("{form:?} is a form of RSA"),
                };
                pair.sign(&SystemRandom::new(), message).expect("ECDSA signs any message").as_ref().to_vec()
            }
            Signing::Ed(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }

    /// PKCS #8, DER.
    #[must_use]
    pub fn pkcs8_der(&self) -> Vec<u8> {
        self.0.issuing.serialize_der()
    }

    /// PKCS #8, PEM.
    #[must_use]
    pub fn pkcs8_pem(&self) -> String {
        self.0.issuing.serialize_pem()
    }

    /// SubjectPublicKeyInfo, DER.
    #[must_use]
    pub fn spki_der(&self) -> Vec<u8> {
        rcgen::PublicKeyData::subject_public_key_info(&self.0.issuing)
    }

    pub(crate) fn issuing(&self) -> &KeyPair {
        &self.0.issuing
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({:?}, private part not shown)", self.0.kind)
    }
}

fn rsa_encoding(kind: KeyType, form: SignatureForm) -> &'static dyn RsaEncoding {
    const ZERO: RsaPssSaltLength = RsaPssSaltLength::Custom(0);
    const TWENTY: RsaPssSaltLength = RsaPssSaltLength::Custom(20);
    match (form, kind) {
        (SignatureForm::PssSalt0, KeyType::Rsa4096) => &const { signature::RSA_PSS_SHA512.with_pss_salt_length(ZERO) },
        (SignatureForm::PssSalt0, KeyType::Rsa3072) => &const { signature::RSA_PSS_SHA384.with_pss_salt_length(ZERO) },
        (SignatureForm::PssSalt0, _) => &const { signature::RSA_PSS_SHA256.with_pss_salt_length(ZERO) },
        (SignatureForm::PssSalt20, KeyType::Rsa4096) => {
            &const { signature::RSA_PSS_SHA512.with_pss_salt_length(TWENTY) }
        }
        (SignatureForm::PssSalt20, KeyType::Rsa3072) => {
            &const { signature::RSA_PSS_SHA384.with_pss_salt_length(TWENTY) }
        }
        (SignatureForm::PssSalt20, _) => &const { signature::RSA_PSS_SHA256.with_pss_salt_length(TWENTY) },
        (SignatureForm::PssSha512, _) | (SignatureForm::Proper, KeyType::Rsa4096) => &signature::RSA_PSS_SHA512,
        (SignatureForm::PssSha384, _) | (SignatureForm::Proper, KeyType::Rsa3072) => &signature::RSA_PSS_SHA384,
        (SignatureForm::PssSha256 | SignatureForm::Proper, _) => &signature::RSA_PSS_SHA256,
        (SignatureForm::Pkcs1Sha256, _) => &signature::RSA_PKCS1_SHA256,
        (SignatureForm::Pkcs1Sha384, _) => &signature::RSA_PKCS1_SHA384,
        (SignatureForm::Pkcs1Sha512, _) => &signature::RSA_PKCS1_SHA512,
        (SignatureForm::EcdsaDer, _) => panic!("EcdsaDer is a form of ECDSA"),
    }
}
