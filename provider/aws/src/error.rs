//! Errors of calls.

mod operation;
mod remedy;
mod sdk;
mod sent;

use std::fmt;

use countersign_core::codec::text::Text;
use countersign_core::name::AwsRegion;
use countersign_core::name::Partition;
use countersign_http::FetchError;
use countersign_http::FetchErrorKind;

pub use self::operation::Operation;
use self::remedy::remedy;
pub(crate) use self::sent::Sent;
use crate::call_result::CallResult;
use crate::codes::CONTENT;
use crate::codes::REFUSED;
use crate::codes::THROTTLED;

/// Why a call has no result. Never shows a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} failed{}: {kind}; {}", operation.name(), Shown(sent.as_ref(), kind), remedy(*operation, kind))]
pub struct AwsError {
    operation: Operation,
    kind: Kind,
    /// The last request, if there was one and the error names it.
    sent: Option<Sent>,
}

/// The last request in a message.
struct Shown<'a>(Option<&'a Sent>, &'a Kind);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0, self.1) {
            // The text names the server.
            (Some(sent), Kind::Fetch(_)) if !sent.has_action() => Ok(()),
            (Some(sent), _) => sent.fmt(f),
            (None, _) => Ok(()),
        }
    }
}

/// What failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Kind {
    /// No source has credentials.
    #[error("found no credentials: {0}")]
    NoCredentials(Text),
    /// A source of credentials failed.
    #[error("{0}")]
    Credentials(Text),
    /// The request was not answered.
    #[error(transparent)]
    Fetch(FetchError),
    /// The service refused.
    #[error("found status {status} {code}{message}, expected 200")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The code of AWS.
        code: Text,
        /// The text of AWS after a colon; empty if there is none.
        message: Text,
    },
    /// The answer has not the expected content.
    #[error("the answer of the service is not usable: {0}")]
    Answer(Text),
    /// There was no answer in time.
    #[error("there was no answer in time")]
    Timeout,
    /// The request could not be made.
    #[error("the request could not be made: {0}")]
    Request(Text),
    /// The services of the partition must not be called.
    #[error("found the region {region} in the partition {partition}, expected one of aws.partitions: {allowed}")]
    Partition {
        /// The region of the call.
        region: AwsRegion,
        /// Its partition.
        partition: Partition,
        /// The names in the settings.
        allowed: Text,
    },
}

impl AwsError {
    pub(crate) fn new(operation: Operation, kind: Kind) -> Self {
        Self { operation, kind, sent: None }
    }

    /// The same error after this request, unless it names one already: that of the credentials of the pod, which a role needs.
    pub(crate) fn after(self, sent: Option<Sent>) -> Self {
        let sent = match self.operation {
            Operation::Credentials => sent,
            // Its name is that of the action.
            Operation::AssumeRole | Operation::EcrToken | Operation::EcrPublicToken | Operation::SignerStatus => {
                sent.map(Sent::without_action)
            }
        };
        Self { sent: self.sent.or(sent), ..self }
    }

    /// The call.
    #[must_use]
    pub fn operation(&self) -> Operation {
        self.operation
    }

    /// Whether AWS refused the call because of its number.
    #[must_use]
    pub fn is_throttled(&self) -> bool {
        match &self.kind {
            Kind::Refused { status, code, .. } => *status == 429 || THROTTLED.contains(&code.as_str()),
            Kind::Fetch(error) => error.kind() == FetchErrorKind::Throttled,
            Kind::NoCredentials(_)
            | Kind::Credentials(_)
            | Kind::Answer(_)
            | Kind::Timeout
            | Kind::Request(_)
            | Kind::Partition { .. } => false,
        }
    }

    /// Whether the service refused the credentials: their session has ended by its clock, or was revoked.
    pub(crate) fn refuses_credentials(&self) -> bool {
        match &self.kind {
            Kind::Refused { code, .. } => REFUSED.contains(&code.as_str()),
            Kind::NoCredentials(_)
            | Kind::Credentials(_)
            | Kind::Fetch(_)
            | Kind::Answer(_)
            | Kind::Timeout
            | Kind::Request(_)
            | Kind::Partition { .. } => false,
        }
    }

    /// Whether the service refused what it was asked, and not the credentials or the permission.
    #[must_use]
    pub fn refuses_content(&self) -> bool {
        matches!(&self.kind, Kind::Refused { code, .. } if CONTENT.contains(&code.as_str()))
    }

    /// How the call ended.
    #[must_use]
    pub fn result(&self) -> CallResult {
        match &self.kind {
            _ if self.is_throttled() => CallResult::Throttled,
            Kind::NoCredentials(_) | Kind::Credentials(_) => CallResult::Credentials,
            Kind::Timeout => CallResult::Timeout,
            Kind::Fetch(error) => match error.kind() {
                FetchErrorKind::Timeout => CallResult::Timeout,
                FetchErrorKind::ResponseInvalid | FetchErrorKind::ContentMismatch | FetchErrorKind::RedirectRefused => {
                    CallResult::Invalid
                }
                FetchErrorKind::NotAllowed
                | FetchErrorKind::Disabled
                | FetchErrorKind::Unreachable
                | FetchErrorKind::Throttled
                | FetchErrorKind::Overloaded => CallResult::Unreachable,
            },
            Kind::Refused { status, .. } if *status >= 500 => CallResult::Failed,
            Kind::Refused { .. } => CallResult::Refused,
            Kind::Partition { .. } => CallResult::NotAllowed,
            Kind::Answer(_) | Kind::Request(_) => CallResult::Invalid,
        }
    }
}
