//! Calls of Azure.

use prometheus::IntCounterVec;

use super::AzureCall;
use super::CloudCallResult;
use super::Metrics;
use super::metric_factory::MetricFactory;

/// Calls of Azure, by their result.
#[derive(Debug)]
pub(super) struct Azure {
    calls: IntCounterVec,
}

impl Azure {
    pub(super) fn new(factory: &MetricFactory<'_>) -> Result<Self, prometheus::Error> {
        let calls = factory.counters("azure_calls_total", "Calls of Azure, by their result.", &["call", "result"])?;
        for call in AzureCall::ALL {
            for result in CloudCallResult::ALL {
                calls.with_label_values(&[call.as_str(), result.as_str()]);
            }
        }
        Ok(Self { calls })
    }
}

impl Metrics {
    /// Counts a call of Azure that has ended.
    pub fn azure_call(&self, call: AzureCall, result: CloudCallResult) {
        self.azure.calls.with_label_values(&[call.as_str(), result.as_str()]).inc();
    }
}
