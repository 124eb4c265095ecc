//! Errors of calls.

mod configured;
mod endpoint_refused;
mod late_cause;
mod operation;
mod remedy;
mod sdk;
mod sent;
mod signer_cause;
mod source_problem;
mod token_file;

use std::fmt;
use std::time::Duration;

use countersign_core::codec::text::Text;
use countersign_core::name::AwsRegion;
use countersign_core::name::Partition;
use countersign_http::Awaited;
use countersign_http::FetchError;
use countersign_http::Missing;

pub(crate) use self::configured::Configured;
pub(crate) use self::endpoint_refused::EndpointRefused;
pub use self::operation::Operation;
use self::remedy::remedy;
pub(crate) use self::sdk::find;
pub(crate) use self::sent::Answered;
pub(crate) use self::sent::LastRequest;
pub(crate) use self::sent::Sent;
pub(crate) use self::source_problem::MissingProfile;
pub(crate) use self::source_problem::Origin;
pub(crate) use self::source_problem::Part;
pub(crate) use self::source_problem::SourceProblem;
pub(crate) use self::token_file::TokenFile;
pub(crate) use self::token_file::TokenFileError;
pub(crate) use self::token_file::TokenFileProblem;
use crate::limits;
use crate::refusal::Refusal;
use countersign_credentials::CallResult;

/// Why a call has no result. Never shows a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} failed{}: {kind}; {}", operation.name(), Shown(sent.as_ref(), kind), remedy(*operation, kind, sent.as_ref(), configured, *origin))]
pub struct AwsError {
    operation: Operation,
    kind: Kind,
    /// The last request, if there was one and the error names it.
    sent: Option<Sent>,
    configured: Configured,
    /// Where the credentials of the request come from; `None` if there were none, or they are not known.
    origin: Option<Origin>,
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
    #[error("found no credentials: {text}")]
    NoCredentials {
        /// What each source lacks.
        text: Text,
        /// The profile of `aws.profile`, if it is set.
        profile: Option<Text>,
    },
    /// A source of credentials has something that an operator corrects.
    #[error(transparent)]
    Source(SourceProblem),
    /// The file of the service account's token cannot be used.
    #[error(transparent)]
    TokenFile(TokenFileError),
    /// The endpoint of credentials on the node refused.
    #[error(transparent)]
    Endpoint(EndpointRefused),
    /// A source of credentials failed in another way.
    #[error("{0}")]
    Credentials(Text),
    /// The request was not answered.
    #[error(transparent)]
    Fetch(FetchError),
    /// The service refused.
    #[error("found status {status} {code}, expected 200{message}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The code of AWS.
        code: Text,
        /// The text of AWS after a colon; empty if there is none.
        message: Text,
        /// What the refusal is about.
        refusal: Refusal,
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
    /// The credentials are of another partition than the region.
    #[error("found credentials of the partition {credentials} for the region {region}, expected those of {}", region.partition())]
    OtherPartition {
        /// The partition of the role.
        credentials: Partition,
        /// The region of the call.
        region: AwsRegion,
    },
}

impl Kind {
    /// A refusal with this code, or without one, and this text. Without what the service signed to compare: it has the session
    /// token, which is a header of the request.
    pub(crate) fn refused(status: u16, code: Option<Text>, message: Option<Text>) -> Self {
        let text = message.as_ref().map_or("", Text::as_str);
        let refusal = Refusal::of_text(status, code.as_ref().map_or("", Text::as_str), text);
        let code = code.unwrap_or_else(|| Text::of("without a code"));
        let message = message.as_ref().map(|text| without_request(text.as_str())).filter(|text| !text.is_empty());
        let message = message.map(|text| Text::of(format_args!(": {text}"))).unwrap_or_default();
        Self::Refused { status, code, message, refusal }
    }

    /// Credentials of this partition are not for the services of `region`.
    pub(crate) fn other_partition(credentials: Partition, region: &AwsRegion) -> Self {
        Self::OtherPartition { credentials, region: region.clone() }
    }

    /// No answer in time, with what was waited for.
    pub(crate) fn late(awaited: Awaited) -> Self {
        FetchError::of_awaited(awaited).map_or(Self::Timeout, Self::Fetch)
    }

    /// What the service refuses, if it does.
    fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::Refused { refusal, .. } => Some(*refusal),
            Self::Endpoint(EndpointRefused { status }) => Some(Refusal::of_endpoint(*status)),
            Self::NoCredentials { .. }
            | Self::Source(_)
            | Self::TokenFile(_)
            | Self::Credentials(_)
            | Self::Fetch(_)
            | Self::Answer(_)
            | Self::Timeout
            | Self::Request(_)
            | Self::Partition { .. }
            | Self::OtherPartition { .. } => None,
        }
    }
}

/// The beginnings of the parts of a text that have the request, in lower case: the answer to a signature that does not match
/// ([canonical request](https://docs.aws.amazon.com/IAM/latest/UserGuide/signature-v4-troubleshooting.html)), and headers. The values of
/// secrets are hidden before, see [`secrets_in_use`](crate::secrets_in_use).
const OF_REQUEST: [&str; 6] = [
    "the canonical string",
    "the string-to-sign",
    "x-amz-security-token",
    "x-aws-ec2-metadata-token",
    "authorization:",
    "authorization=",
];

/// The text of a service up to where it repeats the request, without the line breaks before it.
fn without_request(text: &str) -> &str {
    let lower = text.to_ascii_lowercase();
    let end = OF_REQUEST.iter().filter_map(|part| lower.find(part)).min();
    end.and_then(|end| text.get(..end)).map_or(text, |text| text.trim_end_matches("\\n").trim_end())
}

impl AwsError {
    pub(crate) fn new(operation: Operation, kind: Kind) -> Self {
        Self { operation, kind, sent: None, configured: Configured::default(), origin: None }
    }

    /// The same error of a request with credentials that come from here, unless it knows its own.
    pub(crate) fn with_origin(self, origin: Option<Origin>) -> Self {
        Self { origin: self.origin.or(origin), ..self }
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

    /// The same error of a call of `operation` that used what an operator wrote; not if it is that of another call, which this one
    /// needed.
    pub(crate) fn under(self, operation: Operation, configured: impl FnOnce() -> Configured) -> Self {
        if self.operation == operation { Self { configured: configured(), ..self } } else { self }
    }

    /// Whether there was no answer in time, of a server that the text does not name.
    pub(crate) fn is_late_without_server(&self) -> bool {
        matches!(self.kind, Kind::Timeout)
    }

    /// What failed, without the call and without what to do.
    #[must_use]
    pub fn cause(&self) -> Text {
        Text::of(&self.kind)
    }

    /// The call.
    #[must_use]
    pub fn operation(&self) -> Operation {
        self.operation
    }

    /// Whether AWS refused the call because of its number.
    #[must_use]
    pub fn is_throttled(&self) -> bool {
        self.result() == CallResult::Throttled
    }

    /// How long the service is not called again, as it refused the call because of the number of calls.
    #[must_use]
    pub fn pause(&self) -> Option<Duration> {
        if let Kind::Fetch(FetchError::Throttled(pause)) = &self.kind {
            return Some(pause.wait);
        }
        self.is_throttled().then_some(limits::THROTTLED_PAUSE)
    }

    /// Whether the service refused the credentials: their session has ended by its clock, or was revoked.
    pub(crate) fn refuses_credentials(&self) -> bool {
        matches!(self.kind.refusal(), Some(Refusal::Ended | Refusal::UnknownCredentials))
    }

    /// Whether the service refused what it was asked, and not the credentials or the permission.
    #[must_use]
    pub fn refuses_content(&self) -> bool {
        matches!(&self.kind, Kind::Refused { refusal: Refusal::Content, .. })
    }

    /// What had not come of the answer when the time was over, if that is the cause and it is known.
    #[must_use]
    pub fn missing(&self) -> Option<Missing> {
        match &self.kind {
            Kind::Fetch(error) => error.missing(),
            Kind::NoCredentials { .. }
            | Kind::Source(_)
            | Kind::TokenFile(_)
            | Kind::Endpoint(_)
            | Kind::Credentials(_)
            | Kind::Refused { .. }
            | Kind::Answer(_)
            | Kind::Timeout
            | Kind::Request(_)
            | Kind::Partition { .. }
            | Kind::OtherPartition { .. } => None,
        }
    }

    /// The IAM action that the role lacks, or that its trust policy does not allow, if that is the reason.
    #[must_use]
    pub fn missing_permission(&self) -> Option<&'static str> {
        let is_of_profile = remedy::is_of_profile(self.operation, self.sent.as_ref());
        // The role of a profile is assumed as one of the configuration.
        let operation = if is_of_profile { Operation::AssumeRole } else { self.operation };
        matches!(&self.kind, Kind::Refused { refusal: Refusal::Permission, .. }).then(|| operation.iam_action())
    }

    /// The variable, file or setting of the pod to correct; `None` if a service was asked, or the pod has no credentials at all.
    #[must_use]
    pub fn local_subject(&self) -> Option<Text> {
        match &self.kind {
            Kind::Source(problem) => problem.subject().map(Text::of),
            Kind::TokenFile(TokenFileError { file, path, .. }) => {
                Some(Text::of(format_args!("the file {path} of {}", file.named_by())))
            }
            Kind::Partition { .. } => Some(Text::of("aws.partitions")),
            Kind::OtherPartition { .. } => Some(Text::of("the role that the message names, or aws.partitions")),
            Kind::NoCredentials { .. }
            | Kind::Endpoint(_)
            | Kind::Credentials(_)
            | Kind::Fetch(_)
            | Kind::Refused { .. }
            | Kind::Answer(_)
            | Kind::Timeout
            | Kind::Request(_) => None,
        }
    }

    /// How the call ended.
    #[must_use]
    pub fn result(&self) -> CallResult {
        match &self.kind {
            Kind::NoCredentials { .. } | Kind::Source(_) | Kind::TokenFile(_) | Kind::Credentials(_) => {
                CallResult::Credentials
            }
            Kind::Timeout => CallResult::Timeout,
            Kind::Fetch(error) => CallResult::of_fetch(error),
            Kind::Refused { refusal, .. } => self.refused(*refusal),
            Kind::Endpoint(EndpointRefused { status }) => self.refused(Refusal::of_endpoint(*status)),
            Kind::Partition { .. } | Kind::OtherPartition { .. } => CallResult::NotAllowed,
            Kind::Answer(_) | Kind::Request(_) => CallResult::Invalid,
        }
    }

    fn refused(&self, refusal: Refusal) -> CallResult {
        match refusal {
            Refusal::Throttled => CallResult::Throttled,
            Refusal::Failure => CallResult::Failed,
            Refusal::Permission
            | Refusal::Ended
            | Refusal::Token
            | Refusal::Clock
            | Refusal::Scope
            | Refusal::UnknownCredentials
            | Refusal::RegionDisabled
            | Refusal::Content
            | Refusal::Unclassified => match self.operation {
                // Without them no other call is made.
                Operation::Credentials | Operation::AssumeRole => CallResult::Credentials,
                Operation::EcrToken | Operation::EcrPublicToken | Operation::SignerStatus => CallResult::Refused,
            },
        }
    }
}
