//! TLS configurations for connections, one for each set of trusted authorities.

use std::sync::Arc;
use std::sync::LazyLock;

use rustls::ClientConfig;
use rustls::RootCertStore;
use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::sign::SingleCertAndKey;

use super::client_certificate::ClientCertificate;
use super::roots::Roots;
use super::verifier::Verifier;

/// The system's authorities. They are read when the first client is built, once for the process: these are hundreds of files,
/// and a process has several clients. A change of them takes a restart.
static SYSTEM: LazyLock<Arc<RootCertStore>> = LazyLock::new(|| {
    let mut system = RootCertStore::empty();
    // Invalid certificate files of the system are ignored. Without any certificate, servers cannot be
    // authenticated, which the caller detects by `system_count`.
    let _ = system.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    Arc::new(system)
});

/// Creates configurations with one crypto provider and the system's authorities.
pub(crate) struct TlsConfigs {
    provider: Arc<CryptoProvider>,
    system: Arc<RootCertStore>,
}

/// The TLS library refuses the configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot make a TLS client: {detail}")]
pub struct TlsSetupError {
    /// The error of the library.
    pub detail: String,
}

impl TlsConfigs {
    /// With the system's authorities.
    pub(crate) fn new() -> Self {
        Self { provider: Arc::new(rustls::crypto::aws_lc_rs::default_provider()), system: Arc::clone(&SYSTEM) }
    }

    /// The number of certificate authorities of the system.
    pub(crate) fn system_count(&self) -> usize {
        self.system.len()
    }

    /// A configuration for HTTP/2 and HTTP/1.1 under `roots`, which presents `certificate` to servers that request one.
    ///
    /// # Errors
    /// The library refuses it.
    pub(crate) fn config(
        &self,
        roots: &Roots,
        certificate: Option<&ClientCertificate>,
    ) -> Result<ClientConfig, TlsSetupError> {
        let verifier = Verifier::new(&self.provider, roots, &self.system);
        let config = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| TlsSetupError { detail: error.to_string() })?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let mut config = match certificate {
            Some(certificate) => config.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(certificate.key()))),
            None => config.with_no_client_auth(),
        };
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        // rustls would keep 256 for each configuration, by name without the port. See `sessions`.
        config.resumption = Resumption::disabled();
        Ok(config)
    }
}

/// The configuration for HTTP/1.1 only, as proxies use it.
pub(crate) fn http1_only(mut config: ClientConfig) -> ClientConfig {
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn has_no_sessions_of_its_own() {
        let config = TlsConfigs::new().config(&Roots::Unusable { file: "ca.pem".to_owned() }, None).unwrap();
        let resumption = format!("{:?}", config.resumption);
        assert!(resumption.contains("NoClientSessionStorage"), "{resumption}");
    }
}
