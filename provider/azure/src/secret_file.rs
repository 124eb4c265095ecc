//! Files with a secret: the token of the service account, and the secret of an application. They are read for each call, as they
//! are replaced while the process runs.

use std::fmt;
use std::path::Path;

use countersign_core::codec::mismatch::Mismatch;
use countersign_core::codec::text::Text;
use countersign_credentials::Secret;
use countersign_files::ReadError;
use countersign_files::ReadInTimeError;
use countersign_files::ShownPath;
use countersign_files::read_in_time;
use tokio::time::Instant;

use crate::limits;

/// Which file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SecretFile {
    /// `AZURE_FEDERATED_TOKEN_FILE`.
    FederatedToken,
    /// `credentials.acr.clientSecretFile`.
    ClientSecret,
}

/// The file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: found the file {path}, which {problem}, expected {}", file.key(), file.content())]
pub(crate) struct SecretFileError {
    pub(crate) file: SecretFile,
    path: Text,
    problem: Problem,
}

/// Why it cannot be used, as the end of a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Problem {
    /// The error of the operating system.
    Unreadable(Text),
    Empty,
    TooLarge,
    /// The file system does not respond.
    Late,
    NotPrintable,
}

impl SecretFileError {
    /// What to correct.
    pub(crate) fn subject(&self) -> Text {
        Text::of(format_args!("the file {} of {}", self.path, self.file.key()))
    }
}

impl SecretFile {
    fn key(self) -> &'static str {
        match self {
            Self::FederatedToken => "AZURE_FEDERATED_TOKEN_FILE",
            Self::ClientSecret => "clientSecretFile",
        }
    }

    fn content(self) -> &'static str {
        match self {
            Self::FederatedToken => "the token of the service account",
            Self::ClientSecret => "the secret of the application",
        }
    }

    /// Reads the file, without white space at both ends.
    ///
    /// # Errors
    /// It is not a regular file with one printable text of at most [`limits::SECRET_FILE_BYTES`].
    pub(crate) async fn read(self, path: &Path) -> Result<Secret, SecretFileError> {
        let deadline = Instant::now() + limits::SECRET_FILE_TIMEOUT;
        let content = match read_in_time(path.to_owned(), limits::SECRET_FILE_BYTES, deadline).await {
            Ok(content) => secret(&content),
            Err(ReadInTimeError::Read(ReadError::Io(why))) => Err(Problem::Unreadable(Text::of(why))),
            Err(ReadInTimeError::Read(ReadError::TooLarge { .. })) => Err(Problem::TooLarge),
            Err(ReadInTimeError::Late) => Err(Problem::Late),
        };
        content.map_err(|problem| {
            let shown = match problem {
                Problem::Unreadable(_) | Problem::Late => ShownPath::missing(path),
                Problem::TooLarge | Problem::Empty | Problem::NotPrintable => ShownPath::there(path),
            };
            SecretFileError { file: self, path: Text::of(shown), problem }
        })
    }
}

/// Checks the file with the secret of an application, which is read for each token. Blocks on the file system, and shows nothing of the
/// secret.
///
/// # Errors
/// It is not a regular file with one printable text of at most 16 KiB.
pub fn check_client_secret_file(path: &Path) -> Result<(), Mismatch> {
    let problem = match countersign_files::read(path, limits::SECRET_FILE_BYTES) {
        Ok(content) => secret(&content).err(),
        Err(ReadError::Io(why)) => Some(Problem::Unreadable(Text::of(why))),
        Err(ReadError::TooLarge { .. }) => Some(Problem::TooLarge),
    };
    problem.map_or(Ok(()), |problem| Err(Mismatch::new(problem).expecting(SecretFile::ClientSecret.content())))
}

fn secret(content: &[u8]) -> Result<Secret, Problem> {
    match content.trim_ascii() {
        [] => Err(Problem::Empty),
        text if text.iter().all(u8::is_ascii_graphic) => Ok(Secret::new(text)),
        _ => Err(Problem::NotPrintable),
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(why) => write!(f, "cannot be read ({why})"),
            Self::Empty => f.write_str("is empty"),
            Self::TooLarge => write!(f, "has more than {} bytes", limits::SECRET_FILE_BYTES),
            Self::Late => f.write_str("was not read in time"),
            Self::NotPrintable => f.write_str("has characters that no secret has"),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use countersign_testkit::folder::Folder;

    use super::*;

    #[tokio::test]
    async fn a_secret_is_one_printable_text() {
        let folder = Folder::new();
        let path = folder.path().join("token");
        let read = async |content: &[u8]| {
            std::fs::write(&path, content).unwrap();
            SecretFile::FederatedToken.read(&path).await.map_err(|error| error.problem)
        };
        assert_eq!(read(b"a.b.c\n").await, Ok(Secret::new("a.b.c")));
        assert_eq!(read(&[b'a'; limits::SECRET_FILE_BYTES]).await, Ok(Secret::new([b'a'; limits::SECRET_FILE_BYTES])));
        assert_eq!(read(&[b'a'; limits::SECRET_FILE_BYTES + 1]).await, Err(Problem::TooLarge));
        assert_eq!(read(b"").await, Err(Problem::Empty));
        assert_eq!(read(b" \n").await, Err(Problem::Empty));
        assert_eq!(read(b"a b").await, Err(Problem::NotPrintable));
        assert_eq!(read(b"a\r\nX: b").await, Err(Problem::NotPrintable));
        assert_eq!(read(b"\xff").await, Err(Problem::NotPrintable));
        let error = SecretFile::ClientSecret.read(folder.path()).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "clientSecretFile: found the file {}, which cannot be read (found a directory, expected a regular file), expected the secret of the \
                 application",
                ShownPath::missing(folder.path())
            )
        );
        let missing = SecretFile::FederatedToken.read(&folder.path().join("none")).await.unwrap_err();
        assert!(missing.to_string().contains("which cannot be read (No such file or directory"), "{missing}");
    }
}
