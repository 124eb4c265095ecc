//! The error for a file that is not the expected PEM.

use super::form::Form;
use super::labels::certificate_remedy;
use super::labels::key_remedy;
use crate::codec::mismatch::Mismatch;
use crate::codec::mismatch::Mismatched;
use crate::codec::mismatch::mismatch_error;
use crate::limits;

/// The error for a file that is not the expected PEM. Never shows the content of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PemError {
    /// The file has another format.
    NotPem {
        /// The detected format.
        form: Form,
    },
    /// The file has another format, where a private key is expected.
    KeyNotPem {
        /// The detected format.
        form: Form,
    },
    /// A boundary in the wrong position.
    Boundary {
        /// The line, counted from 1.
        line: usize,
        /// The boundary, without other text of its line.
        found: String,
    },
    /// A line contains more than a boundary.
    NotAlone {
        /// The line, counted from 1.
        line: usize,
        /// The boundary, without other text of its line.
        found: String,
    },
    /// A block without an end.
    Unfinished {
        /// The line, counted from 1.
        line: usize,
        /// The label of the block.
        label: String,
    },
    /// The content of a block is not base64.
    Base64 {
        /// The line, counted from 1.
        line: usize,
        /// The label of the block.
        label: String,
    },
    /// A block with another label, among certificates.
    NoCertificate {
        /// The line, counted from 1.
        line: usize,
        /// The label of the block.
        label: String,
    },
    /// A private key where only certificates are allowed.
    KeyAmongCertificates {
        /// The line, counted from 1.
        line: usize,
        /// The label of the block.
        label: String,
    },
    /// A block with another label, where a private key is expected.
    UnknownKey {
        /// The line, counted from 1.
        line: usize,
        /// The label of the block.
        label: String,
    },
    /// A private key with a passphrase.
    EncryptedKey {
        /// The line, counted from 1.
        line: usize,
    },
    /// More than one private key.
    SeveralKeys {
        /// The earlier of the two.
        first: usize,
        /// The second of the two.
        second: usize,
    },
    /// The file has no certificate.
    NoCertificateBlock,
    /// The file has no private key.
    NoKeyBlock,
    /// Text after the last block, where none is allowed.
    TrailingText {
        /// The line, counted from 1.
        line: usize,
    },
    /// More blocks than [`limits::PEM_BLOCKS`].
    TooManyBlocks,
}

impl Mismatched for PemError {
    fn mismatch(&self) -> Mismatch {
        match self {
            Self::NotPem { form } => {
                Mismatch::new(form).expecting(format_args!("CERTIFICATE blocks in PEM{}", form.to_certificates()))
            }
            Self::KeyNotPem { form } => {
                Mismatch::new(form).expecting(format_args!("a private key in PEM{}", form.to_key()))
            }
            Self::Boundary { line, found } => Mismatch::new(format_args!("line {line}: found {found:?}"))
                .expecting("-----BEGIN and -----END lines with the same label in turn"),
            Self::NotAlone { line, found } => Mismatch::new(format_args!("line {line}: found text beside {found:?}"))
                .expecting("nothing else on that line"),
            Self::Unfinished { line, label } => {
                Mismatch::new(format_args!("PEM block {label:?} that begins on line {line}: found no end"))
                    .expecting(format_args!("-----END {label}-----"))
            }
            Self::Base64 { line, label } => Mismatch::new(format_args!(
                "PEM block {label:?} that begins on line {line}: found text that is \
                 not base64"
            ))
            .expecting("base64"),
            Self::NoCertificate { line, label } => {
                Mismatch::new(format_args!("PEM block that begins on line {line}: found label {label:?}"))
                    .expecting(format_args!("CERTIFICATE{}", certificate_remedy(label)))
            }
            Self::KeyAmongCertificates { line, label } => {
                Mismatch::new(format_args!("line {line}: found a private key ({label:?})"))
                    .expecting("certificates only; put each key into a file of its own")
            }
            Self::UnknownKey { line, label } => {
                Mismatch::new(format_args!("PEM block that begins on line {line}: found label {label:?}"))
                    .expecting(format_args!("PRIVATE KEY, RSA PRIVATE KEY or EC PRIVATE KEY{}", key_remedy(label)))
            }
            Self::EncryptedKey { line } => {
                Mismatch::new(format_args!("private key that begins on line {line}: found an encrypted key"))
                    .expecting("one without a passphrase; decrypt it with `openssl pkey`")
            }
            Self::SeveralKeys { first, second } => {
                Mismatch::new(format_args!("found two private keys (lines {first} and {second})"))
                    .expecting("exactly one")
            }
            Self::NoCertificateBlock => {
                Mismatch::new("found no certificate among its PEM blocks").expecting("at least one CERTIFICATE block")
            }
            Self::NoKeyBlock => Mismatch::new("found no private key among its PEM blocks")
                .expecting("a PRIVATE KEY, RSA PRIVATE KEY or EC PRIVATE KEY block"),
            Self::TrailingText { line } => {
                Mismatch::new(format_args!("line {line}: found text after the last PEM block"))
                    .expecting("only white space")
            }
            Self::TooManyBlocks => {
                Mismatch::new("found too many PEM blocks").expecting(format_args!("at most {}", limits::PEM_BLOCKS))
            }
        }
    }
}

mismatch_error!(PemError);
