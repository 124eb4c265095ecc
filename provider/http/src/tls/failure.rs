//! Why there is no TLS connection, in words: what was found, what was expected, what to do.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use countersign_core::codec::excerpt::Excerpt;
use countersign_core::time::UnixTime;
use rustls::AlertDescription;
use rustls::CertificateError;
use rustls::Error;
use rustls::PeerIncompatible;
use rustls_pki_types::CertificateDer;
use x509_parser::extensions::GeneralName;
use x509_parser::parse_x509_certificate;
use x509_parser::prelude::X509Certificate;

use super::verifier::is_its_own_issuer;
use crate::limits;

/// Why there is no TLS connection. Names of a certificate, which nobody has vouched for, stand in it as excerpts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsFailure {
    #[error("its certificate is issued by {issuer}, which is none of {vouchers}: want {}", vouchers.cure("the authority that issued it"))]
    UnknownIssuer { issuer: Excerpt, vouchers: Vouchers },
    #[error("its certificate is signed by itself and is none of {vouchers}: want {}", vouchers.cure("this very certificate"))]
    SelfSigned { vouchers: Vouchers },
    #[error(
        "its certificate is that of an authority: want one for servers, or a self-signed one that stands as it is in `ca`"
    )]
    Authority,
    #[error("its certificate expired at {end}: want one that is valid")]
    Expired { end: UnixTime },
    #[error("a certificate that vouches for it expired at {end}: want a chain that is valid")]
    AuthorityExpired { end: UnixTime },
    #[error("its certificate is valid only from {begin} on: want one that is valid now")]
    NotYetValid { begin: UnixTime },
    #[error("a certificate that vouches for it is valid only from {begin} on: want a chain that is valid now")]
    AuthorityNotYetValid { begin: UnixTime },
    #[error(
        "its certificate is not for {expected} but for {names}: want that name among its subject alternative names"
    )]
    Name { expected: String, names: Names },
    #[error("its certificate has an extended key usage without serverAuth: want one for servers")]
    Purpose,
    /// `detail` is a predicate.
    #[error("its certificate, or one that vouches for it, {detail}: want a chain that other TLS clients take")]
    Certificate { detail: &'static str },
    #[error("it does not prove that it has the key of its certificate")]
    Proof,
    #[error("it refuses the connection ({alert}){}", alert_cure(alert))]
    Refused {
        /// The alert's name in TLS, or its number.
        alert: String,
    },
    #[error("what it answers is no TLS: want a port that speaks TLS, or `plainHttp: true` for a registry without")]
    NotTls,
    /// `detail` is a predicate.
    #[error("it {detail}: want TLS 1.2 or 1.3 with the usual algorithms")]
    Incompatible { detail: &'static str },
    #[error("it breaks the rules of TLS, or something on the way does")]
    Protocol,
    #[error("it ended the connection before TLS was set up")]
    Ended,
    /// `detail` is a sentence about this machine.
    #[error("{detail}")]
    Local { detail: &'static str },
}

/// Who was asked to vouch for a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Vouchers {
    /// The system's certificate authorities.
    System,
    /// Those in the `ca` file of the registry's entry.
    File(Arc<str>),
}

impl Vouchers {
    fn cure(&self, wanted: &str) -> String {
        match self {
            Self::System => format!("`ca` of the registry's entry to be a file with {wanted}"),
            Self::File(_) => format!("{wanted} in that file"),
        }
    }
}

impl fmt::Display for Vouchers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System => f.write_str("the system's certificate authorities"),
            Self::File(file) => write!(f, "the certificates in {file}"),
        }
    }
}

/// The first names of a certificate, and how many more it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    pub first: Vec<Excerpt>,
    pub more: usize,
}

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first.is_empty() {
            return f.write_str("no name at all (a common name alone does not count)");
        }
        for (position, name) in self.first.iter().enumerate() {
            write!(f, "{}{name}", if position == 0 { "" } else { ", " })?;
        }
        if self.more > 0 {
            write!(f, " and {} more", self.more)?;
        }
        Ok(())
    }
}

/// Why a handshake failed, from the error that the HTTP library hands on.
pub fn of(error: &Error) -> TlsFailure {
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
        Error::NoApplicationProtocol => TlsFailure::Incompatible { detail: "speaks neither HTTP/1.1 nor HTTP/2" },
        Error::NoCertificatesPresented => TlsFailure::Incompatible { detail: "shows no certificate" },
        Error::UnsupportedNameType => TlsFailure::Local { detail: "the host's name cannot stand in a certificate" },
        Error::FailedToGetCurrentTime => TlsFailure::Local { detail: "this machine does not say what time it is" },
        Error::FailedToGetRandomBytes => TlsFailure::Local { detail: "this machine has no randomness" },
        Error::HandshakeNotComplete => TlsFailure::Ended,
        _ => TlsFailure::Protocol,
    }
}

/// Why a certificate was refused that `vouchers` were to vouch for.
pub(super) fn of_certificate(error: &Error, end_entity: &CertificateDer<'_>, vouchers: &Vouchers) -> TlsFailure {
    let Error::InvalidCertificate(error) = error else { return of(error) };
    let parsed = parse_x509_certificate(end_entity).ok().map(|(_, parsed)| parsed);
    let leaf_ends = |end| parsed.as_ref().is_some_and(|leaf| leaf.validity().not_after.timestamp() == end);
    let leaf_begins = |begin| parsed.as_ref().is_some_and(|leaf| leaf.validity().not_before.timestamp() == begin);
    #[allow(clippy::wildcard_enum_match_arm, reason = "the library's errors are an open set")]
    match error {
        CertificateError::UnknownIssuer => unknown_issuer(end_entity, vouchers.clone()),
        CertificateError::ExpiredContext { not_after, .. } => {
            let seconds = i64::try_from(not_after.as_secs()).unwrap_or(i64::MAX);
            let end = time(seconds);
            if leaf_ends(seconds) { TlsFailure::Expired { end } } else { TlsFailure::AuthorityExpired { end } }
        }
        CertificateError::NotValidYetContext { not_before, .. } => {
            let seconds = i64::try_from(not_before.as_secs()).unwrap_or(i64::MAX);
            let begin = time(seconds);
            if leaf_begins(seconds) {
                TlsFailure::NotYetValid { begin }
            } else {
                TlsFailure::AuthorityNotYetValid { begin }
            }
        }
        CertificateError::NotValidForNameContext { expected, .. } => TlsFailure::Name {
            expected: expected.to_str().into_owned(),
            names: parsed.as_ref().map_or(Names { first: Vec::new(), more: 0 }, names),
        },
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => TlsFailure::Purpose,
        CertificateError::BadEncoding => TlsFailure::Certificate { detail: "is no X.509 certificate" },
        CertificateError::BadSignature => TlsFailure::Certificate { detail: "is not signed by the key of its issuer" },
        CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            TlsFailure::Certificate { detail: "is signed with an algorithm that is not supported" }
        }
        CertificateError::UnhandledCriticalExtension => {
            TlsFailure::Certificate { detail: "has a critical extension that is not known" }
        }
        CertificateError::Expired => {
            TlsFailure::Certificate { detail: "has a validity period that ends before it begins" }
        }
        CertificateError::Other(other) => match (of_library(other.0.downcast_ref()), parsed) {
            (TlsFailure::Authority, Some(parsed)) if is_its_own_issuer(&parsed) => {
                TlsFailure::SelfSigned { vouchers: vouchers.clone() }
            }
            (failure, _) => failure,
        },
        _ => TlsFailure::Certificate { detail: "cannot be used" },
    }
}

/// What rustls has no word of its own for.
fn of_library(error: Option<&webpki::Error>) -> TlsFailure {
    use webpki::Error as Webpki;
    #[allow(clippy::wildcard_enum_match_arm, reason = "the library's errors are an open set")]
    let detail = match error {
        Some(Webpki::CaUsedAsEndEntity) => return TlsFailure::Authority,
        Some(Webpki::UnsupportedCertVersion) => "is not of X.509 version 3, which names of servers need",
        Some(Webpki::UnsupportedCriticalExtension) => "has a critical extension that is not known",
        Some(Webpki::EndEntityUsedAsCa) => "is issued by a certificate that is no authority",
        Some(Webpki::NameConstraintViolation) => "has a name that its authority may not vouch for",
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

/// That nobody vouches for this certificate.
pub(super) fn unknown_issuer(end_entity: &CertificateDer<'_>, vouchers: Vouchers) -> TlsFailure {
    match parse_x509_certificate(end_entity) {
        Ok((_, parsed)) if is_its_own_issuer(&parsed) => TlsFailure::SelfSigned { vouchers },
        Ok((_, parsed)) => {
            let issuer = Excerpt::of(&parsed.issuer().to_string());
            TlsFailure::UnknownIssuer { issuer, vouchers }
        }
        Err(_) => TlsFailure::Certificate { detail: "is no X.509 certificate" },
    }
}

/// Whether `now` is within the period for which a certificate is valid, both ends included.
pub(super) fn check_time(certificate: &X509Certificate<'_>, now: rustls_pki_types::UnixTime) -> Result<(), TlsFailure> {
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    let (begin, end) = (certificate.validity().not_before.timestamp(), certificate.validity().not_after.timestamp());
    if now < begin {
        Err(TlsFailure::NotYetValid { begin: time(begin) })
    } else if now > end {
        Err(TlsFailure::Expired { end: time(end) })
    } else {
        Ok(())
    }
}

/// Times that cannot be printed, which no clock shows, count as the epoch.
fn time(seconds: i64) -> UnixTime {
    UnixTime::from_seconds(seconds).unwrap_or(UnixTime::EPOCH)
}

fn names(certificate: &X509Certificate<'_>) -> Names {
    let alternative = certificate.subject_alternative_name().ok().flatten();
    let all = alternative.iter().flat_map(|extension| &extension.value.general_names).filter_map(name);
    let first: Vec<_> = all.clone().take(limits::CERTIFICATE_NAMES).collect();
    Names { more: all.count() - first.len(), first }
}

/// The kinds of name that a host is compared with.
fn name(name: &GeneralName<'_>) -> Option<Excerpt> {
    #[expect(clippy::wildcard_enum_match_arm, reason = "other kinds of name are compared with nothing")]
    match name {
        GeneralName::DNSName(name) => Some(Excerpt::of(name)),
        GeneralName::IPAddress(bytes) => {
            let v4 = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
            let address = v4.or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from)).ok()?;
            Some(Excerpt::of(&address.to_string()))
        }
        _ => None,
    }
}

/// As in [RFC 8446 §6](https://www.rfc-editor.org/rfc/rfc8446#section-6).
fn alert_name(alert: AlertDescription) -> String {
    match alert.as_str() {
        // `HandshakeFailure` is `handshake_failure` in TLS.
        Some(name) => {
            let mut words = String::new();
            let mut after_small = false;
            for c in name.chars() {
                if c.is_ascii_uppercase() && after_small {
                    words.push('_');
                }
                after_small = c.is_ascii_lowercase();
                words.push(c.to_ascii_lowercase());
            }
            words
        }
        None => format!("alert {}", u8::from(alert)),
    }
}

/// What is known to help, as the end of a sentence.
fn alert_cure(alert: &str) -> &'static str {
    match alert {
        "protocol_version" => ": want TLS 1.2 or 1.3 there",
        "handshake_failure" | "insufficient_security" => {
            ": want TLS 1.2 or 1.3 with the usual algorithms there, and no demand for a client certificate"
        }
        "certificate_required" | "bad_certificate" | "access_denied" => {
            ": want no demand for a client certificate there, as none is ever shown"
        }
        "unrecognised_name" => ": want a certificate for this host's name there",
        _ => "",
    }
}

/// As a predicate.
fn incompatible(why: &PeerIncompatible) -> &'static str {
    #[allow(clippy::wildcard_enum_match_arm, reason = "the library's errors are an open set")]
    match why {
        PeerIncompatible::ServerDoesNotSupportTls12Or13 | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig => {
            "speaks an older TLS only"
        }
        PeerIncompatible::NoCipherSuitesInCommon => "has no cipher suite in common with us",
        PeerIncompatible::NoKxGroupsInCommon | PeerIncompatible::NamedGroupsExtensionRequired => {
            "has no group for key exchange in common with us"
        }
        PeerIncompatible::NoSignatureSchemesInCommon
        | PeerIncompatible::NoCertificateRequestSignatureSchemesInCommon => {
            "has no algorithm for its proof in common with us"
        }
        _ => "speaks TLS in a way that is not supported",
    }
}

#[cfg(test)]
mod tests {
    use rustls::InvalidMessage;
    use rustls::PeerMisbehaved;
    use rustls::pki_types::ServerName;

    use super::*;

    fn words(error: Error) -> String {
        of(&error).to_string()
    }

    fn refused(alert: AlertDescription) -> String {
        words(Error::AlertReceived(alert))
    }

    #[test]
    fn every_failure_is_said_in_words() {
        let other = |error: webpki::Error| {
            words(Error::InvalidCertificate(CertificateError::Other(rustls::OtherError(Arc::new(error)))))
        };
        let incompatible = |detail| format!("it {detail}: want TLS 1.2 or 1.3 with the usual algorithms");
        let certificate = |detail| {
            format!("its certificate, or one that vouches for it, {detail}: want a chain that other TLS clients take")
        };
        for (found, expected) in [
            (
                words(Error::InvalidMessage(InvalidMessage::InvalidContentType)),
                "what it answers is no TLS: want a port that speaks TLS, or `plainHttp: true` for a registry without"
                    .to_owned(),
            ),
            (
                words(Error::PeerIncompatible(PeerIncompatible::ServerDoesNotSupportTls12Or13)),
                incompatible("speaks an older TLS only"),
            ),
            (
                words(Error::PeerIncompatible(PeerIncompatible::NoCipherSuitesInCommon)),
                incompatible("has no cipher suite in common with us"),
            ),
            (
                words(Error::PeerIncompatible(PeerIncompatible::NullCompressionRequired)),
                incompatible("speaks TLS in a way that is not supported"),
            ),
            (words(Error::NoApplicationProtocol), incompatible("speaks neither HTTP/1.1 nor HTTP/2")),
            (words(Error::NoCertificatesPresented), incompatible("shows no certificate")),
            (
                words(Error::PeerMisbehaved(PeerMisbehaved::IncorrectBinder)),
                "it breaks the rules of TLS, or something on the way does".to_owned(),
            ),
            (
                words(Error::DecryptError),
                "it breaks the rules of TLS, or something on the way does".to_owned(),
            ),
            (
                words(Error::InvalidCertificate(CertificateError::BadSignature)),
                "it does not prove that it has the key of its certificate".to_owned(),
            ),
            (words(Error::FailedToGetRandomBytes), "this machine has no randomness".to_owned()),
            (
                refused(AlertDescription::HandshakeFailure),
                "it refuses the connection (handshake_failure): want TLS 1.2 or 1.3 with the usual algorithms there, \
                 and no demand for a client certificate"
                    .to_owned(),
            ),
            (
                refused(AlertDescription::CertificateRequired),
                "it refuses the connection (certificate_required): want no demand for a client certificate there, as \
                 none is ever shown"
                    .to_owned(),
            ),
            (
                refused(AlertDescription::UnrecognisedName),
                "it refuses the connection (unrecognised_name): want a certificate for this host's name there"
                    .to_owned(),
            ),
            (refused(AlertDescription::UnknownCA), "it refuses the connection (unknown_ca)".to_owned()),
            (refused(AlertDescription::Unknown(200)), "it refuses the connection (alert 200)".to_owned()),
            (
                other(webpki::Error::CaUsedAsEndEntity),
                "its certificate is that of an authority: want one for servers, or a self-signed one that stands as it \
                 is in `ca`"
                    .to_owned(),
            ),
            (
                other(webpki::Error::NameConstraintViolation),
                certificate("has a name that its authority may not vouch for"),
            ),
            (other(webpki::Error::BadDer), certificate("has a part that X.509 does not allow")),
        ] {
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn what_is_said_of_a_certificate_has_no_debug_output_and_is_short() {
        let name = ServerName::try_from("r.example").expect("a name");
        let time = rustls_pki_types::UnixTime::since_unix_epoch(std::time::Duration::from_secs(1));
        let long = vec!["x".repeat(70_000); 100];
        let algorithm = vec![0; 100];
        for error in [
            CertificateError::BadEncoding,
            CertificateError::Expired,
            CertificateError::ExpiredContext { time, not_after: time },
            CertificateError::NotValidYetContext { time, not_before: time },
            CertificateError::UnhandledCriticalExtension,
            CertificateError::UnknownIssuer,
            CertificateError::BadSignature,
            CertificateError::UnsupportedSignatureAlgorithmContext {
                signature_algorithm_id: algorithm.clone(),
                supported_algorithms: Vec::new(),
            },
            CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext {
                signature_algorithm_id: algorithm.clone(),
                public_key_algorithm_id: algorithm,
            },
            CertificateError::NotValidForNameContext { expected: name, presented: long },
            CertificateError::InvalidPurpose,
            CertificateError::Revoked,
            CertificateError::ApplicationVerificationFailure,
        ] {
            let shown = format!("{error:?}");
            let kind = shown.split([' ', '(']).next().unwrap_or_default().to_owned();
            let said =
                of_certificate(&error.into(), &CertificateDer::from(vec![0x30, 0]), &Vouchers::System).to_string();
            assert!(!said.contains(&kind) && said.len() < 500, "{said}");
        }
    }
}
