//! Calls of AWS.

use prometheus::IntCounterVec;

use super::AwsCall;
use super::CloudCallResult;
use super::Metrics;
use super::metric_factory::MetricFactory;

/// Calls of AWS, by their result.
#[derive(Debug)]
pub(super) struct Aws {
    calls: IntCounterVec,
}

impl Aws {
    pub(super) fn new(factory: &MetricFactory<'_>) -> Result<Self, prometheus::Error> {
        let calls = factory.counters("aws_calls_total", "Calls of AWS, by their result.", &["call", "result"])?;
        for call in AwsCall::ALL {
            for result in CloudCallResult::ALL {
                calls.with_label_values(&[call.as_str(), result.as_str()]);
            }
        }
        Ok(Self { calls })
    }
}

impl Metrics {
    /// Counts a call of AWS that has ended.
    pub fn aws_call(&self, call: AwsCall, result: CloudCallResult) {
        self.aws.calls.with_label_values(&[call.as_str(), result.as_str()]).inc();
    }
}
