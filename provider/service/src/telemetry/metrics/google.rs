//! Calls of Google Cloud.

use prometheus::IntCounterVec;

use super::CloudCallResult;
use super::GoogleCall;
use super::Metrics;
use super::metric_factory::MetricFactory;

/// Calls of Google Cloud, by their result.
#[derive(Debug)]
pub(super) struct Google {
    calls: IntCounterVec,
}

impl Google {
    pub(super) fn new(factory: &MetricFactory<'_>) -> Result<Self, prometheus::Error> {
        let calls =
            factory.counters("google_calls_total", "Calls of Google Cloud, by their result.", &["call", "result"])?;
        for call in GoogleCall::ALL {
            for result in CloudCallResult::ALL {
                calls.with_label_values(&[call.as_str(), result.as_str()]);
            }
        }
        Ok(Self { calls })
    }
}

impl Metrics {
    /// Counts a call of Google Cloud that has ended.
    pub fn google_call(&self, call: GoogleCall, result: CloudCallResult) {
        self.google.calls.with_label_values(&[call.as_str(), result.as_str()]).inc();
    }
}
