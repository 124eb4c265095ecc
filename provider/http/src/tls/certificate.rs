//! Failures of server certificates.

use std::net::IpAddr;

use countersign_core::codec::excerpt::Excerpt;
use countersign_core::time::UnixTime;
use rustls::CertificateError;
use rustls::Error;
use rustls_pki_types::CertificateDer;
use x509_parser::extensions::GeneralName;
use x509_parser::parse_x509_certificate;
use x509_parser::prelude::X509Certificate;

use super::failure::CertificateNames;
use super::failure::RootsSource;
use super::failure::TlsFailure;
use super::handshake;
use crate::limits;

/// Whether the certificate names itself as its issuer.
pub(super) fn is_self_issued(certificate: &X509Certificate<'_>) -> bool {
    certificate.subject().as_raw() == certificate.issuer().as_raw()
}

/// Maps the error of the verification of a certificate under `roots`.
pub(super) fn refused(error: &Error, end_entity: &CertificateDer<'_>, roots: &RootsSource) -> TlsFailure {
    let Error::InvalidCertificate(error) = error else { return handshake::failure(error) };
    let parsed = parse_x509_certificate(end_entity).ok().map(|(_, parsed)| parsed);
    let leaf_ends = |end| parsed.as_ref().is_some_and(|leaf| leaf.validity().not_after.timestamp() == end);
    let leaf_begins = |begin| parsed.as_ref().is_some_and(|leaf| leaf.validity().not_before.timestamp() == begin);
    #[allow(clippy::wildcard_enum_match_arm, reason = "the library's errors are an open set")]
    match error {
        CertificateError::UnknownIssuer => unknown_issuer(end_entity, roots.clone()),
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
            names: parsed.as_ref().map_or(CertificateNames { first: Vec::new(), more: 0 }, names),
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
        CertificateError::Other(other) => match (handshake::of_library(other.0.downcast_ref()), parsed) {
            (TlsFailure::Authority, Some(parsed)) if is_self_issued(&parsed) => {
                TlsFailure::SelfSigned { roots: roots.clone() }
            }
            (failure, _) => failure,
        },
        _ => TlsFailure::Certificate { detail: "cannot be used" },
    }
}

/// The failure for a certificate that no trusted authority issued.
pub(super) fn unknown_issuer(end_entity: &CertificateDer<'_>, roots: RootsSource) -> TlsFailure {
    match parse_x509_certificate(end_entity) {
        Ok((_, parsed)) if is_self_issued(&parsed) => TlsFailure::SelfSigned { roots },
        Ok((_, parsed)) => {
            let issuer = Excerpt::of(&parsed.issuer().to_string());
            TlsFailure::UnknownIssuer { issuer, roots }
        }
        Err(_) => TlsFailure::Certificate { detail: "is no X.509 certificate" },
    }
}

/// Checks that `now` is within the validity period of a certificate, both ends included.
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

/// Times outside the printable range become the epoch.
fn time(seconds: i64) -> UnixTime {
    UnixTime::from_seconds(seconds).unwrap_or(UnixTime::EPOCH)
}

fn names(certificate: &X509Certificate<'_>) -> CertificateNames {
    let alternative = certificate.subject_alternative_name().ok().flatten();
    let all = alternative.iter().flat_map(|extension| &extension.value.general_names).filter_map(name);
    let first: Vec<_> = all.clone().take(limits::CERTIFICATE_NAMES).collect();
    CertificateNames { more: all.count() - first.len(), first }
}

/// The name, if it is of a kind that hosts are compared with.
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

#[cfg(test)]
mod tests {
    use rustls::pki_types::ServerName;

    use super::*;

    #[test]
    fn a_message_about_a_certificate_has_no_debug_output_and_is_short() {
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
            let message =
                refused(&error.into(), &CertificateDer::from(vec![0x30, 0]), &RootsSource::System).to_string();
            assert!(!message.contains(&kind) && message.len() < 500, "{message}");
        }
    }
}
