//! Errors of calls.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::ErrorMetadata;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use countersign_core::codec::text::Text;
use countersign_core::name::AwsRegion;
use countersign_core::name::Partition;
use countersign_http::FetchError;
use countersign_http::FetchErrorKind;

use crate::call_result::CallResult;
use crate::codes::CLOCK;
use crate::codes::REFUSED;
use crate::codes::THROTTLED;
use crate::limits::TEXT_BYTES;
use crate::retry::ThrottledByQuery;
use crate::signer_answer::InvalidAnswer;

/// Most errors in the text about a cause.
const CAUSES: usize = 8;

/// A call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// Credentials of the pod: STS `AssumeRoleWithWebIdentity`, EKS Pod Identity, or another source.
    Credentials,
    /// STS `AssumeRole`, for a role of the configuration.
    AssumeRole,
    /// ECR `GetAuthorizationToken`.
    EcrToken,
    /// ECR Public `GetAuthorizationToken`.
    EcrPublicToken,
    /// AWS Signer `GetRevocationStatus`.
    SignerStatus,
}

/// Why a call has no result. Never shows a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} failed: {kind}; {}", operation.name(), remedy(*operation, kind))]
pub struct AwsError {
    operation: Operation,
    kind: Kind,
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

impl Operation {
    /// Every operation.
    pub const ALL: [Self; 5] =
        [Self::Credentials, Self::AssumeRole, Self::EcrToken, Self::EcrPublicToken, Self::SignerStatus];

    /// The name in messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Credentials => "AWS credentials",
            Self::AssumeRole => "STS AssumeRole",
            Self::EcrToken => "ECR GetAuthorizationToken",
            Self::EcrPublicToken => "ECR Public GetAuthorizationToken",
            Self::SignerStatus => "AWS Signer GetRevocationStatus",
        }
    }

    /// Stable text for metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Credentials => "credentials",
            Self::AssumeRole => "assume-role",
            Self::EcrToken => "ecr-token",
            Self::EcrPublicToken => "ecr-public-token",
            Self::SignerStatus => "signer-status",
        }
    }

    /// The IAM action that the role needs.
    #[must_use]
    pub fn iam_action(self) -> &'static str {
        match self {
            Self::Credentials => "sts:AssumeRoleWithWebIdentity",
            Self::AssumeRole => "sts:AssumeRole",
            Self::EcrToken => "ecr:GetAuthorizationToken",
            Self::EcrPublicToken => "ecr-public:GetAuthorizationToken and sts:GetServiceBearerToken",
            Self::SignerStatus => "signer:GetRevocationStatus",
        }
    }
}

impl AwsError {
    pub(crate) fn new(operation: Operation, kind: Kind) -> Self {
        Self { operation, kind }
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
            Kind::Refused { .. } | Kind::Partition { .. } => CallResult::Refused,
            Kind::Answer(_) | Kind::Request(_) => CallResult::Invalid,
        }
    }

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
            return Self { operation, kind: Kind::Answer(text) };
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
        Self { operation, kind }
    }

    /// The error of a source of credentials.
    pub(crate) fn of_credentials(operation: Operation, error: &CredentialsError) -> Self {
        // The credentials of the pod, which a role needs.
        if let Some(found) = cause::<Self>(error) {
            return found;
        }
        if let Some(ThrottledByQuery { status, code, message }) = cause(error) {
            let message = Text::of(format_args!(": {message}"));
            return Self { operation, kind: Kind::Refused { status, code, message } };
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
        Self { operation, kind }
    }
}

const LATER: &str = "it is called again later; ask AWS for a higher quota if this continues";

const AGAIN: &str = "it is called again with the next image";

const NETWORK: &str = "check the region, the network policy, the VPC endpoint and the proxy";

const ENDPOINT: &str = "check that the endpoint is that of the service, and the clock of the node";

/// What to do if a request has no response.
fn remedy_of_request(error: &FetchError) -> &'static str {
    if matches!(error, FetchError::Tls { .. }) {
        return "check the endpoint, and the certificate authorities that are trusted for AWS";
    }
    match error.kind() {
        FetchErrorKind::Throttled => LATER,
        FetchErrorKind::Overloaded => AGAIN,
        FetchErrorKind::ResponseInvalid | FetchErrorKind::ContentMismatch | FetchErrorKind::RedirectRefused => ENDPOINT,
        FetchErrorKind::NotAllowed
        | FetchErrorKind::Disabled
        | FetchErrorKind::Unreachable
        | FetchErrorKind::Timeout => NETWORK,
    }
}

/// What to do.
fn remedy(operation: Operation, kind: &Kind) -> String {
    let action = operation.iam_action();
    let code = match kind {
        Kind::NoCredentials(_) => {
            return "give the pod a role: IRSA (annotation eks.amazonaws.com/role-arn of its service account) or an EKS Pod \
                    Identity association"
                .to_owned();
        }
        Kind::Credentials(text) => text.as_str(),
        Kind::Fetch(error) => return remedy_of_request(error).to_owned(),
        Kind::Timeout => return NETWORK.to_owned(),
        Kind::Refused { code, .. } => code.as_str(),
        Kind::Answer(_) => return ENDPOINT.to_owned(),
        Kind::Request(_) => return "report this, with the version".to_owned(),
        Kind::Partition { .. } => return "add it to aws.partitions if its services may be called".to_owned(),
    };
    let has = |codes: &[&str]| codes.iter().any(|name| code.contains(name));
    if has(&["AccessDenied", "NotAuthorized", "UnauthorizedOperation"]) {
        match operation {
            Operation::Credentials => {
                "the trust policy of the role must name the OIDC provider of the cluster, the service account and its namespace"
                    .to_owned()
            }
            Operation::AssumeRole => {
                format!("allow {action} to the role of the pod, and trust that role in the role that it assumes")
            }
            Operation::EcrToken | Operation::EcrPublicToken | Operation::SignerStatus => {
                format!("allow {action} to the role of the pod")
            }
        }
    } else if has(&THROTTLED) {
        LATER.to_owned()
    } else if has(&CLOCK) {
        "check the clock of the node, and the secret key if it is static".to_owned()
    } else if has(&["ExpiredToken", "InvalidIdentityToken"]) {
        "check the clock of the node, and that the token of the service account is renewed (audience sts.amazonaws.com)"
            .to_owned()
    } else if has(&["UnrecognizedClient", "InvalidClientTokenId", "RegionDisabled"]) {
        "the credentials are not known in this region: check the partition, and that the region is enabled for the account".to_owned()
    } else if has(&["ValidationException"]) {
        "check that aws.signer.regions names a region in the partition of the signature".to_owned()
    } else if has(&["HTTP credential provider"]) {
        "check that the service account has an EKS Pod Identity association, and the agent on the node".to_owned()
    } else {
        AGAIN.to_owned()
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
