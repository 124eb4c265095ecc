//! One connection after its handshake, in HTTP/1.1 or HTTP/2, as negotiated.

use std::net::SocketAddr;
use std::sync::Arc;

use http::HeaderValue;
use http::Request;
use http::header;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::TokioExecutor;
use hyper_util::rt::TokioIo;
use hyper_util::rt::TokioTimer;
use hyper_util::server::graceful::GracefulConnection;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_rustls::server::TlsStream;

use super::ClientAuth;
use super::ConnectionContext;
use super::HandlerResult;
use super::Peer;
use super::client_of;
use super::stopped;
use crate::server::connections::Activity;
use crate::server::connections::Busy;
use crate::telemetry::metrics::HandshakeFailure;

/// Maximum size of the head of a request, in bytes. Gatekeeper's has a few hundred.
pub(in crate::server) const HEAD_BYTES: usize = 16 * 1024;

/// Maximum number of header fields of a request.
const HEADERS: usize = 64;

/// Requests at the same time on one HTTP/2 connection. Gatekeeper does not use it.
const STREAMS: u32 = 4;

/// HTTP/2 windows, in bytes, in both directions: of one request, and of a connection. Usual bodies fit.
const STREAM_WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 128 * 1024;

/// Serves requests until the client leaves, is idle, is evicted, or `stop` becomes true. A client that was
/// authenticated by former certificates must reconnect after its next response: closing at once could lose a request in
/// transit.
pub(super) async fn serve(
    context: &Arc<ConnectionContext>,
    stream: TlsStream<TcpStream>,
    address: SocketAddr,
    client_auth: &ClientAuth,
    stop: watch::Receiver<bool>,
) {
    let wait = context.times.permit;
    let Some(admitted) = context.connections.admit(wait, || context.metrics.connection_evicted()).await else {
        let client = client_of(&stream);
        let peer = Peer { address, client: client.as_ref(), unverified_client: None };
        context.refused(
            HandshakeFailure::TooManyConnections,
            &peer,
            "connection limit reached: all connections \
             have requests in progress",
        );
        return;
    };
    let _open = context.metrics.connection();
    let activity = Arc::clone(&admitted.activity);
    let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2".as_slice());
    let io = TokioIo::new(stream);
    let service = service_fn(|request| {
        let busy = activity.request();
        let activity = Arc::clone(&activity);
        let last = *stop.borrow() || client_auth.is_outdated(context);
        if last && http2 {
            activity.close.notify_one();
        }
        answer(Arc::clone(context), request, busy, activity, last && !http2)
    });
    if http2 {
        let connection = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_send_buf_size(usize::try_from(STREAM_WINDOW).unwrap_or(usize::MAX))
            .max_header_list_size(u32::try_from(HEAD_BYTES).unwrap_or(u32::MAX))
            .serve_connection(io, service);
        drive(context, connection, &admitted.activity, stop.clone(), true).await;
    } else {
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            // hyper's timeout also includes the idle time between two requests; this one excludes it.
            .header_read_timeout(None)
            .max_headers(HEADERS)
            .max_buf_size(HEAD_BYTES)
            .serve_connection(io, service);
        drive(context, connection, &admitted.activity, stop.clone(), false).await;
    }
}

async fn answer(
    context: Arc<ConnectionContext>,
    request: Request<Incoming>,
    busy: Busy,
    activity: Arc<Activity>,
    last: bool,
) -> HandlerResult {
    let handler = context.handler.load_full();
    let mut response = handler.respond(request).await;
    if last {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    let writing = activity.response();
    drop(busy);
    Ok(response.map(|body| body.until_written(writing)))
}

async fn drive<C: GracefulConnection>(
    context: &ConnectionContext,
    connection: C,
    activity: &Activity,
    mut stop: watch::Receiver<bool>,
    http2: bool,
) {
    let mut connection = std::pin::pin!(connection);
    let first = context.times.first_request;
    let idle = context.times.idle;
    let mut close_within = context.times.close;
    loop {
        tokio::select! {
            // Errors of a connection concern only its client.
            _ = connection.as_mut() => return,
            // The same applies to a client that does not read.
            () = activity.stalled(context.times.write) => return,
            () = stopped(&mut stop) => {
                // HTTP/2 announces the end with GOAWAY; HTTP/1.1 with a response.
                if !http2 && !activity.is_busy() {
                    let grace = context.handler.load().settings.stop_grace;
                    let linger = tokio::time::sleep(context.times.linger.min(grace / 2));
                    tokio::select! {
                        _ = connection.as_mut() => return,
                        () = linger => {}
                    }
                }
                break;
            }
            () = activity.close.notified() => {
                // Another connection waits for the permit.
                close_within = close_within.min(context.times.permit / 2);
                break;
            }
            () = tokio::time::sleep_until(activity.closes(first, idle)) => {
                if activity.closes(first, idle) <= Instant::now() {
                    break;
                }
            }
        }
    }
    connection.as_mut().graceful_shutdown();
    // Requests under way have their own deadline, and the listener its grace.
    while tokio::time::timeout(close_within, connection.as_mut()).await.is_err() && activity.is_busy() {}
}
