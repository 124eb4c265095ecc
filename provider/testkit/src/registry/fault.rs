//! What goes wrong, where, and how often.

use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderName;
use http::HeaderValue;
use http::Method;
use http::StatusCode;
use serde_json::json;
use tokio::sync::watch;

use crate::registry::request::Route;

/// An answer in place of the right one.
#[derive(Clone, Debug)]
pub struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) body: Bytes,
}

impl Reply {
    /// A status with an empty body.
    #[must_use]
    pub fn status(status: u16) -> Self {
        let status = StatusCode::from_u16(status).expect("a status from 100 to 999");
        Self { status, headers: Vec::new(), body: Bytes::new() }
    }

    /// A status with an OCI error envelope: `NAME_UNKNOWN`, `MANIFEST_UNKNOWN`, `TOOMANYREQUESTS`, `DENIED`, …
    #[must_use]
    pub fn error(status: u16, code: &str) -> Self {
        let envelope = json!({ "errors": [{ "code": code, "message": "as the test wanted" }] });
        Self::status(status).header("content-type", "application/json").body(envelope.to_string())
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((header_name(name), header_value(value)));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Fault {
    // Before the answer is made.
    Delay(Duration),
    Hold(Gate),
    Never,
    // In place of the answer.
    Close,
    Reply(Reply),
    EndlessEmptyPages,
    // Done to the answer.
    Header(HeaderName, Option<HeaderValue>),
    Body(Bytes),
    WrongBytes,
    Truncated,
    Stalled,
    Disconnected,
    Endless,
    Drip(Duration),
}

#[derive(Debug)]
pub(crate) struct Rule {
    route: Option<Route>,
    method: Option<Method>,
    path_part: Option<String>,
    /// Requests to spare before it strikes.
    skip: usize,
    /// Strikes left; `None` is without end.
    left: Option<usize>,
    fault: Fault,
    hits: Arc<AtomicUsize>,
}

/// The rules that are in force.
#[derive(Debug, Default)]
pub(crate) struct Faults(Mutex<Vec<Rule>>);

impl Faults {
    fn lock(&self) -> MutexGuard<'_, Vec<Rule>> {
        self.0.lock().expect("nobody panics while holding the rules")
    }

    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    /// The faults that this request meets, in order; their counters move.
    pub(crate) fn strike(&self, route: Route, method: &Method, path_and_query: &str) -> Vec<Fault> {
        let mut met = Vec::new();
        for rule in self.lock().iter_mut() {
            let fits = rule.route.is_none_or(|wanted| wanted == route)
                && rule.method.as_ref().is_none_or(|wanted| wanted == method)
                && rule.path_part.as_ref().is_none_or(|part| path_and_query.contains(part.as_str()));
            if !fits || rule.left == Some(0) {
                continue;
            }
            if rule.skip > 0 {
                rule.skip -= 1;
                continue;
            }
            rule.left = rule.left.map(|left| left - 1);
            rule.hits.fetch_add(1, Ordering::SeqCst);
            met.push(rule.fault.clone());
        }
        met
    }
}

/// The first half of a sentence, see [`Registry::when`](super::Registry::when): which requests. The second half says
/// what happens to them.
#[derive(Debug)]
#[must_use = "says when, but not yet what"]
pub struct When {
    faults: Arc<Faults>,
    route: Option<Route>,
    method: Option<Method>,
    path_part: Option<String>,
    skip: usize,
    left: Option<usize>,
}

impl When {
    pub(crate) fn new(faults: Arc<Faults>, route: Option<Route>) -> Self {
        Self { faults, route, method: None, path_part: None, skip: 0, left: None }
    }

    /// Only if path and query, as they came, contain this: a digest, a repository.
    pub fn path_contains(mut self, part: &str) -> Self {
        self.path_part = Some(part.to_owned());
        self
    }

    /// Only this method.
    pub fn method(mut self, method: Method) -> Self {
        self.method = Some(method);
        self
    }

    /// So many times, then no more.
    pub fn times(mut self, count: usize) -> Self {
        self.left = Some(count);
        self
    }

    /// Spares so many first.
    pub fn after(mut self, count: usize) -> Self {
        self.skip = count;
        self
    }

    /// Answers with a bare status.
    pub fn status(self, status: u16) -> FaultHandle {
        self.reply(Reply::status(status))
    }

    /// Answers with an OCI error envelope.
    pub fn error(self, status: u16, code: &str) -> FaultHandle {
        self.reply(Reply::error(status, code))
    }

    /// Answers 429 with `Retry-After` as given (seconds or an HTTP date) and the error `TOOMANYREQUESTS`.
    pub fn too_many_requests(self, retry_after: &str) -> FaultHandle {
        self.reply(Reply::error(429, "TOOMANYREQUESTS").header("retry-after", retry_after))
    }

    /// Redirects with this status.
    pub fn redirect(self, status: u16, location: &str) -> FaultHandle {
        self.reply(Reply::status(status).header("location", location))
    }

    /// Answers with anything.
    pub fn reply(self, reply: Reply) -> FaultHandle {
        self.set(Fault::Reply(reply))
    }

    /// Answers after so long (on tokio's clock).
    pub fn delay(self, delay: Duration) -> FaultHandle {
        self.set(Fault::Delay(delay))
    }

    /// Answers when the gate is opened.
    pub fn hold(self) -> Gate {
        let gate = Gate::new();
        self.set(Fault::Hold(gate.clone()));
        gate
    }

    /// Takes the request and never answers.
    pub fn never_answer(self) -> FaultHandle {
        self.set(Fault::Never)
    }

    /// Closes the connection without an answer (an end of file, not a TCP reset).
    pub fn close(self) -> FaultHandle {
        self.set(Fault::Close)
    }

    /// Announces the whole body, sends half of it, closes the connection.
    pub fn truncated_body(self) -> FaultHandle {
        self.set(Fault::Truncated)
    }

    /// Announces the whole body, sends all of it but the last byte, and then nothing more.
    pub fn stalled_body(self) -> FaultHandle {
        self.set(Fault::Stalled)
    }

    /// Announces the whole body, sends half of it, and drops the connection with everything on it.
    pub fn disconnect(self) -> FaultHandle {
        self.set(Fault::Disconnected)
    }

    /// Right status and headers, then spaces without end, no Content-Length.
    pub fn endless_body(self) -> FaultHandle {
        self.set(Fault::Endless)
    }

    /// The right body, one byte at a time.
    pub fn slow_drip(self, every: Duration) -> FaultHandle {
        self.set(Fault::Drip(every))
    }

    /// The right length and headers, one bit changed in the body.
    pub fn wrong_bytes(self) -> FaultHandle {
        self.set(Fault::WrongBytes)
    }

    /// Another body under the right status and headers.
    pub fn body(self, body: impl Into<Bytes>) -> FaultHandle {
        self.set(Fault::Body(body.into()))
    }

    /// Sets a header of the right answer.
    pub fn header(self, name: &str, value: &str) -> FaultHandle {
        self.set(Fault::Header(header_name(name), Some(header_value(value))))
    }

    /// Leaves a header of the right answer out.
    pub fn without_header(self, name: &str) -> FaultHandle {
        self.set(Fault::Header(header_name(name), None))
    }

    /// Every page is an empty index with a `Link` to a next one.
    pub fn endless_empty_pages(self) -> FaultHandle {
        self.set(Fault::EndlessEmptyPages)
    }

    fn set(self, fault: Fault) -> FaultHandle {
        let hits = Arc::new(AtomicUsize::new(0));
        let Self { faults, route, method, path_part, skip, left } = self;
        faults.lock().push(Rule { route, method, path_part, skip, left, fault, hits: Arc::clone(&hits) });
        FaultHandle { faults, hits }
    }
}

/// A fault that was set. Dropping it changes nothing.
#[derive(Clone)]
pub struct FaultHandle {
    faults: Arc<Faults>,
    hits: Arc<AtomicUsize>,
}

impl FaultHandle {
    /// How often it has struck.
    #[must_use]
    pub fn hits(&self) -> usize {
        self.hits.load(Ordering::SeqCst)
    }

    /// Takes this fault away; others stay.
    pub fn lift(&self) {
        self.faults.lock().retain(|rule| !Arc::ptr_eq(&rule.hits, &self.hits));
    }
}

impl fmt::Debug for FaultHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FaultHandle({} hits)", self.hits())
    }
}

/// Holds requests back until it is opened, once and for all.
#[derive(Clone, Debug)]
pub struct Gate(Arc<watch::Sender<bool>>);

impl Gate {
    fn new() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    /// Lets all through, now and later.
    pub fn open(&self) {
        self.0.send_replace(true);
    }

    pub(crate) async fn pass(&self) {
        self.0.subscribe().wait_for(|open| *open).await.expect("the gate lives as long as its borrower");
    }
}

fn header_name(name: &str) -> HeaderName {
    name.parse().expect("a header name")
}

fn header_value(value: &str) -> HeaderValue {
    HeaderValue::from_bytes(value.as_bytes()).expect("a header value")
}
