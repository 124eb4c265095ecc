//! Setup of connections: TCP, the pool and HTTP with their limits.

use std::error::Error;
use std::io;
use std::time::Duration;

use http::HeaderValue;
use http::Request;
use http::Uri;
use http::header;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use hyper_util::rt::TokioTimer;
use rustls_pki_types::ServerName;

use super::lookup::Lookups;
use super::lookup::Resolver;
use crate::limits;

/// The settings of connections.
#[derive(Clone)]
pub(crate) struct ConnectSettings {
    pub(crate) lookups: Lookups,
    /// The timeout of name resolution, TCP and TLS together.
    pub(crate) connect_timeout: Duration,
    pub(crate) idle_per_host: usize,
}

impl ConnectSettings {
    /// The same settings with another timeout.
    pub(crate) fn with_timeout(&self, connect_timeout: Duration) -> Self {
        let Self { lookups, connect_timeout: _, idle_per_host } = self;
        Self { lookups: lookups.with_timeout(connect_timeout), connect_timeout, idle_per_host: *idle_per_host }
    }
}

/// The reason why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    #[error("the TCP connection failed")]
    Tcp(#[source] Box<dyn Error + Send + Sync>),
    #[error("TLS failed")]
    Tls(#[source] io::Error),
    #[error("the host's name cannot be a name in a certificate")]
    Name,
    #[error("the connection took too long")]
    Timeout,
}

/// An HTTP client that keeps at most `idle_per_host` idle connections for each host.
pub(crate) fn client<C, B>(connector: C, idle_per_host: usize) -> legacy::Client<C, B>
where
    C: legacy::connect::Connect + Clone + Send + Sync + 'static,
    B: hyper::body::Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    legacy::Client::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(limits::POOL_IDLE)
        .pool_max_idle_per_host(idle_per_host)
        .http1_max_buf_size(limits::HEAD_BYTES)
        .http2_initial_stream_window_size(limits::HTTP2_STREAM_WINDOW)
        .http2_initial_connection_window_size(limits::HTTP2_CONNECTION_WINDOW)
        .http2_keep_alive_interval(limits::HTTP2_PING)
        .http2_keep_alive_timeout(limits::HTTP2_PONG)
        .build(connector)
}

/// A connector for TCP connections to one of the addresses of `resolver`. Divides the timeout among the addresses.
pub(crate) fn tcp(resolver: Resolver, connect_timeout: Duration) -> HttpConnector<Resolver> {
    let mut tcp = HttpConnector::new_with_resolver(resolver);
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_keepalive(Some(limits::TCP_KEEPALIVE));
    tcp.set_connect_timeout(Some(connect_timeout));
    tcp
}

/// The name that a certificate must have. `None` if the host is neither a name nor an address.
pub(crate) fn server_name(host: &str) -> Option<ServerName<'static>> {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    ServerName::try_from(bare.to_owned()).ok()
}

/// The port of an https URL.
pub(crate) fn tls_port(to: &Uri) -> u16 {
    to.port_u16().unwrap_or(443)
}

pub(crate) fn with_user_agent<B>(mut request: Request<B>) -> Request<B> {
    request.headers_mut().insert(header::USER_AGENT, HeaderValue::from_static(limits::USER_AGENT));
    request
}
