//! Connections to registries, token services, blob stores and proxies, and HTTP on them. The pool, HTTP/1.1 and HTTP/2 are
//! hyper's; what is bounded here is what it leaves open: the look-up of names ([`lookup`]), what the other side sends
//! beside its answers ([`metered`]), and how many connections are open ([`open`]).

mod direct;
mod lookup;
mod metered;
mod open;
mod pool;
mod response;
mod stream;

pub use direct::Direct;
pub use direct::Means;
pub use lookup::LookupError;
pub use lookup::Lookups;
pub use lookup::Resolver;
pub use metered::Allowance;
pub use metered::Excess;
pub use metered::Metered;
pub use open::Counted;
pub use open::Open;
pub use pool::Pool;
pub use response::Response;
pub use stream::BoxIo;
pub use stream::Io;
pub use stream::Stream;

use std::error::Error;
use std::io;
use std::time::Duration;

use http::HeaderValue;
use http::Request;
use http::header;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use hyper_util::rt::TokioTimer;
use rustls_pki_types::ServerName;

use crate::limits;
use crate::share::Share;

tokio::task_local! {
    /// On whose behalf the request of this task is sent. hyper's pool opens the connections, and tells a connector no more
    /// than the URL.
    static ASKING: Share;
}

/// Runs `request` on behalf of `share`: the look-up of a name counts for it.
pub async fn on_behalf_of<F: Future>(share: &Share, request: F) -> F::Output {
    ASKING.scope(share.clone(), request).await
}

/// The share of the request that is being polled; none outside of [`on_behalf_of`].
fn asking() -> Option<Share> {
    ASKING.try_with(Share::clone).ok()
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error("the TCP connection failed")]
    Tcp(#[source] Box<dyn Error + Send + Sync>),
    #[error("TLS failed")]
    Tls(#[source] io::Error),
    #[error("the host's name cannot stand in a certificate")]
    Name,
    #[error("the connection took too long")]
    Timeout,
}

/// How HTTP is spoken, and how many connections that are not in use are kept for each host.
pub fn client<C, B>(connector: C, idle_per_host: usize) -> legacy::Client<C, B>
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

/// TCP to one of the addresses that `resolver` has, the time divided between them.
pub fn tcp(resolver: Resolver, connect_timeout: Duration) -> HttpConnector<Resolver> {
    let mut tcp = HttpConnector::new_with_resolver(resolver);
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_keepalive(Some(limits::TCP_KEEPALIVE));
    tcp.set_connect_timeout(Some(connect_timeout));
    tcp
}

/// The name that a certificate must have; none for what is no name and no address.
pub fn server_name(host: &str) -> Option<ServerName<'static>> {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    ServerName::try_from(bare.to_owned()).ok()
}

pub fn with_user_agent<B>(mut request: Request<B>) -> Request<B> {
    request.headers_mut().insert(header::USER_AGENT, HeaderValue::from_static(limits::USER_AGENT));
    request
}
