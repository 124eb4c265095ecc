//! Requests by a proxy: CONNECT and TLS from end to end inside it for https, the absolute form for http
//! ([RFC 9110 §9.3.6](https://www.rfc-editor.org/rfc/rfc9110#section-9.3.6),
//! [RFC 9112 §3.2.2](https://www.rfc-editor.org/rfc/rfc9112#section-3.2.2)).
//!
//! reqwest can do it as well. It is not used here, since it trusts a proxy's certificate by the registry's authorities
//! and does not say what the proxy has answered. Connections, the pool and HTTP are hyper's.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use http::Request;
use http::StatusCode;
use http::Uri;
use http::header;
use http_body_util::Empty;
use http_body_util::Full;
use hyper::rt::Read;
use hyper::rt::ReadBufCursor;
use hyper::rt::Write;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::Connected;
use hyper_util::client::legacy::connect::Connection;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use hyper_util::rt::TokioIo;
use hyper_util::rt::TokioTimer;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tower_service::Service;

use super::ProxyServer;
use crate::bounds;
use crate::error::ProxyFailure;
use crate::failure;

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Sends requests by one proxy, under one set of authorities for registries.
#[derive(Clone)]
pub(crate) struct Forwarder {
    client: Client<Connector, Full<Bytes>>,
    /// For requests in the absolute form, which have no CONNECT to stand in.
    authorization: Option<HeaderValue>,
}

impl Forwarder {
    /// `to_proxy` is for a proxy that is reached by TLS, `to_registry` for what is inside its tunnels.
    pub(crate) fn new(
        server: &ProxyServer,
        to_proxy: Arc<ClientConfig>,
        to_registry: Arc<ClientConfig>,
        connect_timeout: Duration,
        idle_per_host: usize,
    ) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(bounds::TCP_KEEPALIVE));
        tcp.set_connect_timeout(Some(connect_timeout));
        let shared = Shared { server: server.clone(), to_proxy, to_registry, tcp, connect_timeout };
        let client = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(bounds::POOL_IDLE)
            .pool_max_idle_per_host(idle_per_host)
            .http1_max_buf_size(bounds::HEAD_BYTES)
            .http2_initial_stream_window_size(bounds::HTTP2_STREAM_WINDOW)
            .http2_initial_connection_window_size(bounds::HTTP2_CONNECTION_WINDOW)
            .http2_keep_alive_interval(bounds::HTTP2_PING)
            .http2_keep_alive_timeout(bounds::HTTP2_PONG)
            .build(Connector(Arc::new(shared)));
        Self { client, authorization: server.authorization() }
    }

    /// Sends a request and gives the answer's head; the body comes as it is read.
    ///
    /// # Errors
    /// A [`TunnelError`] is among the sources where the tunnel could not be had.
    pub(crate) async fn send(
        &self,
        mut request: Request<Full<Bytes>>,
    ) -> Result<reqwest::Response, hyper_util::client::legacy::Error> {
        request.headers_mut().insert(header::USER_AGENT, HeaderValue::from_static(bounds::USER_AGENT));
        if let (Some("http"), Some(value)) = (request.uri().scheme_str(), &self.authorization) {
            request.headers_mut().insert(header::PROXY_AUTHORIZATION, value.clone());
        }
        let response = self.client.request(request).await?;
        // The address that the connection goes to is the proxy's, and nobody is to take it for the registry's.
        Ok(response.map(reqwest::Body::wrap).into())
    }
}

/// Why there is no connection by the proxy.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TunnelError {
    #[error("{0}")]
    Proxy(ProxyFailure),
    /// Inside the tunnel: the registry's part.
    #[error("TLS inside the tunnel failed")]
    Tls(#[source] io::Error),
    #[error("TLS inside the tunnel took too long")]
    TlsTimeout,
}

/// Opens connections to the proxy and, for https, tunnels through it.
#[derive(Clone)]
struct Connector(Arc<Shared>);

struct Shared {
    server: ProxyServer,
    to_proxy: Arc<ClientConfig>,
    to_registry: Arc<ClientConfig>,
    tcp: HttpConnector,
    /// For each of the three steps: to the proxy, its answer, TLS inside the tunnel.
    connect_timeout: Duration,
}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = TunnelError;
    type Future = BoxFuture<Result<Stream, TunnelError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), TunnelError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let shared = Arc::clone(&self.0);
        Box::pin(async move { shared.connect(&to).await })
    }
}

impl Shared {
    async fn connect(&self, to: &Uri) -> Result<Stream, TunnelError> {
        let io = timeout(self.connect_timeout, self.reach())
            .await
            .unwrap_or_else(|_| Err(unreachable(format!("no connection within {:?}", self.connect_timeout))))?;
        if to.scheme_str() != Some("https") {
            return Ok(Stream { io, http2: false, forwards: true });
        }
        let tunnel = timeout(self.connect_timeout, self.tunnel(io, to))
            .await
            .unwrap_or(Err(TunnelError::Proxy(ProxyFailure::Timeout)))?;
        let name = server_name(to.host().unwrap_or_default())?;
        let connecting = TlsConnector::from(Arc::clone(&self.to_registry)).connect(name, tunnel);
        let tls = timeout(self.connect_timeout, connecting)
            .await
            .map_err(|_| TunnelError::TlsTimeout)?
            .map_err(TunnelError::Tls)?;
        let http2 = tls.get_ref().1.alpn_protocol() == Some(b"h2".as_slice());
        Ok(Stream { io: Box::new(TokioIo::new(tls)), http2, forwards: false })
    }

    /// A connection to the proxy itself.
    async fn reach(&self) -> Result<BoxIo, TunnelError> {
        let address: Uri = format!("http://{}/", self.server.authority())
            .parse()
            .map_err(|_| unreachable("its name cannot stand in a URL".to_owned()))?;
        let tcp = self.tcp.clone().call(address).await.map_err(|error| unreachable(failure::innermost_text(&error)))?;
        if !self.server.is_tls() {
            return Ok(Box::new(tcp));
        }
        let name = server_name(&self.server.host().to_string())?;
        let tls = TlsConnector::from(Arc::clone(&self.to_proxy)).connect(name, tcp.into_inner()).await;
        let tls = tls.map_err(|error| {
            TunnelError::Proxy(match failure::tls_in(&error) {
                Some(failure) => ProxyFailure::Tls { failure },
                None => ProxyFailure::Unreachable { detail: failure::innermost_text(&error) },
            })
        })?;
        Ok(Box::new(TokioIo::new(tls)))
    }

    /// Asks the proxy for a tunnel.
    async fn tunnel(&self, io: BoxIo, to: &Uri) -> Result<TokioIo<hyper::upgrade::Upgraded>, TunnelError> {
        let broken =
            |error: &hyper::Error| TunnelError::Proxy(ProxyFailure::Answer { detail: failure::innermost_text(error) });
        let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
            .max_buf_size(bounds::PROXY_ANSWER_BYTES)
            .handshake(io)
            .await
            .map_err(|error| broken(&error))?;
        // Ends with the tunnel, or with the sender.
        tokio::spawn(connection.with_upgrades());
        let port = to.port_u16().unwrap_or(443);
        let target = format!("{}:{port}", to.host().unwrap_or_default());
        let mut request = Request::connect(&target)
            .header(header::HOST, &target)
            .header(header::USER_AGENT, bounds::USER_AGENT)
            .body(Empty::<Bytes>::new())
            .map_err(|_| unreachable("the destination cannot stand in a CONNECT".to_owned()))?;
        if let Some(value) = self.server.authorization() {
            request.headers_mut().insert(header::PROXY_AUTHORIZATION, value);
        }
        let response = sender.send_request(request).await.map_err(|error| broken(&error))?;
        if response.status() != StatusCode::OK {
            let asks = response.headers().contains_key(header::PROXY_AUTHENTICATE);
            let (status, login) = (response.status(), self.server.has_login());
            return Err(TunnelError::Proxy(ProxyFailure::answered(status, asks, login)));
        }
        hyper::upgrade::on(response).await.map(TokioIo::new).map_err(|error| broken(&error))
    }
}

fn unreachable(detail: String) -> TunnelError {
    TunnelError::Proxy(ProxyFailure::Unreachable { detail })
}

fn server_name(host: &str) -> Result<ServerName<'static>, TunnelError> {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    ServerName::try_from(bare.to_owned())
        .map_err(|_| unreachable("the host's name cannot stand in a certificate".to_owned()))
}

/// Bytes in both directions.
trait Io: Read + Write + Send + Unpin {}

impl<T: Read + Write + Send + Unpin> Io for T {}

type BoxIo = Box<dyn Io>;

/// What hyper speaks HTTP on.
struct Stream {
    io: BoxIo,
    http2: bool,
    /// The proxy itself answers, so that requests name the whole URL.
    forwards: bool,
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        let connected = Connected::new().proxy(self.forwards);
        if self.http2 { connected.negotiated_h2() } else { connected }
    }
}

impl Read for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl Write for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }
}
