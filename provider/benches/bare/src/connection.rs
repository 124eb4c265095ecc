//! One connection to a registry that all requests use, with the TLS and HTTP/2 settings of `countersign-http`.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Method;
use http::Request;
use http::StatusCode;
use http::header;
use http_body_util::BodyExt as _;
use http_body_util::Empty;
use hyper::client::conn::http2;
use hyper_util::rt::TokioExecutor;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::RootCertStore;
use rustls::client::Resumption;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::ServerName;
use rustls_pki_types::pem::PemObject as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Windows of `countersign_http::limits`.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 512 * 1024;

/// The connection. Clones share it.
#[derive(Clone)]
pub(crate) struct Connection {
    sender: http2::SendRequest<Empty<Bytes>>,
    host: Arc<str>,
}

/// The credential of a request.
pub(crate) enum Credential<'a> {
    None,
    /// The value of the header.
    Value(&'a str),
}

impl Connection {
    /// Connects to `HOST:PORT`, whose authority is in `root.pem`.
    pub(crate) async fn open(folder: &Path, host: &str) -> Self {
        let stream = TcpStream::connect(host).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let name = ServerName::try_from(host.rsplit_once(':').unwrap().0.to_owned()).unwrap();
        let stream = TlsConnector::from(Arc::new(tls(folder))).connect(name, stream).await.unwrap();
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .handshake(TokioIo::new(stream))
            .await
            .unwrap();
        tokio::spawn(connection);
        Self { sender, host: host.into() }
    }

    /// The status and the body of the answer to a request.
    pub(crate) async fn send(
        &self,
        path: &str,
        accept: Option<&str>,
        credential: Credential<'_>,
    ) -> (StatusCode, Bytes) {
        let mut request = Request::builder().method(Method::GET).uri(format!("https://{}{path}", self.host));
        if let Some(accept) = accept {
            request = request.header(header::ACCEPT, accept);
        }
        if let Credential::Value(value) = credential {
            request = request.header(header::AUTHORIZATION, value);
        }
        let response = self.sender.clone().send_request(request.body(Empty::new()).unwrap()).await.unwrap();
        let status = response.status();
        (status, response.into_body().collect().await.unwrap().to_bytes())
    }
}

/// The header for the user and the password in files of these names. `None` if there are none.
pub(crate) fn basic(folder: &Path) -> Option<String> {
    let [user, password] = ["user", "password"].map(|name| fs::read_to_string(folder.join(name)).unwrap());
    (!user.is_empty()).then(|| format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))))
}

/// As `http/src/tls/config.rs` has it.
fn tls(folder: &Path) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(folder.join("root.pem")).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config.resumption = Resumption::disabled();
    config
}
