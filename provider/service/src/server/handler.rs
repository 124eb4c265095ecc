//! One HTTP request: finds its route, reads its body, and has the route's protocol encode the response. Knows no sockets.
//!
//! Every response is well-formed for its protocol, after every failure: Gatekeeper reads the body regardless of the
//! status, and a policy without data may admit objects. The status of an endpoint is always 200.

mod dispatch;
mod known;
mod rendered;
mod request_limit;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use http::HeaderValue;
use http::Method;
use http::Request;
use http::Response;
use http::StatusCode;
use http::header;
use hyper::body::Body;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::spawn_blocking;
use tokio::time::Instant;

pub(super) use self::rendered::RENDERED_BYTES;
use self::rendered::RenderedItems;
use self::request_limit::LARGE_BODY_BYTES;
pub(super) use self::request_limit::READING;
use self::request_limit::RequestLimit;
use self::request_limit::RequestLimitReached;
pub(super) use self::request_limit::WAITING;
pub(super) use self::request_limit::WORKING;
pub(super) use self::request_limit::request_bytes;
pub(super) use self::request_limit::waiting_bytes;
use super::ServerSettings;
use super::body;
use super::body::BodyError;
use super::request_id::RequestId;
use super::response_body::ResponseBody;
use super::response_body::without_body;
use super::routes;
use super::routes::Endpoint;
use super::routes::NO_ENDPOINT;
use super::routes::Route;
use crate::engine::Deadline;
use crate::engine::Verifier;
use crate::protocol::BodyEncoding;
use crate::protocol::EncodedResponse;
use crate::protocol::Message;
use crate::protocol::ResponseBudget;
use crate::protocol::gatekeeper;
use crate::telemetry::log::RepeatedVerdicts;
use crate::telemetry::log::panic_text;
use crate::telemetry::metrics::EndpointMetrics;
use crate::telemetry::metrics::Gauged;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::metrics::Outcome;

/// Maximum number of bytes of all responses until they are written: some thousand of the usual size.
pub(super) const RESPONSES_BYTES: usize = 12 * 1024 * 1024;

/// Maximum number of bytes of one response: a thousand images with 4 KiB each.
pub(super) const RESPONSE_BYTES: usize = 4 * 1024 * 1024;

/// The endpoints under one configuration. Shared by all connections; a request keeps the one with which it began.
pub(super) struct Handler {
    pub(super) settings: ServerSettings,
    verifier: Arc<dyn Verifier>,
    metrics: Arc<Metrics>,
    series: Arc<RequestSeries>,
    requests: Arc<RequestLimit>,
    responses: Arc<ResponseBudget>,
    repeated: Arc<RepeatedVerdicts>,
    rendered: Arc<RenderedItems>,
}

/// Why the keys of a request are not processed, and how the request is counted.
#[derive(Debug)]
struct Refusal {
    outcome: Outcome,
    why: String,
}

/// A response, and how the request is counted.
struct Reply {
    outcome: Outcome,
    response: EncodedResponse,
}

impl Refusal {
    fn reply(&self, encoding: BodyEncoding, id: &RequestId) -> Reply {
        let response = EncodedResponse::refusal(encoding, &Message::new(&self.why), id.as_str());
        Reply { outcome: self.outcome, response }
    }

    /// In the encoding of `/v1/verify`, for requests without an endpoint.
    fn reply_without_endpoint(outcome: Outcome, why: &str, id: &RequestId) -> Reply {
        Self { outcome, why: why.to_owned() }.reply(gatekeeper::VERIFY.encoding, id)
    }
}

impl From<RequestLimitReached> for Refusal {
    fn from(reached: RequestLimitReached) -> Self {
        let outcome = if reached.is_late() { Outcome::TimedOut } else { Outcome::SystemError };
        Self { outcome, why: reached.to_string() }
    }
}

impl From<BodyError> for Refusal {
    fn from(error: BodyError) -> Self {
        let outcome = match error {
            BodyError::TooLarge { .. } | BodyError::Broken => Outcome::BadRequest,
            BodyError::Late => Outcome::TimedOut,
        };
        Self { outcome, why: error.to_string() }
    }
}

impl Handler {
    pub(super) fn new(settings: ServerSettings, verifier: Arc<dyn Verifier>, metrics: Arc<Metrics>) -> Self {
        let series = Arc::new(RequestSeries::new(&metrics));
        let responses = ResponseBudget::new(RESPONSES_BYTES, RESPONSE_BYTES, metrics.response_bytes());
        let rendered = Arc::new(RenderedItems::new(RENDERED_BYTES, Arc::clone(&metrics)));
        Self {
            settings,
            verifier,
            metrics,
            series,
            requests: Arc::new(RequestLimit::new()),
            responses,
            repeated: Arc::default(),
            rendered,
        }
    }

    /// The endpoints under another configuration, within the same limits on memory.
    pub(super) fn successor(&self, settings: ServerSettings, verifier: Arc<dyn Verifier>) -> Self {
        Self {
            settings,
            verifier,
            metrics: Arc::clone(&self.metrics),
            series: Arc::clone(&self.series),
            requests: Arc::clone(&self.requests),
            responses: Arc::clone(&self.responses),
            repeated: Arc::clone(&self.repeated),
            rendered: Arc::clone(&self.rendered),
        }
    }

    /// The response to `request`. Never fails; a panic within is a response too.
    pub(super) async fn respond<B>(&self, request: Request<B>) -> Response<ResponseBody>
    where
        B: Body<Data = Bytes>,
    {
        let id = RequestId::of(request.headers());
        let route = routes::find(request.uri().path());
        let is_head = request.method() == Method::HEAD;
        let mut count = Count::begin(&self.metrics, self.series.of(route));
        let (status, reply) = match route {
            None => (StatusCode::NOT_FOUND, not_found(&id)),
            Some(_) if request.method() != Method::POST => (StatusCode::METHOD_NOT_ALLOWED, not_post(&id)),
            Some(route) => (StatusCode::OK, self.reply(route, request.into_body(), &id).await),
        };
        let Reply { outcome, response: EncodedResponse { parts, permit, .. } } = reply;
        count.outcome = outcome;
        let response = response(status, ResponseBody::encoded(parts, permit), &id);
        if is_head { without_body(response) } else { response }
    }

    async fn reply<B>(&self, route: &'static Route, body: B, id: &RequestId) -> Reply
    where
        B: Body<Data = Bytes>,
    {
        // Keys are processed in tasks of their own; a panic here comes from decoding or encoding.
        let replied = AssertUnwindSafe(self.reply_or_panic(route, body, id)).catch_unwind().await;
        replied.unwrap_or_else(|panic| {
            self.metrics.panic();
            let endpoint = route.endpoint.as_str();
            // `door` is the former name of `endpoint`, written for one release.
            tracing::error!(request_id = id.as_str(), endpoint, door = endpoint, what = panic_text(&*panic), "panic");
            let why = "internal-error: the response could not be encoded; what to do: report this with the log \
                       line that has the same request ID";
            Refusal::reply_without_endpoint(Outcome::InternalError, why, id)
        })
    }

    async fn reply_or_panic<B>(&self, route: &'static Route, body: B, id: &RequestId) -> Reply
    where
        B: Body<Data = Bytes>,
    {
        let deadline = Deadline::after(self.time_for(route));
        let encoding = route.protocol.encoding;
        let until = deadline.instant().into();
        let announced = body.size_hint().upper().and_then(|bytes| usize::try_from(bytes).ok());
        let (max_bytes, max_keys) = (self.settings.max_body_bytes, self.settings.max_keys);
        let reading = match self.requests.to_read(announced, max_bytes, max_keys, until).await {
            Ok(permit) => permit,
            Err(reached) => return Refusal::from(reached).reply(encoding, id),
        };
        let (keys, reading) = match self.keys(route, body, until, reading).await {
            Ok(read) => read,
            Err(refusal) => {
                let endpoint = route.endpoint.as_str();
                // `door` is the former name of `endpoint`, written for one release.
                tracing::warn!(
                    request_id = id.as_str(),
                    endpoint,
                    door = endpoint,
                    why = refusal.why,
                    "request refused"
                );
                return refusal.reply(encoding, id);
            }
        };
        self.metrics.request_keys(keys.len());
        let reply = self.dispatch(route, keys, deadline, id, reading).await;
        reply.unwrap_or_else(|reached| Refusal::from(reached).reply(encoding, id))
    }

    fn time_for(&self, route: &Route) -> Duration {
        if route.is_mutation() { self.settings.mutate_timeout } else { self.settings.verify_timeout }
    }

    /// The distinct keys of a body, with the permit to read it.
    async fn keys<B>(
        &self,
        route: &'static Route,
        body: B,
        until: Instant,
        reading: OwnedSemaphorePermit,
    ) -> Result<(Vec<String>, OwnedSemaphorePermit), Refusal>
    where
        B: Body<Data = Bytes>,
    {
        let max_keys = self.settings.max_keys;
        let body = body::read(body, self.settings.max_body_bytes, until).await?;
        let is_large = body.len() > LARGE_BODY_BYTES;
        let decode = move || (route.protocol.decode)(&body, max_keys);
        let (keys, reading) = if is_large { on_a_thread(reading, decode).await } else { (decode(), reading) };
        let keys = keys.map_err(|error| Refusal { outcome: Outcome::BadRequest, why: error.to_string() })?;
        Ok((keys, reading))
    }
}

/// Runs `decode`, which the permit limits, on another thread. A panic there is propagated.
async fn on_a_thread<T: Send + 'static>(
    reading: OwnedSemaphorePermit,
    decode: impl FnOnce() -> T + Send + 'static,
) -> (T, OwnedSemaphorePermit) {
    // The permit is there, as the thread continues when the client has gone.
    let decoded = spawn_blocking(move || (decode(), reading)).await;
    decoded.unwrap_or_else(|error| match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(error) => panic!("the runtime is gone: {error}"),
    })
}

fn not_found(id: &RequestId) -> Reply {
    let why = "unknown path: expected POST /v1/verify or /v1/mutate, also below /ratify/gatekeeper; what to do: \
               correct spec.url of the Provider";
    Refusal::reply_without_endpoint(Outcome::BadRequest, why, id)
}

fn not_post(id: &RequestId) -> Reply {
    Refusal::reply_without_endpoint(Outcome::BadRequest, "method is not supported: expected POST", id)
}

fn response(status: StatusCode, body: ResponseBody, id: &RequestId) -> Response<ResponseBody> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(header::ALLOW, HeaderValue::from_static("POST"));
    }
    if let Ok(id) = HeaderValue::from_str(id.as_str()) {
        headers.insert("x-request-id", id);
    }
    response
}

/// The series of requests by endpoint, looked up once for the process.
struct RequestSeries {
    verify: EndpointMetrics,
    mutate: EndpointMetrics,
    ratify_verify: EndpointMetrics,
    ratify_mutate: EndpointMetrics,
    /// Of unknown paths.
    none: EndpointMetrics,
}

impl RequestSeries {
    fn new(metrics: &Metrics) -> Self {
        let of = |endpoint: Endpoint| metrics.endpoint(endpoint.as_str());
        Self {
            verify: of(Endpoint::Verify),
            mutate: of(Endpoint::Mutate),
            ratify_verify: of(Endpoint::RatifyVerify),
            ratify_mutate: of(Endpoint::RatifyMutate),
            none: metrics.endpoint(NO_ENDPOINT),
        }
    }

    fn of(&self, route: Option<&Route>) -> &EndpointMetrics {
        match route.map(|route| route.endpoint) {
            Some(Endpoint::Verify) => &self.verify,
            Some(Endpoint::Mutate) => &self.mutate,
            Some(Endpoint::RatifyVerify) => &self.ratify_verify,
            Some(Endpoint::RatifyMutate) => &self.ratify_mutate,
            None => &self.none,
        }
    }
}

/// Counts a request when it ends, by a response or by being dropped.
struct Count<'a> {
    series: &'a EndpointMetrics,
    outcome: Outcome,
    began: Instant,
    _in_flight: Gauged,
}

impl<'a> Count<'a> {
    fn begin(metrics: &Metrics, series: &'a EndpointMetrics) -> Self {
        let began = Instant::now();
        Self { series, outcome: Outcome::Abandoned, began, _in_flight: metrics.in_flight() }
    }
}

impl Drop for Count<'_> {
    fn drop(&mut self) {
        self.series.request(self.outcome, self.began.elapsed());
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
