//! Verifies server certificates: by a trusted authority, or by the server's own certificate in the file of trusted
//! authorities.
//!
//! webpki builds paths and verifies names and signatures. One case is added: webpki treats a self-issued certificate
//! of `openssl req -x509` as a CA certificate and refuses it for a server. If exactly this certificate is in the file
//! of trusted authorities, the operator has trusted this server. Then its name, validity period and purpose are
//! checked, the handshake proves possession of its key, and no issuer is needed.

use std::sync::Arc;

use rustls::CertificateError;
use rustls::DigitallySignedStruct;
use rustls::Error;
use rustls::OtherError;
use rustls::RootCertStore;
use rustls::SignatureScheme;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::client::danger::ServerCertVerified;
use rustls::client::danger::ServerCertVerifier;
use rustls::client::verify_server_name;
use rustls::crypto::CryptoProvider;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::crypto::verify_tls12_signature;
use rustls::crypto::verify_tls13_signature;
use rustls::server::ParsedCertificate;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::ServerName;
use rustls_pki_types::UnixTime;
use x509_parser::parse_x509_certificate;

use super::certificate;
use super::certificate::is_self_issued;
use super::failure::RootsSource;
use super::failure::TlsFailure;
use super::roots::RootCertificates;
use super::roots::Roots;

/// Verifies servers with one set of trusted authorities. Errors are [`TlsFailure`]s.
#[derive(Debug)]
pub(crate) struct Verifier {
    /// `None` without any authority: then only self-issued certificates of the file are accepted.
    by_authority: Option<Arc<WebPkiServerVerifier>>,
    /// The self-issued certificates of the file.
    own: Vec<CertificateDer<'static>>,
    algorithms: WebPkiSupportedAlgorithms,
    roots: RootsSource,
}

impl Verifier {
    /// Creates a verifier for `roots`; `system` has the system's authorities.
    pub(crate) fn new(provider: &Arc<CryptoProvider>, roots: &Roots, system: &Arc<RootCertStore>) -> Self {
        match roots {
            Roots::System => Self::system(provider, Arc::clone(system)),
            Roots::Only(certificates) => Self::only(provider, certificates),
            Roots::Unusable { file } => Self::none(provider, file),
        }
    }

    /// Verifies by the system's authorities.
    fn system(provider: &Arc<CryptoProvider>, roots: Arc<RootCertStore>) -> Self {
        Self {
            by_authority: by_authority(provider, roots),
            own: Vec::new(),
            algorithms: provider.signature_verification_algorithms,
            roots: RootsSource::System,
        }
    }

    /// Verifies by the authorities of a file alone.
    fn only(provider: &Arc<CryptoProvider>, certificates: &RootCertificates) -> Self {
        let self_issued = |der: &&CertificateDer<'_>| {
            parse_x509_certificate(der).is_ok_and(|(rest, parsed)| rest.is_empty() && is_self_issued(&parsed))
        };
        Self {
            by_authority: by_authority(provider, certificates.roots()),
            own: certificates.certificates().iter().filter(self_issued).cloned().collect(),
            algorithms: provider.signature_verification_algorithms,
            roots: RootsSource::File(certificates.file().into()),
        }
    }

    /// Accepts no server, as the file of authorities is invalid.
    fn none(provider: &Arc<CryptoProvider>, file: &str) -> Self {
        Self {
            by_authority: None,
            own: Vec::new(),
            algorithms: provider.signature_verification_algorithms,
            roots: RootsSource::File(file.into()),
        }
    }

    fn check(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<(), TlsFailure> {
        if self.own.iter().any(|own| own == end_entity) {
            return by_itself(end_entity, server_name, now);
        }
        let Some(by_authority) = &self.by_authority else {
            return Err(certificate::unknown_issuer(end_entity, self.roots.clone()));
        };
        by_authority
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
            .map(|_| ())
            .map_err(|error| certificate::refused(&error, end_entity, &self.roots))
    }
}

fn by_authority(provider: &Arc<CryptoProvider>, roots: Arc<RootCertStore>) -> Option<Arc<WebPkiServerVerifier>> {
    // Fails only for an empty store or for revocation lists, which are not used.
    WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(provider)).build().ok()
}

/// Runs webpki's checks of a server certificate, except for the issuer.
fn by_itself(end_entity: &CertificateDer<'_>, server_name: &ServerName<'_>, now: UnixTime) -> Result<(), TlsFailure> {
    let unreadable = TlsFailure::Certificate { detail: "is no X.509 certificate" };
    let (_, parsed) = parse_x509_certificate(end_entity).map_err(|_| unreadable.clone())?;
    certificate::check_time(&parsed, now)?;
    let usage = parsed.extended_key_usage().map_err(|_| unreadable)?;
    if usage.is_some_and(|usage| !usage.value.server_auth) {
        return Err(TlsFailure::Purpose);
    }
    ParsedCertificate::try_from(end_entity)
        .and_then(|parsed| verify_server_name(&parsed, server_name))
        .map_err(|error| certificate::refused(&error, end_entity, &RootsSource::System))
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match self.check(end_entity, intermediates, server_name, ocsp_response, now) {
            Ok(()) => Ok(ServerCertVerified::assertion()),
            Err(failure) => Err(Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(failure))))),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
