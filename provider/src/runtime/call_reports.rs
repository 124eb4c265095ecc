//! Where calls of clouds are reported: the metrics count them, and `inspect --trace` shows their requests.

use std::fmt;
use std::sync::Arc;

use countersign_credentials::CallRequest;
use countersign_http::LimitObserver;
use countersign_http::RequestLimits;
use countersign_http::Resources;
use countersign_http::ShareLimits;
use countersign_http::SharedLimits;

use crate::telemetry::metrics::CountLimits;
use crate::telemetry::metrics::Metrics;

/// Shows the requests of calls of clouds.
pub(crate) trait CallTrace: fmt::Debug + Send + Sync + 'static {
    /// A request was answered, or has failed. `call` is the label of the call in the metrics. Must be fast.
    fn requested(&self, call: &'static str, request: &CallRequest<'_>);
}

/// The metrics, and the trace if there is one. Clones share both.
#[derive(Clone, Debug)]
#[cfg_attr(
    not(any(feature = "aws", feature = "azure", feature = "google")),
    allow(dead_code, reason = "a build without clouds has no calls")
)]
pub(super) struct CallReports {
    /// Counts calls.
    pub(super) metrics: Arc<Metrics>,
    trace: Option<Arc<dyn CallTrace>>,
}

#[cfg_attr(
    not(any(feature = "aws", feature = "azure", feature = "google")),
    allow(dead_code, reason = "a build without clouds has no calls")
)]
impl CallReports {
    pub(super) fn new(metrics: &Arc<Metrics>, trace: Option<Arc<dyn CallTrace>>) -> Self {
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
        if let Some(trace) = &self.trace {
            trace.requested(call, request);
        }
    }
}
