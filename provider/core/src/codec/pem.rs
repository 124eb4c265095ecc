//! PEM ([RFC 7468](https://www.rfc-editor.org/rfc/rfc7468)): certificates and private keys as people have them in files.
//!
//! What editors and other systems add does no harm: a byte order mark before a line, line ends of Windows and of old
//! Macs, white space around a line, text between blocks (`openssl -text`, comments), a final Ctrl-Z. What is not read is
//! never passed over as if it were not there: a block with another label, a block that does not end and a block that is
//! no base64 are errors that name the line.

mod form;
mod key;
mod scan;

pub use form::Form;
pub use key::KeyFormat;
pub use key::PrivateKey;
pub use key::private_key;

use self::scan::blocks;

/// A `CERTIFICATE` block. Whether its content is a certificate is not known here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateBlock {
    /// The line in which the block begins, from 1.
    pub line: usize,
    /// What the base64 stands for.
    pub der: Vec<u8>,
}

/// Why a file is not PEM with what is wanted. Lines count from 1. Never shows what is in a block.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PemError {
    #[error("{form}: want CERTIFICATE blocks in PEM{}", form.to_certificates())]
    NotPem { form: Form },
    #[error("{form}: want a private key in PEM{}", form.to_key())]
    KeyNotPem { form: Form },
    #[error("line {line} is {found:?}: want -----BEGIN and -----END lines with the same label in turn")]
    Boundary { line: usize, found: String },
    #[error("line {line} has more than {found:?}: want nothing else in that line")]
    NotAlone { line: usize, found: String },
    #[error("PEM block {label:?} that begins in line {line} does not end: want -----END {label}-----")]
    Unfinished { line: usize, label: String },
    #[error("PEM block {label:?} that begins in line {line} is not base64")]
    Base64 { line: usize, label: String },
    #[error("PEM block {label:?} that begins in line {line} is no certificate: want CERTIFICATE{}", cure(label))]
    NoCertificate { line: usize, label: String },
    #[error("line {line} begins a private key, {label:?}: want certificates only, and each key in a file of its own")]
    KeyAmongCertificates { line: usize, label: String },
    #[error(
        "PEM block {label:?} that begins in line {line} is no private key: want PRIVATE KEY, RSA PRIVATE KEY or EC PRIVATE KEY{}",
        key::cure(label)
    )]
    UnknownKey { line: usize, label: String },
    #[error(
        "private key that begins in line {line} is encrypted: want one without a passphrase, as `openssl pkey` writes it"
    )]
    EncryptedKey { line: usize },
    #[error("lines {first} and {second} begin a private key each: want exactly one")]
    SeveralKeys { first: usize, second: usize },
    #[error("has no certificate among its PEM blocks: want at least one CERTIFICATE block")]
    NoCertificateBlock,
    #[error("has no private key among its PEM blocks: want a PRIVATE KEY, RSA PRIVATE KEY or EC PRIVATE KEY block")]
    NoKeyBlock,
    #[error("line {line} has text after the last PEM block: want nothing but white space there")]
    TrailingText { line: usize },
    #[error("has more than {} PEM blocks: want at most that many", crate::limits::PEM_BLOCKS)]
    TooManyBlocks,
}

/// The certificates of a file that holds nothing else, at least one, in order. Text may stand around the blocks.
///
/// # Errors
/// Anything that is not such a file: see [`PemError`].
pub fn certificates(bytes: &[u8]) -> Result<Vec<CertificateBlock>, PemError> {
    read(bytes, Beside::Nothing, TextAfter::Allowed)
}

/// As [`certificates`], and only white space may follow the last block: a store is complete or an error.
///
/// # Errors
/// As [`certificates`], and text after the last block.
pub fn certificates_to_the_end(bytes: &[u8]) -> Result<Vec<CertificateBlock>, PemError> {
    read(bytes, Beside::Nothing, TextAfter::Refused)
}

/// As [`certificates`], beside which the private key and parameters of the same server may stand, as servers commonly
/// have both in one file. These blocks are passed over.
///
/// # Errors
/// As [`certificates`].
pub fn certificates_beside_key(bytes: &[u8]) -> Result<Vec<CertificateBlock>, PemError> {
    read(bytes, Beside::Key, TextAfter::Allowed)
}

/// What may stand in a file beside certificates.
#[derive(Clone, Copy)]
enum Beside {
    Nothing,
    Key,
}

#[derive(Clone, Copy)]
enum TextAfter {
    Allowed,
    Refused,
}

fn read(bytes: &[u8], beside: Beside, text_after: TextAfter) -> Result<Vec<CertificateBlock>, PemError> {
    let form = Form::of(bytes);
    if form != Form::Pem {
        return Err(PemError::NotPem { form });
    }
    let scanned = blocks(bytes)?;
    let mut certificates = Vec::new();
    for block in &scanned.blocks {
        match (block.label.as_str(), beside) {
            ("CERTIFICATE", _) => {
                certificates.push(CertificateBlock { line: block.line, der: block.content()? });
            }
            (label, Beside::Key) if key::is_key(label) || key::is_parameters(label) => {}
            (label, Beside::Nothing) if key::is_key(label) => {
                return Err(PemError::KeyAmongCertificates { line: block.line, label: label.to_owned() });
            }
            (label, Beside::Nothing | Beside::Key) => {
                return Err(PemError::NoCertificate { line: block.line, label: label.to_owned() });
            }
        }
    }
    match (text_after, scanned.text_after) {
        (TextAfter::Refused, Some(line)) => Err(PemError::TrailingText { line }),
        (TextAfter::Refused, None) | (TextAfter::Allowed, _) if certificates.is_empty() => {
            Err(PemError::NoCertificateBlock)
        }
        (TextAfter::Refused, None) | (TextAfter::Allowed, _) => Ok(certificates),
    }
}

/// What to do with a block that is not called `CERTIFICATE` although it may hold some.
fn cure(label: &str) -> &'static str {
    match label {
        "TRUSTED CERTIFICATE" => {
            "; its trust settings are OpenSSL's own and are not read: `openssl x509 -in FILE -out NEW.pem` leaves them out"
        }
        "X509 CERTIFICATE" | "X.509 CERTIFICATE" => "; that label is obsolete: write CERTIFICATE in its place",
        "PKCS7" | "CMS" | "PKCS #7 SIGNED DATA" => {
            "; `openssl pkcs7 -in FILE -print_certs -out NEW.pem` takes them out"
        }
        _ => "",
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
