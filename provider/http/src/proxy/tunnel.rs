//! Requests through a proxy: CONNECT and end-to-end TLS inside the tunnel for https, the absolute form for http
//! ([RFC 9110 §9.3.6](https://www.rfc-editor.org/rfc/rfc9110#section-9.3.6),
//! [RFC 9112 §3.2.2](https://www.rfc-editor.org/rfc/rfc9112#section-3.2.2)).

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
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::Error;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tower_service::Service;

use super::failure::ProxyFailure;
use super::server::ProxyServer;
use crate::address::AddressPolicy;
use crate::answer::Missing;
use crate::answer::Reception;
use crate::connection::Allowance;
use crate::connection::BoxIo;
use crate::connection::ConnectError;
use crate::connection::ConnectSettings;
use crate::connection::Lookups;
use crate::connection::Metered;
use crate::connection::OpenConnections;
use crate::connection::Resolver;
use crate::connection::Stream;
use crate::connection::UnreadResponse;
use crate::connection::WithAlert;
use crate::connection::client;
use crate::connection::current_reception;
use crate::connection::server_name;
use crate::connection::tcp;
use crate::connection::tls_port;
use crate::connection::with_user_agent;
use crate::error_chain::innermost_text;
use crate::error_chain::tls_failure_in;
use crate::limits;
use crate::tls::TlsClient;

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Sends requests through one proxy, under one TLS configuration for the hosts behind it.
#[derive(Clone)]
pub(crate) struct Forwarder {
    client: Client<Connector, Full<Bytes>>,
    /// For requests in the absolute form, which have no CONNECT.
    authorization: Option<HeaderValue>,
}

impl Forwarder {
    /// `to_proxy` is for TLS connections to the proxy, `to_host` for TLS inside its tunnels.
    pub(crate) fn new(
        settings: &ConnectSettings,
        server: &ProxyServer,
        to_proxy: Arc<ClientConfig>,
        to_host: TlsClient,
        open: OpenConnections,
    ) -> Self {
        let ConnectSettings { lookups, connect_timeout, idle_per_host } = settings.clone();
        let shared = Shared { server: server.clone(), to_proxy, to_host, lookups, connect_timeout, open };
        Self {
            client: client(Connector(Arc::new(shared)), idle_per_host),
            authorization: server.authorization().cloned(),
        }
    }

    /// Sends a request and returns the head of the response; the body is received as it is read.
    ///
    /// # Errors
    /// A [`TunnelError`] is among the sources if there is no tunnel.
    pub(crate) async fn send(&self, mut request: Request<Full<Bytes>>) -> Result<UnreadResponse, Error> {
        if let (Some("http"), Some(value)) = (request.uri().scheme_str(), &self.authorization) {
            request.headers_mut().insert(header::PROXY_AUTHORIZATION, value.clone());
        }
        self.client.request(with_user_agent(request)).await.map(UnreadResponse::new)
    }
}

/// The error of a connection through the proxy.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TunnelError {
    #[error("{0}")]
    Proxy(ProxyFailure),
    /// TLS with the host inside the tunnel failed.
    #[error("there is no TLS inside the tunnel")]
    Inside(#[source] ConnectError),
}

/// Opens connections to the proxy and, for https, tunnels through it.
#[derive(Clone)]
struct Connector(Arc<Shared>);

struct Shared {
    server: ProxyServer,
    to_proxy: Arc<ClientConfig>,
    to_host: TlsClient,
    lookups: Lookups,
    open: OpenConnections,
    /// The timeout of each step: the connection to the proxy, its response, and TLS inside the tunnel.
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
        // The operator has configured the proxy, so all addresses are allowed. Created outside the future; see
        // `connection::direct`.
        let (resolver, reception) = (Resolver::new(AddressPolicy::Any, &shared.lookups), current_reception());
        Box::pin(async move { shared.connect(&to, resolver, &reception).await })
    }
}

impl Shared {
    async fn connect(&self, to: &Uri, resolver: Resolver, reception: &Reception) -> Result<Stream, TunnelError> {
        if to.scheme_str() != Some("https") {
            let (io, allowance) = self.connect_to_proxy(resolver, reception).await?;
            reception.connecting(Missing::Response);
            return Ok(Stream { io, http2: false, forwards: true, peer: None, allowance });
        }
        let connect = |tls| self.connect_inside(to, resolver.clone(), tls, reception);
        let is_refusal = |error: &TunnelError| matches!(error, TunnelError::Inside(ConnectError::Tls(_)));
        self.to_host.connect(tls_port(to), is_refusal, connect).await
    }

    /// A connection to the host, inside a tunnel.
    async fn connect_inside(
        &self,
        to: &Uri,
        resolver: Resolver,
        tls: TlsConnector,
        reception: &Reception,
    ) -> Result<Stream, TunnelError> {
        let (io, allowance) = self.connect_to_proxy(resolver, reception).await?;
        reception.connecting(Missing::Connection);
        let tunnel = timeout(self.connect_timeout, self.tunnel(io, to))
            .await
            .unwrap_or(Err(TunnelError::Proxy(ProxyFailure::Timeout)))?;
        let name = server_name(to.host().unwrap_or_default()).ok_or(TunnelError::Inside(ConnectError::Name))?;
        reception.connecting(Missing::Handshake);
        let tls = timeout(self.connect_timeout, tls.connect(name, tunnel))
            .await
            .map_err(|_| TunnelError::Inside(ConnectError::Timeout))?
            .map_err(|error| TunnelError::Inside(ConnectError::Tls(error)))?;
        reception.connecting(Missing::Response);
        let http2 = tls.get_ref().1.alpn_protocol() == Some(b"h2".as_slice());
        Ok(Stream { io: Box::new(TokioIo::new(WithAlert::new(tls))), http2, forwards: false, peer: None, allowance })
    }

    async fn connect_to_proxy(
        &self,
        resolver: Resolver,
        reception: &Reception,
    ) -> Result<(BoxIo, Allowance), TunnelError> {
        reception.connecting(Missing::Connection);
        let late = || Err(unreachable(format!("no connection within {:?}", self.connect_timeout)));
        timeout(self.connect_timeout, self.open_to_proxy(resolver)).await.unwrap_or_else(|_| late())
    }

    /// A connection to the proxy itself.
    async fn open_to_proxy(&self, resolver: Resolver) -> Result<(BoxIo, Allowance), TunnelError> {
        let address: Uri = format!("http://{}/", self.server.authority())
            .parse()
            .map_err(|_| unreachable("its name cannot be part of a URL".to_owned()))?;
        let connected = tcp(resolver, self.connect_timeout).call(address).await;
        let connected = connected.map_err(|error| unreachable(innermost_text(&error)))?;
        let io = Metered::new(connected.into_inner(), self.open.open());
        let allowance = io.allowance().clone();
        if !self.server.is_tls() {
            return Ok((Box::new(TokioIo::new(io)), allowance));
        }
        let name = server_name(&self.server.host().to_string())
            .ok_or_else(|| unreachable("its name cannot be a name in a certificate".to_owned()))?;
        let tls = TlsConnector::from(Arc::clone(&self.to_proxy)).connect(name, io).await;
        let tls = tls.map_err(|error| {
            TunnelError::Proxy(match tls_failure_in(&error) {
                Some(failure) => ProxyFailure::Tls { failure },
                None => ProxyFailure::Unreachable { detail: innermost_text(&error) },
            })
        })?;
        Ok((Box::new(TokioIo::new(WithAlert::new(tls))), allowance))
    }

    /// Requests a tunnel from the proxy.
    async fn tunnel(&self, io: BoxIo, to: &Uri) -> Result<TokioIo<hyper::upgrade::Upgraded>, TunnelError> {
        let broken =
            |error: &hyper::Error| TunnelError::Proxy(ProxyFailure::Response { detail: innermost_text(error) });
        let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
            .max_buf_size(limits::PROXY_RESPONSE_HEAD_BYTES)
            .handshake(io)
            .await
            .map_err(|error| broken(&error))?;
        // The task ends with the tunnel or the sender.
        tokio::spawn(connection.with_upgrades());
        let target = format!("{}:{}", to.host().unwrap_or_default(), tls_port(to));
        let mut request = Request::connect(&target)
            .header(header::HOST, &target)
            .header(header::USER_AGENT, limits::USER_AGENT)
            .body(Empty::<Bytes>::new())
            .map_err(|_| unreachable("the destination cannot be the target of CONNECT".to_owned()))?;
        if let Some(value) = self.server.authorization() {
            request.headers_mut().insert(header::PROXY_AUTHORIZATION, value.clone());
        }
        let response = sender.send_request(request).await.map_err(|error| broken(&error))?;
        if response.status() != StatusCode::OK {
            let asks = response.headers().contains_key(header::PROXY_AUTHENTICATE);
            let (status, login) = (response.status(), self.server.has_login());
            return Err(TunnelError::Proxy(ProxyFailure::from_status(status, asks, login)));
        }
        hyper::upgrade::on(response).await.map(TokioIo::new).map_err(|error| broken(&error))
    }
}

fn unreachable(detail: String) -> TunnelError {
    TunnelError::Proxy(ProxyFailure::Unreachable { detail })
}
