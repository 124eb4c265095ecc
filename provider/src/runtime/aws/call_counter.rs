//! Counts calls of AWS in the metrics.

use std::sync::Arc;

use countersign_aws::AwsObserver;
use countersign_aws::Operation;
use countersign_credentials::CallResult;

use crate::runtime::tokens::call_result::label;
use crate::telemetry::metrics::AwsCall;
use crate::telemetry::metrics::Metrics;

/// Counts each call when it ends.
#[derive(Debug)]
pub(super) struct CallCounter(pub(super) Arc<Metrics>);

impl AwsObserver for CallCounter {
    fn call(&self, operation: Operation, result: Result<(), CallResult>) {
        let call = match operation {
            Operation::Credentials => AwsCall::Credentials,
            Operation::AssumeRole => AwsCall::AssumeRole,
            Operation::EcrToken => AwsCall::EcrToken,
            Operation::EcrPublicToken => AwsCall::EcrPublicToken,
            Operation::SignerStatus => AwsCall::SignerStatus,
        };
        self.0.aws_call(call, label(result));
    }
}
