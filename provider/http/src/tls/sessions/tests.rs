use std::io;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::Chain;
use rustls::CipherSuite;
use rustls::HandshakeKind;
use rustls::RootCertStore;
use rustls::ServerConfig;
use rustls::SupportedProtocolVersion;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::version::TLS12;
use rustls::version::TLS13;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio_rustls::TlsAcceptor;

use super::*;

const NAME: &str = "registry.example";

/// A server, and the number of its connections.
struct TestServer {
    acceptor: TlsAcceptor,
    connections: AtomicUsize,
}

impl TestServer {
    fn new(identity: &Chain, provider: CryptoProvider, version: &'static SupportedProtocolVersion) -> Self {
        let (certificates, key) = identity.for_rustls();
        let config =
            ServerConfig::builder_with_provider(Arc::new(provider)).with_protocol_versions(&[version]).unwrap();
        let config = config.with_no_client_auth().with_single_cert(certificates, key).unwrap();
        Self { acceptor: TlsAcceptor::from(Arc::new(config)), connections: AtomicUsize::new(0) }
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// A connection of `tls`, which reads what the server sends after the handshake.
    async fn connect(&self, tls: TlsConnector) -> io::Result<HandshakeKind> {
        self.connections.fetch_add(1, Ordering::SeqCst);
        let (client, server) = tokio::io::duplex(64 * 1024);
        let accept = async {
            let mut stream = self.acceptor.accept(server).await?;
            stream.write_all(b"!").await?;
            stream.shutdown().await
        };
        let connect = async {
            let mut stream = tls.connect(ServerName::try_from(NAME).unwrap(), client).await?;
            stream.read_to_end(&mut Vec::new()).await?;
            Ok(stream.get_ref().1.handshake_kind().unwrap())
        };
        let (_, connected) = tokio::join!(accept, connect);
        connected
    }
}

/// One suite and one group, so that a client that expects others is asked to begin again.
fn provider(suite: CipherSuite, group: NamedGroup) -> CryptoProvider {
    let mut provider = default_provider();
    provider.cipher_suites.retain(|known| known.suite() == suite);
    provider.kx_groups.retain(|known| known.name() == group);
    assert_eq!((provider.cipher_suites.len(), provider.kx_groups.len()), (1, 1));
    provider
}

fn identity() -> (Authority, Chain) {
    let ca = Authority::root(CertSpec::root());
    let identity = ca.issue(CertSpec::tls_server(&[NAME]));
    (ca, identity)
}

fn client(ca: &Authority) -> TlsClient {
    let mut roots = RootCertStore::empty();
    roots.add(ca.der().to_vec().into()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
    TlsClient::new(Arc::new(config.with_no_client_auth()), Sessions::new())
}

async fn connect(client: &TlsClient, port: u16, server: &TestServer) -> io::Result<HandshakeKind> {
    client.connect(port, |_| true, |tls| server.connect(tls)).await
}

async fn kinds(client: &TlsClient, servers: &[(u16, &TestServer)]) -> Vec<HandshakeKind> {
    let mut kinds = Vec::new();
    for (port, server) in servers {
        kinds.push(connect(client, *port, server).await.unwrap());
    }
    kinds
}

#[tokio::test]
async fn a_session_is_offered_to_the_server_of_its_port_only() {
    use HandshakeKind::Full;
    use HandshakeKind::Resumed;
    for version in [&TLS12, &TLS13] {
        let (ca, identity) = identity();
        let client = client(&ca);
        let server = TestServer::new(&identity, default_provider(), version);
        let connected = kinds(&client, &[(443, &server), (443, &server), (5000, &server), (5000, &server)]).await;
        assert_eq!(connected, [Full, Resumed, Full, Resumed], "{version:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_is_offered_for_an_hour() {
    let (ca, identity) = identity();
    for version in [&TLS12, &TLS13] {
        let client = client(&ca);
        let server = TestServer::new(&identity, default_provider(), version);
        connect(&client, 443, &server).await.unwrap();
        tokio::time::advance(limits::SESSION_LIFETIME - Duration::from_secs(1)).await;
        assert_eq!(connect(&client, 443, &server).await.unwrap(), HandshakeKind::Resumed);
        tokio::time::advance(limits::SESSION_LIFETIME + Duration::from_secs(1)).await;
        assert_eq!(connect(&client, 443, &server).await.unwrap(), HandshakeKind::Full);
    }
}

#[tokio::test(start_paused = true)]
async fn sessions_of_resumed_connections_end_an_hour_after_the_certificates_were_checked() {
    let (ca, identity) = identity();
    for version in [&TLS12, &TLS13] {
        let client = client(&ca);
        let server = TestServer::new(&identity, default_provider(), version);
        let mut kinds = Vec::new();
        for _ in 0..5 {
            kinds.push(connect(&client, 443, &server).await.unwrap());
            tokio::time::advance(limits::SESSION_LIFETIME / 5 * 2).await;
        }
        use HandshakeKind::Full;
        use HandshakeKind::Resumed;
        assert_eq!(kinds, [Full, Resumed, Resumed, Full, Resumed], "{version:?}");
    }
}

#[tokio::test]
async fn a_server_that_refuses_a_session_of_another_one_is_connected_to_without_it() {
    let (ca, identity) = identity();
    let client = client(&ca);
    let first = provider(CipherSuite::TLS13_AES_256_GCM_SHA384, NamedGroup::X25519);
    let first = TestServer::new(&identity, first, &TLS13);
    let other = provider(CipherSuite::TLS13_AES_128_GCM_SHA256, NamedGroup::secp256r1);
    let other = TestServer::new(&identity, other, &TLS13);
    connect(&client, 443, &first).await.unwrap();
    connect(&client, 443, &other).await.unwrap();
    assert_eq!((first.connections(), other.connections()), (1, 2));
    // No session is left that it would refuse.
    connect(&client, 443, &other).await.unwrap();
    assert_eq!(connect(&client, 443, &other).await.unwrap(), HandshakeKind::Resumed);
    assert_eq!(other.connections(), 4);
}

#[tokio::test]
async fn a_server_that_fails_is_connected_to_once_unless_it_was_offered_a_session() {
    let (ca, identity) = identity();
    let client = client(&ca);
    let other = Authority::root(CertSpec::root()).issue(CertSpec::tls_server(&[NAME]));
    let wrong = TestServer::new(&other, default_provider(), &TLS13);
    for _ in 0..2 {
        let error = connect(&client, 443, &wrong).await.unwrap_err();
        assert!(error.to_string().contains("invalid peer certificate"), "{error}");
    }
    assert_eq!(wrong.connections(), 2);
    let right = TestServer::new(&identity, default_provider(), &TLS13);
    connect(&client, 443, &right).await.unwrap();
    connect(&client, 443, &wrong).await.unwrap_err();
    assert_eq!(wrong.connections(), 4);
    // Its sessions are forgotten.
    connect(&client, 443, &wrong).await.unwrap_err();
    assert_eq!(wrong.connections(), 5);
}

#[tokio::test]
async fn the_sessions_of_a_server_whose_handshake_does_not_end_are_forgotten() {
    let (ca, identity) = identity();
    let client = client(&ca);
    let server = TestServer::new(&identity, default_provider(), &TLS13);
    connect(&client, 443, &server).await.unwrap();
    let never = |tls: TlsConnector| async move {
        let (io, _silent) = tokio::io::duplex(64 * 1024);
        tls.connect(ServerName::try_from(NAME).unwrap(), io).await
    };
    let silent = tokio::time::timeout(Duration::from_millis(1), client.connect(443, |_: &io::Error| true, never));
    assert!(silent.await.is_err());
    assert_eq!(connect(&client, 443, &server).await.unwrap(), HandshakeKind::Full);
}

#[tokio::test]
async fn the_number_of_servers_is_limited() {
    let (ca, identity) = identity();
    let client = client(&ca);
    let server = TestServer::new(&identity, default_provider(), &TLS13);
    let ports = 0..=u16::try_from(limits::SESSION_SERVERS).unwrap();
    for port in ports.clone() {
        connect(&client, port, &server).await.unwrap();
    }
    assert_eq!(client.sessions.lock().len(), limits::SESSION_SERVERS);
    assert_eq!(connect(&client, *ports.end(), &server).await.unwrap(), HandshakeKind::Resumed);
    assert_eq!(connect(&client, *ports.start(), &server).await.unwrap(), HandshakeKind::Full);
}
