//! Calls of AWS.

use std::sync::Arc;

use countersign_aws::AwsObserver;
use countersign_aws::CallResult;
use countersign_aws::Operation;
use prometheus::IntCounterVec;

use super::Metrics;
use super::metric_factory::MetricFactory;

const OK: &str = "ok";

/// Calls of AWS, by their result.
#[derive(Debug)]
pub(super) struct Aws {
    calls: IntCounterVec,
}

impl Aws {
    pub(super) fn new(factory: &MetricFactory<'_>) -> Result<Self, prometheus::Error> {
        let calls = factory.counters("aws_calls_total", "Calls of AWS, by their result.", &["call", "result"])?;
        for operation in Operation::ALL {
            let results = CallResult::ALL.iter().map(|result| result.as_str());
            for result in [OK].into_iter().chain(results) {
                calls.with_label_values(&[operation.as_str(), result]);
            }
        }
        Ok(Self { calls })
    }
}

impl Metrics {
    fn aws_call(&self, operation: Operation, result: &str) {
        self.aws.calls.with_label_values(&[operation.as_str(), result]).inc();
    }
}

/// Counts calls of AWS.
#[derive(Debug)]
pub struct CountCalls(pub Arc<Metrics>);

impl AwsObserver for CountCalls {
    fn call(&self, operation: Operation, result: Result<(), CallResult>) {
        self.0.aws_call(operation, result.map_or_else(CallResult::as_str, |()| OK));
    }
}
