//! What follows from a [`FetchError`]: its kind, whether to retry, and which of the caller's settings could change it.

use crate::error::FetchError;
use crate::proxy::ProxyFailure;
use crate::retry::RetryAdvice;
use crate::tls::TlsRemedy;

/// The kinds of failure that ask for different action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchErrorKind {
    /// The settings do not allow a request to this host or address.
    NotAllowed,
    /// The settings for this host have a mistake.
    Disabled,
    /// No connection, or it broke.
    Unreachable,
    /// No response in time.
    Timeout,
    /// The host asks for a pause.
    Throttled,
    /// The response breaks a limit or the protocol.
    ResponseInvalid,
    /// The body has another size than expected.
    ContentMismatch,
    /// A redirect is not followed.
    RedirectRefused,
    /// A limit of ours is reached.
    Overloaded,
}

/// What the caller's own settings could change about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchRemedy<'a> {
    /// Name the host.
    NameHost,
    /// Name `from`, which leads to `host`, or `host`.
    NameEither {
        /// Whose response named the host.
        from: &'a str,
        /// Where the request would have gone.
        host: &'a str,
    },
    /// Ask the host without a proxy.
    WithoutProxy,
    /// Change how its certificate is verified, or speak plain HTTP.
    Tls(TlsRemedy),
}

impl FetchError {
    /// Which kind of failure this is; that of the redirect's target where there is one.
    #[must_use]
    pub fn kind(&self) -> FetchErrorKind {
        match self {
            Self::AddressRefused { .. } | Self::ReferredInside { .. } | Self::NotByProxy { .. } => {
                FetchErrorKind::NotAllowed
            }
            Self::HostDisabled { .. } => FetchErrorKind::Disabled,
            Self::Proxy { failure, .. } if **failure == ProxyFailure::Timeout => FetchErrorKind::Timeout,
            Self::Proxy { .. } | Self::Unreachable { .. } | Self::Tls { .. } | Self::Broken { .. } => {
                FetchErrorKind::Unreachable
            }
            Self::Timeout { .. } | Self::Stalled { .. } => FetchErrorKind::Timeout,
            Self::Throttled { .. } => FetchErrorKind::Throttled,
            Self::Excess { .. } | Self::ContentEncoding { .. } => FetchErrorKind::ResponseInvalid,
            Self::TooLarge { .. } | Self::Size { .. } => FetchErrorKind::ContentMismatch,
            Self::Redirect { .. } => FetchErrorKind::RedirectRefused,
            Self::Redirected { cause, .. } => cause.kind(),
            Self::Limit(_) => FetchErrorKind::Overloaded,
        }
    }

    /// Whether sending the request again may help. A response that breaks a limit or comes too slowly would do so again.
    #[must_use]
    pub fn retry_advice(&self) -> RetryAdvice {
        match self {
            // With HTTP/2, the excess may have come with other requests on the same connection.
            Self::Unreachable { .. } | Self::Broken { .. } | Self::Excess { shared: true, .. } => RetryAdvice::BackOff,
            Self::Proxy { failure, .. } if failure.may_pass() => RetryAdvice::BackOff,
            Self::Throttled { wait, .. } => RetryAdvice::After(*wait),
            Self::Redirected { cause, .. } => cause.retry_advice(),
            Self::AddressRefused { .. }
            | Self::ReferredInside { .. }
            | Self::HostDisabled { .. }
            | Self::NotByProxy { .. }
            | Self::Proxy { .. }
            | Self::Tls { .. }
            | Self::Timeout { .. }
            | Self::Stalled { .. }
            | Self::Excess { .. }
            | Self::Redirect { .. }
            | Self::TooLarge { .. }
            | Self::Size { .. }
            | Self::ContentEncoding { .. }
            | Self::Limit(_) => RetryAdvice::Never,
        }
    }

    /// What the caller's own settings could change, to be written behind the message.
    #[must_use]
    pub fn remedy(&self) -> Option<FetchRemedy<'_>> {
        match self {
            Self::AddressRefused { .. } => Some(FetchRemedy::NameHost),
            Self::ReferredInside { from, host, address: _ } => Some(FetchRemedy::NameEither { from, host }),
            Self::NotByProxy { .. } => Some(FetchRemedy::WithoutProxy),
            Self::Tls { failure, .. } => failure.remedy().map(FetchRemedy::Tls),
            Self::Proxy { failure, .. } => failure.remedy().map(FetchRemedy::Tls),
            Self::HostDisabled { .. }
            | Self::Unreachable { .. }
            | Self::Broken { .. }
            | Self::Stalled { .. }
            | Self::Excess { .. }
            | Self::Timeout { .. }
            | Self::Throttled { .. }
            | Self::Redirect { .. }
            | Self::Redirected { .. }
            | Self::TooLarge { .. }
            | Self::Size { .. }
            | Self::ContentEncoding { .. }
            | Self::Limit(_) => None,
        }
    }
}
