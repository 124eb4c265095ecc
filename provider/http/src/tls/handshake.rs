//! Maps errors of the TLS library to failures of the handshake.

use rustls::AlertDescription;
use rustls::CertificateError;
use rustls::Error;
use rustls::PeerIncompatible;

use super::failure::TlsFailure;

/// Maps the error of a handshake.
pub(crate) fn failure(error: &Error) -> TlsFailure {
    #[allow(clippy::wildcard_enum_match_arm, reason = "the library's errors are an open set")]
    match error {
        Error::InvalidCertificate(CertificateError::Other(other)) => match other.0.downcast_ref::<TlsFailure>() {
            Some(failure) => failure.clone(),
            None => of_library(other.0.downcast_ref()),
        },
        Error::InvalidCertificate(CertificateError::BadSignature) => TlsFailure::Proof,
        Error::InvalidCertificate(_) => TlsFailure::Certificate { detail: "cannot be used in the handshake" },
        Error::AlertReceived(alert) => TlsFailure::Refused { alert: alert_name(*alert) },
        Error::InvalidMessage(_) => TlsFailure::NotTls,
        Error::PeerIncompatible(why) => TlsFailure::Incompatible { detail: incompatible(why) },
        Error::NoApplicationProtocol => TlsFailure::Incompatible { detail: "supports neither HTTP/1.1 nor HTTP/2" },
        Error::NoCertificatesPresented => TlsFailure::Incompatible { detail: "presents no certificate" },
        Error::UnsupportedNameType => TlsFailure::Local { detail: "the host's name cannot be a name in a certificate" },
        Error::FailedToGetCurrentTime => TlsFailure::Local { detail: "the system time is not available" },
        Error::FailedToGetRandomBytes => TlsFailure::Local { detail: "random numbers are not available" },
        Error::HandshakeNotComplete => TlsFailure::Ended,
        _ => TlsFailure::Protocol,
    }
}

/// Failures for which rustls has no variant of its own.
pub(super) fn of_library(error: Option<&webpki::Error>) -> TlsFailure {
    use webpki::Error as Webpki;
    #[allow(clippy::wildcard_enum_match_arm, reason = "the library's errors are an open set")]
    let detail = match error {
        Some(Webpki::CaUsedAsEndEntity) => return TlsFailure::Authority,
        Some(Webpki::UnsupportedCertVersion) => "is not of X.509 version 3, which names of servers need",
        Some(Webpki::UnsupportedCriticalExtension) => "has a critical extension that is not known",
        Some(Webpki::EndEntityUsedAsCa) => "is issued by a certificate that is no authority",
        Some(Webpki::NameConstraintViolation) => "has a name that the name constraints of its issuer do not allow",
        Some(Webpki::PathLenConstraintViolated) => "is below more authorities than one of them allows",
        Some(Webpki::EmptyEkuExtension) => "has an extended key usage without any usage",
        Some(
            Webpki::MaximumPathBuildCallsExceeded
            | Webpki::MaximumPathDepthExceeded
            | Webpki::MaximumSignatureChecksExceeded
            | Webpki::MaximumNameConstraintComparisonsExceeded,
        ) => "has too many issuers that could be its own",
        Some(_) => "has a part that X.509 does not allow",
        None => "cannot be used",
    };
    TlsFailure::Certificate { detail }
}

/// `handshake_failure`, as in TLS, for `HandshakeFailure`.
fn snake_case(name: &str) -> String {
    let mut snake_case = String::new();
    let mut after_small = false;
    for c in name.chars() {
        if c.is_ascii_uppercase() && after_small {
            snake_case.push('_');
        }
        after_small = c.is_ascii_lowercase();
        snake_case.push(c.to_ascii_lowercase());
    }
    snake_case
}

/// The failure for the text of a received alert. In TLS 1.3 a server refuses the certificate of its client after the handshake of the
/// client has ended, and the HTTP/2 library keeps only the text of an error of its connection.
pub(crate) fn refusal_in_text(text: &str) -> Option<TlsFailure> {
    let alert = text.strip_prefix("received fatal alert: ")?;
    let is_name = !alert.is_empty() && alert.len() <= 40 && alert.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_name.then(|| TlsFailure::Refused { alert: snake_case(alert) })
}

/// The name of an alert in [RFC 8446 §6](https://www.rfc-editor.org/rfc/rfc8446#section-6).
fn alert_name(alert: AlertDescription) -> String {
    match alert.as_str() {
        Some(name) => snake_case(name),
        None => format!("alert {}", u8::from(alert)),
    }
}

/// Describes the incompatibility as a predicate.
fn incompatible(why: &PeerIncompatible) -> &'static str {
    #[allow(clippy::wildcard_enum_match_arm, reason = "the library's errors are an open set")]
    match why {
        PeerIncompatible::ServerDoesNotSupportTls12Or13 | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig => {
            "supports older TLS versions only"
        }
        PeerIncompatible::NoCipherSuitesInCommon => "has no cipher suite in common with us",
        PeerIncompatible::NoKxGroupsInCommon | PeerIncompatible::NamedGroupsExtensionRequired => {
            "has no group for key exchange in common with us"
        }
        PeerIncompatible::NoSignatureSchemesInCommon
        | PeerIncompatible::NoCertificateRequestSignatureSchemesInCommon => {
            "has no algorithm for its proof in common with us"
        }
        _ => "uses TLS in a way that is not supported",
    }
}

#[cfg(test)]
mod tests {
    use rustls::InvalidMessage;
    use rustls::PeerMisbehaved;

    use std::sync::Arc;

    use super::*;

    fn message(error: Error) -> String {
        failure(&error).to_string()
    }

    fn refused(alert: AlertDescription) -> String {
        message(Error::AlertReceived(alert))
    }

    #[test]
    fn a_failed_handshake_has_a_message() {
        let incompatible = |detail| format!("it {detail}, expected TLS 1.2 or 1.3 with common algorithms");
        for (found, expected) in [
            (
                message(Error::InvalidMessage(InvalidMessage::InvalidContentType)),
                "it does not use TLS, expected a TLS port".to_owned(),
            ),
            (
                message(Error::PeerIncompatible(PeerIncompatible::ServerDoesNotSupportTls12Or13)),
                incompatible("supports older TLS versions only"),
            ),
            (
                message(Error::PeerIncompatible(PeerIncompatible::NoCipherSuitesInCommon)),
                incompatible("has no cipher suite in common with us"),
            ),
            (
                message(Error::PeerIncompatible(PeerIncompatible::NullCompressionRequired)),
                incompatible("uses TLS in a way that is not supported"),
            ),
            (message(Error::NoApplicationProtocol), incompatible("supports neither HTTP/1.1 nor HTTP/2")),
            (message(Error::NoCertificatesPresented), incompatible("presents no certificate")),
            (
                message(Error::PeerMisbehaved(PeerMisbehaved::IncorrectBinder)),
                "it, or something between, violates the TLS protocol".to_owned(),
            ),
            (message(Error::DecryptError), "it, or something between, violates the TLS protocol".to_owned()),
            (
                message(Error::InvalidCertificate(CertificateError::BadSignature)),
                "it cannot prove that it has the private key of its certificate".to_owned(),
            ),
            (message(Error::FailedToGetRandomBytes), "random numbers are not available".to_owned()),
        ] {
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn an_alert_of_the_server_has_a_message() {
        for (found, expected) in [
            (
                refused(AlertDescription::HandshakeFailure),
                "it refuses the connection (handshake_failure); enable TLS 1.2 or 1.3 with common algorithms \
                 there, and see whether it requires a client certificate"
                    .to_owned(),
            ),
            (
                refused(AlertDescription::CertificateRequired),
                "it refuses the connection (certificate_required)".to_owned(),
            ),
            (
                refused(AlertDescription::UnrecognisedName),
                "it refuses the connection (unrecognised_name); it needs a certificate for this host's name".to_owned(),
            ),
            (refused(AlertDescription::UnknownCA), "it refuses the connection (unknown_ca)".to_owned()),
            (refused(AlertDescription::Unknown(200)), "it refuses the connection (alert 200)".to_owned()),
        ] {
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn a_certificate_that_cannot_be_used_has_a_message() {
        let other = |error: webpki::Error| {
            message(Error::InvalidCertificate(CertificateError::Other(rustls::OtherError(Arc::new(error)))))
        };
        let certificate = |detail| {
            format!(
                "its certificate, or a CA certificate of its chain, {detail}; expected a chain that other TLS \
                     clients accept"
            )
        };
        for (found, expected) in [
            (
                other(webpki::Error::CaUsedAsEndEntity),
                "its certificate is a CA certificate, expected a server certificate".to_owned(),
            ),
            (
                other(webpki::Error::NameConstraintViolation),
                certificate("has a name that the name constraints of its issuer do not allow"),
            ),
            (other(webpki::Error::BadDer), certificate("has a part that X.509 does not allow")),
        ] {
            assert_eq!(found, expected);
        }
    }
}
