//! Failures of proxies.

use http::StatusCode;

use crate::tls::TlsFailure;
use crate::tls::TlsRemedy;

/// The failure of a proxy to connect.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProxyFailure {
    /// No connection to the proxy was established.
    #[error("it cannot be reached: {detail}")]
    Unreachable {
        /// The error of the system or the library.
        detail: String,
    },
    /// No TLS connection to the proxy was established.
    #[error("it cannot be reached over TLS (`ca` is here that of the proxy): {failure}")]
    Tls {
        /// The reason.
        failure: TlsFailure,
    },
    /// The proxy did not respond in time.
    #[error("it did not respond to CONNECT in time")]
    Timeout,
    /// The response is not HTTP.
    #[error("its response to CONNECT is not valid HTTP: {detail}")]
    Response {
        /// The error of the library.
        detail: String,
    },
    /// The proxy refuses the login.
    #[error("it responds with status {status}: {}", login_text(*sent))]
    Login {
        /// The status of the response.
        status: u16,
        /// Whether a user name and password are configured.
        sent: bool,
    },
    /// The response has another status.
    #[error(
        "response to CONNECT: found status {status}, expected 200; check whether the proxy's rules allow this \
             host and port"
    )]
    Status {
        /// The status of the response.
        status: u16,
    },
}

impl ProxyFailure {
    /// Whether a retry may succeed.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Response { .. } | Self::Status { status: 502..=504 } => true,
            Self::Tls { .. } | Self::Timeout | Self::Login { .. } | Self::Status { .. } => false,
        }
    }

    /// The failure for a response that is not 200. `asks` is true if it has a `Proxy-Authenticate`, `sent` if the
    /// request had a login. Some proxies respond to a wrong login with 401.
    pub(crate) fn from_status(status: StatusCode, asks: bool, sent: bool) -> Self {
        let login = asks || [StatusCode::PROXY_AUTHENTICATION_REQUIRED, StatusCode::UNAUTHORIZED].contains(&status);
        let status = status.as_u16();
        if login { Self::Login { status, sent } } else { Self::Status { status } }
    }

    /// See [`TlsFailure::remedy`].
    pub(crate) fn remedy(&self) -> Option<TlsRemedy> {
        match self {
            Self::Tls { failure } => failure.remedy(),
            Self::Unreachable { .. }
            | Self::Timeout
            | Self::Response { .. }
            | Self::Login { .. }
            | Self::Status { .. } => None,
        }
    }
}

fn login_text(sent: bool) -> &'static str {
    if sent {
        "it refuses the configured user name and password"
    } else {
        "it requires a user name and a password; add them to the proxy's URL, or to its usernameFile and \
         passwordFile"
    }
}
