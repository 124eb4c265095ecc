//! Listens and serves connections.

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use hyper::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioExecutor;
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto;
use rustls::ServerConfig;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::pki::Chain;
use crate::registry::client_auth::AnyClient;
use crate::registry::client_auth::Presented;
use crate::registry::routes;
use crate::registry::state::State;

/// A free port of 127.0.0.1.
pub(crate) const ANY_PORT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Listens on `address`. Panics if that is not possible.
pub(crate) async fn start(address: SocketAddr, identity: Option<&Chain>) -> (Arc<State>, SocketAddr, AbortHandle) {
    match TcpListener::bind(address).await {
        Ok(listener) => serve_on(listener, identity),
        Err(error) => panic!("cannot listen on {address}: {error}"),
    }
}

/// Like [`start`], on `[::1]`; `None` if this system has no IPv6.
pub(crate) async fn start_v6() -> Option<(Arc<State>, SocketAddr, AbortHandle)> {
    TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).await.ok().map(|listener| serve_on(listener, None))
}

fn serve_on(listener: TcpListener, identity: Option<&Chain>) -> (Arc<State>, SocketAddr, AbortHandle) {
    let address = listener.local_addr().expect("a bound socket has an address");
    let scheme = if identity.is_some() { "https" } else { "http" };
    let state = Arc::new(State::new(format!("{scheme}://{address}")));
    *state.tls() = identity.map(|identity| tls(identity, Arc::clone(&state.client_certificates_required)));
    let server = tokio::spawn(accept(listener, Arc::clone(&state)));
    (state, address, server.abort_handle())
}

/// Accepts connections until it is aborted. Owns their tasks, so that they end with it.
async fn accept(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    loop {
        // Ignores connections that were closed before they were accepted.
        let Ok((stream, _)) = listener.accept().await else { continue };
        state.log.connected();
        while connections.try_join_next().is_some() {}
        let (acceptor, state) = (state.tls().clone().map(TlsAcceptor::from), Arc::clone(&state));
        connections.spawn(async move {
            // Without this, small responses wait for the delayed acknowledgement of the peer.
            let _ = stream.set_nodelay(true);
            match acceptor {
                None => serve(stream, state, Presented(None)).await,
                Some(acceptor) => {
                    // The handshake fails if the client does not trust the certificate; its test checks the client.
                    if let Ok(stream) = acceptor.accept(stream).await {
                        if stream.get_ref().1.handshake_kind() == Some(rustls::HandshakeKind::Resumed) {
                            state.log.resumed_session();
                        }
                        let leaf = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
                        let presented = Presented(leaf.map(|leaf| leaf.as_ref().into()));
                        serve(stream, state, presented).await;
                    }
                }
            }
        });
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, state: Arc<State>, presented: Presented) {
    let dropped = Arc::new(Notify::new());
    let service = service_fn(|mut request: Request<Incoming>| {
        request.extensions_mut().insert(presented.clone());
        routes::answer(Arc::clone(&state), Arc::clone(&dropped), request)
    });
    let builder = auto::Builder::new(TokioExecutor::new());
    // Connection errors are expected: faults cause them.
    tokio::select! {
        _ = builder.serve_connection(TokioIo::new(stream), service) => {}
        () = dropped.notified() => {}
    }
}

pub(crate) fn acceptor(identity: &Chain, required: Arc<AtomicBool>) -> TlsAcceptor {
    TlsAcceptor::from(tls(identity, required))
}

/// Accepts HTTP/2 and HTTP/1.1, with sessions of its own: none is resumed with another one.
pub(crate) fn tls(identity: &Chain, required: Arc<AtomicBool>) -> Arc<ServerConfig> {
    let (certificates, key) = identity.for_rustls();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("the provider has both versions")
        .with_client_cert_verifier(Arc::new(AnyClient { provider, required }))
        .with_single_cert(certificates, key)
        .expect("a certificate with its key");
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Arc::new(config)
}
