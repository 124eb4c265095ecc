//! One connection after its handshake, in HTTP/1.1 or HTTP/2 as the handshake says.

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

use super::Answered;
use super::Doors;
use super::Peer;
use super::Welcome;
use super::client_of;
use super::stopped;
use crate::server::connections::Activity;
use crate::server::connections::Busy;
use crate::telemetry::metrics::HandshakeFailure;

/// Largest head of a request, in bytes. Gatekeeper's has a few hundred.
pub(in crate::server) const HEAD_BYTES: usize = 16 * 1024;

/// Most header fields of a request.
const HEADERS: usize = 64;

/// Requests at the same time on one HTTP/2 connection. Gatekeeper does not speak it.
const STREAMS: u32 = 4;

/// What an HTTP/2 client may send before it is read, and what is taken from a response before it is sent, in bytes: of one
/// request, and of a connection. Usual bodies fit.
const STREAM_WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 128 * 1024;

/// Serves requests until the client leaves, has nothing to say, has to make room, or `stop` becomes true. A client that
/// was let in by what is no longer in use is told to come again with the answer to its next request: closing at once
/// might meet a request on its way.
pub(super) async fn serve(
    doors: &Arc<Doors>,
    stream: TlsStream<TcpStream>,
    address: SocketAddr,
    welcome: &Welcome,
    stop: watch::Receiver<bool>,
) {
    let wait = doors.times.place;
    let Some(admitted) = doors.connections.admit(wait, || doors.metrics.connection_evicted()).await else {
        let client = client_of(&stream);
        let peer = Peer { address, client: client.as_ref(), unverified_client: None };
        doors.refused(HandshakeFailure::TooManyConnections, &peer, "all connections are taken by requests under way");
        return;
    };
    let _open = doors.metrics.connection();
    let activity = Arc::clone(&admitted.activity);
    let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2".as_slice());
    let io = TokioIo::new(stream);
    let service = service_fn(|request| {
        let busy = activity.request();
        let activity = Arc::clone(&activity);
        let last = *stop.borrow() || welcome.is_outdated(doors);
        if last && http2 {
            activity.leave.notify_one();
        }
        answer(Arc::clone(doors), request, busy, activity, last && !http2)
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
        drive(doors, connection, &admitted.activity, stop.clone(), true).await;
    } else {
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            // hyper's clock also runs while a connection is idle between two requests; ours tells the two apart.
            .header_read_timeout(None)
            .max_headers(HEADERS)
            .max_buf_size(HEAD_BYTES)
            .serve_connection(io, service);
        drive(doors, connection, &admitted.activity, stop.clone(), false).await;
    }
}

async fn answer(
    doors: Arc<Doors>,
    request: Request<Incoming>,
    busy: Busy,
    activity: Arc<Activity>,
    last: bool,
) -> Answered {
    let handler = doors.handler.load_full();
    let mut response = handler.respond(request).await;
    if last {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    let writing = activity.response();
    drop(busy);
    Ok(response.map(|body| body.until_written(writing)))
}

async fn drive<C: GracefulConnection>(
    doors: &Doors,
    connection: C,
    activity: &Activity,
    mut stop: watch::Receiver<bool>,
    http2: bool,
) {
    let mut connection = std::pin::pin!(connection);
    let first = doors.times.first_request;
    let idle = doors.times.idle;
    let mut close = doors.times.close;
    loop {
        tokio::select! {
            // How a connection ends is the client's business.
            _ = connection.as_mut() => return,
            // Nor is a client that does not read.
            () = activity.stalled(doors.times.write) => return,
            () = stopped(&mut stop) => {
                // HTTP/2 can say that no more is taken; HTTP/1.1 says it with an answer.
                if !http2 && !activity.is_busy() {
                    let grace = doors.handler.load().settings.stop_grace;
                    let linger = tokio::time::sleep(doors.times.linger.min(grace / 2));
                    tokio::select! {
                        _ = connection.as_mut() => return,
                        () = linger => {}
                    }
                }
                break;
            }
            () = activity.leave.notified() => {
                // Somebody waits for the place.
                close = close.min(doors.times.place / 2);
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
    while tokio::time::timeout(close, connection.as_mut()).await.is_err() && activity.is_busy() {}
}
