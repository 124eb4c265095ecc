//! Failed TLS handshakes: the found and the expected value, and the remedy, in place of the words of the TLS library.

use countersign_core::time::UnixTime;
use rustls::AlertDescription;
use rustls::CertificateError;
use rustls::Error;

use crate::telemetry::metrics::HandshakeFailure;

/// The kind of a failed handshake, and a sentence for the log. The error of the TLS library is inside that of the stream.
pub(in crate::server) fn handshake_failure(error: &std::io::Error) -> (HandshakeFailure, String) {
    let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) else {
        return (HandshakeFailure::ClientLeft, "the client closed the connection during the TLS handshake".to_owned());
    };
    #[expect(clippy::wildcard_enum_match_arm, reason = "the library's errors are an open set")]
    match error {
        Error::NoCertificatesPresented => (
            HandshakeFailure::NoCertificate,
            "the client has sent no certificate, expected one that an authority in server.tls.clientCa has signed"
                .to_owned(),
        ),
        Error::InvalidCertificate(error) => (HandshakeFailure::BadCertificate, certificate(error)),
        Error::PeerIncompatible(_) => (
            HandshakeFailure::Incompatible,
            "the client has no TLS version or algorithm in common with the server, expected TLS 1.3".to_owned(),
        ),
        Error::AlertReceived(alert) => (HandshakeFailure::ClientLeft, refused(*alert)),
        Error::InvalidMessage(_) => (
            HandshakeFailure::Malformed,
            "the client does not speak TLS, or violates its protocol; expected https".to_owned(),
        ),
        other => (HandshakeFailure::Malformed, format!("the client violates the TLS protocol: {other}")),
    }
}

/// Why a client's certificate is not accepted.
fn certificate(error: &CertificateError) -> String {
    let expected = "expected one that an authority in server.tls.clientCa has signed";
    let time = |time: &rustls_pki_types::UnixTime| {
        i64::try_from(time.as_secs()).ok().and_then(|seconds| UnixTime::from_seconds(seconds).ok())
    };
    #[expect(clippy::wildcard_enum_match_arm, reason = "the library's errors are an open set")]
    match error {
        CertificateError::UnknownIssuer => format!("the client's certificate is not trusted, {expected}"),
        CertificateError::BadSignature => format!(
            "the client's certificate, or its proof of the private key, has a wrong signature, {expected}; an authority \
             of the same name may have a new key"
        ),
        CertificateError::ExpiredContext { not_after, .. } => match time(not_after) {
            Some(end) => {
                format!("the client's certificate or its authority has expired: found end {end}, expected a valid one")
            }
            None => "the client's certificate or its authority has expired, expected a valid one".to_owned(),
        },
        CertificateError::Expired => {
            "the client's certificate or its authority has expired, expected a valid one".to_owned()
        }
        CertificateError::NotValidYetContext { not_before, .. } => match time(not_before) {
            Some(begin) => format!(
                "the client's certificate or its authority is not yet valid: found begin {begin}, expected a valid one; \
                 check the clocks"
            ),
            None => "the client's certificate or its authority is not yet valid; check the clocks".to_owned(),
        },
        CertificateError::NotValidYet => {
            "the client's certificate or its authority is not yet valid; check the clocks".to_owned()
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "the client's certificate has an extended key usage without clientAuth, expected a client certificate"
                .to_owned()
        }
        CertificateError::BadEncoding => "the client's certificate is not X.509, expected X.509 version 3".to_owned(),
        other => format!("the client's certificate cannot be used ({other}), {expected}"),
    }
}

/// Why the client has ended the handshake.
fn refused(alert: AlertDescription) -> String {
    let remedy = if matches!(alert, AlertDescription::UnknownCA | AlertDescription::BadCertificate) {
        "; the Provider's caBundle must be the CA of server.tls.certificate, and the host in its url a name in that \
         certificate"
    } else if alert == AlertDescription::CertificateExpired {
        "; renew server.tls.certificate"
    } else {
        ""
    };
    let name = alert.as_str().map_or_else(|| format!("alert {}", u8::from(alert)), str::to_owned);
    format!("the client refuses the connection ({name}){remedy}")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io;
    use std::time::Duration;

    use super::*;

    fn of(error: Error) -> (HandshakeFailure, String) {
        handshake_failure(&io::Error::new(io::ErrorKind::InvalidData, error))
    }

    #[test]
    fn failures_are_told_apart_and_name_the_setting_to_correct() {
        let certificate = |error| of(Error::InvalidCertificate(error));
        let at = |seconds| rustls_pki_types::UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        for ((kind, why), expected_kind, expected) in [
            (
                of(Error::NoCertificatesPresented),
                HandshakeFailure::NoCertificate,
                "the client has sent no certificate, expected one that an authority in server.tls.clientCa has signed",
            ),
            (
                certificate(CertificateError::UnknownIssuer),
                HandshakeFailure::BadCertificate,
                "the client's certificate is not trusted, expected one that an authority in server.tls.clientCa has signed",
            ),
            (
                certificate(CertificateError::ExpiredContext { time: at(2), not_after: at(1) }),
                HandshakeFailure::BadCertificate,
                "the client's certificate or its authority has expired: found end 1970-01-01T00:00:01Z, expected a valid one",
            ),
            (
                certificate(CertificateError::InvalidPurpose),
                HandshakeFailure::BadCertificate,
                "the client's certificate has an extended key usage without clientAuth, expected a client certificate",
            ),
            (
                of(Error::PeerIncompatible(rustls::PeerIncompatible::SupportedVersionsExtensionRequired)),
                HandshakeFailure::Incompatible,
                "the client has no TLS version or algorithm in common with the server, expected TLS 1.3",
            ),
            (
                of(Error::AlertReceived(AlertDescription::UnknownCA)),
                HandshakeFailure::ClientLeft,
                "the client refuses the connection (UnknownCA); the Provider's caBundle must be the CA of \
                 server.tls.certificate, and the host in its url a name in that certificate",
            ),
            (
                of(Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType)),
                HandshakeFailure::Malformed,
                "the client does not speak TLS, or violates its protocol; expected https",
            ),
            (
                handshake_failure(&io::ErrorKind::UnexpectedEof.into()),
                HandshakeFailure::ClientLeft,
                "the client closed the connection during the TLS handshake",
            ),
        ] {
            assert_eq!((kind.as_str(), why.as_str()), (expected_kind.as_str(), expected));
        }
    }
}
