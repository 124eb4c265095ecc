//! Errors of the SDK.

use std::error::Error;

use aws_config::meta::ProviderChainError;
use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use countersign_core::codec::text::Text;
use countersign_http::FetchError;

use super::Answered;
use super::AwsError;
use super::EndpointRefused;
use super::Kind;
use super::LastRequest;
use super::MissingProfile;
use super::SourceProblem;
use super::TokenFileError;
use super::operation::Operation;
use crate::invalid_answer::InvalidAnswer;
use crate::limits::TEXT_BYTES;
use crate::query_refusal::QueryRefusal;
use crate::secrets_in_use::hidden;

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
                let shown = |text: Option<&str>| text.map(|text| Text::at_most(TEXT_BYTES, hidden(text)));
                Kind::refused(service.raw().status().as_u16(), shown(meta.code()), shown(meta.message()))
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

    /// The error of a source of credentials, after this request.
    pub(crate) fn of_credentials(operation: Operation, error: &CredentialsError, last: &LastRequest) -> Self {
        // The credentials of the pod, which a role needs.
        if let Some(found) = cause::<Self>(error) {
            return found;
        }
        if let Some(problem) = cause::<SourceProblem>(error) {
            return Self::new(operation, Kind::Source(problem));
        }
        if let Some(InvalidAnswer(text)) = cause(error) {
            return Self::new(operation, Kind::Answer(text));
        }
        let kind = match error {
            _ if causes(error).as_str().contains(MISSING_REGION) => Kind::Source(SourceProblem::NoRegion),
            CredentialsError::CredentialsNotLoaded(_) => {
                let profile = missing_profile(error);
                Kind::NoCredentials { text: no_credentials(error), profile }
            }
            CredentialsError::ProviderTimedOut(_) => Kind::Timeout,
            CredentialsError::InvalidConfiguration(_)
            | CredentialsError::ProviderError(_)
            | CredentialsError::Unhandled(_)
            | _ => {
                if let Some(error) = cause::<TokenFileError>(error) {
                    Kind::TokenFile(error)
                } else if let Some(error) = cause::<FetchError>(error) {
                    Kind::Fetch(error)
                } else if let Some(error) = cause::<EndpointRefused>(error) {
                    Kind::Endpoint(error)
                } else {
                    after(last, error)
                }
            }
        };
        Self::new(operation, kind)
    }
}

/// The profile of `aws.profile`, if a source of the chain finds no credentials of it.
fn missing_profile(error: &CredentialsError) -> Option<Text> {
    let chain = find::<ProviderChainError<CredentialsError>>(error)?;
    let missing = chain.attempts().iter().find_map(|attempt| cause::<MissingProfile>(attempt.error()))?;
    Some(missing.profile)
}

/// A part of the text of the SDK, whose client has no region. It has no type of its own.
const MISSING_REGION: &str = "Missing Region";

/// What the sources lack, and a variable that is not one of them.
fn no_credentials(error: &CredentialsError) -> Text {
    let text = causes(error);
    match std::env::var_os("AWS_PROFILE") {
        Some(_) => Text::of(format_args!("{text}; AWS_PROFILE is not read: aws.profile names the profile")),
        None => text,
    }
}

/// What failed in a source of credentials, by the answer to its last request.
fn after(last: &LastRequest, error: &CredentialsError) -> Kind {
    match (&last.sent, &last.answered) {
        (None, _) => Kind::Credentials(causes(error)),
        (Some(_), None) => Kind::Timeout,
        (Some(_), Some(Answered { refusal: Some(QueryRefusal { status, code, message }), .. })) => {
            Kind::refused(*status, Some(code.clone()), Some(message.clone()))
        }
        // The content of a success is not what the source expects.
        (Some(_), Some(Answered { status: 200..=299, refusal: None })) => Kind::Answer(causes(error)),
        // Of STS behind a load balancer, or of the instance metadata service.
        (Some(_), Some(Answered { status, refusal: None })) => Kind::refused(*status, None, None),
    }
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
    // Before the reason of each source.
    let text = texts.join(": ").replace("the credential provider was not enabled: ", "");
    Text::at_most(TEXT_BYTES, hidden(&text))
}

/// The error of this type among the causes.
fn cause<E: Error + Clone + 'static>(error: &(dyn Error + 'static)) -> Option<E> {
    find::<E>(error).cloned()
}

/// The same, of a type that cannot be cloned.
pub(crate) fn find<'e, E: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        next = error.source();
    }
    None
}
