//! One request: from the bytes of a body to the bytes of an answer. Knows no sockets.
//!
//! Every answer is a well-formed `ProviderResponse`, whatever went wrong: Gatekeeper reads the body whatever the status
//! says, and a policy that is handed nothing may let things pass. On a door the status is always 200.

mod door;
mod requests;

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
use tokio::task::spawn_blocking;
use tokio::time::Instant;

use self::requests::Full;
use self::requests::LARGE_BODY_BYTES;
pub(super) use self::requests::READING;
use self::requests::Requests;
pub(super) use self::requests::WORKING;
pub(super) use self::requests::taken;
use super::ServerSettings;
use super::answer::Text;
use super::answer::refusal;
use super::body;
use super::body::BodyError;
use super::request_id::RequestId;
use super::responses::ResponseBody;
use super::responses::Responses;
use crate::engine::Deadline;
use crate::engine::Verify;
use crate::protocol::gatekeeper::ProviderRequest;
use crate::telemetry::log::panic_text;
use crate::telemetry::metrics::Door;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::metrics::Outcome;

/// What responses may take together until they are written, in bytes: some thousand of the usual size.
pub(super) const RESPONSES_BYTES: usize = 12 * 1024 * 1024;

/// What one response may have, in bytes: a thousand images with 4 KiB each.
pub(super) const RESPONSE_BYTES: usize = 4 * 1024 * 1024;

/// The paths and what is behind them.
const DOORS: [(&str, Door); 4] = [
    ("/v1/verify", Door::Verify),
    ("/v1/mutate", Door::Mutate),
    ("/ratify/gatekeeper/v1/verify", Door::RatifyVerify),
    ("/ratify/gatekeeper/v1/mutate", Door::RatifyMutate),
];

/// The doors under one configuration. Shared by all connections; a request stays with the one it began with.
pub(super) struct Handler {
    pub(super) settings: ServerSettings,
    verify: Arc<dyn Verify>,
    metrics: Arc<Metrics>,
    requests: Arc<Requests>,
    responses: Arc<Responses>,
}

/// A request whose keys will not be looked at, and how it is counted.
#[derive(Debug)]
struct Refusal {
    outcome: Outcome,
    why: String,
}

/// The bytes of an answer, and how the request is counted.
struct Said {
    outcome: Outcome,
    body: ResponseBody,
}

impl Handler {
    pub(super) fn new(settings: ServerSettings, verify: Arc<dyn Verify>, metrics: Arc<Metrics>) -> Self {
        let responses = Responses::new(RESPONSES_BYTES, RESPONSE_BYTES, metrics.response_bytes());
        Self { settings, verify, metrics, requests: Arc::new(Requests::new()), responses }
    }

    /// The doors under another configuration, within the same bounds on memory.
    pub(super) fn successor(&self, settings: ServerSettings, verify: Arc<dyn Verify>) -> Self {
        Self {
            settings,
            verify,
            metrics: Arc::clone(&self.metrics),
            requests: Arc::clone(&self.requests),
            responses: Arc::clone(&self.responses),
        }
    }

    /// The answer to `request`. Never fails; a panic within is an answer too.
    pub(super) async fn respond<B>(&self, request: Request<B>) -> Response<ResponseBody>
    where
        B: Body<Data = Bytes>,
    {
        let id = RequestId::of(request.headers());
        let door = DOORS.iter().find(|(path, _)| *path == request.uri().path()).map(|(_, door)| *door);
        let mut count = Count::begin(&self.metrics, door.unwrap_or(Door::None));
        let (status, said) = match door {
            None => (StatusCode::NOT_FOUND, not_found(&id)),
            Some(_) if request.method() != Method::POST => (StatusCode::METHOD_NOT_ALLOWED, not_post(&id)),
            Some(door) => (StatusCode::OK, self.answer(door, request.into_body(), &id).await),
        };
        count.outcome = said.outcome;
        response(status, said.body, &id)
    }

    async fn answer<B>(&self, door: Door, body: B, id: &RequestId) -> Said
    where
        B: Body<Data = Bytes>,
    {
        // The keys' work is in tasks of its own; a panic here would be one of reading or of rendering.
        let answered = AssertUnwindSafe(self.answer_or_panic(door, body, id)).catch_unwind().await;
        answered.unwrap_or_else(|panic| {
            self.metrics.panic();
            tracing::error!(request_id = id.as_str(), door = door.text(), what = panic_text(&*panic), "panic");
            let why = "internal-error: the answer could not be made; what to do: report this with the log line that has the same request id";
            refused(&Refusal { outcome: Outcome::InternalError, why: why.to_owned() }, id, false)
        })
    }

    async fn answer_or_panic<B>(&self, door: Door, body: B, id: &RequestId) -> Said
    where
        B: Body<Data = Bytes>,
    {
        let deadline = Deadline::after(self.time_for(door));
        let idempotent = is_mutation(door);
        let until = deadline.instant().into();
        let announced = body.size_hint().upper().and_then(|bytes| usize::try_from(bytes).ok());
        let (most_bytes, most_keys) = (self.settings.max_body_bytes, self.settings.max_keys);
        let timed_out = |full: Full| Refusal { outcome: Outcome::TimedOut, why: full.to_string() };
        let reading = match self.requests.to_read(announced, most_bytes, most_keys, until).await {
            Ok(permit) => permit,
            Err(full) => return refused(&timed_out(full), id, idempotent),
        };
        let keys = match self.keys(body, until).await {
            Ok(keys) => keys,
            Err(refusal) => {
                tracing::warn!(request_id = id.as_str(), door = door.text(), why = refusal.why, "request refused");
                return refused(&refusal, id, idempotent);
            }
        };
        self.metrics.request_keys(keys.len());
        let at_once = self.settings.max_concurrent_keys_per_request;
        match self.requests.to_work(&keys, at_once, until).await {
            Ok(_working) => {
                drop(reading);
                self.through(door, keys, deadline, id).await
            }
            Err(full) => refused(&timed_out(full), id, idempotent),
        }
    }

    fn time_for(&self, door: Door) -> Duration {
        if is_mutation(door) { self.settings.mutate_timeout } else { self.settings.verify_timeout }
    }

    /// The distinct keys that a body asks about.
    async fn keys<B>(&self, body: B, until: Instant) -> Result<Vec<String>, Refusal>
    where
        B: Body<Data = Bytes>,
    {
        let most = self.settings.max_keys;
        let body = body::read(body, self.settings.max_body_bytes, until).await.map_err(|error| {
            let outcome = match error {
                BodyError::TooLarge { .. } | BodyError::Broken => Outcome::BadRequest,
                BodyError::Late => Outcome::TimedOut,
            };
            Refusal { outcome, why: error.to_string() }
        })?;
        let bad = |why| Refusal { outcome: Outcome::BadRequest, why };
        let large = body.len() > LARGE_BODY_BYTES;
        let read = move || ProviderRequest::from_json(&body, most).map(|request| request.request.keys);
        // There are no more of these at a time than large requests. A panic there is one here.
        let keys = if large {
            spawn_blocking(read).await.unwrap_or_else(|error| match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(error) => panic!("the runtime is gone: {error}"),
            })
        } else {
            read()
        };
        keys.map_err(|error| bad(error.to_string()))
    }
}

fn is_mutation(door: Door) -> bool {
    match door {
        Door::Mutate | Door::RatifyMutate => true,
        Door::Verify | Door::RatifyVerify | Door::None => false,
    }
}

fn refused(refusal: &Refusal, id: &RequestId, idempotent: bool) -> Said {
    let body = self::refusal(&Text::new(&refusal.why), id.as_str(), idempotent);
    Said { outcome: refusal.outcome, body }
}

fn not_found(id: &RequestId) -> Said {
    let why = "path is unknown: want POST /v1/verify or /v1/mutate, or below /ratify/gatekeeper; what to do: correct spec.url of the Provider".to_owned();
    refused(&Refusal { outcome: Outcome::BadRequest, why }, id, false)
}

fn not_post(id: &RequestId) -> Said {
    refused(&Refusal { outcome: Outcome::BadRequest, why: "method is not POST: want POST".to_owned() }, id, false)
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

/// Counts a request when it ends, by an answer or by being dropped.
struct Count<'a> {
    metrics: &'a Metrics,
    door: Door,
    outcome: Outcome,
    began: Instant,
    _in_flight: crate::telemetry::metrics::Gauged,
}

impl<'a> Count<'a> {
    fn begin(metrics: &'a Metrics, door: Door) -> Self {
        let began = Instant::now();
        Self { metrics, door, outcome: Outcome::Abandoned, began, _in_flight: metrics.in_flight() }
    }
}

impl Drop for Count<'_> {
    fn drop(&mut self) {
        self.metrics.request(self.door, self.outcome, self.began.elapsed());
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
