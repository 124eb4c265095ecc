//! Parts of responses, and parts of certificates that responses are about.

use aws_lc_rs::digest;
use time::OffsetDateTime;

use crate::der;
use crate::pki::Key;
use crate::pki::KeyType;
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
        None => (of_key(key.kind()), usual()),
        Some(Algorithm::Der(algorithm)) => (algorithm.clone(), usual()),
        Some(Algorithm::PssSha256) => (pss_sha256(), key.sign_as(SignatureForm::PssSha256, data)),
    }
}

/// The AlgorithmIdentifier of the usual signatures of such a key.
fn of_key(kind: KeyType) -> Vec<u8> {
    let rsa = |oid| der::sequence([der::oid(oid), der::element(0x05, &[])]);
    let other = |oid| der::sequence([der::oid(oid)]);
    match kind {
        KeyType::Rsa2048 => rsa("1.2.840.113549.1.1.11"),
        KeyType::Rsa3072 => rsa("1.2.840.113549.1.1.12"),
        KeyType::Rsa4096 => rsa("1.2.840.113549.1.1.13"),
        KeyType::P256 => other("1.2.840.10045.4.3.2"),
        KeyType::P384 => other("1.2.840.10045.4.3.3"),
        KeyType::P521 => other("1.2.840.10045.4.3.4"),
        KeyType::Ed25519 => other("1.3.101.112"),
    }
}

fn pss_sha256() -> Vec<u8> {
    let hash = IssuerHash::Sha256.identifier();
    let mask = der::sequence([der::oid("1.2.840.113549.1.1.8"), hash.clone()]);
    let parameters =
        der::sequence([der::element(0xa0, &hash), der::element(0xa1, &mask), der::element(0xa2, &der::integer(32))]);
    der::sequence([der::oid("1.2.840.113549.1.1.10"), parameters])
}

/// One extension.
pub(super) fn extension(oid: &str, critical: bool, value: &[u8]) -> Vec<u8> {
    let critical = if critical { der::boolean(true) } else { Vec::new() };
    der::sequence([der::oid(oid), critical, der::octet_string(value)])
}

/// `[1] Extensions`, if there are any.
pub(super) fn extensions(all: &[Vec<u8>]) -> Vec<u8> {
    if all.is_empty() { Vec::new() } else { der::element(0xa1, &der::sequence(all.iter().cloned())) }
}

pub(super) fn generalized_time(time: OffsetDateTime) -> Vec<u8> {
    let (hour, minute, second) = time.to_hms();
    let (year, month, day) = (time.year(), u8::from(time.month()), time.day());
    der::element(0x18, format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}Z").as_bytes())
}

/// The elements of the TBSCertificate of a certificate that this crate issued.
fn tbs(certificate: &[u8]) -> Vec<&[u8]> {
    der::children(der::children(certificate)[0])
}

/// The contents of the serial number.
pub(super) fn serial(certificate: &[u8]) -> &[u8] {
    der::content(tbs(certificate)[1])
}

/// The DER of the subject.
pub(super) fn subject(certificate: &[u8]) -> &[u8] {
    tbs(certificate)[5]
}

/// The bits of the public key.
pub(super) fn key_bits(certificate: &[u8]) -> &[u8] {
    &der::content(der::children(tbs(certificate)[6])[1])[1..]
}
