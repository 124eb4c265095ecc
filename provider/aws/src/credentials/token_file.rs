//! Sources that read the token of the service account from a file: their errors name it.

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
                let path = std::env::var_os(self.file.variable()).unwrap_or_default();
                let path = Text::of(path.display());
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

/// What is wrong with the file, if that is the error. The SDK does not name it.
fn problem(file: TokenFile, error: &CredentialsError) -> Option<TokenFileProblem> {
    if let Some(why) = find::<std::io::Error>(error) {
        return Some(TokenFileProblem::Unreadable(Text::of(why)));
    }
    let is_no_token = match file {
        // Before a request, it is the only error of this kind: the content is not UTF-8.
        TokenFile::WebIdentity => matches!(error, CredentialsError::Unhandled(_)) && naming::last().sent.is_none(),
        TokenFile::Container => find::<InvalidHeaderValue>(error).is_some(),
    };
    is_no_token.then_some(TokenFileProblem::NoToken)
}
