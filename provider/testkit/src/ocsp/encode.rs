//! Hashes, keys and signatures of responses.

use aws_lc_rs::digest;

use crate::crl;
use crate::der;
use crate::pki::Key;
use crate::pki::SignatureForm;

/// The hash algorithm of a CertID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IssuerHash {
    /// SHA-1, which all responders know.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-384, which few clients know.
    Sha384,
}

impl IssuerHash {
    pub(super) fn of(self, bytes: &[u8]) -> Vec<u8> {
        let algorithm = match self {
            Self::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
        };
        digest::digest(algorithm, bytes).as_ref().to_vec()
    }

    /// The AlgorithmIdentifier.
    pub(super) fn identifier(self) -> Vec<u8> {
        let oid = match self {
            Self::Sha1 => "1.3.14.3.2.26",
            Self::Sha256 => "2.16.840.1.101.3.4.2.1",
            Self::Sha384 => "2.16.840.1.101.3.4.2.2",
        };
        der::sequence([der::oid(oid), der::element(0x05, &[])])
    }
}

/// How a response is signed, if not in the form of certificates.
#[derive(Clone, Debug)]
pub(super) enum Algorithm {
    PssSha256,
    /// This AlgorithmIdentifier, with the usual signature of the key.
    Der(Vec<u8>),
}

/// The AlgorithmIdentifier and the signature.
pub(super) fn sign(key: &Key, algorithm: Option<&Algorithm>, data: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let usual = || rcgen::SigningKey::sign(key.issuing(), data).expect("the key signs any message");
    match algorithm {
        None => (crl::algorithm(key.kind()), usual()),
        Some(Algorithm::Der(algorithm)) => (algorithm.clone(), usual()),
        Some(Algorithm::PssSha256) => (pss_sha256(), key.sign_as(SignatureForm::PssSha256, data)),
    }
}

fn pss_sha256() -> Vec<u8> {
    let hash = IssuerHash::Sha256.identifier();
    let mask = der::sequence([der::oid("1.2.840.113549.1.1.8"), hash.clone()]);
    let parameters =
        der::sequence([der::element(0xa0, &hash), der::element(0xa1, &mask), der::element(0xa2, &der::integer(32))]);
    der::sequence([der::oid("1.2.840.113549.1.1.10"), parameters])
}

/// `[1] Extensions`, if there are any.
pub(super) fn extensions(all: &[Vec<u8>]) -> Vec<u8> {
    if all.is_empty() { Vec::new() } else { der::element(0xa1, &der::sequence(all.iter().cloned())) }
}

/// The bits of the public key.
pub(super) fn key_bits(certificate: &[u8]) -> &[u8] {
    let tbs = der::children(der::children(certificate)[0]);
    &der::content(der::children(tbs[6])[1])[1..]
}
