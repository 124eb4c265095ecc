//! Private keys.

use std::fmt;

use super::error::PemError;
use super::form::Form;
use super::labels::is_parameters;
use super::scan::scan;

/// The format of a private key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyFormat {
    /// `PRIVATE KEY`, [RFC 5958](https://www.rfc-editor.org/rfc/rfc5958).
    Pkcs8,
    /// `RSA PRIVATE KEY`, [RFC 8017](https://www.rfc-editor.org/rfc/rfc8017#appendix-A.1.2).
    Pkcs1,
    /// `EC PRIVATE KEY`, [RFC 5915](https://www.rfc-editor.org/rfc/rfc5915).
    Sec1,
}

/// A private key. Its content is not parsed. It has no `Debug` output.
#[derive(Clone, PartialEq, Eq)]
pub struct PrivateKey {
    /// The format.
    pub format: KeyFormat,
    /// The secret content.
    pub der: Vec<u8>,
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivateKey").field("format", &self.format).finish_non_exhaustive()
    }
}

impl KeyFormat {
    fn of(label: &str) -> Option<Self> {
        match label {
            "PRIVATE KEY" => Some(Self::Pkcs8),
            "RSA PRIVATE KEY" => Some(Self::Pkcs1),
            "EC PRIVATE KEY" => Some(Self::Sec1),
            _ => None,
        }
    }
}

/// The only private key of a file, which may also contain its parameters, its public key and certificates.
///
/// # Errors
/// No key or several, an encrypted one, one of another kind; anything else that [`PemError`] names.
pub fn private_key(bytes: &[u8]) -> Result<PrivateKey, PemError> {
    let form = Form::of(bytes);
    if form != Form::Pem {
        return Err(PemError::KeyNotPem { form });
    }
    let mut found: Option<(usize, PrivateKey)> = None;
    for block in scan(bytes)?.blocks {
        let (line, label) = (block.line, block.label.as_str());
        if label == "CERTIFICATE" || is_parameters(label) {
            continue;
        }
        if block.encrypted || label == "ENCRYPTED PRIVATE KEY" {
            return Err(PemError::EncryptedKey { line });
        }
        let Some(format) = KeyFormat::of(label) else {
            return Err(PemError::UnknownKey { line, label: label.to_owned() });
        };
        if let Some((first, _)) = found {
            return Err(PemError::SeveralKeys { first, second: line });
        }
        found = Some((line, PrivateKey { format, der: block.content()? }));
    }
    found.map(|(_, key)| key).ok_or(PemError::NoKeyBlock)
}
