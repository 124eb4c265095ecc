//! Sources that read the token of the service account from a file: their errors name it.

use std::path::PathBuf;

use aws_credential_types::provider::ProvideCredentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::future;
use countersign_core::codec::text::Text;
use http::header::InvalidHeaderValue;

use crate::error::EndpointRefused;
use crate::error::TokenFile;
use crate::error::TokenFileError;
use crate::error::TokenFileProblem;
use crate::error::find;
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
                let path = Text::of(path(self.file).display());
                CredentialsError::provider_error(TokenFileError { file: self.file, path, problem })
            }
            None => refused_by_endpoint(self.file).map_or(error, CredentialsError::provider_error),
        };
        future::ProvideCredentials::new(async move { self.source.provide_credentials().await.map_err(named) })
    }
}

/// The refusal of the endpoint of credentials on the node, if that is the error. That of the SDK has no typed status.
fn refused_by_endpoint(file: TokenFile) -> Option<EndpointRefused> {
    match file {
        TokenFile::WebIdentity => None,
        TokenFile::Container => {
            let status = naming::last().answered?.status;
            (!(200..300).contains(&status)).then_some(EndpointRefused { status })
        }
    }
}

/// As the variable names it.
fn path(file: TokenFile) -> PathBuf {
    std::env::var_os(file.variable()).unwrap_or_default().into()
}

/// What is wrong with the file, if that is the error. The SDK does not name it.
fn problem(file: TokenFile, error: &CredentialsError) -> Option<TokenFileProblem> {
    // Of a request, if there was one.
    if naming::last().sent.is_none()
        && let Some(why) = find::<std::io::Error>(error)
    {
        return Some(TokenFileProblem::Unreadable(Text::of(why)));
    }
    // STS and the agent refuse it.
    if std::fs::metadata(path(file)).is_ok_and(|file| file.is_file() && file.len() == 0) {
        return Some(TokenFileProblem::Empty);
    }
    let is_no_token = match file {
        // Before a request, it is the only error of this kind: the content is not UTF-8.
        TokenFile::WebIdentity => matches!(error, CredentialsError::Unhandled(_)) && naming::last().sent.is_none(),
        TokenFile::Container => find::<InvalidHeaderValue>(error).is_some(),
    };
    is_no_token.then_some(TokenFileProblem::NoToken)
}
