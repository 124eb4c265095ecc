//! Who a server is: by an authority that is trusted for it, or by its own certificate in the file of its authorities.
//!
//! Path building, names and signatures are webpki's. What is added: a certificate that is its own issuer, as
//! `openssl req -x509` makes it, is an authority to webpki and no server. If it stands byte for byte in the `ca` file of
//! the registry's entry, the operator has named exactly this server. Then its name, its time and its purpose are checked
//! and the handshake proves that the server has its key; nobody has to vouch for it.

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
use x509_parser::prelude::X509Certificate;

use super::Authorities;
use super::failure;
use super::failure::TlsFailure;
use super::failure::Vouchers;

/// Verifies servers of one group of registries. Its errors are [`TlsFailure`]s.
#[derive(Debug)]
pub struct Verifier {
    /// None without any authority: then nobody is believed but by its own certificate.
    by_authority: Option<Arc<WebPkiServerVerifier>>,
    /// Certificates of the `ca` file that are their own issuers.
    own: Vec<CertificateDer<'static>>,
    algorithms: WebPkiSupportedAlgorithms,
    vouchers: Vouchers,
}

impl Verifier {
    /// By the system's authorities.
    pub fn system(provider: &Arc<CryptoProvider>, roots: RootCertStore) -> Self {
        Self {
            by_authority: by_authority(provider, Arc::new(roots)),
            own: Vec::new(),
            algorithms: provider.signature_verification_algorithms,
            vouchers: Vouchers::System,
        }
    }

    /// By the authorities of a file alone.
    pub fn only(provider: &Arc<CryptoProvider>, authorities: &Authorities) -> Self {
        let is_own = |der: &&CertificateDer<'_>| {
            parse_x509_certificate(der).is_ok_and(|(rest, parsed)| rest.is_empty() && is_its_own_issuer(&parsed))
        };
        Self {
            by_authority: by_authority(provider, authorities.roots()),
            own: authorities.certificates().iter().filter(is_own).cloned().collect(),
            algorithms: provider.signature_verification_algorithms,
            vouchers: Vouchers::File(authorities.file().into()),
        }
    }

    /// By nobody, as the file of the authorities cannot be used.
    pub fn nobody(provider: &Arc<CryptoProvider>, file: &str) -> Self {
        Self {
            by_authority: None,
            own: Vec::new(),
            algorithms: provider.signature_verification_algorithms,
            vouchers: Vouchers::File(file.into()),
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
            return Err(failure::unknown_issuer(end_entity, self.vouchers.clone()));
        };
        by_authority
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
            .map(|_| ())
            .map_err(|error| failure::of_certificate(&error, end_entity, &self.vouchers))
    }
}

fn by_authority(provider: &Arc<CryptoProvider>, roots: Arc<RootCertStore>) -> Option<Arc<WebPkiServerVerifier>> {
    // Fails for an empty store, and for revocation lists, of which there are none here.
    WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(provider)).build().ok()
}

/// What webpki checks of a server's certificate, but for who issued it.
fn by_itself(end_entity: &CertificateDer<'_>, server_name: &ServerName<'_>, now: UnixTime) -> Result<(), TlsFailure> {
    let unreadable = TlsFailure::Certificate { detail: "is no X.509 certificate" };
    let (_, parsed) = parse_x509_certificate(end_entity).map_err(|_| unreadable.clone())?;
    failure::check_time(&parsed, now)?;
    let usage = parsed.extended_key_usage().map_err(|_| unreadable)?;
    if usage.is_some_and(|usage| !usage.value.server_auth) {
        return Err(TlsFailure::Purpose);
    }
    ParsedCertificate::try_from(end_entity)
        .and_then(|certificate| verify_server_name(&certificate, server_name))
        .map_err(|error| failure::of_certificate(&error, end_entity, &Vouchers::System))
}

pub(super) fn is_its_own_issuer(certificate: &X509Certificate<'_>) -> bool {
    certificate.subject().as_raw() == certificate.issuer().as_raw()
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
