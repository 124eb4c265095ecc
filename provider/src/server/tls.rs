//! TLS of the endpoints: 1.3 only, with client certificates, reloadable.
//!
//! Gatekeeper uses TLS 1.3 only. The handshake checks the chain of the client's certificate; its names are checked
//! right after it (see [`AllowedClients`]).
//!
//! A renewed certificate or authority is used as a whole, for new connections, after all of it was parsed; one invalid
//! block makes the whole load fail, and the former certificates stay in use.

mod certificate;
mod client;
mod files;
mod presented;

use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use countersign_core::codec::mismatch::Mismatch;
use countersign_core::codec::mismatch::Mismatched;
use countersign_core::codec::pem;
use countersign_core::codec::pem::CertificateBlock;
use countersign_core::codec::pem::KeyFormat;
use countersign_core::codec::pem::PemError;
use countersign_core::codec::pem::PrivateKey;
use countersign_core::time::UnixTime;
use rustls::RootCertStore;
use rustls::ServerConfig;
use rustls::server::NoServerSessionStorage;
use rustls::server::WebPkiClientVerifier;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::PrivatePkcs1KeyDer;
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::PrivateSec1KeyDer;
use tokio::net::TcpStream;

pub(crate) use certificate::TlsCertificate;
pub(crate) use certificate::TlsName;
pub use client::AllowedClients;
pub use client::AllowedClientsError;
pub use client::ClientNameError;
pub(super) use client::shown_names;
pub use files::TlsFiles;
pub use files::TlsPem;
use presented::NotingVerifier;
pub(super) use presented::noting_refused;

/// Why certificates cannot be taken into use.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("cannot read {what} {}", path.display())]
    Read { what: &'static str, path: PathBuf, source: std::io::Error },
    #[error("{what} {} has more than {max} bytes", path.display())]
    TooLarge { what: &'static str, path: PathBuf, max: usize },
    /// Any of the others, with its file.
    #[error("{}", path.display())]
    File { path: PathBuf, source: Box<Self> },
    #[error("{what} cannot be read")]
    Pem { what: &'static str, source: PemError },
    #[error("{what}: PEM block that begins on line {line} is not an X.509 certificate")]
    Certificate { what: &'static str, line: usize },
    #[error("{what}: the certificate of the PEM block that begins on line {line} cannot be a trust anchor")]
    Root { what: &'static str, line: usize },
    #[error("server certificate has expired: found end {end}, expected a valid certificate")]
    Expired { end: UnixTime },
    #[error("all client CA certificates have expired: found last end {end}, expected a valid certificate")]
    AuthoritiesExpired { end: UnixTime },
    #[error("server key is not the key of the first certificate, expected a matching pair")]
    Foreign,
    /// The library's message is omitted, as it does not help.
    #[error(
        "server key and certificate cannot be used, expected an RSA or EC key and an X.509 version 3 \
             certificate"
    )]
    Pair,
    #[error("client CA cannot be used")]
    Verifier { source: rustls::server::VerifierBuilderError },
}

impl Mismatched for TlsError {
    /// Without the sources.
    fn mismatch(&self) -> Mismatch {
        match self {
            Self::Expired { end } => Mismatch::new(format_args!("server certificate has expired: found end {end}"))
                .expecting("a valid certificate"),
            Self::Foreign => Mismatch::new("server key is not the key of the first certificate")
                .expecting("the key of that certificate"),
            Self::Pair => Mismatch::new("server key and certificate cannot be used")
                .expecting("an RSA or EC key and an X.509 version 3 certificate"),
            Self::Read { .. }
            | Self::TooLarge { .. }
            | Self::File { .. }
            | Self::Pem { .. }
            | Self::Certificate { .. }
            | Self::Root { .. }
            | Self::AuthoritiesExpired { .. }
            | Self::Verifier { .. } => Mismatch::new(self),
        }
    }
}

const CERTIFICATE: &str = "server certificate";
const KEY: &str = "server key";
const CLIENT_CA: &str = "client CA";

/// Most encrypted bytes that wait for a client that does not read.
pub(super) const UNSENT_BYTES: usize = 16 * 1024;

/// Parsed certificates and key.
#[derive(Clone, Debug)]
pub struct LoadedTls {
    config: Arc<ServerConfig>,
    server_end: UnixTime,
    authorities_end: UnixTime,
}

impl LoadedTls {
    /// Reads and checks all of `pem`. `now` is used to check expiry.
    ///
    /// # Errors
    /// A part cannot be parsed, does not match, or has expired.
    pub fn load(pem: &TlsPem, now: UnixTime) -> Result<Self, TlsError> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let unreadable = |what| move |source| TlsError::Pem { what, source };
        let chain = pem::certificates_beside_key(&pem.certificate).map_err(unreadable(CERTIFICATE))?;
        let ends = ends(CERTIFICATE, &chain)?;
        let server_end = match ends.into_iter().min() {
            Some(end) if end > now => end,
            Some(end) => return Err(TlsError::Expired { end }),
            None => return Err(unreadable(CERTIFICATE)(PemError::NoCertificateBlock)),
        };
        let chain = chain.into_iter().map(|block| CertificateDer::from(block.der)).collect();
        let key = private_key_der(pem::private_key(&pem.key).map_err(unreadable(KEY))?);
        let authorities = pem::certificates(&pem.client_ca).map_err(unreadable(CLIENT_CA))?;
        let (roots, authorities_end) = self::authorities(authorities, now)?;
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .build()
            .map_err(|source| TlsError::Verifier { source })?;
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(|_| TlsError::Pair)?
            .with_client_cert_verifier(Arc::new(NotingVerifier(verifier)))
            .with_single_cert(chain, key)
            .map_err(|error| {
                let foreign = matches!(error, rustls::Error::InconsistentKeys(_));
                if foreign { TlsError::Foreign } else { TlsError::Pair }
            })?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        // A resumed session would skip the check of the client's certificate, and Gatekeeper never resumes one.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Self { config: Arc::new(config), server_end, authorities_end })
    }

    /// The handshake on `stream`.
    pub(super) fn accept(&self, stream: TcpStream) -> tokio_rustls::Accept<TcpStream> {
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::clone(&self.config));
        acceptor.accept_with(stream, |connection| connection.set_buffer_limit(Some(UNSENT_BYTES)))
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

/// In the form that rustls needs.
pub(crate) fn private_key_der(PrivateKey { format, der }: PrivateKey) -> PrivateKeyDer<'static> {
    match format {
        KeyFormat::Pkcs8 => PrivatePkcs8KeyDer::from(der).into(),
        KeyFormat::Pkcs1 => PrivatePkcs1KeyDer::from(der).into(),
        KeyFormat::Sec1 => PrivateSec1KeyDer::from(der).into(),
    }
}

/// The end of validity of each certificate.
fn ends(what: &'static str, chain: &[CertificateBlock]) -> Result<Vec<UnixTime>, TlsError> {
    let end = |CertificateBlock { line, der }: &CertificateBlock| {
        let end = TlsCertificate::parse(der).and_then(|certificate| certificate.not_after());
        end.ok_or(TlsError::Certificate { what, line: *line })
    };
    chain.iter().map(end).collect()
}

/// All certificates of the file as roots, and the first end among those that are valid: during a rotation the file may
/// have the old authority beside the new one until it expires.
fn authorities(all: Vec<CertificateBlock>, now: UnixTime) -> Result<(RootCertStore, UnixTime), TlsError> {
    let ends = ends(CLIENT_CA, &all)?;
    let mut roots = RootCertStore::empty();
    for CertificateBlock { line, der } in all {
        roots.add(der.into()).map_err(|_| TlsError::Root { what: CLIENT_CA, line })?;
    }
    let first_valid = ends.iter().copied().filter(|end| *end > now).min();
    match (first_valid, ends.into_iter().max()) {
        (Some(end), _) => Ok((roots, end)),
        (None, Some(end)) => Err(TlsError::AuthoritiesExpired { end }),
        (None, None) => Err(TlsError::Pem { what: CLIENT_CA, source: PemError::NoCertificateBlock }),
    }
}
