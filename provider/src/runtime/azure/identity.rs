//! From the configuration to the identity of the clients.

use countersign_azure::AzureIdentity;

use crate::config::EntraIdentity;

/// Who calls.
pub(super) fn identity(identity: EntraIdentity) -> AzureIdentity {
    match identity {
        EntraIdentity::Workload { tenant, client_id } => AzureIdentity::Workload { tenant, client_id },
        EntraIdentity::Managed { tenant, client_id } => AzureIdentity::Managed { tenant, client_id },
        EntraIdentity::ClientSecret { tenant, client_id, file } => {
            AzureIdentity::ClientSecret { tenant, client_id, file }
        }
    }
}
