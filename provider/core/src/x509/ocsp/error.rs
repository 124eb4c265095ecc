//! Reasons why an OCSP response is not usable.

use std::fmt;
use std::time::Duration;

use crate::codec::text;
use crate::codec::text::Text;
use crate::crypto::SignatureError;
use crate::limits;
use crate::time::UnixTime;
use crate::x509::Certificate;
use crate::x509::CertificateError;
use crate::x509::DistinguishedName;
use crate::x509::KeyUse;

/// The error for an OCSP response that proves nothing. It says nothing about the certificate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OcspError {
    /// More bytes than [`limits::OCSP_RESPONSE_BYTES`].
    #[error("OCSP response: found {found} bytes, expected at most {}", limits::OCSP_RESPONSE_BYTES)]
    TooLarge {
        /// The size in bytes.
        found: usize,
    },
    /// The structure is not that of an OCSP response.
    #[error("not a DER-encoded OCSP response")]
    NotAResponse,
    /// Bytes after the response.
    #[error("found {found} bytes after the OCSP response, expected none")]
    TrailingBytes {
        /// The number of bytes.
        found: usize,
    },
    /// The responder did not process the request.
    #[error("OCSP response status: found {found}, expected successful")]
    Status {
        /// The status.
        found: ResponseStatus,
    },
    /// A response of another type.
    #[error("OCSP response type: found {found}, expected a basic response (1.3.6.1.5.5.7.48.1.1)")]
    ResponseType {
        /// The object identifier of the type.
        found: Text,
    },
    /// A part is malformed.
    #[error("OCSP response has a malformed {part}, expected DER as in RFC 6960")]
    Malformed {
        /// The part with the mistake.
        part: &'static str,
    },
    /// More entries than the limit.
    #[error("OCSP response: found {found} {what}, expected at most {max}")]
    TooMany {
        /// The counted parts.
        what: &'static str,
        /// Their number.
        found: usize,
        /// The maximum number.
        max: usize,
    },
    /// Another version than 1.
    #[error("OCSP response version: found {found}, expected 1")]
    Version {
        /// The version number.
        found: Text,
    },
    /// A critical extension that is not supported.
    #[error("OCSP response has the critical extension {oid} in its {part}, which is not supported")]
    CriticalExtension {
        /// The part with the extension.
        part: &'static str,
        /// The object identifier of the extension.
        oid: Text,
    },
    /// No certificate is that of the responder.
    #[error(
        "OCSP responder is unknown: found {responder}, expected the issuer of the certificate or a certificate in the \
         response"
    )]
    ResponderNotFound {
        /// Its name, or the hash of its key.
        responder: Text,
    },
    /// A certificate in the response, which may be that of the responder, cannot be read.
    #[error("OCSP responder is unknown: found {responder}, and a certificate in the response cannot be read: {error}")]
    ResponderUnreadable {
        /// Its name, or the hash of its key.
        responder: Text,
        /// The cause.
        error: CertificateError,
    },
    /// The responder may not state the status of the certificate.
    #[error("OCSP responder {responder:?} may not answer for the issuer of the certificate: {problem}")]
    ResponderNotAuthorized {
        /// Subject of its certificate.
        responder: Text,
        /// The cause.
        problem: ResponderProblem,
    },
    /// The signature of the response is invalid.
    #[error("OCSP response is not signed by {responder:?}: {error}")]
    Signature {
        /// Subject of the responder's certificate.
        responder: Text,
        /// The cause.
        error: SignatureError,
    },
    /// The response states the status of other certificates.
    #[error(
        "OCSP response is about other certificates: found {found} single responses, none for serial number {serial}"
    )]
    OtherCertificate {
        /// The serial number of the certificate.
        serial: Text,
        /// The number of single responses.
        found: usize,
    },
    /// The response states the status of a certificate of another issuer.
    #[error(
        "OCSP response is about another issuer: the hashes for serial number {serial} are not those of the issuer's \
         name and key"
    )]
    OtherIssuer {
        /// The serial number of the certificate.
        serial: Text,
    },
    /// The response identifies the issuer by hashes that are not supported.
    #[error("OCSP response identifies the issuer with hash algorithm {found}, expected SHA-1 or SHA-256")]
    IssuerHash {
        /// The object identifier of the algorithm.
        found: Text,
    },
    /// The nonce is not that of the request.
    #[error("OCSP response has another nonce than the request")]
    OtherNonce,
    /// There is no nonce, and the settings require one.
    #[error("OCSP response has no nonce, expected that of the request")]
    MissingNonce,
    /// producedAt or thisUpdate is in the future.
    #[error("OCSP response is from the future: found {part} {found}, expected at most {} after {now}", seconds(.skew))]
    Future {
        /// `producedAt` or `thisUpdate`.
        part: &'static str,
        /// The time in the response.
        found: UnixTime,
        /// The time of the check.
        now: UnixTime,
        /// The tolerated difference.
        skew: Duration,
    },
    /// nextUpdate is not after thisUpdate.
    #[error(
        "OCSP response ends before it begins: found nextUpdate {next_update}, expected it after thisUpdate {this_update}"
    )]
    EndsBeforeStart {
        /// thisUpdate.
        this_update: UnixTime,
        /// nextUpdate.
        next_update: UnixTime,
    },
    /// nextUpdate is over.
    #[error("OCSP response has expired: found nextUpdate {next_update}, expected at most {} before {now}", seconds(.skew))]
    Expired {
        /// nextUpdate.
        next_update: UnixTime,
        /// The time of the check.
        now: UnixTime,
        /// The tolerated difference.
        skew: Duration,
    },
    /// There is no nextUpdate, and the settings do not allow that.
    #[error("OCSP response has no nextUpdate, so its age is not limited; expected one")]
    NoNextUpdate,
    /// There is no nextUpdate, and thisUpdate is too old.
    #[error(
        "OCSP response without nextUpdate is too old: found thisUpdate {this_update}, expected at most {} before {now}",
        seconds(.max_age)
    )]
    TooOld {
        /// thisUpdate.
        this_update: UnixTime,
        /// The time of the check.
        now: UnixTime,
        /// The maximum age in the settings.
        max_age: Duration,
    },
}

/// The reason why a responder's certificate does not allow it to answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResponderProblem {
    /// Another issuer than that of the certificate whose status is stated.
    #[error("its certificate is issued by {found:?}, expected {expected:?}")]
    OtherIssuer {
        /// The issuer of its certificate.
        found: Text,
        /// The issuer of the certificate.
        expected: Text,
    },
    /// The issuer did not sign its certificate.
    #[error("its certificate is not signed by the issuer: {0}")]
    NotSignedByIssuer(SignatureError),
    /// It states its own status.
    #[error("it is the certificate whose status it states")]
    Itself,
    /// extKeyUsage lacks OCSPSigning.
    #[error("extKeyUsage: found {}, expected OCSPSigning (1.3.6.1.5.5.7.3.9)", list(.found))]
    NoOcspSigning {
        /// The object identifiers of the purposes; empty without the extension.
        found: Vec<Text>,
    },
    /// keyUsage is present and lacks digitalSignature.
    #[error("keyUsage: found {}, expected {} among them", list(.found), KeyUse::DigitalSignature)]
    NoDigitalSignature {
        /// The bits that are set.
        found: Vec<KeyUse>,
    },
    /// Its certificate is not valid now.
    #[error("its certificate is valid from {not_before} to {not_after}, expected a period that includes {now}")]
    OutsideValidity {
        /// The start of the validity period.
        not_before: UnixTime,
        /// Its end, included.
        not_after: UnixTime,
        /// The time of the check.
        now: UnixTime,
    },
    /// Its certificate has a critical extension that is not supported.
    #[error("its certificate has the critical extension {oid}, which is not supported")]
    CriticalExtension {
        /// The object identifier of the extension.
        oid: Text,
    },
}

/// `OCSPResponseStatus` of a response without a result
/// ([RFC 6960 §4.2.1](https://www.rfc-editor.org/rfc/rfc6960#section-4.2.1)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseStatus {
    /// 1: the responder could not read the request.
    MalformedRequest,
    /// 2: the responder has an internal error.
    InternalError,
    /// 3: the responder is temporarily unable to respond.
    TryLater,
    /// 5: the responder requires signed requests.
    SigRequired,
    /// 6: the responder does not know the certificate, or the client may not ask.
    Unauthorized,
    /// A number without a meaning.
    Unassigned(u8),
}

impl fmt::Display for ResponseStatus {
    /// The name in RFC 6960: `tryLater`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MalformedRequest => f.write_str("malformedRequest"),
            Self::InternalError => f.write_str("internalError"),
            Self::TryLater => f.write_str("tryLater"),
            Self::SigRequired => f.write_str("sigRequired"),
            Self::Unauthorized => f.write_str("unauthorized"),
            Self::Unassigned(number) => write!(f, "the unassigned number {number}"),
        }
    }
}

/// Maximum length of a serial number in a message, in bytes: 20 bytes in hexadecimal, and some more.
const SERIAL_BYTES: usize = 44;

/// Maximum number of purposes in a message.
const ITEMS_SHOWN: usize = 5;

/// A name, cut for messages.
pub(super) fn short_name(name: &DistinguishedName) -> Text {
    name.to_short_text()
}

/// A serial number, cut for messages.
pub(super) fn short_serial(certificate: &Certificate) -> Text {
    Text::at_most(SERIAL_BYTES, certificate.serial())
}

/// Items separated by commas, or `none`.
fn list<T: fmt::Display>(items: &[T]) -> impl fmt::Display {
    fmt::from_fn(move |f| match items {
        [] => f.write_str("none"),
        items => fmt::Display::fmt(&text::list(items.iter(), ", ", ITEMS_SHOWN), f),
    })
}

fn seconds(duration: &Duration) -> String {
    format!("{}s", duration.as_secs())
}
