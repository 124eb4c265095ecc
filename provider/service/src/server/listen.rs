//! Accepts connections to the endpoints, authenticates clients, serves requests, and stops without losing a response.

mod accept;
mod bind;
mod connection;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use arc_swap::ArcSwap;
use countersign_core::codec::text::Text;
use futures_util::FutureExt as _;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::server::TlsStream;
use tracing::Level;

pub(super) use accept::accept;
pub(super) use bind::Listeners;
pub(super) use bind::SEND_BUFFER_BYTES;
pub(super) use bind::bind_cause;
pub(super) use connection::HEAD_BYTES;

use super::ConnectionTimes;
use super::connection_limit::ConnectionLimit;
use super::connection_limit::Permit;
use super::connections::Connections;
use super::handler::Handler;
use super::response_body::ResponseBody;
use super::tls::AllowedClients;
use super::tls::LoadedTls;
use super::tls::Tls;
use super::tls::handshake_failure;
use super::tls::shown_names;
use super::tls::with_refused_names;
use crate::telemetry::log::Quota;
use crate::telemetry::metrics::HandshakeFailure;
use crate::telemetry::metrics::Metrics;

/// Handshakes at the same time. One needs a file descriptor, a millisecond of work, and up to 80 KiB if the client
/// sends that much.
pub(super) const HANDSHAKES: usize = 208;

/// The context of all connections.
pub(super) struct ConnectionContext {
    /// Of the newest configuration.
    pub(super) handler: ArcSwap<Handler>,
    pub(super) tls: Arc<Tls>,
    pub(super) times: ConnectionTimes,
    pub(super) connections: Arc<Connections>,
    pub(super) metrics: Arc<Metrics>,
    /// Of lines in the log about connections that were refused.
    pub(super) refusals: Quota,
}

/// Log lines about refused connections in ten seconds: anyone who can reach the port can cause them.
pub(super) fn refusals() -> Quota {
    Quota::new(20, Duration::from_secs(10))
}

/// The peer that was refused.
struct Peer<'a> {
    address: SocketAddr,
    /// The names in the client's certificate, signed by an authority of clients.
    client: Option<&'a Text>,
    /// The names in a certificate that was not accepted. They are unverified.
    unverified_client: Option<&'a Text>,
}

impl ConnectionContext {
    /// Counts a refused connection, and logs it within the quota.
    fn refused(&self, failure: HandshakeFailure, peer: &Peer<'_>, why: &str) {
        self.metrics.handshake_failure(failure);
        let Some(left_out) = self.refusals.admit(Instant::now()) else { return };
        let Peer { address, client, unverified_client } = peer;
        macro_rules! event {
            ($level:expr) => {
                tracing::event!(
                    $level,
                    reason = failure.as_str(),
                    peer = %address,
                    client = client.map(Text::as_str),
                    unverified_client = unverified_client.map(Text::as_str),
                    why,
                    left_out,
                    "connection refused"
                )
            };
        }
        match failure {
            HandshakeFailure::TooManyConnections => event!(Level::WARN),
            HandshakeFailure::Timeout
            | HandshakeFailure::Evicted
            | HandshakeFailure::ClientLeft
            | HandshakeFailure::Incompatible
            | HandshakeFailure::NoCertificate
            | HandshakeFailure::BadCertificate
            | HandshakeFailure::NameNotAllowed
            | HandshakeFailure::Malformed => event!(Level::INFO),
        }
    }
}

/// The certificates and the list of names by which a client was authenticated.
pub(super) struct ClientAuth {
    tls: Arc<LoadedTls>,
    allowed_clients: AllowedClients,
}

impl ClientAuth {
    fn current(context: &ConnectionContext) -> Self {
        Self { tls: context.tls.current(), allowed_clients: context.handler.load().settings.allowed_clients.clone() }
    }

    /// Whether either has changed since. Then the client must connect again; otherwise a client that is no longer
    /// allowed could keep its connection.
    fn is_outdated(&self, context: &ConnectionContext) -> bool {
        !Arc::ptr_eq(&self.tls, &context.tls.current())
            || self.allowed_clients != context.handler.load().settings.allowed_clients
    }
}

/// Accepts until `stop` becomes true, then lets the requests under way finish for at most the configured grace. Returns
/// how many connections were cut off then.
///
/// # Errors
/// The listener has ended.
pub(super) async fn serve(
    listeners: Listeners,
    context: Arc<ConnectionContext>,
    stop: watch::Receiver<bool>,
) -> std::io::Result<usize> {
    let handshakes = Arc::new(ConnectionLimit::new(HANDSHAKES));
    let mut tasks = JoinSet::new();
    let start = |tasks: &mut JoinSet<()>, (stream, peer): (TcpStream, SocketAddr)| {
        let (one, its_stop, permit) = (Arc::clone(&context), stop.clone(), handshakes.begin(peer.ip()));
        tasks.spawn(async move {
            let authenticated = handshake(&one, stream, peer, &permit).await;
            drop(permit);
            if let Some((tls, client_auth)) = authenticated {
                connection::serve(&one, tls, peer, &client_auth, its_stop).await;
            }
        });
    };
    let mut until = stop.clone();
    loop {
        let accepted = tokio::select! {
            biased;
            () = stopped(&mut until) => break,
            accepted = accept(|| listeners.accept()) => accepted?,
        };
        start(&mut tasks, accepted);
        while let Some(ended) = tasks.try_join_next() {
            count_panic(&context.metrics, ended);
        }
    }
    // Serves connections that the kernel has accepted already.
    while let Some(Ok(accepted)) = listeners.accept().now_or_never() {
        start(&mut tasks, accepted);
    }
    drop(listeners);
    let grace = context.handler.load().settings.stop_grace;
    let all = async {
        while let Some(ended) = tasks.join_next().await {
            count_panic(&context.metrics, ended);
        }
    };
    let finished = tokio::time::timeout(grace, all).await;
    Ok(if finished.is_ok() { 0 } else { tasks.len() })
}

/// Returns when `stop` is true, or when its sender is gone.
pub(super) async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that the sender is gone, which also stops the server.
    let _ = stop.wait_for(|stop| *stop).await;
}

fn count_panic(metrics: &Metrics, ended: Result<(), tokio::task::JoinError>) {
    if ended.is_err_and(|error| error.is_panic()) {
        metrics.panic();
    }
}

async fn handshake(
    context: &ConnectionContext,
    stream: TcpStream,
    address: SocketAddr,
    permit: &Permit,
) -> Option<(TlsStream<TcpStream>, ClientAuth)> {
    // Responses are small and complete, so that delaying them has no advantage. A failure only makes them slower.
    let _ = stream.set_nodelay(true);
    let client_auth = ClientAuth::current(context);
    let handshake = with_refused_names(async {
        tokio::select! {
            accepted = client_auth.tls.accept(stream) => accepted.map_err(Refused::Failed),
            () = tokio::time::sleep(context.times.handshake) => Err(Refused::Late),
            () = permit.evicted.notified() => Err(Refused::Evicted),
        }
    });
    let (result, unverified_client) = handshake.await;
    let mut client = None;
    let (failure, why) = match result {
        Ok(stream) => match client_auth.allowed_clients.check(stream.get_ref().1.peer_certificates()) {
            Ok(()) => return Some((stream, client_auth)),
            Err(error) => {
                client = client_of(&stream);
                (HandshakeFailure::NameNotAllowed, error.to_string())
            }
        },
        Err(Refused::Failed(error)) => handshake_failure(&error),
        Err(Refused::Late) => {
            (HandshakeFailure::Timeout, format!("no TLS handshake within {:?}", context.times.handshake))
        }
        Err(Refused::Evicted) => {
            (HandshakeFailure::Evicted, format!("evicted: {HANDSHAKES} later handshakes began and none has finished"))
        }
    };
    let peer = Peer { address, client: client.as_ref(), unverified_client: unverified_client.as_ref() };
    context.refused(failure, &peer, &why);
    None
}

/// The names in the certificate that was accepted in the handshake.
fn client_of(stream: &TlsStream<TcpStream>) -> Option<Text> {
    stream.get_ref().1.peer_certificates().and_then(<[_]>::first).and_then(shown_names)
}

/// Why a handshake failed.
enum Refused {
    Failed(std::io::Error),
    Late,
    Evicted,
}

type HandlerResult = Result<http::Response<ResponseBody>, Infallible>;
