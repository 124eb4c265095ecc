//! How calls of services that issue credentials end, for metrics and for the error of the credential.

use countersign_http::FetchError;
use countersign_http::FetchErrorKind;

/// How a call ended without a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CallResult {
    /// Refused because of the number of calls.
    Throttled,
    /// Not sent: there are no credentials.
    Credentials,
    /// No response in time.
    Timeout,
    /// No connection, or it was interrupted.
    Unreachable,
    /// A status from 500 on.
    Failed,
    /// Another status than 200.
    Refused,
    /// A response that is not usable.
    Invalid,
    /// Not sent: the settings do not allow it.
    NotAllowed,
}

impl CallResult {
    /// The result of a call without a usable answer.
    #[must_use]
    pub fn of_fetch(error: &FetchError) -> Self {
        match error.kind() {
            FetchErrorKind::Timeout => Self::Timeout,
            FetchErrorKind::Throttled => Self::Throttled,
            FetchErrorKind::ResponseInvalid | FetchErrorKind::ContentMismatch | FetchErrorKind::RedirectRefused => {
                Self::Invalid
            }
            FetchErrorKind::NotAllowed
            | FetchErrorKind::Disabled
            | FetchErrorKind::Unreachable
            | FetchErrorKind::Overloaded => Self::Unreachable,
        }
    }

    /// Stable text for metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Throttled => "throttled",
            Self::Credentials => "credentials",
            Self::Timeout => "timeout",
            Self::Unreachable => "unreachable",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::Invalid => "invalid",
            Self::NotAllowed => "not-allowed",
        }
    }
}
