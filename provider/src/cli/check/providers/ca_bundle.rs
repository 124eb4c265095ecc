//! The `caBundle` of a Provider, and the names of the server's certificate, as Gatekeeper's client verifies them.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_core::codec::mismatch::Mismatch;
use countersign_core::codec::mismatch::Mismatched as _;
use countersign_core::codec::pem;
use countersign_core::time::UnixTime;
use rustls::CertificateError;
use rustls::RootCertStore;
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::client::verify_server_name;
use rustls::server::ParsedCertificate;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::ServerName;

use crate::cli::check::endpoint_certificates::EndpointCertificate;

const EXPECTED: &str = "the base64 of the CA of Countersign's certificate in PEM";

/// Checks that `text` has the CA of `chain`, the server's, leaf first; only its form if that is empty.
pub(super) fn check(text: &str, chain: &[EndpointCertificate], now: UnixTime) -> Result<(), Mismatch> {
    if text.is_empty() {
        return Err(Mismatch::new("found nothing").expecting(EXPECTED));
    }
    // Line breaks are ignored, as Go does.
    let base64: String = text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    let pem = STANDARD.decode(base64).map_err(|_| Mismatch::new("found no base64").expecting(EXPECTED))?;
    let blocks = pem::certificates(&pem).map_err(|error| error.mismatch().within("decoded"))?;
    let mut authorities = Vec::new();
    for block in blocks {
        let line = block.line;
        let certificate = EndpointCertificate::of(block.der.into()).ok_or_else(|| {
            Mismatch::new(format_args!("decoded: PEM block that begins on line {line} is not an X.509 certificate"))
                .expecting("a certificate in DER")
        })?;
        authorities.push(certificate);
    }
    if let Some(end) = authorities.iter().map(|authority| authority.not_after).max().filter(|end| *end <= now) {
        let found = format_args!("all certificates have expired: found last end {end}");
        return Err(Mismatch::new(found).expecting("a valid certificate"));
    }
    authorities.retain(|authority| authority.not_after > now);
    let Some((leaf, intermediates)) = chain.split_first() else { return Ok(()) };
    // Go accepts the certificate itself as its authority.
    if authorities.iter().any(|authority| authority.der == leaf.der) {
        return Ok(());
    }
    is_issued(leaf, intermediates, &authorities, now)
}

fn is_issued(
    leaf: &EndpointCertificate,
    intermediates: &[EndpointCertificate],
    authorities: &[EndpointCertificate],
    now: UnixTime,
) -> Result<(), Mismatch> {
    let mut roots = RootCertStore::empty();
    for EndpointCertificate { subject, der, .. } in authorities {
        roots.add(der.clone()).map_err(|_| {
            Mismatch::new(format_args!("found certificate {subject:?}, which cannot be a trust anchor"))
                .expecting("certificates of authorities")
        })?;
    }
    // A certificate that cannot be read is a mistake of its own file.
    let Ok(parsed) = ParsedCertificate::try_from(&leaf.der) else { return Ok(()) };
    let intermediates: Vec<CertificateDer<'_>> =
        intermediates.iter().map(|certificate| certificate.der.clone()).collect();
    let time = rustls_pki_types::UnixTime::since_unix_epoch(std::time::Duration::from_secs(
        u64::try_from(now.seconds()).unwrap_or_default(),
    ));
    let algorithms = rustls::crypto::aws_lc_rs::default_provider().signature_verification_algorithms.all;
    match verify_server_cert_signed_by_trust_anchor(&parsed, &roots, &intermediates, time, algorithms) {
        Ok(()) => Ok(()),
        // Reported for the file of the certificate.
        Err(rustls::Error::InvalidCertificate(
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. }
            | CertificateError::InvalidPurpose
            | CertificateError::InvalidPurposeContext { .. },
        )) => Ok(()),
        Err(error) => {
            let subjects: Vec<_> = authorities.iter().map(|authority| format!("{:?}", authority.subject)).collect();
            let mut found = subjects.join(", ");
            if error != rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) {
                let _ = write!(found, ": {error}");
            }
            let subject = &leaf.subject;
            Err(Mismatch::new(format_args!("found {found}"))
                .expecting(format_args!("the authority that issued the server certificate {subject:?}")))
        }
    }
}

/// Whether a client accepts `certificate` for `host`.
pub(super) fn is_named(certificate: &EndpointCertificate, host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let (Ok(parsed), Ok(name)) = (ParsedCertificate::try_from(&certificate.der), ServerName::try_from(host)) else {
        return false;
    };
    verify_server_name(&parsed, &name).is_ok()
}
