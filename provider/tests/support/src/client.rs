//! Clients of the service: as Gatekeeper, and badly behaved ones.

use std::sync::Arc;
use std::time::Duration;

use countersign_testkit::pki::Authority;
use countersign_testkit::pki::Chain;
use reqwest::StatusCode;
use rustls::ClientConfig;
use rustls::RootCertStore;
use rustls::SupportedProtocolVersion;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::ServerName;
use serde_json::Value as Json;
use serde_json::json;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpSocket;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::service::Service;

/// The TLS of a client that trusts the service's authority.
pub fn tls(service: &Service, identity: Option<&Chain>, version: &'static SupportedProtocolVersion) -> ClientConfig {
    tls_trusting(&service.certificates.servers, identity, version)
}

/// The TLS of a client that trusts `servers`.
pub fn tls_trusting(
    servers: &Authority,
    identity: Option<&Chain>,
    version: &'static SupportedProtocolVersion,
) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(servers.der().to_vec())).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots);
    match identity {
        Some(chain) => {
            let (certificates, key) = chain.for_rustls();
            builder.with_client_auth_cert(certificates, key).unwrap()
        }
        None => builder.with_no_client_auth(),
    }
}

/// The body of a request about these keys.
pub fn body(keys: &[&str]) -> String {
    json!({
        "apiVersion": "externaldata.gatekeeper.sh/v1beta1",
        "kind": "ProviderRequest",
        "request": {"keys": keys},
    })
    .to_string()
}

/// Sends requests as Gatekeeper does.
pub struct Client {
    http: reqwest::Client,
    base: String,
}

impl Client {
    pub fn gatekeeper(service: &Service) -> Self {
        Self::of(service, tls(service, Some(&service.certificates.gatekeeper()), &rustls::version::TLS13))
    }

    pub fn of(service: &Service, tls: ClientConfig) -> Self {
        let http = reqwest::Client::builder().tls_backend_preconfigured(tls).no_proxy().build().unwrap();
        Self { http, base: format!("https://{}", service.address) }
    }

    /// An HTTP/2 client.
    pub fn http2(service: &Service) -> Self {
        Self::http2_with_window(service, 1024 * 1024)
    }

    /// An HTTP/2 client that takes so many bytes of a response at first.
    pub fn http2_with_window(service: &Service, window: u32) -> Self {
        let mut tls = tls(service, Some(&service.certificates.gatekeeper()), &rustls::version::TLS13);
        tls.alpn_protocols = vec![b"h2".to_vec()];
        let http = reqwest::Client::builder().tls_backend_preconfigured(tls).http2_prior_knowledge().no_proxy();
        let http = http.http2_initial_stream_window_size(window);
        Self { http: http.build().unwrap(), base: format!("https://{}", service.address) }
    }

    pub async fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> reqwest::Result<(StatusCode, Json)> {
        let response = self.http.post(format!("{}{path}", self.base)).body(body).send().await?;
        assert_eq!(response.headers()["content-type"], "application/json");
        let status = response.status();
        Ok((status, serde_json::from_slice(&response.bytes().await?).unwrap()))
    }

    /// The beginning of a response.
    pub async fn begin(&self, path: &str, body: String) -> reqwest::Response {
        self.http.post(format!("{}{path}", self.base)).body(body).send().await.unwrap()
    }

    pub async fn request(&self, method: reqwest::Method, path: &str) -> reqwest::Response {
        self.http.request(method, format!("{}{path}", self.base)).send().await.unwrap()
    }

    /// The `response` of a good answer to `keys`.
    pub async fn ask(&self, path: &str, keys: &[&str]) -> Json {
        let (status, mut answer) = self.post(path, body(keys)).await.unwrap();
        assert_eq!(status, StatusCode::OK);
        assert_eq!(answer["apiVersion"], "externaldata.gatekeeper.sh/v1beta1");
        assert_eq!(answer["kind"], "ProviderResponse");
        answer["response"].take()
    }
}

/// A bare connection after its handshake.
pub async fn connect(service: &Service) -> TlsStream<TcpStream> {
    connect_tls(service, TcpStream::connect(service.address).await.unwrap()).await
}

/// Connects as [`connect`] does, with a receive buffer of 4 KiB.
pub async fn connect_with_small_receive_buffer(service: &Service) -> TlsStream<TcpStream> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    connect_tls(service, socket.connect(service.address).await.unwrap()).await
}

async fn connect_tls(service: &Service, stream: TcpStream) -> TlsStream<TcpStream> {
    let tls = tls(service, Some(&service.certificates.gatekeeper()), &rustls::version::TLS13);
    let name = ServerName::try_from("localhost").unwrap();
    tokio_rustls::TlsConnector::from(Arc::new(tls)).connect(name, stream).await.unwrap()
}

/// Everything received until the other side closes, which it must do within ten seconds.
pub async fn rest(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> String {
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut bytes));
    // A close without close_notify is an error for rustls, but still a close.
    let _ = read.await.expect("the connection stays open");
    String::from_utf8(bytes).unwrap()
}

/// Whether a request about a skipped image gets a response.
pub async fn is_answered(client: &Client) -> bool {
    is_answered_about(client, "a.example/skipped").await
}

/// Whether a request about `key` gets a response.
pub async fn is_answered_about(client: &Client, key: &str) -> bool {
    client.post("/v1/verify", format!(r#"{{"request":{{"keys":["{key}"]}}}}"#)).await.is_ok()
}
