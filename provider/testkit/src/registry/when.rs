//! Fluent interface for faults: which requests, and what happens to them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Method;

use crate::registry::fault::Fault;
use crate::registry::fault::FaultHandle;
use crate::registry::fault::FaultRule;
use crate::registry::fault::Faults;
use crate::registry::held_requests::HeldRequests;
use crate::registry::reply::Reply;
use crate::registry::reply::header_name;
use crate::registry::reply::header_value;
use crate::registry::request::Route;

/// Selects requests, see [`Registry::when`](super::Registry::when). A method that returns a [`FaultHandle`] or
/// [`HeldRequests`] then sets what happens to them.
#[derive(Debug)]
#[must_use = "selects requests, but sets no fault yet"]
pub struct When {
    faults: Arc<Faults>,
    route: Option<Route>,
    method: Option<Method>,
    path_part: Option<String>,
    above: usize,
    skip: usize,
    left: Option<usize>,
}

impl When {
    pub(crate) fn new(faults: Arc<Faults>, route: Option<Route>) -> Self {
        Self { faults, route, method: None, path_part: None, above: 0, skip: 0, left: None }
    }

    /// Only requests whose path and query, not decoded, contain this: a digest, a repository.
    pub fn path_contains(mut self, part: &str) -> Self {
        self.path_part = Some(part.to_owned());
        self
    }

    /// Only requests with this method.
    pub fn method(mut self, method: Method) -> Self {
        self.method = Some(method);
        self
    }

    /// Only requests that arrive while this many others are in progress: the host is overloaded.
    pub fn above(mut self, others: usize) -> Self {
        self.above = others;
        self
    }

    /// Applies to this many requests, then no longer.
    pub fn times(mut self, count: usize) -> Self {
        self.left = Some(count);
        self
    }

    /// Skips this many matching requests first.
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

    /// Answers with this response.
    pub fn reply(self, reply: Reply) -> FaultHandle {
        self.set(Fault::Reply(reply))
    }

    /// Answers after this delay (on tokio's clock).
    pub fn delay(self, delay: Duration) -> FaultHandle {
        self.set(Fault::Delay(delay))
    }

    /// Delays the answer until [`HeldRequests::release`].
    pub fn hold(self) -> HeldRequests {
        let held = HeldRequests::new();
        self.set(Fault::Hold(held.clone()));
        held
    }

    /// Reads the request and never answers.
    pub fn never_answer(self) -> FaultHandle {
        self.set(Fault::Never)
    }

    /// Closes the connection without an answer (an end of file, not a TCP reset).
    pub fn close(self) -> FaultHandle {
        self.set(Fault::Close)
    }

    /// Announces the whole body, sends half of it, and closes the connection.
    pub fn truncated_body(self) -> FaultHandle {
        self.set(Fault::Truncated)
    }

    /// Announces the whole body, sends all of it except the last byte, and then sends nothing.
    pub fn stalled_body(self) -> FaultHandle {
        self.set(Fault::Stalled)
    }

    /// Announces the whole body, sends half of it, and drops the connection with all its requests.
    pub fn disconnect(self) -> FaultHandle {
        self.set(Fault::Disconnected)
    }

    /// Sends the correct status and headers, no Content-Length, and a body of spaces that never ends.
    pub fn endless_body(self) -> FaultHandle {
        self.set(Fault::Endless)
    }

    /// Sends the correct body, one byte per interval.
    pub fn slow_drip(self, every: Duration) -> FaultHandle {
        self.set(Fault::Drip(every))
    }

    /// Sends the correct length and headers, and the body with one bit changed.
    pub fn wrong_bytes(self) -> FaultHandle {
        self.set(Fault::WrongBytes)
    }

    /// Sends this body with the correct status and headers.
    pub fn body(self, body: impl Into<Bytes>) -> FaultHandle {
        self.set(Fault::Body(body.into()))
    }

    /// Sets a header of the correct response.
    pub fn header(self, name: &str, value: &str) -> FaultHandle {
        self.set(Fault::Header(header_name(name), Some(header_value(value))))
    }

    /// Removes a header of the correct response.
    pub fn without_header(self, name: &str) -> FaultHandle {
        self.set(Fault::Header(header_name(name), None))
    }

    /// Answers every page with an empty index and a `Link` to a next page.
    pub fn endless_empty_pages(self) -> FaultHandle {
        self.set(Fault::EndlessEmptyPages)
    }

    fn set(self, fault: Fault) -> FaultHandle {
        let Self { faults, route, method, path_part, above, skip, left } = self;
        faults.add(FaultRule { route, method, path_part, above, skip, left, fault, hits: Arc::default() })
    }
}
