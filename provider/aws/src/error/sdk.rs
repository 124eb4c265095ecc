//! Errors of the SDK.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::ErrorMetadata;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use countersign_core::codec::text::Text;
use countersign_http::FetchError;

use super::AwsError;
use super::Kind;
use super::operation::Operation;
use crate::limits::TEXT_BYTES;
use crate::retry::ThrottledByQuery;
use crate::signer_answer::InvalidAnswer;

/// Most errors in the text about a cause.
const CAUSES: usize = 8;

impl AwsError {
    /// The error of a call by the SDK.
    pub(crate) fn of_call<E>(operation: Operation, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        // Credentials that ended just before the call.
        if let Some(found) = cause::<Self>(error) {
            return found;
        }
        if let Some(InvalidAnswer(text)) = cause(error) {
            return Self::new(operation, Kind::Answer(text));
        }
        let kind = match error {
            // The body of a success is not what the operation returns.
            SdkError::ServiceError(service) if service.raw().status().is_success() => {
                Kind::Answer(causes(service.err()))
            }
            SdkError::ServiceError(service) => {
                let meta = service.err().meta();
                let shown = |text: Option<&str>| text.map(|text| Text::at_most(TEXT_BYTES, text));
                Kind::Refused {
                    status: service.raw().status().as_u16(),
                    code: shown(meta.code()).unwrap_or_else(|| Text::of("without a code")),
                    message: shown(meta.message()).map(|text| Text::of(format_args!(": {text}"))).unwrap_or_default(),
                }
            }
            SdkError::TimeoutError(_) => Kind::Timeout,
            SdkError::DispatchFailure(_) => {
                cause::<FetchError>(error).map_or_else(|| Kind::Request(causes(error)), Kind::Fetch)
            }
            SdkError::ResponseError(_) => Kind::Answer(causes(error)),
            SdkError::ConstructionFailure(_) | _ => Kind::Request(causes(error)),
        };
        Self::new(operation, kind)
    }

    /// The error of a source of credentials.
    pub(crate) fn of_credentials(operation: Operation, error: &CredentialsError) -> Self {
        // The credentials of the pod, which a role needs.
        if let Some(found) = cause::<Self>(error) {
            return found;
        }
        if let Some(ThrottledByQuery { status, code, message }) = cause(error) {
            let message = Text::of(format_args!(": {message}"));
            return Self::new(operation, Kind::Refused { status, code, message });
        }
        let kind = match error {
            CredentialsError::CredentialsNotLoaded(_) => Kind::NoCredentials(causes(error)),
            CredentialsError::ProviderTimedOut(_) => Kind::Timeout,
            CredentialsError::InvalidConfiguration(_)
            | CredentialsError::ProviderError(_)
            | CredentialsError::Unhandled(_)
            | _ => match (cause::<FetchError>(error), cause::<ErrorMetadata>(error)) {
                (Some(error), _) => Kind::Fetch(error),
                (None, Some(meta)) => Kind::Credentials(refusal(&meta)),
                (None, None) => Kind::Credentials(causes(error)),
            },
        };
        Self::new(operation, kind)
    }
}

/// The code and the text of an error of STS.
fn refusal(meta: &ErrorMetadata) -> Text {
    let part = |text: Option<&str>| text.unwrap_or_default().to_owned();
    Text::at_most(TEXT_BYTES, format_args!("{}: {}", part(meta.code()), part(meta.message())))
}

/// The texts of an error and its causes in one line, without repetitions.
fn causes(error: &(dyn Error + 'static)) -> Text {
    let mut texts: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next.filter(|_| texts.len() < CAUSES) {
        let text = error.to_string();
        let text = text.lines().map(str::trim).collect::<Vec<_>>().join("; ").replace(":; ", ": ");
        if !texts.contains(&text) {
            texts.push(text);
        }
        next = error.source();
    }
    Text::at_most(TEXT_BYTES, texts.join(": "))
}

/// The error of this type among the causes.
fn cause<E: Error + Clone + 'static>(error: &(dyn Error + 'static)) -> Option<E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found.clone());
        }
        next = error.source();
    }
    None
}
