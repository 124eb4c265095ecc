//! TLS of the endpoints: 1.3 only, with client certificates, reloadable.
//!
//! Gatekeeper uses TLS 1.3 only. The handshake checks the chain of the client's certificate; its names are checked
//! right after it (see [`AllowedClients`]).
//!
//! A renewed certificate or authority is used as a whole, for new connections, after all of it was parsed; one invalid
//! block makes the whole load fail, and the former certificates stay in use.

mod certificate;
mod client;
mod error;
mod failure;
mod files;
mod presented;

use std::sync::Arc;

use arc_swap::ArcSwap;
use countersign_core::codec::pem;
use countersign_core::codec::pem::CertificateBlock;
use countersign_core::codec::pem::PemError;
use countersign_core::time::UnixTime;
use countersign_http::private_key_der;
use rustls::RootCertStore;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::server::NoServerSessionStorage;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::sign::CertifiedKey;
use rustls::sign::SingleCertAndKey;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::PrivateKeyDer;
use tokio::net::TcpStream;

pub use certificate::TlsCertificate;
pub use certificate::TlsName;
pub use certificate::TlsOutline;
pub use client::AllowedClients;
pub use client::AllowedClientsError;
pub use client::ClientNameError;
pub(super) use client::shown_names;
pub use error::TlsError;
pub use error::TlsErrors;
pub(super) use failure::handshake_failure;
pub use files::TlsFiles;
pub use files::TlsPem;
use presented::RecordingVerifier;
pub(super) use presented::with_refused_names;

const CERTIFICATE: &str = "server certificate";
const KEY: &str = "server key";
const CLIENT_CA: &str = "client CA";

/// Maximum number of encrypted bytes that wait for a client that does not read.
pub(super) const UNSENT_BYTES: usize = 16 * 1024;

/// Parsed certificates and key.
#[derive(Clone, Debug)]
pub struct LoadedTls {
    config: Arc<ServerConfig>,
    server_end: UnixTime,
    authorities_end: UnixTime,
    certificates: Vec<TlsOutline>,
    authorities: Vec<TlsOutline>,
}

impl LoadedTls {
    /// Reads and checks all of `pem`. `now` is used to check expiry.
    ///
    /// # Errors
    /// All parts that cannot be parsed, do not match, or have expired.
    pub fn load(pem: &TlsPem, now: UnixTime) -> Result<Self, TlsErrors> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let chain = server_chain(pem, now);
        let key = pem::private_key(&pem.key).map_err(|source| TlsError::Pem { what: KEY, source }).map(private_key_der);
        let clients = ClientAuthorities::load(pem, now, &provider);
        let pair = match (chain, key) {
            (Ok((chain, certificates)), Ok(key)) => pair(chain, key, &provider).map(|pair| (pair, certificates)),
            (chain, key) => {
                return Err(TlsErrors([chain.err(), key.err(), clients.err()].into_iter().flatten().collect()));
            }
        };
        let ((pair, certificates), clients) = match (pair, clients) {
            (Ok(pair), Ok(clients)) => (pair, clients),
            (pair, clients) => return Err(TlsErrors([pair.err(), clients.err()].into_iter().flatten().collect())),
        };
        let ClientAuthorities { verifier, certificates: authorities, end: authorities_end } = clients;
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(|_| TlsError::Pair)?
            .with_client_cert_verifier(Arc::new(RecordingVerifier(verifier)))
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(pair)));
        let server_end = certificates.iter().map(|certificate| certificate.end).min().unwrap_or(now);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        // A resumed session would skip the check of the client's certificate, and Gatekeeper never resumes one.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Self { config: Arc::new(config), server_end, authorities_end, certificates, authorities })
    }

    /// The handshake on `stream`.
    pub(super) fn accept(&self, stream: TcpStream) -> tokio_rustls::Accept<TcpStream> {
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::clone(&self.config));
        acceptor.accept_with(stream, |connection| connection.set_buffer_limit(Some(UNSENT_BYTES)))
    }

    /// The server's chain, leaf first.
    #[must_use]
    pub fn certificates(&self) -> &[TlsOutline] {
        &self.certificates
    }

    /// The authorities of client certificates.
    #[must_use]
    pub fn authorities(&self) -> &[TlsOutline] {
        &self.authorities
    }

    /// When the first certificate of the server's chain ends.
    #[must_use]
    pub fn server_end(&self) -> UnixTime {
        self.server_end
    }

    /// When the first of the clients' authorities that are valid today ends.
    #[must_use]
    pub fn authorities_end(&self) -> UnixTime {
        self.authorities_end
    }
}

/// The certificates of new connections. Shared by the listener and the reload task.
#[derive(Debug)]
pub struct Tls(ArcSwap<LoadedTls>);

impl Tls {
    #[must_use]
    pub fn new(loaded: LoadedTls) -> Self {
        Self(ArcSwap::from_pointee(loaded))
    }

    /// New connections use `loaded` from now on; open ones process one more request and close.
    pub fn swap(&self, loaded: LoadedTls) {
        self.0.store(Arc::new(loaded));
    }

    /// The certificates in use.
    #[must_use]
    pub fn current(&self) -> Arc<LoadedTls> {
        self.0.load_full()
    }
}

/// The server's chain, none of which has expired.
fn server_chain(pem: &TlsPem, now: UnixTime) -> Result<(Vec<CertificateDer<'static>>, Vec<TlsOutline>), TlsError> {
    let unreadable = |source| TlsError::Pem { what: CERTIFICATE, source };
    let chain = pem::certificates_beside_key(&pem.certificate).map_err(unreadable)?;
    let certificates = outlines(CERTIFICATE, &chain)?;
    match certificates.iter().map(|certificate| certificate.end).min() {
        Some(end) if end > now => {}
        Some(end) => return Err(TlsError::Expired { end }),
        None => return Err(unreadable(PemError::NoCertificateBlock)),
    }
    Ok((chain.into_iter().map(|block| CertificateDer::from(block.der)).collect(), certificates))
}

fn pair(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, TlsError> {
    CertifiedKey::from_der(chain, key, provider).map_err(|error| {
        let foreign = matches!(error, rustls::Error::InconsistentKeys(_));
        if foreign { TlsError::Foreign } else { TlsError::Pair }
    })
}

fn outlines(what: &'static str, chain: &[CertificateBlock]) -> Result<Vec<TlsOutline>, TlsError> {
    let outline = |CertificateBlock { line, der }: &CertificateBlock| {
        let certificate = TlsCertificate::parse(der);
        certificate.and_then(|certificate| certificate.outline()).ok_or(TlsError::Certificate { what, line: *line })
    };
    chain.iter().map(outline).collect()
}

/// The authorities of client certificates.
struct ClientAuthorities {
    verifier: Arc<dyn ClientCertVerifier>,
    certificates: Vec<TlsOutline>,
    /// The first end among those that are valid: during a rotation the file may have the old authority beside the new one
    /// until it expires.
    end: UnixTime,
}

impl ClientAuthorities {
    /// All certificates of the file as roots.
    fn load(pem: &TlsPem, now: UnixTime, provider: &Arc<CryptoProvider>) -> Result<Self, TlsError> {
        let unreadable = |source| TlsError::Pem { what: CLIENT_CA, source };
        let all = pem::certificates(&pem.client_ca).map_err(unreadable)?;
        let certificates = outlines(CLIENT_CA, &all)?;
        let mut roots = RootCertStore::empty();
        for CertificateBlock { line, der } in all {
            roots.add(der.into()).map_err(|_| TlsError::Root { what: CLIENT_CA, line })?;
        }
        let ends = certificates.iter().map(|certificate| certificate.end);
        let end = match (ends.clone().filter(|end| *end > now).min(), ends.max()) {
            (Some(end), _) => end,
            (None, Some(end)) => return Err(TlsError::AuthoritiesExpired { end }),
            (None, None) => return Err(unreadable(PemError::NoCertificateBlock)),
        };
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
            .build()
            .map_err(|source| TlsError::Verifier { source })?;
        Ok(Self { verifier, certificates, end })
    }
}
