//! From the configuration to the identity of the clients.

use std::path::Path;

use countersign_azure::AzureIdentity;
use countersign_core::codec::mismatch::Mismatch;

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

/// What is wrong with the file that has the secret of an application. Blocks on the file system.
pub(crate) fn client_secret_mistake(path: &Path) -> Option<Mismatch> {
    countersign_azure::check_client_secret_file(path).err()
}
