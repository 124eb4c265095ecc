//! Classification of a [`FetchError`]: its kind, whether to retry, and the caller's settings that could change it.

use crate::answer::Missing;
use crate::error::FetchError;
use crate::proxy::ProxyFailure;
use crate::retry::RetryAdvice;
use crate::tls::TlsRemedy;

/// The kinds of failure that require different actions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchErrorKind {
    /// The settings do not allow a request to this host or address.
    NotAllowed,
    /// The settings for this host have a mistake.
    Disabled,
    /// No connection, or it was interrupted.
    Unreachable,
    /// No response in time.
    Timeout,
    /// The host requested a pause, or a setting limits the requests.
    Throttled,
    /// The response violates a limit or the protocol.
    ResponseInvalid,
    /// The body has another size than expected.
    ContentMismatch,
    /// A redirect is not followed.
    RedirectRefused,
    /// A limit of this process is reached.
    Overloaded,
}

/// The caller's settings that could resolve a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchRemedy<'a> {
    /// Configure the host.
    NameHost,
    /// Configure `from`, which leads to `host`, or `host`.
    NameEither {
        /// The server whose response named the host.
        from: &'a str,
        /// The destination of the request.
        host: &'a str,
    },
    /// Exclude the host from the proxy.
    WithoutProxy {
        /// Whether an entry of `NO_PROXY` for the host has an effect.
        no_proxy_applies: bool,
    },
    /// Use https instead of plain HTTP.
    Https,
    /// Change the verification of its certificate, or use plain HTTP.
    Tls(TlsRemedy),
}

impl FetchError {
    /// The kind of failure; after a redirect, that of the target.
    #[must_use]
    pub fn kind(&self) -> FetchErrorKind {
        match self {
            Self::AddressRefused { .. } | Self::ReferredInside { .. } | Self::NotByProxy { .. } => {
                FetchErrorKind::NotAllowed
            }
            Self::HostDisabled { .. } => FetchErrorKind::Disabled,
            Self::Proxy { failure, .. } if **failure == ProxyFailure::Timeout => FetchErrorKind::Timeout,
            Self::Proxy { .. }
            | Self::Unreachable { .. }
            | Self::Tls { .. }
            | Self::TlsPort { .. }
            | Self::Failing { .. }
            | Self::Broken { .. } => FetchErrorKind::Unreachable,
            Self::Timeout { .. } | Self::Late(_) | Self::Stalled { .. } => FetchErrorKind::Timeout,
            Self::Setting(limit) if limit.is_of_silence() => FetchErrorKind::Timeout,
            Self::Throttled(_) | Self::Setting(_) => FetchErrorKind::Throttled,
            Self::Excess { .. } | Self::ContentEncoding { .. } => FetchErrorKind::ResponseInvalid,
            Self::TooLarge { .. } | Self::Size { .. } => FetchErrorKind::ContentMismatch,
            Self::Redirect { .. } => FetchErrorKind::RedirectRefused,
            Self::Redirected { cause, .. } => cause.kind(),
            Self::Limit(_) => FetchErrorKind::Overloaded,
        }
    }

    /// Whether a retry may succeed. A response that violates a limit or is too slow would fail again.
    #[must_use]
    pub fn retry_advice(&self) -> RetryAdvice {
        match self {
            // With HTTP/2, the excess may have come with other requests on the same connection.
            Self::Unreachable { .. } | Self::Broken { .. } | Self::Excess { shared: true, .. } => RetryAdvice::BackOff,
            Self::Proxy { failure, .. } if failure.may_pass() => RetryAdvice::BackOff,
            Self::Throttled(pause) => RetryAdvice::After(pause.clone()),
            Self::Redirected { cause, .. } => cause.retry_advice(),
            Self::AddressRefused { .. }
            | Self::ReferredInside { .. }
            | Self::HostDisabled { .. }
            | Self::NotByProxy { .. }
            | Self::Proxy { .. }
            | Self::Tls { .. }
            | Self::TlsPort { .. }
            | Self::Timeout { .. }
            | Self::Late(_)
            | Self::Stalled { .. }
            | Self::Excess { .. }
            | Self::Setting(_)
            | Self::Failing { .. }
            | Self::Redirect { .. }
            | Self::TooLarge { .. }
            | Self::Size { .. }
            | Self::ContentEncoding { .. }
            | Self::Limit(_) => RetryAdvice::Never,
        }
    }

    /// What had not come when the time was over; `None` for other failures.
    #[must_use]
    pub fn missing(&self) -> Option<Missing> {
        match self {
            Self::Timeout { missing, .. } => Some(*missing),
            Self::Late(answer) => Some(answer.missing),
            Self::Stalled { .. } => Some(Missing::Body),
            Self::Setting(limit) => limit.is_of_silence().then_some(Missing::Response),
            Self::Redirected { cause, .. } => cause.missing(),
            Self::Proxy { failure, .. } => (**failure == ProxyFailure::Timeout).then_some(Missing::Connection),
            Self::AddressRefused { .. }
            | Self::ReferredInside { .. }
            | Self::HostDisabled { .. }
            | Self::NotByProxy { .. }
            | Self::Unreachable { .. }
            | Self::Tls { .. }
            | Self::TlsPort { .. }
            | Self::Broken { .. }
            | Self::Excess { .. }
            | Self::Throttled(_)
            | Self::Failing { .. }
            | Self::Redirect { .. }
            | Self::TooLarge { .. }
            | Self::Size { .. }
            | Self::ContentEncoding { .. }
            | Self::Limit(_) => None,
        }
    }

    /// The caller's settings that could resolve the failure, for the end of the message.
    #[must_use]
    pub fn remedy(&self) -> Option<FetchRemedy<'_>> {
        match self {
            Self::AddressRefused { .. } => Some(FetchRemedy::NameHost),
            Self::ReferredInside { from, host, address: _ } => Some(FetchRemedy::NameEither { from, host }),
            Self::NotByProxy { no_proxy_applies, .. } => {
                Some(FetchRemedy::WithoutProxy { no_proxy_applies: *no_proxy_applies })
            }
            Self::Tls { failure, .. } => failure.remedy().map(FetchRemedy::Tls),
            Self::Proxy { failure, .. } => failure.remedy().map(FetchRemedy::Tls),
            Self::TlsPort { .. } => Some(FetchRemedy::Https),
            Self::HostDisabled { .. }
            | Self::Unreachable { .. }
            | Self::Broken { .. }
            | Self::Stalled { .. }
            | Self::Excess { .. }
            | Self::Timeout { .. }
            | Self::Late(_)
            | Self::Throttled(_)
            | Self::Setting(_)
            | Self::Failing { .. }
            | Self::Redirect { .. }
            | Self::Redirected { .. }
            | Self::TooLarge { .. }
            | Self::Size { .. }
            | Self::ContentEncoding { .. }
            | Self::Limit(_) => None,
        }
    }
}
