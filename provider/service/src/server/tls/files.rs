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
use super::TlsErrors;
use countersign_files as files;
use countersign_files::ReadError;

/// Maximum size of a file, in bytes: what a Secret can hold.
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
    /// All files that cannot be read or are larger than a Secret can be.
    pub fn read(&self) -> Result<TlsPem, TlsErrors> {
        let read = |part: Part| read(part, self.path(part)).map_err(|error| self.of_file(part, error));
        match (read(Part::Certificate), read(Part::Key), read(Part::ClientCa)) {
            (Ok(certificate), Ok(key), Ok(client_ca)) => Ok(TlsPem { certificate, key, client_ca }),
            (certificate, key, client_ca) => {
                Err(TlsErrors([certificate.err(), key.err(), client_ca.err()].into_iter().flatten().collect()))
            }
        }
    }

    /// As [`LoadedTls::load`], for the content of these files: an error names its file and the key of the configuration.
    ///
    /// # Errors
    /// As [`LoadedTls::load`].
    pub fn load(&self, pem: &TlsPem, now: UnixTime) -> Result<LoadedTls, TlsErrors> {
        LoadedTls::load(pem, now).map_err(|TlsErrors(errors)| {
            let of_file = |error| match part_of(&error) {
                Some(part) => self.of_file(part, error),
                None => error,
            };
            TlsErrors(errors.into_iter().map(of_file).collect())
        })
    }

    fn path(&self, part: Part) -> &Path {
        match part {
            Part::Certificate => &self.certificate,
            Part::Key => &self.key,
            Part::ClientCa => &self.client_ca,
        }
    }

    fn of_file(&self, part: Part, error: TlsError) -> TlsError {
        TlsError::File { key: part.key(), path: self.path(part).to_owned(), source: Box::new(error) }
    }
}

/// One of the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Certificate,
    Key,
    ClientCa,
}

impl Part {
    /// The key of the configuration that names the file.
    fn key(self) -> &'static str {
        match self {
            Self::Certificate => "server.tls.certificate",
            Self::Key => "server.tls.key",
            Self::ClientCa => "server.tls.clientCa",
        }
    }

    fn what(self) -> &'static str {
        match self {
            Self::Certificate => CERTIFICATE,
            Self::Key => KEY,
            Self::ClientCa => CLIENT_CA,
        }
    }
}

/// The file to be corrected; `None` if the error names it already.
fn part_of(error: &TlsError) -> Option<Part> {
    match error {
        TlsError::File { .. } => None,
        TlsError::Read { what, .. }
        | TlsError::TooLarge { what, .. }
        | TlsError::Pem { what, .. }
        | TlsError::Certificate { what, .. }
        | TlsError::Root { what, .. } => match *what {
            KEY => Some(Part::Key),
            CLIENT_CA => Some(Part::ClientCa),
            _ => Some(Part::Certificate),
        },
        TlsError::Expired { .. } => Some(Part::Certificate),
        TlsError::AuthoritiesExpired { .. } | TlsError::Verifier { .. } => Some(Part::ClientCa),
        TlsError::Foreign | TlsError::Pair => Some(Part::Key),
    }
}

fn read(part: Part, path: &Path) -> Result<Vec<u8>, TlsError> {
    let what = part.what();
    files::read(path, FILE_BYTES).map_err(|error| match error {
        ReadError::Io(source) => TlsError::Read { what, source },
        ReadError::TooLarge { max } => TlsError::TooLarge { what, max },
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
    fn missing_files_are_named_with_their_keys() {
        let none = |name: &str| PathBuf::from(format!("/nonexistent/{name}"));
        let files = TlsFiles { certificate: none("tls.crt"), key: none("tls.key"), client_ca: none("ca.crt") };
        assert_eq!(
            files.read().unwrap_err().to_string(),
            "server.tls.certificate: /nonexistent/tls.crt: cannot read server certificate: No such file or directory (os \
             error 2), expected a PEM file; server.tls.key: /nonexistent/tls.key: cannot read server key: No such file or \
             directory (os error 2), expected a PEM file; server.tls.clientCa: /nonexistent/ca.crt: cannot read client CA: No such file or directory (os \
             error 2), expected a PEM file"
        );
    }

    #[test]
    fn all_mistakes_in_the_files_are_named_with_their_keys() {
        let path = |name: &str| PathBuf::from(format!("/tls/{name}"));
        let files = TlsFiles { certificate: path("tls.crt"), key: path("tls.key"), client_ca: path("ca.crt") };
        let pem = TlsPem { certificate: b"a".to_vec(), key: b"b".to_vec(), client_ca: Vec::new() };
        assert_eq!(
            files.load(&pem, UnixTime::EPOCH).unwrap_err().to_string(),
            "server.tls.certificate: /tls/tls.crt: server certificate cannot be read: has no -----BEGIN line, expected \
             CERTIFICATE blocks in PEM; server.tls.key: /tls/tls.key: server key cannot be read: has no -----BEGIN line, \
             expected a private key in PEM; server.tls.clientCa: /tls/ca.crt: client CA cannot be read: is empty, expected \
             CERTIFICATE blocks in PEM"
        );
    }
}
