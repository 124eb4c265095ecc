//! An in-process forward proxy: CONNECT and the absolute form, on a free port of 127.0.0.1.
//!
//! It resolves host names of its own ([`Proxy::resolve`]), so that a test sees whether a request used the proxy: only the
//! proxy can reach `registry.example`. It records every request, and can require credentials and send invalid responses.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::AsyncRead;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt as _;
use tokio::io::copy_bidirectional;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::task::AbortHandle;
use tokio::task::JoinSet;

use crate::pki::Chain;
use crate::registry::acceptor;

/// Maximum size of a request head.
const HEAD_BYTES: usize = 64 * 1024;

/// A running proxy. Dropping it closes the port and every connection.
#[derive(Debug)]
pub struct Proxy {
    state: Arc<Mutex<State>>,
    address: SocketAddr,
    scheme: &'static str,
    server: AbortHandle,
}

/// A received request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyRequest {
    /// The method.
    pub method: String,
    /// `host:port` of a CONNECT request, the whole URL of others.
    pub target: String,
    headers: Vec<(String, String)>,
}

#[derive(Debug, Default)]
struct State {
    names: HashMap<String, SocketAddr>,
    login: Option<String>,
    answer: Option<Vec<u8>>,
    silent: bool,
    requests: Vec<ProxyRequest>,
    connections: usize,
}

impl Proxy {
    /// Starts a proxy over plain HTTP.
    pub async fn start() -> Self {
        Self::run(None).await
    }

    /// Starts a proxy over TLS with this certificate.
    pub async fn start_tls(identity: &Chain) -> Self {
        Self::run(Some(identity)).await
    }

    async fn run(identity: Option<&Chain>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port on 127.0.0.1");
        let address = listener.local_addr().expect("a bound socket has an address");
        let state = Arc::<Mutex<State>>::default();
        let (shared, acceptor) = (Arc::clone(&state), identity.map(|identity| acceptor(identity, Arc::default())));
        let server = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let Ok((stream, _)) = listener.accept().await else { continue };
                lock(&shared).connections += 1;
                while connections.try_join_next().is_some() {}
                let (acceptor, state) = (acceptor.clone(), Arc::clone(&shared));
                connections.spawn(async move {
                    match acceptor {
                        None => serve(stream, &state).await,
                        Some(acceptor) => {
                            if let Ok(stream) = acceptor.accept(stream).await {
                                serve(stream, &state).await;
                            }
                        }
                    }
                });
            }
        });
        let scheme = if identity.is_some() { "https" } else { "http" };
        Self { state, address, scheme, server: server.abort_handle() }
    }

    /// `127.0.0.1:PORT`.
    #[must_use]
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// `http://127.0.0.1:PORT`, or with `https`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// The address it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Resolves `name` (`host:port`) to `address`. Requests for unknown names are answered with 403.
    pub fn resolve(&self, name: &str, address: SocketAddr) {
        lock(&self.state).names.insert(name.to_owned(), address);
    }

    /// Requires this user and password from now on; answers 407 otherwise.
    pub fn require_login(&self, user: &str, password: &str) {
        lock(&self.state).login = Some(format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))));
    }

    /// Answers every request with these bytes from now on, and closes the connection.
    pub fn answer(&self, bytes: &[u8]) {
        lock(&self.state).answer = Some(bytes.to_vec());
    }

    /// Reads requests from now on, and never answers.
    pub fn never_answer(&self) {
        lock(&self.state).silent = true;
    }

    /// Every request so far, refused ones included, in order of arrival.
    #[must_use]
    pub fn requests(&self) -> Vec<ProxyRequest> {
        lock(&self.state).requests.clone()
    }

    /// Method and target of every request so far.
    #[must_use]
    pub fn targets(&self) -> Vec<String> {
        self.requests().into_iter().map(|request| format!("{} {}", request.method, request.target)).collect()
    }

    /// The number of accepted connections.
    #[must_use]
    pub fn connections(&self) -> usize {
        lock(&self.state).connections
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl ProxyRequest {
    /// The first header of this name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    fn parse(head: &str) -> Option<Self> {
        let mut lines = head.split("\r\n");
        let mut first = lines.next()?.split(' ');
        let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
        let header = |line: &str| line.split_once(':').map(|(name, value)| (name.to_owned(), value.trim().to_owned()));
        Some(Self { method, target, headers: lines.filter_map(header).collect() })
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().expect("the lock is not poisoned")
}

/// How a request is handled.
enum Action {
    Answer(Vec<u8>),
    Nothing,
    Tunnel(SocketAddr),
    /// With the head to send upstream.
    Forward(SocketAddr, String),
}

async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, state: &Mutex<State>) {
    // One request per connection; a tunnel or a forwarded request uses the rest of the connection.
    let Some((head, rest)) = read_head(&mut stream).await else { return };
    let Some(request) = ProxyRequest::parse(&head) else { return };
    let action = {
        let mut state = lock(state);
        state.requests.push(request.clone());
        state.decide(&request)
    };
    // Ignores connection errors; the test checks the client.
    let _ = match action {
        Action::Answer(bytes) => stream.write_all(&bytes).await,
        Action::Nothing => std::future::pending().await,
        Action::Tunnel(address) => {
            relay(stream, address, b"", &rest, b"HTTP/1.1 200 Connection established\r\n\r\n").await
        }
        Action::Forward(address, head) => relay(stream, address, head.as_bytes(), &rest, b"").await,
    };
}

impl State {
    fn decide(&self, request: &ProxyRequest) -> Action {
        if let Some(answer) = &self.answer {
            return Action::Answer(answer.clone());
        }
        if self.silent {
            return Action::Nothing;
        }
        if self.login.is_some() && self.login.as_deref() != request.header("proxy-authorization") {
            let head = "HTTP/1.1 407 Proxy Authentication Required\r\nproxy-authenticate: Basic realm=\"testkit\"\r\n";
            return Action::Answer(format!("{head}content-length: 0\r\nconnection: close\r\n\r\n").into_bytes());
        }
        let refused =
            || Action::Answer(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_vec());
        if request.method == "CONNECT" {
            return self.names.get(&request.target).map_or_else(refused, |address| Action::Tunnel(*address));
        }
        let Some((authority, path)) =
            request.target.strip_prefix("http://").map(|rest| rest.split_once('/').unwrap_or((rest, "")))
        else {
            return refused();
        };
        let name = if authority.contains(':') { authority.to_owned() } else { format!("{authority}:80") };
        let Some(address) = self.names.get(&name) else { return refused() };
        let mut head = format!("{} /{path} HTTP/1.1\r\n", request.method);
        for (name, value) in &request.headers {
            if !["proxy-authorization", "proxy-connection", "connection"].contains(&name.to_ascii_lowercase().as_str())
            {
                head.push_str(&format!("{name}: {value}\r\n"));
            }
        }
        head.push_str("connection: close\r\n\r\n");
        Action::Forward(*address, head)
    }
}

async fn relay(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    address: SocketAddr,
    head: &[u8],
    rest: &[u8],
    answer: &[u8],
) -> std::io::Result<()> {
    let mut upstream = TcpStream::connect(address).await?;
    upstream.write_all(head).await?;
    upstream.write_all(rest).await?;
    stream.write_all(answer).await?;
    copy_bidirectional(&mut stream, &mut upstream).await?;
    Ok(())
}

/// The head as text, without the final empty line, and the bytes read after it.
async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> Option<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let rest = bytes.split_off(end + 4);
            bytes.truncate(end);
            return Some((String::from_utf8(bytes).ok()?, rest));
        }
        if bytes.len() > HEAD_BYTES || stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}
