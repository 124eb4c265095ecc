//! Where calls of clouds are reported: the metrics count them, and `inspect --trace` shows their requests.

use std::sync::Arc;

use countersign_credentials::CallRequest;
use countersign_http::LimitObserver;
use countersign_http::RequestLimits;
use countersign_http::Resources;
use countersign_http::ShareLimits;
use countersign_http::SharedLimits;

use crate::telemetry::RequestTrace;
use crate::telemetry::TracedRequest;
use crate::telemetry::metrics::CountLimits;
use crate::telemetry::metrics::Metrics;

/// The metrics, and the trace if there is one. Clones share both.
#[derive(Clone, Debug)]
#[cfg_attr(
    not(any(feature = "aws", feature = "azure", feature = "google")),
    allow(dead_code, reason = "a build without clouds has no calls")
)]
pub(super) struct CallReports {
    /// Counts calls.
    pub(super) metrics: Arc<Metrics>,
    trace: Option<Arc<dyn RequestTrace>>,
}

#[cfg_attr(
    not(any(feature = "aws", feature = "azure", feature = "google")),
    allow(dead_code, reason = "a build without clouds has no calls")
)]
impl CallReports {
    pub(super) fn new(metrics: &Arc<Metrics>, trace: Option<Arc<dyn RequestTrace>>) -> Self {
        Self { metrics: Arc::clone(metrics), trace }
    }

    /// Limits on the requests of a cloud beside those of `others`, which the metrics show.
    pub(super) fn limits_beside(
        &self,
        others: &SharedLimits,
        (requests, bodies): (RequestLimits, ShareLimits),
        resources: &'static Resources,
    ) -> SharedLimits {
        let observer: Arc<dyn LimitObserver> = Arc::new(CountLimits(Arc::clone(&self.metrics)));
        others.beside(requests, bodies, resources, &observer)
    }

    /// Shows a request of the call with this label.
    pub(super) fn requested(&self, call: &'static str, request: &CallRequest<'_>) {
        let Some(trace) = &self.trace else { return };
        let CallRequest { method, host, status, bytes, result, elapsed } = *request;
        let result = result.map_or_else(|result| result.as_str(), |()| "ok");
        // Some calls have secrets in their paths.
        trace.requested(&TracedRequest { stage: call, method, host, path: None, status, bytes, result, elapsed });
    }
}
