//! Why a file is not the PEM that is wanted.

use super::form::Form;
use super::labels::certificate_remedy;
use super::labels::key_remedy;
use crate::limits;

/// Why a file is not PEM with what is wanted. Lines count from 1. Never shows what is in a block.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PemError {
    /// The file is something else.
    #[error("{form}: want CERTIFICATE blocks in PEM{}", form.to_certificates())]
    NotPem { form: Form },
    /// The file is something else, where a private key is wanted.
    #[error("{form}: want a private key in PEM{}", form.to_key())]
    KeyNotPem { form: Form },
    /// A boundary that does not begin or end a block where it stands.
    #[error("line {line} is {found:?}: want -----BEGIN and -----END lines with the same label in turn")]
    Boundary { line: usize, found: String },
    /// Something stands behind a boundary in its line.
    #[error("line {line} has more than {found:?}: want nothing else in that line")]
    NotAlone { line: usize, found: String },
    /// A block without an end.
    #[error("PEM block {label:?} that begins in line {line} does not end: want -----END {label}-----")]
    Unfinished { line: usize, label: String },
    /// The content of a block is not base64.
    #[error("PEM block {label:?} that begins in line {line} is not base64")]
    Base64 { line: usize, label: String },
    /// A block with another label, among certificates.
    #[error(
        "PEM block {label:?} that begins in line {line} is no certificate: want CERTIFICATE{}",
        certificate_remedy(label)
    )]
    NoCertificate { line: usize, label: String },
    /// A private key where certificates only may be.
    #[error("line {line} begins a private key, {label:?}: want certificates only, and each key in a file of its own")]
    KeyAmongCertificates { line: usize, label: String },
    /// A block with another label, where a private key is wanted.
    #[error(
        "PEM block {label:?} that begins in line {line} is no private key: want PRIVATE KEY, RSA PRIVATE KEY or EC PRIVATE KEY{}",
        key_remedy(label)
    )]
    UnknownKey { line: usize, label: String },
    /// A private key with a passphrase.
    #[error(
        "private key that begins in line {line} is encrypted: want one without a passphrase, as `openssl pkey` writes it"
    )]
    EncryptedKey { line: usize },
    /// More than one private key.
    #[error("lines {first} and {second} begin a private key each: want exactly one")]
    SeveralKeys { first: usize, second: usize },
    /// No certificate at all.
    #[error("has no certificate among its PEM blocks: want at least one CERTIFICATE block")]
    NoCertificateBlock,
    /// No private key at all.
    #[error("has no private key among its PEM blocks: want a PRIVATE KEY, RSA PRIVATE KEY or EC PRIVATE KEY block")]
    NoKeyBlock,
    /// Text after the last block, where none may be.
    #[error("line {line} has text after the last PEM block: want nothing but white space there")]
    TrailingText { line: usize },
    /// More blocks than [`limits::PEM_BLOCKS`].
    #[error("has more than {} PEM blocks: want at most that many", limits::PEM_BLOCKS)]
    TooManyBlocks,
}
