//! Responses to evidence requests.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::SignerStatus;
use crate::codec::text::Text;
use crate::reason::SignerCause;
use crate::time::UnixTime;
use crate::x509::Crl;
use crate::x509::ocsp::OcspAnswer;

/// The response to an [`EvidenceRequest`](super::EvidenceRequest). Answers about revocation were verified when they were read: no unverified bytes
/// enter a judgement.
///
/// A response may come from a cache. The judgement checks again that it belongs to the certificate and its issuer, and that
/// it is current, so that a mix-up cannot change a verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EvidenceResponse {
    /// The answer of an OCSP responder, read by [`OcspRequest::read`](super::OcspRequest::read).
    Ocsp(Sourced<OcspAnswer>),
    /// A CRL, read by [`CrlRequest::read`](super::CrlRequest::read).
    Crl(Sourced<Crl>),
    /// The status of a signature at AWS Signer, read by
    /// [`RevokedEntities::read`](super::RevokedEntities::read). The service is authenticated by TLS.
    SignerStatus(Sourced<SignerStatus>),
    /// There is no usable response.
    NotAvailable(NotAvailable),
}

/// A verified value with its source, for messages and reports.
#[derive(Debug, PartialEq, Eq)]
pub struct Sourced<T> {
    value: Arc<T>,
    url: Text,
    fetched: UnixTime,
    set_back: Duration,
}

/// The reason why there is no usable response: the end of a message such as "revocation was not checked: …".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotAvailable {
    /// The kind of evidence, if the reason is about one.
    kind: Option<&'static str>,
    reason: Text,
    since: Option<UnixTime>,
    /// If the evidence is the status of a signature at AWS Signer, and the cause is known.
    signer_cause: Option<SignerCause>,
}

impl<T> Sourced<T> {
    /// A value that was fetched from `url` at `fetched`. The value may be shared by a cache.
    #[must_use]
    pub fn new(value: impl Into<Arc<T>>, url: impl fmt::Display, fetched: UnixTime) -> Self {
        Self { value: value.into(), url: Text::of(url), fetched, set_back: Duration::ZERO }
    }

    /// The same, for a clock that was set back by `by` after the value was fetched: by that clock, its use ends so much earlier.
    #[must_use]
    pub fn after_setting_back(self, by: Duration) -> Self {
        Self { set_back: by, ..self }
    }

    /// The value.
    #[must_use]
    pub fn value(&self) -> &T {
        &self.value
    }

    /// The address that it was fetched from.
    #[must_use]
    pub fn url(&self) -> &Text {
        &self.url
    }

    /// The time at which it was fetched.
    #[must_use]
    pub fn fetched(&self) -> UnixTime {
        self.fetched
    }

    /// By how much the clock was set back since.
    pub(super) fn set_back(&self) -> Duration {
        self.set_back
    }
}

impl<T> Clone for Sourced<T> {
    /// Shares the value.
    fn clone(&self) -> Self {
        Self { value: Arc::clone(&self.value), url: self.url.clone(), fetched: self.fetched, set_back: self.set_back }
    }
}

impl NotAvailable {
    /// Creates the value with a reason, which is truncated to the length of a [`Text`]. For a failed fetch, the reason
    /// names each address, the step that failed, and the cause.
    #[must_use]
    pub fn new(reason: impl fmt::Display) -> Self {
        Self { kind: None, reason: Text::of(reason), since: None, signer_cause: None }
    }

    /// The same, with the time of the first of the failures without a success between them.
    #[must_use]
    pub fn since(self, since: UnixTime) -> Self {
        Self { since: Some(since), ..self }
    }

    /// The same, with the cause why AWS Signer has not stated whether a signature is revoked.
    #[must_use]
    pub fn because(self, cause: SignerCause) -> Self {
        Self { signer_cause: Some(cause), ..self }
    }

    /// The cause why AWS Signer has not stated whether a signature is revoked, if it is known.
    #[must_use]
    pub fn signer_cause(&self) -> Option<SignerCause> {
        self.signer_cause
    }

    /// The same, about a kind of evidence.
    pub(crate) fn of(self, kind: &'static str) -> Self {
        Self { kind: Some(kind), ..self }
    }

    /// The text, with at most `bytes` bytes of the reason.
    pub(crate) fn at_most(&self, bytes: usize) -> Text {
        Text::of(Self { reason: Text::at_most(bytes, &self.reason), ..self.clone() })
    }

    /// There is no fetcher of OCSP responses and CRLs.
    #[must_use]
    pub fn revocation_not_requested() -> Self {
        Self::new("no fetcher of OCSP responses and CRLs is in use")
    }

    /// The configuration does not permit calls of AWS Signer.
    #[must_use]
    pub fn signer_service_not_called() -> Self {
        Self::new("the service is not called, as aws.signer.enabled is not true").because(SignerCause::Disabled)
    }
}

impl fmt::Display for NotAvailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The time is first: the reason may end with advice, and may be cut.
        match (self.kind, self.since) {
            (Some(kind), Some(since)) => write!(f, "{kind}: since {since}: {}", self.reason),
            (Some(kind), None) => write!(f, "{kind}: {}", self.reason),
            (None, Some(since)) => write!(f, "since {since}: {}", self.reason),
            (None, None) => fmt::Display::fmt(&self.reason, f),
        }
    }
}
