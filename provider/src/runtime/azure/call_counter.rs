//! Reports calls of Azure: to the metrics, and their requests to the trace.

use countersign_azure::CallObserver;
use countersign_azure::Operation;
use countersign_credentials::CallRequest;
use countersign_credentials::CallResult;

use crate::runtime::call_reports::CallReports;
use crate::runtime::tokens::call_result::label;
use crate::telemetry::metrics::AzureCall;

/// Counts each call when it ends.
#[derive(Debug)]
pub(super) struct CallCounter(pub(super) CallReports);

impl CallObserver<Operation> for CallCounter {
    fn call(&self, operation: Operation, result: Result<(), CallResult>) {
        self.0.metrics.azure_call(label_of(operation), label(result));
    }

    fn request(&self, operation: Operation, request: &CallRequest<'_>) {
        self.0.requested(label_of(operation).as_str(), request);
    }
}

fn label_of(operation: Operation) -> AzureCall {
    match operation {
        Operation::EntraToken => AzureCall::EntraToken,
        Operation::ManagedIdentityToken => AzureCall::ManagedIdentityToken,
        Operation::AcrExchange => AzureCall::AcrExchange,
        Operation::KeyVaultVersions => AzureCall::KeyVaultVersions,
        Operation::KeyVaultCertificate => AzureCall::KeyVaultCertificate,
        Operation::KeyVaultSecret => AzureCall::KeyVaultSecret,
    }
}
