//! Reports calls of AWS: to the metrics, and their requests to the trace.

use countersign_aws::AwsObserver;
use countersign_aws::Operation;
use countersign_credentials::CallRequest;
use countersign_credentials::CallResult;

use crate::runtime::call_reports::CallReports;
use crate::runtime::tokens::call_result::label;
use crate::telemetry::metrics::AwsCall;

/// Counts each call when it ends.
#[derive(Debug)]
pub(super) struct CallCounter(pub(super) CallReports);

impl AwsObserver for CallCounter {
    fn call(&self, operation: Operation, result: Result<(), CallResult>) {
        self.0.metrics.aws_call(label_of(operation), label(result));
    }

    fn request(&self, operation: Operation, request: &CallRequest<'_>) {
        self.0.requested(label_of(operation).as_str(), request);
    }
}

fn label_of(operation: Operation) -> AwsCall {
    match operation {
        Operation::Credentials => AwsCall::Credentials,
        Operation::AssumeRole => AwsCall::AssumeRole,
        Operation::EcrToken => AwsCall::EcrToken,
        Operation::EcrPublicToken => AwsCall::EcrPublicToken,
        Operation::SignerStatus => AwsCall::SignerStatus,
    }
}
