//! Checks the certificates of the endpoints one by one, so that all mistakes are reported at once; at the end loads
//! them as the server does.

use std::path::Path;

use countersign_core::codec::mismatch::Mismatch;
use countersign_core::codec::mismatch::Mismatched as _;
use countersign_core::codec::pem;
use countersign_core::codec::pem::CertificateBlock;
use countersign_core::codec::pem::PemError;
use countersign_core::time::UnixTime;
use countersign_http::private_key_der;
use rustls::RootCertStore;
use rustls::sign::CertifiedKey;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::PrivateKeyDer;

use super::Findings;
use super::SOON;
use crate::config::Tls;
use crate::files;
use crate::files::ReadError;
use crate::server::tls::LoadedTls;
use crate::server::tls::TlsCertificate;
use crate::server::tls::TlsErrors;
use crate::server::tls::TlsName;
use crate::server::tls::TlsPem;

/// Maximum size of a file, in bytes: what a Secret can hold.
const FILE_BYTES: usize = 1024 * 1024;

/// The certificates that the endpoints would present, and the authorities of accepted clients.
#[derive(Clone, Debug, Default)]
pub(super) struct EndpointCertificates {
    /// The server's chain, leaf first.
    pub(super) certificates: Vec<EndpointCertificate>,
    /// Authorities of client certificates.
    pub(super) authorities: Vec<EndpointCertificate>,
}

/// One certificate.
#[derive(Clone, Debug)]
pub(super) struct EndpointCertificate {
    pub(super) subject: String,
    /// DNS names and addresses.
    pub(super) names: Vec<String>,
    pub(super) not_before: UnixTime,
    pub(super) not_after: UnixTime,
    /// Whether extKeyUsage is absent or allows to serve.
    serves: bool,
    pub(super) der: CertificateDer<'static>,
}

pub(super) fn check(tls: &Tls, now: UnixTime, findings: &mut Findings) -> EndpointCertificates {
    let Tls { certificate, key, client_ca } = tls;
    let certificate = PemFile { key: "server.tls.certificate", path: certificate };
    let key = PemFile { key: "server.tls.key", path: key };
    let client_ca = PemFile { key: "server.tls.clientCa", path: client_ca };
    let before = findings.mistakes.len();
    let chain = read(certificate, findings)
        .map(|pem| (certificates(certificate, pem::certificates_beside_key(&pem), findings), pem));
    if let Some((chain, _)) = &chain {
        serving(certificate, chain, now, findings);
    }
    let key_pem = read(key, findings);
    let private = key_pem.as_ref().and_then(|pem| match pem::private_key(pem) {
        Ok(private) => Some(private_key_der(private)),
        Err(error) => {
            findings.mistake(key.path, key.key, &error.mismatch());
            None
        }
    });
    if let (Some((chain, _)), Some(private)) = (&chain, private)
        && !chain.is_empty()
    {
        pair(certificate, key, chain, private, findings);
    }
    let authorities =
        read(client_ca, findings).map(|pem| (certificates(client_ca, pem::certificates(&pem), findings), pem));
    if let Some((authorities, _)) = &authorities {
        clients(client_ca, authorities, now, findings);
    }
    let (chain, certificate_pem) = chain.unwrap_or_default();
    let (authorities, client_ca_pem) = authorities.unwrap_or_default();
    if findings.mistakes.len() == before {
        let pem = TlsPem { certificate: certificate_pem, key: key_pem.unwrap_or_default(), client_ca: client_ca_pem };
        if let Err(TlsErrors(errors)) = LoadedTls::load(&pem, now) {
            for error in errors {
                findings.mistake(certificate.path, certificate.key, &error.mismatch());
            }
        }
    }
    EndpointCertificates { certificates: chain, authorities }
}

/// A file and the key of the configuration that names it.
#[derive(Clone, Copy)]
struct PemFile<'a> {
    key: &'static str,
    path: &'a Path,
}

fn read(file: PemFile<'_>, findings: &mut Findings) -> Option<Vec<u8>> {
    match files::read(file.path, FILE_BYTES) {
        Ok(bytes) => Some(bytes),
        Err(ReadError::TooLarge { max }) => {
            let limit = format_args!("at max {max} bytes");
            findings.mistake(file.path, file.key, &Mismatch::new("is too large").expecting(limit));
            None
        }
        Err(ReadError::Io(error)) => {
            let mismatch = Mismatch::new(format_args!("cannot be read: {error}")).expecting("a PEM file");
            findings.mistake(file.path, file.key, &mismatch);
            None
        }
    }
}

/// The certificates that can be parsed; the others are reported as mistakes.
fn certificates(
    file: PemFile<'_>,
    blocks: Result<Vec<CertificateBlock>, PemError>,
    findings: &mut Findings,
) -> Vec<EndpointCertificate> {
    let mut certificates = Vec::new();
    match blocks {
        Ok(blocks) => {
            for CertificateBlock { line, der } in blocks {
                match EndpointCertificate::of(der.into()) {
                    Some(certificate) => certificates.push(certificate),
                    None => {
                        let found = format_args!("PEM block that begins on line {line} is not an X.509 certificate");
                        findings.mistake(file.path, file.key, &Mismatch::new(found).expecting("a certificate in DER"));
                    }
                }
            }
        }
        Err(error) => findings.mistake(file.path, file.key, &error.mismatch()),
    }
    certificates
}

impl EndpointCertificate {
    /// None if `der` is not a certificate.
    pub(super) fn of(der: CertificateDer<'static>) -> Option<Self> {
        let certificate = TlsCertificate::parse(&der)?;
        Some(Self {
            subject: certificate.subject().to_string(),
            names: certificate.names()?.iter().filter_map(TlsName::text).collect(),
            not_before: certificate.not_before()?,
            not_after: certificate.not_after()?,
            serves: certificate.may_serve()?,
            der: der.clone(),
        })
    }
}

fn serving(file: PemFile<'_>, chain: &[EndpointCertificate], now: UnixTime, findings: &mut Findings) {
    for certificate in chain {
        let EndpointCertificate { subject, names: _, not_before, not_after, serves: _, der: _ } = certificate;
        if *not_after <= now {
            let found = format_args!("certificate {subject:?} has expired: found end {not_after}");
            findings.mistake(file.path, file.key, &Mismatch::new(found).expecting("a valid certificate"));
        } else if *not_before > now {
            let message =
                format_args!("{}: certificate {subject:?} is valid only from {not_before} on", file.path.display());
            findings.warn("certificate-not-yet-valid", message);
        }
        ends_soon(file, certificate, now, findings);
    }
    let Some(leaf) = chain.first() else { return };
    if leaf.names.is_empty() {
        let message = format_args!(
            "{}: certificate {:?} has no DNS name and no address: Gatekeeper takes none without the host of the Provider's url",
            file.path.display(),
            leaf.subject
        );
        findings.warn("certificate-without-names", message);
    }
    if !leaf.serves {
        let message = format_args!(
            "{}: certificate {:?} has an extended key usage without serverAuth: Gatekeeper will not take it",
            file.path.display(),
            leaf.subject
        );
        findings.warn("certificate-not-for-servers", message);
    }
}

fn ends_soon(file: PemFile<'_>, certificate: &EndpointCertificate, now: UnixTime, findings: &mut Findings) {
    let EndpointCertificate { subject, not_after, .. } = certificate;
    if *not_after > now && *not_after < now.saturating_add(SOON) {
        let message = format_args!("{}: certificate {subject:?} ends soon, at {not_after}", file.path.display());
        findings.warn("certificate-ends-soon", message);
    }
}

fn pair(
    certificate: PemFile<'_>,
    key: PemFile<'_>,
    chain: &[EndpointCertificate],
    private: PrivateKeyDer<'static>,
    findings: &mut Findings,
) {
    let ders = chain.iter().map(|certificates| certificates.der.clone()).collect();
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    match CertifiedKey::from_der(ders, private, &provider) {
        Ok(_) => {}
        Err(rustls::Error::InconsistentKeys(_)) => {
            let found = format_args!("is not the key of the first certificate in {}", certificate.path.display());
            findings.mistake(key.path, key.key, &Mismatch::new(found).expecting("the key of that certificate"));
        }
        Err(_) => findings.mistake(key.path, key.key, &Mismatch::new("cannot be used").expecting("an RSA or EC key")),
    }
}

fn clients(file: PemFile<'_>, authorities: &[EndpointCertificate], now: UnixTime, findings: &mut Findings) {
    let mut roots = RootCertStore::empty();
    for EndpointCertificate { subject, der, .. } in authorities {
        if roots.add(der.clone()).is_err() {
            findings.mistake(
                file.path,
                file.key,
                &Mismatch::new(format_args!("certificate {subject:?} cannot be a trust anchor"))
                    .expecting("certificates of authorities"),
            );
        }
    }
    // During a rotation the file may have the old authority beside the new one until the old one expires.
    match authorities.iter().map(|authority| authority.not_after).max() {
        Some(end) if end <= now => {
            let found = format_args!("all certificates have expired: found last end {end}");
            findings.mistake(file.path, file.key, &Mismatch::new(found).expecting("a valid certificate"));
        }
        Some(end) if end < now.saturating_add(SOON) => {
            authorities.iter().for_each(|authority| ends_soon(file, authority, now, findings));
        }
        Some(_) | None => {}
    }
}
