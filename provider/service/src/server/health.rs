//! `/metrics`, `/livez` and `/readyz`: plain HTTP on a port of their own, because neither Prometheus nor the kubelet
//! has a client certificate. No secrets, and no requests to registries.

mod readiness;
mod rendering;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use http::Method;
use http::Request;
use http::Response;
use http::StatusCode;
use http::header;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::rt::TokioTimer;
use prometheus::IntGauge;
use prometheus::Registry;
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio::time::sleep_until;

pub use readiness::Condition;
pub use readiness::Newer;
pub use readiness::Readiness;
pub use readiness::StatusLine;
pub use readiness::WHY_BYTES;

use self::rendering::Rendering;
use super::connection_limit::ConnectionLimit;
use super::connections::Activity;
use super::listen::Listeners;
use super::listen::accept;
use super::response_body::ResponseBody;
use super::response_body::without_body;
use crate::protocol::ResponseBudget;
use crate::telemetry::metrics;

/// Connections at the same time; the oldest is evicted.
pub(super) const CONNECTIONS: usize = 40;

/// Maximum size of the head of a request, in bytes, and maximum number of its header fields.
pub(super) const HEAD_BYTES: usize = 16 * 1024;
const HEADERS: usize = 64;

/// For the head of a request, and between two of them. Longer than Prometheus's and the kubelet's usual intervals would
/// only save a handshake without cryptography.
const HEAD: Duration = Duration::from_secs(20);

/// Least time between the responses on one connection: a flood of requests delays only its own connection.
const BETWEEN: Duration = Duration::from_millis(10);

/// Time to write a response.
const WRITE: Duration = Duration::from_secs(10);

/// Maximum number of bytes of all responses until they are written, and of one: the metrics have at most 0.8 MiB, as
/// the number of statements, trust stores and registries with series is limited.
pub(super) const ANSWERS_BYTES: usize = 2 * 1024 * 1024;
pub(super) const ANSWER_BYTES: usize = ANSWERS_BYTES / 2;

/// A response up to this many bytes needs no permit, so that probes always have a response: three conditions, each
/// with its reason.
const SMALL_BYTES: usize = 4 * WHY_BYTES;

/// When the next response on a connection may be sent: the first one at once.
#[derive(Debug, Default)]
struct Pace(Mutex<Option<Instant>>);

impl Pace {
    async fn turn(&self) {
        let mut next = self.0.lock().await;
        if let Some(next) = *next {
            sleep_until(next).await;
        }
        *next = Some(Instant::now() + BETWEEN);
    }
}

/// The responses of the port.
#[derive(Debug)]
pub(super) struct Health {
    pub(super) registry: Registry,
    pub(super) readiness: Arc<Readiness>,
    answers: Arc<ResponseBudget>,
    rendering: Rendering,
}

/// Serves forever.
///
/// # Errors
/// The listener has ended.
pub(super) async fn serve(listeners: Listeners, health: Arc<Health>) -> std::io::Result<Infallible> {
    let limit = Arc::new(ConnectionLimit::new(CONNECTIONS));
    let mut tasks = JoinSet::new();
    loop {
        let (stream, peer) = accept(|| listeners.accept()).await?;
        let permit = limit.begin(peer.ip());
        let health = Arc::clone(&health);
        tasks.spawn(async move {
            let (activity, pace) = (Arc::new(Activity::new()), Pace::default());
            let answer = service_fn(async |request: Request<hyper::body::Incoming>| {
                pace.turn().await;
                let response = health.respond(&request).await;
                Ok::<_, Infallible>(response.map(|body| body.until_written(activity.response())))
            });
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD)
                .max_headers(HEADERS)
                .max_buf_size(HEAD_BYTES)
                .serve_connection(TokioIo::new(stream), answer);
            tokio::select! {
                // Errors of a connection concern only its client.
                _ = connection => {}
                () = activity.stalled(WRITE) => {}
                () = permit.evicted.notified() => {}
            }
        });
        while tasks.try_join_next().is_some() {}
    }
}

impl Health {
    pub(super) fn new(registry: Registry, readiness: Arc<Readiness>) -> Self {
        // Not exported as a metric: it concerns the port that exports the metrics.
        let gauge = IntGauge::new("health_response_bytes", "Bytes of answers being held.");
        let gauge = gauge.unwrap_or_else(|error| panic!("a name that is constant is refused: {error}"));
        let answers = ResponseBudget::new(ANSWERS_BYTES, ANSWER_BYTES, gauge);
        Self { registry, readiness, answers, rendering: Rendering::default() }
    }

    async fn respond<B>(&self, request: &Request<B>) -> Response<ResponseBody> {
        let response = self.respond_with_body(request).await;
        if request.method() == Method::HEAD { without_body(response) } else { response }
    }

    async fn respond_with_body<B>(&self, request: &Request<B>) -> Response<ResponseBody> {
        let (head, text) = self.text(request).await.into_parts();
        if text.len() <= SMALL_BYTES {
            return Response::from_parts(head, ResponseBody::small(text.into_bytes()));
        }
        let mut permit = self.answers.begin();
        match permit.grow(text.len()) {
            Ok(()) => Response::from_parts(head, ResponseBody::holding([text.into_bytes()], permit)),
            Err(no_room) => {
                let (head, text) =
                    plain(StatusCode::SERVICE_UNAVAILABLE, format!("{no_room}; try again\n")).into_parts();
                Response::from_parts(head, ResponseBody::small(text.into_bytes()))
            }
        }
    }

    async fn metrics(&self) -> Result<String, prometheus::Error> {
        let registry = self.registry.clone();
        self.rendering.text(move || metrics::encode_text(&registry)).await
    }

    async fn text<B>(&self, request: &Request<B>) -> Response<String> {
        if ![Method::GET, Method::HEAD].contains(request.method()) {
            let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "method is not GET\n".to_owned());
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        match request.uri().path() {
            "/livez" => plain(StatusCode::OK, "ok\n".to_owned()),
            "/readyz" => {
                let wants_all = request.uri().query().is_some_and(|query| query.split('&').any(|one| one == "verbose"));
                let (ready, text) = self.readiness.report(wants_all);
                plain(if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, text)
            }
            "/metrics" => match self.metrics().await {
                Ok(text) => {
                    let mut response = plain(StatusCode::OK, text);
                    let version = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
                    response.headers_mut().insert(header::CONTENT_TYPE, version);
                    response
                }
                Err(error) => plain(StatusCode::INTERNAL_SERVER_ERROR, format!("metrics cannot be written: {error}\n")),
            },
            _ => plain(StatusCode::NOT_FOUND, "unknown path: expected /livez, /readyz or /metrics\n".to_owned()),
        }
    }
}

fn plain(status: StatusCode, text: String) -> Response<String> {
    let mut response = Response::new(text);
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
