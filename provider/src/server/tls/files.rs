//! The three files that TLS needs.

use std::fmt;
use std::path::Path;
use std::path::PathBuf;

use countersign_core::time::UnixTime;

use super::CERTIFICATE;
use super::CLIENT_CA;
use super::KEY;
use super::LoadedTls;
use super::TlsError;
use crate::files;
use crate::files::ReadError;

/// Largest file read, in bytes: what a Secret can hold.
const FILE_BYTES: usize = 1024 * 1024;

/// The paths of the PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The server's certificate, then those that lead to its root.
    pub certificate: PathBuf,
    pub key: PathBuf,
    /// The authorities of client certificates, one or several.
    pub client_ca: PathBuf,
}

/// The content of the files. Changes are detected by comparison: a mounted Secret changes by a symbolic link, which
/// file notifications miss.
#[derive(Clone, PartialEq, Eq)]
pub struct TlsPem {
    pub certificate: Vec<u8>,
    pub key: Vec<u8>,
    pub client_ca: Vec<u8>,
}

impl TlsFiles {
    /// Reads all three. Blocks.
    ///
    /// # Errors
    /// A file cannot be read or is larger than a Secret can be.
    pub fn read(&self) -> Result<TlsPem, TlsError> {
        Ok(TlsPem {
            certificate: read(CERTIFICATE, &self.certificate)?,
            key: read(KEY, &self.key)?,
            client_ca: read(CLIENT_CA, &self.client_ca)?,
        })
    }

    /// As [`LoadedTls::load`], for the content of these files: an error names its file.
    ///
    /// # Errors
    /// As [`LoadedTls::load`].
    pub fn load(&self, pem: &TlsPem, now: UnixTime) -> Result<LoadedTls, TlsError> {
        LoadedTls::load(pem, now).map_err(|error| match self.file_of_error(&error) {
            Some(path) => TlsError::File { path: path.to_owned(), source: Box::new(error) },
            None => error,
        })
    }

    /// The file to be corrected; `None` if the error names it already.
    fn file_of_error(&self, error: &TlsError) -> Option<&Path> {
        match error {
            TlsError::Read { .. } | TlsError::TooLarge { .. } | TlsError::File { .. } => None,
            TlsError::Pem { what, .. } | TlsError::Certificate { what, .. } | TlsError::Root { what, .. } => {
                match *what {
                    KEY => Some(&self.key),
                    CLIENT_CA => Some(&self.client_ca),
                    _ => Some(&self.certificate),
                }
            }
            TlsError::Expired { .. } => Some(&self.certificate),
            TlsError::AuthoritiesExpired { .. } | TlsError::Verifier { .. } => Some(&self.client_ca),
            TlsError::Foreign | TlsError::Pair => Some(&self.key),
        }
    }
}

fn read(what: &'static str, path: &Path) -> Result<Vec<u8>, TlsError> {
    files::read(path, FILE_BYTES).map_err(|error| match error {
        ReadError::Io(source) => TlsError::Read { what, path: path.to_owned(), source },
        ReadError::TooLarge { max } => TlsError::TooLarge { what, path: path.to_owned(), max },
    })
}

impl fmt::Debug for TlsPem {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsPem")
            .field("certificate_bytes", &self.certificate.len())
            .field("client_ca_bytes", &self.client_ca.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_not_printed() {
        let pem = TlsPem { certificate: vec![0; 3], key: b"hush".to_vec(), client_ca: Vec::new() };
        assert_eq!(format!("{pem:?}"), "TlsPem { certificate_bytes: 3, client_ca_bytes: 0, .. }");
    }

    #[test]
    fn a_missing_file_is_named() {
        let none = || PathBuf::from("/nonexistent/tls.crt");
        let files = TlsFiles { certificate: none(), key: none(), client_ca: none() };
        assert_eq!(files.read().unwrap_err().to_string(), "cannot read server certificate /nonexistent/tls.crt");
    }
}
