//! Counts calls of Azure in the metrics.

use std::sync::Arc;

use countersign_azure::CallObserver;
use countersign_azure::Operation;
use countersign_credentials::CallResult;

use crate::runtime::tokens::call_result::label;
use crate::telemetry::metrics::AzureCall;
use crate::telemetry::metrics::Metrics;

/// Counts each call when it ends.
#[derive(Debug)]
pub(super) struct CallCounter(pub(super) Arc<Metrics>);

impl CallObserver<Operation> for CallCounter {
    fn call(&self, operation: Operation, result: Result<(), CallResult>) {
        let call = match operation {
            Operation::EntraToken => AzureCall::EntraToken,
            Operation::ManagedIdentityToken => AzureCall::ManagedIdentityToken,
            Operation::AcrExchange => AzureCall::AcrExchange,
            Operation::KeyVaultVersions => AzureCall::KeyVaultVersions,
            Operation::KeyVaultCertificate => AzureCall::KeyVaultCertificate,
            Operation::KeyVaultSecret => AzureCall::KeyVaultSecret,
        };
        self.0.azure_call(call, label(result));
    }
}
