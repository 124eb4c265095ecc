//! What a failed call says about the status of a signature.

use countersign_core::evidence::SignerCause;
use countersign_http::FetchErrorKind;

use super::AwsError;
use super::EndpointRefused;
use super::Kind;
use super::late_cause::late_cause;
use super::operation::Operation;
use crate::refusal::Refusal;

impl AwsError {
    /// Why AWS Signer has not stated whether a signature is revoked.
    #[must_use]
    pub fn signer_cause(&self) -> SignerCause {
        match &self.kind {
            Kind::NoCredentials { .. }
            | Kind::Source(_)
            | Kind::TokenFile(_)
            | Kind::Credentials(_)
            | Kind::OtherPartition { .. } => SignerCause::Credentials,
            Kind::Timeout => SignerCause::Slow,
            Kind::Partition { .. } => SignerCause::Partition,
            Kind::Answer(_) | Kind::Request(_) => SignerCause::AnswerInvalid,
            Kind::Fetch(error) => match error.kind() {
                FetchErrorKind::Throttled => SignerCause::Throttled,
                FetchErrorKind::Timeout => {
                    error.missing().map_or(SignerCause::Slow, |missing| SignerCause::Late(late_cause(missing)))
                }
                FetchErrorKind::Overloaded => SignerCause::Overloaded,
                FetchErrorKind::NotAllowed | FetchErrorKind::Disabled | FetchErrorKind::Unreachable => {
                    SignerCause::Unreachable
                }
                FetchErrorKind::ResponseInvalid | FetchErrorKind::ContentMismatch | FetchErrorKind::RedirectRefused => {
                    SignerCause::AnswerInvalid
                }
            },
            Kind::Refused { refusal, .. } => self.cause_of(*refusal),
            Kind::Endpoint(EndpointRefused { status }) => self.cause_of(Refusal::of_endpoint(*status)),
        }
    }

    fn cause_of(&self, refusal: Refusal) -> SignerCause {
        let of_call = match refusal {
            Refusal::Throttled => return SignerCause::Throttled,
            Refusal::Failure => return SignerCause::Failed,
            Refusal::Permission => SignerCause::Denied,
            Refusal::Ended
            | Refusal::Token
            | Refusal::Clock
            | Refusal::UnknownCredentials
            | Refusal::RegionDisabled => SignerCause::Credentials,
            Refusal::Content | Refusal::Scope | Refusal::Unclassified => SignerCause::Refused,
        };
        match self.operation {
            Operation::Credentials | Operation::AssumeRole => SignerCause::Credentials,
            Operation::EcrToken | Operation::EcrPublicToken | Operation::SignerStatus => of_call,
        }
    }
}
