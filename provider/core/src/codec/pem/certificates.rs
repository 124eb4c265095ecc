//! Certificates.

use super::error::PemError;
use super::form::Form;
use super::labels::is_key;
use super::labels::is_parameters;
use super::scan::scan;

/// A `CERTIFICATE` block. Its content is not parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateBlock {
    /// The line in which the block begins, from 1.
    pub line: usize,
    /// The decoded content.
    pub der: Vec<u8>,
}

/// The certificates of a file without other blocks, at least one, in order. Text around the blocks is ignored.
///
/// # Errors
/// The file is not as described; see [`PemError`].
pub fn certificates(bytes: &[u8]) -> Result<Vec<CertificateBlock>, PemError> {
    read(bytes, Beside::Nothing, TextAfter::Allowed)
}

/// As [`certificates`], but only white space may follow the last block, so that a truncated store is an error.
///
/// # Errors
/// As [`certificates`], and text after the last block.
pub fn certificates_to_the_end(bytes: &[u8]) -> Result<Vec<CertificateBlock>, PemError> {
    read(bytes, Beside::Nothing, TextAfter::Refused)
}

/// As [`certificates`], but the file may also contain the private key and parameters of the server, as is common.
/// These blocks are skipped.
///
/// # Errors
/// As [`certificates`].
pub fn certificates_beside_key(bytes: &[u8]) -> Result<Vec<CertificateBlock>, PemError> {
    read(bytes, Beside::Key, TextAfter::Allowed)
}

/// The other blocks that a file of certificates may contain.
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
    let scanned = scan(bytes)?;
    let mut certificates = Vec::new();
    for block in &scanned.blocks {
        match (block.label.as_str(), beside) {
            ("CERTIFICATE", _) => {
                certificates.push(CertificateBlock { line: block.line, der: block.content()? });
            }
            (label, Beside::Key) if is_key(label) || is_parameters(label) => {}
            (label, Beside::Nothing) if is_key(label) => {
                return Err(PemError::KeyAmongCertificates { line: block.line, label: label.to_owned() });
            }
            (label, Beside::Nothing | Beside::Key) => {
                return Err(PemError::NoCertificate { line: block.line, label: label.to_owned() });
            }
        }
    }
    match (text_after, scanned.first_text_line_after_blocks) {
        (TextAfter::Refused, Some(line)) => Err(PemError::TrailingText { line }),
        (TextAfter::Refused, None) | (TextAfter::Allowed, _) if certificates.is_empty() => {
            Err(PemError::NoCertificateBlock)
        }
        (TextAfter::Refused, None) | (TextAfter::Allowed, _) => Ok(certificates),
    }
}
