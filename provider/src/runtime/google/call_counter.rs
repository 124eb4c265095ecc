//! Counts calls of Google Cloud in the metrics.

use std::sync::Arc;

use countersign_credentials::CallResult;
use countersign_google::CallObserver;
use countersign_google::Operation;

use crate::runtime::tokens::call_result::label;
use crate::telemetry::metrics::GoogleCall;
use crate::telemetry::metrics::Metrics;

/// Counts each call when it ends.
#[derive(Debug)]
pub(super) struct CallCounter(pub(super) Arc<Metrics>);

impl CallObserver<Operation> for CallCounter {
    fn call(&self, operation: Operation, result: Result<(), CallResult>) {
        let call = match operation {
            Operation::MetadataToken => GoogleCall::MetadataToken,
        };
        self.0.google_call(call, label(result));
    }
}
