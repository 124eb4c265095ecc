//! How calls end, for metrics.

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
