//! Faults: what goes wrong, for which requests, and how often.

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

use crate::registry::held_requests::HeldRequests;
use crate::registry::reply::Reply;
use crate::registry::request::Route;

#[derive(Clone, Debug)]
pub(crate) enum Fault {
    // Before the response is made.
    Delay(Duration),
    Hold(HeldRequests),
    Never,
    // In place of the response.
    Close,
    Reply(Reply),
    EndlessEmptyPages,
    // Applied to the response.
    Header(HeaderName, Option<HeaderValue>),
    Body(Bytes),
    WrongBytes,
    Truncated,
    Stalled,
    Disconnected,
    Endless,
    Drip(Duration),
}

/// A fault and the requests that it applies to.
#[derive(Debug)]
pub(crate) struct FaultRule {
    pub(crate) route: Option<Route>,
    pub(crate) method: Option<Method>,
    pub(crate) path_part: Option<String>,
    /// Number of other requests that must be in progress.
    pub(crate) above: usize,
    /// Matching requests to skip first.
    pub(crate) skip: usize,
    /// Number of requests that it still applies to; `None` is unlimited.
    pub(crate) left: Option<usize>,
    pub(crate) fault: Fault,
    pub(crate) hits: Arc<AtomicUsize>,
}

/// The faults in effect.
#[derive(Debug, Default)]
pub(crate) struct Faults(Mutex<Vec<FaultRule>>);

impl Faults {
    fn lock(&self) -> MutexGuard<'_, Vec<FaultRule>> {
        self.0.lock().expect("the lock is not poisoned")
    }

    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    /// Adds a fault after those already set.
    pub(crate) fn add(self: &Arc<Self>, rule: FaultRule) -> FaultHandle {
        let handle = FaultHandle { faults: Arc::clone(self), hits: Arc::clone(&rule.hits) };
        self.lock().push(rule);
        handle
    }

    /// The faults that apply to this request while so many others are in progress, in order. Counts the request.
    pub(crate) fn matching(&self, route: Route, method: &Method, path_and_query: &str, others: usize) -> Vec<Fault> {
        let mut matching = Vec::new();
        for rule in self.lock().iter_mut() {
            let matches = rule.route.is_none_or(|expected| expected == route)
                && rule.method.as_ref().is_none_or(|expected| expected == method)
                && rule.path_part.as_ref().is_none_or(|part| path_and_query.contains(part.as_str()))
                && others >= rule.above;
            if !matches || rule.left == Some(0) {
                continue;
            }
            if rule.skip > 0 {
                rule.skip -= 1;
                continue;
            }
            rule.left = rule.left.map(|left| left - 1);
            rule.hits.fetch_add(1, Ordering::SeqCst);
            matching.push(rule.fault.clone());
        }
        matching
    }
}

/// A fault that was set. Dropping it changes nothing.
#[derive(Clone)]
pub struct FaultHandle {
    faults: Arc<Faults>,
    hits: Arc<AtomicUsize>,
}

impl FaultHandle {
    /// How many requests it has applied to.
    #[must_use]
    pub fn hits(&self) -> usize {
        self.hits.load(Ordering::SeqCst)
    }

    /// Removes this fault; others stay.
    pub fn remove(&self) {
        self.faults.lock().retain(|rule| !Arc::ptr_eq(&rule.hits, &self.hits));
    }
}

impl fmt::Debug for FaultHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FaultHandle({} hits)", self.hits())
    }
}
