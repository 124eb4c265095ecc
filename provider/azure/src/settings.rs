//! The operator's settings.

use std::path::PathBuf;
use std::time::Duration;

use countersign_core::name::ClientId;
use countersign_core::name::TenantId;
use countersign_http::Endpoint;
use countersign_http::ProxyChoice;
use countersign_http::ProxyEnvironment;
use countersign_http::Roots;

/// See the section `azure` of the configuration, which documents each of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AzureSettings {
    /// The authority that issues tokens of Entra, in place of that of the environment and of the cloud.
    pub authority: Option<Endpoint>,
    /// The instance metadata service in place of `http://169.254.169.254` (`AZURE_POD_IDENTITY_AUTHORITY_HOST`).
    pub metadata_endpoint: Option<Endpoint>,
    /// The environment of workload identity.
    pub workload: WorkloadEnvironment,
    /// For one connection.
    pub connect_timeout: Duration,
    /// For one attempt of a call.
    pub attempt_timeout: Duration,
    /// The certificate authorities that are trusted for Azure.
    pub roots: Roots,
    /// The proxy.
    pub proxy: ProxyChoice,
    /// The proxies of the environment.
    pub proxies: ProxyEnvironment,
}

/// The variables that the webhook of [workload
/// identity](https://azure.github.io/azure-workload-identity/docs/installation/mutating-admission-webhook.html) sets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkloadEnvironment {
    /// `AZURE_CLIENT_ID`
    pub client_id: Option<ClientId>,
    /// `AZURE_TENANT_ID`
    pub tenant_id: Option<TenantId>,
    /// `AZURE_FEDERATED_TOKEN_FILE`
    pub token_file: Option<PathBuf>,
    /// `AZURE_AUTHORITY_HOST`
    pub authority_host: Option<Endpoint>,
}
