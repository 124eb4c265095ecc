//! Sources that read the token of the service account from a file: the file is checked before, and their errors name it.

use std::env;
use std::path::Path;
use std::path::PathBuf;

use aws_credential_types::provider::ProvideCredentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::future;
use countersign_core::codec::text::Text;
use countersign_files::ReadError;
use countersign_files::ReadInTimeError;
use countersign_files::ShownPath;
use countersign_files::read_in_time;
use http::header::InvalidHeaderValue;
use tokio::time::Instant;

use super::container;
use super::web_identity;
use crate::error::EndpointRefused;
use crate::error::TokenFile;
use crate::error::TokenFileError;
use crate::error::TokenFileProblem;
use crate::error::find;
use crate::limits;
use crate::naming;

/// A source of the SDK that reads this file.
#[derive(Debug)]
pub(super) struct NamingFile<P> {
    pub(super) file: TokenFile,
    pub(super) source: P,
}

impl<P: ProvideCredentials> ProvideCredentials for NamingFile<P> {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let named = |error: CredentialsError| match problem(self.file, &error) {
            Some(problem) => {
                let path = Text::of(ShownPath::of(&path(self.file).unwrap_or_default()));
                CredentialsError::provider_error(TokenFileError { file: self.file, path, problem })
            }
            None => refused_by_endpoint(self.file).map_or(error, CredentialsError::provider_error),
        };
        future::ProvideCredentials::new(async move {
            if let Some(path) = path(self.file) {
                check(self.file, &path).await.map_err(CredentialsError::provider_error)?;
            }
            self.source.provide_credentials().await.map_err(named)
        })
    }
}

/// Checks the file that the SDK reads next, in one call on a worker of the runtime, without a limit: a pipe or a file system that does not
/// respond would stop all requests, and a device would fill the memory. Only someone who may write to the volumes of the pod can
/// replace the file between both readings.
///
/// # Errors
/// It is not a regular file with content, or is not read within the limits.
pub(super) async fn check(file: TokenFile, path: &Path) -> Result<(), TokenFileError> {
    let deadline = Instant::now() + limits::FILE_TIMEOUT;
    let mut shown = Text::of(ShownPath::there(path));
    let problem = match read_in_time(path.to_owned(), limits::TOKEN_FILE_BYTES, deadline).await {
        Ok(content) if content.is_empty() => TokenFileProblem::Empty,
        Ok(content) if std::str::from_utf8(&content).is_err() => TokenFileProblem::NoToken,
        Ok(_) => return Ok(()),
        Err(ReadInTimeError::Read(ReadError::Io(why))) => {
            shown = Text::of(ShownPath::of(path));
            TokenFileProblem::Unreadable(Text::of(why))
        }
        Err(ReadInTimeError::Read(ReadError::TooLarge { .. })) => TokenFileProblem::TooLarge,
        Err(ReadInTimeError::Late) => TokenFileProblem::Late,
    };
    Err(TokenFileError { file, path: shown, problem })
}

/// The refusal of the endpoint of credentials on the node, if that is the error. That of the SDK has no typed status.
fn refused_by_endpoint(file: TokenFile) -> Option<EndpointRefused> {
    match file {
        TokenFile::WebIdentity | TokenFile::Profile => None,
        TokenFile::Container => {
            let status = naming::last().answered?.status;
            (!(200..300).contains(&status)).then_some(EndpointRefused { status })
        }
    }
}

/// As the variable names it; `None` if its source is not used.
fn path(file: TokenFile) -> Option<PathBuf> {
    let variable = |name: &str| env::var(name).ok();
    let is_used = match file {
        TokenFile::WebIdentity => web_identity::is_set(variable),
        TokenFile::Container => container::is_set(variable),
        TokenFile::Profile => false,
    };
    env::var_os(file.named_by()).filter(|_| is_used).map(PathBuf::from)
}

/// What is wrong with the file, if that is the error. The SDK does not name it.
fn problem(file: TokenFile, error: &CredentialsError) -> Option<TokenFileProblem> {
    // Of a request, if there was one.
    if naming::last().sent.is_none()
        && let Some(why) = find::<std::io::Error>(error)
    {
        return Some(TokenFileProblem::Unreadable(Text::of(why)));
    }
    let is_no_token = match file {
        TokenFile::WebIdentity | TokenFile::Profile => false,
        TokenFile::Container => find::<InvalidHeaderValue>(error).is_some(),
    };
    is_no_token.then_some(TokenFileProblem::NoToken)
}
