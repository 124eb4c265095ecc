//! The names in a client certificate that was refused, for the log. The TLS library drops the certificate with the
//! connection, so the verifier records them.

use std::cell::RefCell;
use std::future::Future;
use std::sync::Arc;

use countersign_core::codec::text::Text;
use rustls::DigitallySignedStruct;
use rustls::DistinguishedName;
use rustls::SignatureScheme;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::server::danger::ClientCertVerified;
use rustls::server::danger::ClientCertVerifier;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::UnixTime;

use super::client::shown_names;

tokio::task_local! {
    static REFUSED: RefCell<Option<Text>>;
}

/// Runs a handshake. Returns its result and the unauthenticated names in the certificate that the [`RecordingVerifier`]
/// refused.
pub(in crate::server) async fn with_refused_names<F: Future>(handshake: F) -> (F::Output, Option<Text>) {
    let recording = async {
        let result = handshake.await;
        (result, REFUSED.with(RefCell::take))
    };
    REFUSED.scope(RefCell::new(None), recording).await
}

/// Verifies as `inner` does, and records the names in refused certificates.
#[derive(Debug)]
pub(super) struct RecordingVerifier(pub(super) Arc<dyn ClientCertVerifier>);

impl ClientCertVerifier for RecordingVerifier {
    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        self.0.verify_client_cert(end_entity, intermediates, now).inspect_err(|_| {
            // Ignored if the handshake does not run in `with_refused_names`.
            let _ = REFUSED.try_with(|names| names.replace(shown_names(end_entity)));
        })
    }

    fn offer_client_auth(&self) -> bool {
        self.0.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.0.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.0.root_hint_subjects()
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }

    fn requires_raw_public_keys(&self) -> bool {
        self.0.requires_raw_public_keys()
    }
}
