//! Servers that send endless data without a response: each connection ends when its allowance is used up.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use countersign_core::name::ImageRef;
use countersign_credentials::Credential;
use countersign_http::FetchError;
use countersign_http::RootCertificates;
use countersign_http::Roots;
use countersign_http::Scheme;
use countersign_registry::Cause;
use countersign_registry::RegistryEntry;
use countersign_registry::RegistryErrorKind;
use countersign_registry::RegistrySettings;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::registry::Route;
use rustls::ServerConfig;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

use crate::support::build;
use crate::support::can_be_pinned;
use crate::support::secure;
use crate::support::settings;
use crate::support::soon;
use crate::support::start_secure;

/// More than any connection may receive; ends the test if the client does not close.
const MOST: usize = 64 * 1024 * 1024;

/// Sends `first` and then `again` without end; returns the bytes sent when the other side closed.
async fn flood(mut stream: impl AsyncWrite + Unpin, first: &[u8], again: &[u8]) -> usize {
    let many = again.repeat(64 * 1024 / again.len());
    let mut sent = 0;
    if stream.write_all(first).await.is_ok() {
        while sent < MOST && stream.write_all(&many).await.is_ok() {
            sent += many.len();
        }
    }
    sent
}

/// A server that floods each connection, with the number of connections and the maximum sent on one of them.
struct Server {
    host: String,
    connections: Arc<AtomicUsize>,
    took: Arc<AtomicUsize>,
}

impl Server {
    async fn start(acceptor: Option<TlsAcceptor>, first: Vec<u8>, again: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let (connections, took) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let server = Self { host, connections: Arc::clone(&connections), took: Arc::clone(&took) };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::SeqCst);
                let (acceptor, first, again, took) =
                    (acceptor.clone(), first.clone(), again.clone(), Arc::clone(&took));
                tokio::spawn(async move {
                    let sent = match acceptor {
                        None => flood(asked(stream).await, &first, &again).await,
                        Some(acceptor) => flood(acceptor.accept(stream).await.unwrap(), &first, &again).await,
                    };
                    took.fetch_max(sent, Ordering::SeqCst);
                });
            }
        });
        server
    }

    async fn plain(first: &[u8], again: &[u8]) -> Self {
        Self::start(None, first.to_vec(), again.to_vec()).await
    }

    /// Over TLS with HTTP/2, and its authority.
    async fn http2(first: &[u8], again: &[u8]) -> (Self, Authority) {
        let ca = Authority::root(CertSpec::root());
        let leaf = ca.issue(CertSpec::tls_server(&["127.0.0.1"]));
        let (chain, key) = leaf.for_rustls();
        let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec()];
        (Self::start(Some(TlsAcceptor::from(Arc::new(config))), first.to_vec(), again.to_vec()).await, ca)
    }

    /// The error for `app:v1` of this server; over TLS if there is an authority.
    async fn cause(&self, ca: Option<&Authority>) -> Cause {
        let entry = RegistryEntry::new(self.host.parse().unwrap(), Credential::Anonymous);
        let entry = match ca {
            None => RegistryEntry { scheme: Scheme::Http, ..entry },
            Some(ca) => {
                let roots = Roots::Only(RootCertificates::parse("ca", ca.pem().as_bytes()).unwrap());
                RegistryEntry { roots, ..entry }
            }
        };
        // The allowance ends the request before the timeout, even on a slow machine.
        let time = Duration::from_secs(60);
        let (registries, _) = build(RegistrySettings { request_timeout: time, ..settings(vec![entry]) });
        let image: ImageRef = format!("{}/app:v1", self.host).parse().unwrap();
        registries.pin(&image, Instant::now() + time).await.unwrap_err().cause
    }

    /// The number of connections, and whether they were closed early.
    fn seen(&self) -> (usize, bool) {
        (self.connections.load(Ordering::SeqCst), self.took.load(Ordering::SeqCst) < MOST / 2)
    }
}

/// The request has begun to arrive.
async fn asked(mut stream: TcpStream) -> TcpStream {
    stream.read_u8().await.unwrap();
    stream
}

fn excess(server: &Server, shared: bool) -> Cause {
    Cause::Fetch(FetchError::Excess { host: server.host.clone(), shared })
}

/// A frame of HTTP/2, RFC 9113 section 4.1.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

const SETTINGS: u8 = 4;
const PING: u8 = 6;
const HEADERS: u8 = 1;
const DATA: u8 = 0;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 4;

#[tokio::test]
async fn endless_interim_responses_end_the_connection() {
    for again in ["HTTP/1.1 103 \r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 199 x\r\na: b\r\n\r\n"] {
        let server = Server::plain(b"", again.as_bytes()).await;
        let cause = server.cause(None).await;
        assert_eq!((&cause, cause.kind()), (&excess(&server, false), RegistryErrorKind::ResponseInvalid), "{again:?}");
        assert_eq!(server.seen(), (1, true));
    }
}

#[tokio::test]
async fn reads_one_byte_chunks_up_to_the_allowance() {
    let head = b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.oci.image.manifest.v1+json\r\nTransfer-Encoding: chunked\r\n\r\n";
    let server = Server::plain(head, b"1\r\nx\r\n").await;
    assert_eq!(server.cause(None).await, excess(&server, false));
    assert_eq!(server.seen(), (1, true));
}

/// Sends `first`, and then `again` until the connection ends: for the excess of bytes, at each attempt.
async fn flood_of(first: &[u8], again: &[u8]) {
    let (server, ca) = Server::http2(first, again).await;
    let cause = server.cause(Some(&ca)).await;
    assert_eq!((cause, server.seen()), (excess(&server, true), (3, true)));
}

fn no_settings() -> Vec<u8> {
    frame(SETTINGS, 0, 0, &[])
}

/// The settings, and the head `:status: 200` of an answer without an end (RFC 7541).
fn answer_without_end() -> Vec<u8> {
    [no_settings(), frame(HEADERS, END_HEADERS, 1, &[0x88])].concat()
}

#[tokio::test]
async fn http_2_pings_without_a_response_end_the_connection() {
    flood_of(&no_settings(), &frame(PING, 0, 0, &[0; 8])).await;
}

#[tokio::test]
async fn http_2_settings_without_a_response_end_the_connection() {
    flood_of(&no_settings(), &no_settings()).await;
}

#[tokio::test]
async fn http_2_interim_answers_without_a_response_end_the_connection() {
    // `:status: 103`.
    flood_of(&no_settings(), &frame(HEADERS, END_HEADERS, 1, b"\x08\x03103")).await;
}

/// CVE-2024-27316, from the side of a server.
#[tokio::test]
async fn http_2_heads_without_an_end_end_the_connection() {
    let first = [no_settings(), frame(HEADERS, 0, 1, &[0x88])].concat();
    flood_of(&first, &frame(CONTINUATION, 0, 1, b"\x00\x01x\x01y")).await;
}

#[tokio::test]
async fn http_2_data_frames_without_data_end_the_connection() {
    flood_of(&answer_without_end(), &frame(DATA, 0, 1, &[])).await;
}

#[tokio::test]
async fn http_2_data_frames_of_padding_end_the_connection() {
    flood_of(&answer_without_end(), &frame(DATA, 8, 1, &[[255].as_slice(), &[0; 255]].concat())).await;
}

#[tokio::test]
async fn unread_responses_do_not_block_other_requests_of_a_connection() {
    let (registry, ca) = start_secure().await;
    registry.push_image("large", "v1");
    let (registries, _) = build(settings(vec![secure(&registry, &ca, Credential::Anonymous)]));
    let large = registry.when(Route::Manifest).path_contains("/large/").endless_body();
    for _ in 0..20 {
        let image: ImageRef = format!("{}/large:v1", registry.host()).parse().unwrap();
        let cause = registries.pin(&image, soon()).await.unwrap_err().cause;
        assert!(matches!(cause, Cause::Fetch(FetchError::TooLarge { .. })), "{cause:?}");
        can_be_pinned(&registries, &registry).await;
    }
    assert_eq!((large.hits(), registry.connections()), (20, 1));
}
