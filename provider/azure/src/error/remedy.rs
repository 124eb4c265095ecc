//! What to do about a failed call.

use countersign_http::FetchError;
use countersign_http::FetchErrorKind;

use super::Kind;
use crate::refusal::Refusal;

const AGAIN: &str = "it is called again";

const NETWORK: &str = "check the network policy, the private endpoint and the proxy";

const ENDPOINT: &str = "check that the endpoint is that of the service, and the clock of the node";

/// What to do if a request has no response.
fn remedy_of_request(error: &FetchError) -> &'static str {
    if matches!(error, FetchError::Tls { .. }) {
        return "check the endpoint, and the certificate authorities that are trusted for Azure";
    }
    match error.kind() {
        FetchErrorKind::Throttled | FetchErrorKind::Overloaded => AGAIN,
        FetchErrorKind::ResponseInvalid | FetchErrorKind::ContentMismatch | FetchErrorKind::RedirectRefused => ENDPOINT,
        FetchErrorKind::NotAllowed
        | FetchErrorKind::Disabled
        | FetchErrorKind::Unreachable
        | FetchErrorKind::Timeout => NETWORK,
    }
}

/// What to do if the service refuses.
fn remedy_of_refusal(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Throttled | Refusal::Failure => AGAIN,
        Refusal::Tenant => {
            "check the tenant (AZURE_TENANT_ID, which the annotation azure.workload.identity/tenant-id of the service account sets, or \
             `tenant` beside `identity`), and that the authority belongs to its cloud"
        }
        Refusal::Application => {
            "check the client ID (AZURE_CLIENT_ID, which the annotation azure.workload.identity/client-id of the service account sets, \
             or `clientId` beside `identity`): its application or managed identity must be in this tenant"
        }
        Refusal::FederatedIssuer => {
            "the federated credential of the identity needs the issuer of this cluster (az aks show --query \
             oidcIssuerProfile.issuerUrl)"
        }
        Refusal::FederatedAudience => {
            "the federated credential of the identity, and the token of the service account, need the audience \
             api://AzureADTokenExchange"
        }
        Refusal::FederatedSubject => {
            "the federated credential of the identity needs the subject system:serviceaccount:NAMESPACE:NAME of the service account of \
             the pod"
        }
        Refusal::Federated => {
            "the identity needs a federated credential with the issuer of this cluster, the subject \
             system:serviceaccount:NAMESPACE:NAME and the audience api://AzureADTokenExchange; a new one takes some minutes"
        }
        Refusal::AssertionTime => "check the clock of the node, and that the token of the service account is renewed",
        Refusal::Assertion => {
            "check that AZURE_FEDERATED_TOKEN_FILE is the token of the service account, and that the keys of its issuer are public"
        }
        Refusal::Secret => "write the value of the secret, and not its ID, into the file of clientSecretFile",
        Refusal::SecretExpired => {
            "create another secret of the application, and write it into the file of clientSecretFile"
        }
        Refusal::Resource => {
            "the service has no service principal in this tenant: check the tenant, and that the authority belongs to the cloud of the \
             registry or vault"
        }
        Refusal::ConditionalAccess => "exclude the identity from the conditional access policy of the tenant",
        Refusal::ManagedIdentity => {
            "check clientId, and that the managed identity is assigned to the scale set of the node pool"
        }
        Refusal::Permission => {
            "assign the role AcrPull (or Container Registry Repository Reader) on the registry to the identity, and check that the \
             registry and the identity have the same tenant"
        }
        Refusal::Claims => "the tenant demands claims that the token of this identity cannot have: check its policies",
        Refusal::VaultToken => "check that the vault and the identity have the same tenant",
        Refusal::VaultResource => {
            "the answer is not that of a vault of this cloud: check the name of the vault, the DNS and the proxy; no token was sent for \
             another service"
        }
        Refusal::VaultPermission => {
            "assign the role Key Vault Certificate User on the vault to the identity (with access policies: the permissions get and list \
             of certificates); a new role takes some minutes"
        }
        Refusal::VaultSecretPermission => {
            "assign the role Key Vault Secrets User on the vault to the identity, which can then read private keys; or leave out secret: \
             true"
        }
        Refusal::VaultNetwork => {
            "allow the network of the pod in the firewall of the vault, or use its private endpoint"
        }
        Refusal::VaultDisabled => "enable the version, or name another one",
        Refusal::VaultNotFound => {
            "check the name of the certificate and its version; a certificate that was deleted is recovered by az keyvault certificate \
             recover"
        }
        Refusal::Network => "allow the network of the pod in the firewall of the registry, or use its private endpoint",
        Refusal::Foreign => {
            "the answer has no error of the service: check that no proxy or firewall answers in its place, and the DNS of its host"
        }
        Refusal::Unclassified => "check the settings of the identity; it is called again",
    }
}

/// What to do.
pub(super) fn remedy(kind: &Kind) -> &'static str {
    match kind {
        Kind::NoVariable(_) => {
            "give the pod the label azure.workload.identity/use: \"true\" and its service account the annotation \
             azure.workload.identity/client-id, or choose another `identity` in the configuration"
        }
        Kind::SecretFile(_) => "check the volume with the file and its permissions",
        Kind::Fetch(error) => remedy_of_request(error),
        Kind::Refused { refusal, .. } => remedy_of_refusal(*refusal),
        Kind::Answer(_) => ENDPOINT,
        Kind::NotAllowed(_) => "change the settings if it may be called",
    }
}
