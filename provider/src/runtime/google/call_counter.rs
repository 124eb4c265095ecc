//! Reports calls of Google Cloud: to the metrics, and their requests to the trace.

use countersign_credentials::CallRequest;
use countersign_credentials::CallResult;
use countersign_google::CallObserver;
use countersign_google::Operation;

use crate::runtime::call_reports::CallReports;
use crate::runtime::tokens::call_result::label;
use crate::telemetry::metrics::GoogleCall;

/// Counts each call when it ends.
#[derive(Debug)]
pub(super) struct CallCounter(pub(super) CallReports);

impl CallObserver<Operation> for CallCounter {
    fn call(&self, operation: Operation, result: Result<(), CallResult>) {
        self.0.metrics.google_call(label_of(operation), label(result));
    }

    fn request(&self, operation: Operation, request: &CallRequest<'_>) {
        self.0.requested(label_of(operation).as_str(), request);
    }
}

fn label_of(operation: Operation) -> GoogleCall {
    match operation {
        Operation::MetadataToken => GoogleCall::MetadataToken,
    }
}
