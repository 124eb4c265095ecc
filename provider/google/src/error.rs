//! Errors of calls.

mod remedy;

use countersign_cloud::At;
use countersign_cloud::CallError;
use countersign_core::codec::text::Text;
use countersign_credentials::CallResult;
use countersign_credentials::CredentialError;
use countersign_http::FetchError;
use countersign_http::Missing;

use self::remedy::remedy;
use crate::refusal::Refusal;

/// A call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// An access token of the metadata server.
    MetadataToken,
}

impl Operation {
    /// The name in messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::MetadataToken => "the token request to the metadata server of Google Cloud",
        }
    }
}

impl countersign_cloud::Operation for Operation {
    fn step(self) -> &'static str {
        match self {
            Self::MetadataToken => "the access token of Google Cloud",
        }
    }
}

/// Why a call has no result. Never shows a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} failed{}: {kind}; {}", operation.name(), At(server.as_ref()), remedy(kind))]
pub struct GoogleError {
    operation: Operation,
    /// Where the request was sent, unless the text of the error names it.
    server: Option<Text>,
    kind: Kind,
}

/// What failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Kind {
    /// The request was not answered.
    #[error(transparent)]
    Fetch(FetchError),
    /// Something else answers at the address.
    #[error(
        "found status {status} without the header Metadata-Flavor: Google, expected it in every answer of the metadata server"
    )]
    NotGoogle {
        /// The HTTP status.
        status: u16,
    },
    /// The service refused.
    #[error("found status {status}, expected 200{message}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The text of the service after a colon; empty if there is none.
        message: Text,
        /// What the refusal is about.
        refusal: Refusal,
    },
    /// The answer has not the expected content.
    #[error("the answer of the service is not usable: {0}")]
    Answer(Text),
}

impl GoogleError {
    /// The error of a request to `server`.
    pub(crate) fn new(operation: Operation, server: &str, kind: Kind) -> Self {
        let server = (!matches!(kind, Kind::Fetch(_))).then(|| Text::at_most(256, server));
        Self { operation, server, kind }
    }

    /// What had not come of the answer when the time was over, if that is the cause.
    #[must_use]
    pub fn missing(&self) -> Option<Missing> {
        match &self.kind {
            Kind::Fetch(error) => error.missing(),
            Kind::NotGoogle { .. } | Kind::Refused { .. } | Kind::Answer(_) => None,
        }
    }
}

impl CallError for GoogleError {
    fn result(&self) -> CallResult {
        match &self.kind {
            Kind::Fetch(error) => CallResult::of_fetch(error),
            Kind::Refused { refusal, .. } => match refusal {
                Refusal::Throttled => CallResult::Throttled,
                Refusal::Failure => CallResult::Failed,
                // Without a token no other call is made.
                Refusal::Binding
                | Refusal::Account
                | Refusal::NoAccount
                | Refusal::Concealed
                | Refusal::Unclassified => CallResult::Credentials,
            },
            Kind::NotGoogle { .. } | Kind::Answer(_) => CallResult::Invalid,
        }
    }
}

impl From<GoogleError> for CredentialError {
    fn from(error: GoogleError) -> Self {
        Self::of_call(error.result(), error.missing(), error)
    }
}
