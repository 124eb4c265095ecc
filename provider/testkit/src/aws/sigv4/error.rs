//! Why a signature is refused, and the error that each protocol answers.

use std::fmt;

use time::OffsetDateTime;

use crate::aws::service_error::Protocol;
use crate::aws::service_error::ServiceError;

/// Why a signature is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignatureError {
    /// The request has no `Authorization`.
    NotSigned,
    /// The form is wrong; what was expected.
    Malformed(&'static str),
    /// No key has this id.
    UnknownKey(String),
    /// `X-Amz-Security-Token` is missing, another one, or there should be none for the key with this id.
    WrongSessionToken(String),
    /// The session of the key has ended.
    Expired {
        /// The access key id.
        id: String,
        /// The end of the session.
        end: OffsetDateTime,
        /// The time of the check.
        now: OffsetDateTime,
    },
    /// The signature is for another service or region.
    Scope {
        /// `service` or `region`.
        what: &'static str,
        /// In the signature.
        found: String,
        /// Of this server.
        expected: String,
    },
    /// The time of the signature is missing, malformed, or too far from the clock.
    Time(String),
    /// A header that must be signed is not.
    HeaderNotSigned(String),
    /// A signed header was not sent.
    HeaderNotSent(String),
    /// `X-Amz-Content-Sha256` is not the hash of the body.
    Payload {
        /// In the header.
        stated: String,
        /// Of the body.
        payload: String,
    },
    /// The signature is not the one of this request under the secret of the key.
    Mismatch {
        /// As computed here.
        canonical_request: String,
        /// As computed here.
        string_to_sign: String,
    },
}

impl SignatureError {
    /// The answer of a service.
    #[must_use]
    pub fn service_error(&self, protocol: Protocol) -> ServiceError {
        // Statuses and codes as the services of each protocol send them; the message of these doubles says more.
        let forbidden = match protocol {
            Protocol::RestJson | Protocol::Query => 403,
            Protocol::Json11 => 400,
        };
        let (status, code, query_code) = match self {
            Self::NotSigned => (forbidden, "MissingAuthenticationTokenException", "MissingAuthenticationToken"),
            Self::Malformed(_) | Self::HeaderNotSent(_) => (400, "IncompleteSignatureException", "IncompleteSignature"),
            Self::UnknownKey(_) | Self::WrongSessionToken(_) => {
                (forbidden, "UnrecognizedClientException", "InvalidClientTokenId")
            }
            Self::Expired { .. } => (forbidden, "ExpiredTokenException", "ExpiredToken"),
            Self::Scope { .. }
            | Self::Time(_)
            | Self::HeaderNotSigned(_)
            | Self::Payload { .. }
            | Self::Mismatch { .. } => (forbidden, "InvalidSignatureException", "SignatureDoesNotMatch"),
        };
        let code = match protocol {
            Protocol::RestJson | Protocol::Json11 => code,
            Protocol::Query => query_code,
        };
        ServiceError::new(status, code, &self.to_string())
    }
}

impl fmt::Display for SignatureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSigned => f.write_str("Missing Authentication Token: the request has no Authorization header"),
            Self::Malformed(expected) => write!(f, "the signature is malformed: {expected}"),
            Self::UnknownKey(id) => {
                write!(f, "The security token included in the request is invalid: unknown access key {id}")
            }
            Self::WrongSessionToken(id) => write!(
                f,
                "The security token included in the request is invalid: X-Amz-Security-Token is not the one of {id}"
            ),
            Self::Expired { id, end, now } => {
                write!(f, "The security token included in the request is expired: {id} ended at {end}, now {now}")
            }
            Self::Scope { what, found, expected } => {
                write!(f, "Credential should be scoped to a valid {what}: found {found}, expected {expected}")
            }
            Self::Time(text) => write!(f, "Signature expired or not yet current: {text}"),
            Self::HeaderNotSigned(name) => write!(f, "the header {name} must be signed"),
            Self::HeaderNotSent(name) => write!(f, "the header {name} is signed but was not sent"),
            Self::Payload { stated, payload } => {
                write!(f, "X-Amz-Content-Sha256 does not match the body: found {stated}, expected {payload}")
            }
            Self::Mismatch { canonical_request, string_to_sign } => write!(
                f,
                "The request signature we calculated does not match the signature you provided. Canonical request: \
                 {canonical_request:?}; string to sign: {string_to_sign:?}"
            ),
        }
    }
}
