//! `--trace`: the requests to registries, mirrors and token services, without anything that may be secret.

use std::fmt;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::Instant;

use countersign_core::codec::text::Text;
use countersign_http::LimitObserver;
use countersign_http::LimitReached;
use countersign_http::Resource;
use countersign_registry::Exchange;
use countersign_registry::Observer;
use countersign_registry::RequestResult;
use countersign_registry::Stage;
use countersign_registry::TagCache;
use serde::Serialize;

use crate::engine::CountRequests;

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
    /// When it began, after the image was begun.
    after_milliseconds: u128,
    took_milliseconds: u128,
    stage: &'static str,
    method: &'static str,
    host: String,
    path: String,
    /// `none`, `basic`, `bearer`, `form` or `other`.
    credential: &'static str,
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
        let Self { after_milliseconds, took_milliseconds, stage, method, host, path, .. } = self;
        write!(f, "+{after_milliseconds} ms, {took_milliseconds} ms: {stage}: {method} {host}{path}: ")?;
        match self.status {
            Some(status) => write!(f, "{status} {}, {} bytes", self.result, self.bytes)?,
            None => f.write_str(self.result)?,
        }
        if let Some(target) = &self.redirected_to {
            write!(f, "; redirected to {target}")?;
        }
        write!(f, "; credential {}", self.credential)?;
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

    /// Begins an image.
    pub(super) fn begin(&self) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = (Instant::now(), Trace::default());
    }

    /// The requests since the image was begun.
    pub(super) fn take(&self) -> Trace {
        std::mem::take(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner).1)
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
        let cut = |text: &str| Text::at_most(TEXT_BYTES, text).to_string();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (begun, trace) = &mut *state;
        if trace.steps.len() == STEPS {
            trace.omitted += 1;
            return;
        }
        trace.steps.push(Step {
            after_milliseconds: begun.elapsed().saturating_sub(elapsed).as_millis(),
            took_milliseconds: elapsed.as_millis(),
            stage: stage.as_str(),
            method,
            host: cut(host),
            path: cut(path),
            credential,
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
}

impl LimitObserver for Tracer {
    fn in_use(&self, resource: Resource, change: i64) {
        self.counted.in_use(resource, change);
    }

    fn limit_reached(&self, reached: &LimitReached) {
        self.counted.limit_reached(reached);
    }
}
