//! Failures of requests for evidence.

use std::fmt;

use countersign_core::codec::text::Text;
use countersign_core::x509::CrlError;
use countersign_core::x509::ocsp::OcspError;
use countersign_http::FetchError;
use countersign_http::FetchErrorKind;
use countersign_http::FetchRemedy;
use countersign_http::LimitReached;
use countersign_http::Phase;
use countersign_http::TlsRemedy;

use crate::telemetry::metrics::EvidenceResult;

/// Why an address gave no usable evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RequestError {
    /// No request may be sent: the configured proxy cannot be used.
    Proxy(Text),
    /// A nonce is configured, and the system has no random numbers.
    NoNonce,
    /// There is no complete response.
    Fetch(FetchError),
    /// The response is larger than a setting permits.
    TooLarge { host: String, limit: u64, setting: &'static str },
    /// Another status than 200.
    Status { status: u16 },
    /// The content is no usable OCSP response.
    Ocsp(Box<OcspError>),
    /// The content is no usable CRL.
    Crl(Box<CrlError>),
    /// A limit of this process is reached.
    Limit(LimitReached),
}

/// What a failure says about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Concerns {
    /// The server: other requests to it would fail, too.
    Host,
    /// This piece of evidence at this address.
    Evidence,
    /// Neither: this process is busy.
    Nothing,
}

impl RequestError {
    /// The result for metrics.
    pub(super) fn result(&self) -> EvidenceResult {
        match self {
            Self::Proxy(_) | Self::NoNonce => EvidenceResult::Refused,
            Self::Fetch(error) => match error.kind() {
                FetchErrorKind::NotAllowed | FetchErrorKind::Disabled => EvidenceResult::Refused,
                FetchErrorKind::Unreachable => EvidenceResult::Unreachable,
                FetchErrorKind::Timeout => EvidenceResult::Timeout,
                FetchErrorKind::Throttled => EvidenceResult::Throttled,
                FetchErrorKind::ResponseInvalid => EvidenceResult::Invalid,
                FetchErrorKind::ContentMismatch => EvidenceResult::TooLarge,
                FetchErrorKind::RedirectRefused => EvidenceResult::Status,
                FetchErrorKind::Overloaded => EvidenceResult::Overloaded,
            },
            Self::TooLarge { .. } => EvidenceResult::TooLarge,
            Self::Status { status: 500.. } => EvidenceResult::ServerError,
            Self::Status { .. } => EvidenceResult::Status,
            Self::Ocsp(_) | Self::Crl(_) => EvidenceResult::Unusable,
            Self::Limit(_) => EvidenceResult::Overloaded,
        }
    }

    /// The status of the response, if it has none of content.
    pub(super) fn status(&self) -> Option<u16> {
        match self {
            Self::Status { status } => Some(*status),
            Self::Proxy(_)
            | Self::NoNonce
            | Self::Fetch(_)
            | Self::TooLarge { .. }
            | Self::Ocsp(_)
            | Self::Crl(_)
            | Self::Limit(_) => None,
        }
    }

    /// What the failure says about.
    pub(super) fn concerns(&self) -> Concerns {
        match self {
            Self::Proxy(_) | Self::NoNonce | Self::Limit(_) => Concerns::Nothing,
            Self::Fetch(error) => match error.kind() {
                FetchErrorKind::Overloaded => Concerns::Nothing,
                FetchErrorKind::Unreachable | FetchErrorKind::Throttled => Concerns::Host,
                // The body of a large list may be slow while the server answers others.
                FetchErrorKind::Timeout if is_of_body(error) => Concerns::Evidence,
                FetchErrorKind::Timeout => Concerns::Host,
                FetchErrorKind::NotAllowed
                | FetchErrorKind::Disabled
                | FetchErrorKind::ResponseInvalid
                | FetchErrorKind::ContentMismatch
                | FetchErrorKind::RedirectRefused => Concerns::Evidence,
            },
            Self::TooLarge { .. } | Self::Status { .. } | Self::Ocsp(_) | Self::Crl(_) => Concerns::Evidence,
        }
    }
}

/// Whether the time passed while the body was received.
fn is_of_body(error: &FetchError) -> bool {
    matches!(error, FetchError::Timeout { phase: Phase::Request, .. } | FetchError::Stalled { .. })
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Proxy(why) => write!(f, "no request is sent without the configured proxy: {why}"),
            Self::NoNonce => {
                f.write_str("no request is sent without the configured nonce: the system has no random numbers")
            }
            Self::Fetch(error) => {
                error.fmt(f)?;
                match error.remedy() {
                    Some(FetchRemedy::NameHost | FetchRemedy::NameEither { .. }) => f.write_str(
                        ", to which no request is sent; if evidence is served there, add the host to \
                         evidence.reachableHosts",
                    ),
                    Some(FetchRemedy::WithoutProxy { .. }) => f.write_str(
                        "; if it can be reached directly, add it to NO_PROXY, which takes precedence over evidence.proxy",
                    ),
                    Some(FetchRemedy::Tls(TlsRemedy::RootsFile(expected))) => {
                        let is_of_proxy = matches!(error, FetchError::Proxy { .. });
                        let setting = if is_of_proxy { "ca of evidence.proxy" } else { "evidence.ca" };
                        write!(f, "; set {setting} to a file with {}", expected.as_str())
                    }
                    Some(FetchRemedy::Tls(TlsRemedy::ClientCertificate)) => {
                        f.write_str("; it must not require a client certificate, because none is sent with these requests")
                    }
                    Some(FetchRemedy::Https | FetchRemedy::Tls(TlsRemedy::CertificateInRoots | TlsRemedy::PlainHttp))
                    | None => Ok(()),
                }
            }
            Self::TooLarge { host, limit, setting } => {
                write!(f, "{host} sends more than {limit} bytes, expected at most as many as {setting} permits")
            }
            Self::Status { status } => write!(f, "status: found {status}, expected 200"),
            Self::Ocsp(error) => error.fmt(f),
            Self::Crl(error) => error.fmt(f),
            Self::Limit(reached) => reached.fmt(f),
        }
    }
}

/// The name of the requests in messages about redirects.
pub(super) const REDIRECTED: &str = "requests for evidence";
