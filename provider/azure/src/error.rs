//! Errors of calls.

mod operation;
mod remedy;

use countersign_cloud::At;
use countersign_cloud::CallError;
use countersign_core::codec::text::Text;
use countersign_credentials::CallResult;
use countersign_credentials::CredentialError;
use countersign_http::FetchError;
use countersign_http::Missing;

pub use self::operation::Operation;
use self::remedy::remedy;
use crate::refusal::Refusal;
use crate::secret_file::SecretFileError;

/// Why a call has no result. Never shows a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} failed{}: {kind}; {}", operation.name(), at(server.as_ref(), kind), remedy(kind))]
pub struct AzureError {
    operation: Operation,
    /// Where the request was sent, if it was.
    server: Option<Text>,
    kind: Kind,
}

/// The server in a message, unless the text of the error names it.
fn at<'a>(server: Option<&'a Text>, kind: &Kind) -> At<'a> {
    At(server.filter(|_| !matches!(kind, Kind::Fetch(_))))
}

/// What failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Kind {
    /// A variable of the environment is not set.
    #[error("found no {0} in the environment")]
    NoVariable(&'static str),
    /// A file with a secret cannot be used.
    #[error(transparent)]
    SecretFile(SecretFileError),
    /// The request was not answered.
    #[error(transparent)]
    Fetch(FetchError),
    /// The service refused.
    #[error("found status {status} {code}, expected 200{message}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The code of the service.
        code: Text,
        /// The text of the service after a colon; empty if there is none.
        message: Text,
        /// What the refusal is about.
        refusal: Refusal,
        /// The claims that the service demands.
        claims: Option<Box<str>>,
    },
    /// The answer has not the expected content.
    #[error("the answer of the service is not usable: {0}")]
    Answer(Text),
    /// The settings do not allow the call.
    #[error("{0}")]
    NotAllowed(Text),
}

impl AzureError {
    pub(crate) fn new(operation: Operation, kind: Kind) -> Self {
        Self { operation, server: None, kind }
    }

    /// The same error of a request to this server.
    pub(crate) fn at(self, server: &str) -> Self {
        Self { server: Some(Text::at_most(256, server)), ..self }
    }

    /// The call.
    #[must_use]
    pub fn operation(&self) -> Operation {
        self.operation
    }

    /// The claims that the service demands of a token.
    pub(crate) fn claims(&self) -> Option<&str> {
        match &self.kind {
            Kind::Refused { claims, .. } => claims.as_deref(),
            Kind::NoVariable(_) | Kind::SecretFile(_) | Kind::Fetch(_) | Kind::Answer(_) | Kind::NotAllowed(_) => None,
        }
    }

    /// What the service refuses, if it does.
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        match &self.kind {
            Kind::Refused { refusal, .. } => Some(*refusal),
            Kind::NoVariable(_) | Kind::SecretFile(_) | Kind::Fetch(_) | Kind::Answer(_) | Kind::NotAllowed(_) => None,
        }
    }

    /// The variable, file or setting of the pod to correct; `None` if a service was asked.
    #[must_use]
    pub fn local_subject(&self) -> Option<Text> {
        match &self.kind {
            Kind::NoVariable(variable) => Some(Text::of(format_args!("the environment variable {variable}"))),
            Kind::SecretFile(error) => Some(error.subject()),
            Kind::NotAllowed(_) => Some(Text::of("the setting that the message names")),
            Kind::Fetch(_) | Kind::Refused { .. } | Kind::Answer(_) => None,
        }
    }

    /// What had not come of the answer when the time was over, if that is the cause.
    #[must_use]
    pub fn missing(&self) -> Option<Missing> {
        match &self.kind {
            Kind::Fetch(error) => error.missing(),
            Kind::NoVariable(_)
            | Kind::SecretFile(_)
            | Kind::Refused { .. }
            | Kind::Answer(_)
            | Kind::NotAllowed(_) => None,
        }
    }
}

impl CallError for AzureError {
    fn result(&self) -> CallResult {
        match &self.kind {
            Kind::NoVariable(_) | Kind::SecretFile(_) => CallResult::Credentials,
            Kind::Fetch(error) => CallResult::of_fetch(error),
            Kind::Refused { refusal: Refusal::Throttled, .. } => CallResult::Throttled,
            Kind::Refused { refusal: Refusal::Failure, .. } => CallResult::Failed,
            Kind::Refused { refusal: Refusal::Foreign, .. } => CallResult::Invalid,
            Kind::Refused { .. } => match self.operation {
                // Without a token no other call is made.
                Operation::EntraToken | Operation::ManagedIdentityToken => CallResult::Credentials,
                Operation::AcrExchange
                | Operation::KeyVaultVersions
                | Operation::KeyVaultCertificate
                | Operation::KeyVaultSecret => CallResult::Refused,
            },
            Kind::Answer(_) => CallResult::Invalid,
            Kind::NotAllowed(_) => CallResult::NotAllowed,
        }
    }
}

impl From<AzureError> for CredentialError {
    fn from(error: AzureError) -> Self {
        Self::of_call(error.result(), error.missing(), &error).with_subject(error.local_subject())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use countersign_testkit::folder::Folder;

    use super::*;
    use crate::secret_file::SecretFile;

    fn credential_error(kind: Kind) -> CredentialError {
        CredentialError::from(AzureError::new(Operation::EntraToken, kind))
    }

    #[tokio::test]
    async fn what_the_pod_lacks_names_the_file_or_the_variable_to_correct() {
        let folder = Folder::new();
        let path = folder.path().join("secret");
        for (file, key, content) in [
            (SecretFile::ClientSecret, "clientSecretFile", "the secret of the application"),
            (SecretFile::FederatedToken, "AZURE_FEDERATED_TOKEN_FILE", "the token of the service account"),
        ] {
            let error = file.read(&path).await.unwrap_err();
            let shown = countersign_files::ShownPath::missing(&path).to_string();
            let CredentialError::Local { subject, why } = credential_error(Kind::SecretFile(error)) else { panic!() };
            assert_eq!(subject.as_str(), format!("the file {shown} of {key}"));
            assert_eq!(
                why.as_str(),
                format!(
                    "the token request to Microsoft Entra failed: {key}: found the file {shown}, which cannot be read (No such file or directory \
                     (os error 2)), expected {content}; check the volume with the file and its permissions"
                )
            );
        }
        let subject = |kind| {
            let error = credential_error(kind);
            if let CredentialError::Local { subject, why: _ } = error { Some(subject.to_string()) } else { None }
        };
        assert_eq!(
            subject(Kind::NoVariable("AZURE_CLIENT_ID")).as_deref(),
            Some("the environment variable AZURE_CLIENT_ID")
        );
        assert_eq!(subject(Kind::NotAllowed("a".into())).as_deref(), Some("the setting that the message names"));
        assert_eq!(subject(Kind::Answer("a".into())), None);
        let (code, message, refusal) = (Text::of("AADSTS700016"), Text::default(), Refusal::Application);
        assert_eq!(subject(Kind::Refused { status: 400, code, message, refusal, claims: None }), None);
    }
}
