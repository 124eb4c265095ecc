//! `--trace`: the requests to registries, mirrors, token services, services of clouds, and servers of trust stores and of evidence,
//! without anything that may be secret.

use std::fmt;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::Instant;

use countersign_core::codec::text::Text;
use countersign_http::LimitObserver;
use countersign_http::LimitReached;
use countersign_http::Overload;
use countersign_http::Resource;
use countersign_registry::ContentStored;
use countersign_registry::ContentUse;
use countersign_registry::Exchange;
use countersign_registry::Observer;
use countersign_registry::RequestResult;
use countersign_registry::Stage;
use countersign_registry::TagCache;
use serde::Serialize;

use crate::engine::CountRequests;
use crate::telemetry::RequestTrace;
use crate::telemetry::TracedRequest;

/// Maximum number of requests in the trace of an image. An image with 100 signatures needs 200 and the lists.
const STEPS: usize = 500;

/// Maximum length of a host or path, in bytes.
const TEXT_BYTES: usize = 512;

/// The requests for one image.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Trace {
    /// In the order in which they ended.
    #[serde(rename = "requests")]
    pub(super) steps: Vec<Step>,
    /// How many are left out.
    pub(super) omitted: usize,
}

/// One request.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Step {
    /// When it began, after the image was begun: of the first one, the command.
    after_milliseconds: u128,
    took_milliseconds: u128,
    /// The stage of a request to a registry, the call of a cloud as the metrics name it, `trust-store`, `ocsp` or `crl`.
    stage: &'static str,
    method: String,
    host: String,
    /// Null for a call of a cloud and a trust store: some have secrets in their paths.
    path: Option<String>,
    /// `none`, `basic`, `bearer`, `form` or `other`; null where no credential of a registry is sent.
    credential: Option<&'static str>,
    /// The host to which a redirect led.
    redirected_to: Option<String>,
    status: Option<u16>,
    bytes: usize,
    result: &'static str,
    /// The `host` of the entry of `registries`; null without one.
    entry: Option<String>,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { after_milliseconds, took_milliseconds, stage, method, host, .. } = self;
        let path = self.path.as_deref().unwrap_or_default();
        write!(f, "+{after_milliseconds} ms, {took_milliseconds} ms: {stage}: {method} {host}{path}: ")?;
        match self.status {
            Some(status) => write!(f, "{status} {}, {} bytes", self.result, self.bytes)?,
            None => f.write_str(self.result)?,
        }
        if let Some(target) = &self.redirected_to {
            write!(f, "; redirected to {target}")?;
        }
        // These requests are made for no entry.
        let Some(credential) = self.credential else { return Ok(()) };
        write!(f, "; credential {credential}")?;
        match &self.entry {
            Some(entry) => write!(f, "; entry \"{entry}\""),
            None => f.write_str("; no entry"),
        }
    }
}

/// Records requests, and counts them.
pub(super) struct Tracer {
    counted: CountRequests,
    /// When the image was begun, and its requests so far. No lock is held across an await.
    state: Mutex<(Instant, Trace)>,
}

impl Tracer {
    pub(super) fn new(counted: CountRequests) -> Self {
        Self { counted, state: Mutex::new((Instant::now(), Trace::default())) }
    }

    /// The requests for an image; those that follow are for the next one.
    pub(super) fn take(&self) -> Trace {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *state, (Instant::now(), Trace::default())).1
    }

    /// Adds the step that `step` makes of the time since the image was begun, unless there are too many.
    fn add(&self, elapsed: Duration, step: impl FnOnce(Times) -> Step) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (begun, trace) = &mut *state;
        if trace.steps.len() == STEPS {
            trace.omitted += 1;
            return;
        }
        let after = begun.elapsed().saturating_sub(elapsed);
        trace.steps.push(step(Times { after: after.as_millis(), took: elapsed.as_millis() }));
    }
}

/// The times of a request, in milliseconds.
struct Times {
    after: u128,
    took: u128,
}

fn cut(text: &str) -> String {
    Text::at_most(TEXT_BYTES, text).to_string()
}

impl RequestTrace for Tracer {
    fn requested(&self, request: &TracedRequest<'_>) {
        let TracedRequest { stage, method, host, path, status, bytes, result, elapsed } = *request;
        self.add(elapsed, |times| Step {
            after_milliseconds: times.after,
            took_milliseconds: times.took,
            stage,
            method: cut(method),
            host: cut(host),
            path: path.map(cut),
            credential: None,
            redirected_to: None,
            status,
            bytes,
            result,
            entry: None,
        });
    }
}

impl fmt::Debug for Tracer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tracer")
    }
}

impl Observer for Tracer {
    fn entries(&self, patterns: &[&str]) {
        self.counted.entries(patterns);
    }

    fn request(&self, entry: Option<&str>, stage: Stage, result: RequestResult, elapsed: Duration) {
        self.counted.request(entry, stage, result, elapsed);
    }

    fn exchanged(&self, exchange: &Exchange<'_>) {
        let Exchange { entry, stage, method, host, path, credential, redirected_to, status, bytes, result, elapsed } =
            *exchange;
        self.add(elapsed, |times| Step {
            after_milliseconds: times.after,
            took_milliseconds: times.took,
            stage: stage.as_str(),
            method: method.to_owned(),
            host: cut(host),
            path: Some(cut(path)),
            credential: Some(credential),
            redirected_to: redirected_to.map(cut),
            status,
            bytes,
            result: result.as_str(),
            entry: entry.map(str::to_owned),
        });
    }

    fn mirror_failed(&self, entry: &str, mirror: &Text, stage: Stage, why: &Text) {
        self.counted.mirror_failed(entry, mirror, stage, why);
    }

    fn tag(&self, found: TagCache) {
        self.counted.tag(found);
    }

    fn content(&self, found: ContentUse) {
        self.counted.content(found);
    }

    fn content_stored(&self, stored: &ContentStored) {
        self.counted.content_stored(stored);
    }
}

impl LimitObserver for Tracer {
    fn in_use(&self, resource: Resource, change: i64) {
        self.counted.in_use(resource, change);
    }

    fn limit_reached(&self, reached: &LimitReached) {
        self.counted.limit_reached(reached);
    }

    fn limit_reduced(&self, resource: Resource, why: Overload) {
        self.counted.limit_reduced(resource, why);
    }
}
