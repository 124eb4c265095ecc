//! `/metrics`, `/livez` and `/readyz`: plain HTTP on a port of their own, because neither Prometheus nor the kubelet has
//! a client certificate. No secrets, and nothing that asks a registry.

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
pub use readiness::Readiness;
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

/// Connections at the same time; of more the oldest goes.
pub(super) const CONNECTIONS: usize = 64;

/// Largest head of a request, in bytes, and most header fields.
pub(super) const HEAD_BYTES: usize = 16 * 1024;
const HEADERS: usize = 64;

/// For the head of a request, and between two of them. Longer than Prometheus's and the kubelet's usual intervals would
/// only save a handshake without cryptography.
const HEAD: Duration = Duration::from_secs(20);

/// Between the answers on one connection: whoever sends questions without end waits, and no other for them.
const BETWEEN: Duration = Duration::from_millis(10);

/// For an answer to be written.
const WRITE: Duration = Duration::from_secs(10);

/// What answers may take together until they are written, in bytes, and what one may have: with a thousand statements and
/// a thousand trust stores the metrics have 0.4 MiB.
pub(super) const ANSWERS_BYTES: usize = 3 * 1024 * 1024;
pub(super) const ANSWER_BYTES: usize = ANSWERS_BYTES / 2;

/// An answer up to this needs no room, in bytes: a probe is answered whatever else is requested. Three conditions, each with why
/// it is not met.
const SMALL_BYTES: usize = 4 * WHY_BYTES;

/// When the next answer on a connection may be made: the first one at once.
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

/// What the port shows.
#[derive(Debug)]
pub(super) struct Health {
    pub(super) registry: Registry,
    pub(super) readiness: Arc<Readiness>,
    answers: Arc<ResponseBudget>,
    rendering: Rendering,
}

/// Serves for ever.
///
/// # Errors
/// The listener is dead.
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
                // How a connection ends is the client's business.
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
        // Shown nowhere: the port that would show it is the one that it is about.
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
                    plain(StatusCode::SERVICE_UNAVAILABLE, format!("{no_room}; ask again\n")).into_parts();
                Response::from_parts(head, ResponseBody::small(text.into_bytes()))
            }
        }
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
            "/metrics" => match self.rendering.text(|| metrics::text(&self.registry)).await {
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
mod tests {
    use http_body_util::BodyExt as _;
    use hyper::body::Body as _;

    use super::*;

    async fn respond_to(health: &Health, method: Method, path: &str) -> (StatusCode, String) {
        let request = Request::builder().method(method).uri(path).body(()).unwrap();
        let response = health.respond(&request).await;
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    fn health() -> Health {
        Health::new(Registry::new(), Arc::new(Readiness::new()))
    }

    #[tokio::test]
    async fn alive_but_not_ready_before_everything_is_loaded() {
        let health = health();
        assert_eq!(respond_to(&health, Method::GET, "/livez").await, (StatusCode::OK, "ok\n".to_owned()));
        health.readiness.set_ready(Condition::Tls);
        assert_eq!(
            respond_to(&health, Method::GET, "/readyz").await,
            (StatusCode::SERVICE_UNAVAILABLE, "[-] trust: not loaded yet\n[-] endpoints: not open yet\n".to_owned())
        );
        health.readiness.set_ready(Condition::Trust);
        health.readiness.set_ready(Condition::Endpoints);
        assert_eq!(respond_to(&health, Method::GET, "/readyz").await, (StatusCode::OK, "ok\n".to_owned()));
        assert_eq!(
            respond_to(&health, Method::GET, "/readyz?verbose").await,
            (StatusCode::OK, "[+] trust\n[+] tls\n[+] endpoints\n".to_owned())
        );
    }

    #[tokio::test]
    async fn metrics_are_the_text_of_the_registry() {
        let health = health();
        crate::telemetry::metrics::Metrics::new(&health.registry).unwrap();
        let (status, text) = respond_to(&health, Method::GET, "/metrics").await;
        assert_eq!(status, StatusCode::OK);
        assert!(text.contains("\ncountersign_panics_total 0\n"), "{text}");
    }

    #[tokio::test(start_paused = true)]
    async fn questions_on_one_connection_wait_for_each_other_and_the_first_for_nothing() {
        let began = Instant::now();
        let pace = Pace::default();
        pace.turn().await;
        assert_eq!(began.elapsed(), Duration::ZERO);
        for _ in 0..10 {
            pace.turn().await;
        }
        assert!(began.elapsed() >= 10 * BETWEEN, "{:?}", began.elapsed());
    }

    #[tokio::test]
    async fn other_paths_and_methods_are_refused() {
        assert_eq!(respond_to(&health(), Method::GET, "/").await.0, StatusCode::NOT_FOUND);
        assert_eq!(respond_to(&health(), Method::POST, "/livez").await.0, StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(respond_to(&health(), Method::POST, "/v1/verify").await.0, StatusCode::METHOD_NOT_ALLOWED);
    }

    #[tokio::test]
    async fn head_has_status_and_headers_of_get_and_no_body() {
        let health = health();
        crate::telemetry::metrics::Metrics::new(&health.registry).unwrap();
        for path in ["/livez", "/readyz", "/readyz?verbose", "/metrics", "/v1/verify"] {
            let request = |method| Request::builder().method(method).uri(path).body(()).unwrap();
            let get = health.respond(&request(Method::GET)).await;
            let head = health.respond(&request(Method::HEAD)).await;
            let (length, mut headers) = (get.body().size_hint().exact().unwrap(), get.headers().clone());
            headers.insert(header::CONTENT_LENGTH, length.into());
            assert_eq!((head.status(), head.headers()), (get.status(), &headers), "{path}");
            assert!(length > 0 && head.body().is_end_stream(), "{path}");
        }
    }

    #[tokio::test]
    async fn answers_that_are_not_read_are_bounded_and_probes_are_answered() {
        let health = health();
        Condition::ALL.into_iter().for_each(|condition| health.readiness.set_ready(condition));
        let line = "x".repeat(512);
        health.readiness.trust_details(std::iter::repeat_n(line.as_str(), 50));
        let request = || Request::get("/readyz?verbose").body(()).unwrap();
        let mut unread = Vec::new();
        let refused = loop {
            let response = health.respond(&request()).await;
            if response.status() == StatusCode::SERVICE_UNAVAILABLE && unread.len() < 1000 {
                break response;
            }
            assert_eq!(response.status(), StatusCode::OK);
            unread.push(response);
        };
        let refused = refused.into_body().collect().await.unwrap().to_bytes();
        let held = health.answers.used_bytes();
        // Each takes at most as much as it leaves free.
        assert!(held > ANSWERS_BYTES - ANSWERS_BYTES / 50 && held < ANSWERS_BYTES, "{held}");
        let refused = String::from_utf8(refused.to_vec()).unwrap();
        assert!(
            refused.starts_with("too many bytes of responses in memory: found ") && refused.ends_with("; ask again\n")
        );
        assert_eq!(respond_to(&health, Method::GET, "/livez").await, (StatusCode::OK, "ok\n".to_owned()));
        assert_eq!(respond_to(&health, Method::GET, "/readyz").await, (StatusCode::OK, "ok\n".to_owned()));
        drop(unread);
        assert_eq!(respond_to(&health, Method::GET, "/readyz?verbose").await.0, StatusCode::OK);
    }
}
