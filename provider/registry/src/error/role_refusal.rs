//! What a registry of Azure or Google refuses, and what to do. Their responses seldom tell more than that a permission is missing.

use std::fmt;

use countersign_core::name::AcrHost;
use countersign_core::name::GoogleRegistryHost;
use countersign_core::name::Host;

use super::credential_kind::CredentialKind;
use crate::error_body::RegistryErrorBody;

/// In the text of services of Google about a token whose access scopes do not permit a request (`ACCESS_TOKEN_SCOPE_INSUFFICIENT`). Not
/// verified for Artifact Registry, which may also send its text about a permission.
const SCOPES: &str = "insufficient authentication scopes";

/// A refusal by Azure Container Registry or by Artifact Registry of Google, as far as its response tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoleRefusal {
    /// The request to a registry of Azure had no credential.
    AzureAnonymous,
    /// The identity of the credential lacks a role on the registry.
    AzureRole,
    /// The request to a registry of Google had no credential.
    GoogleAnonymous,
    /// The account of the credential lacks a role on the repository.
    GoogleRole,
    /// As [`Self::GoogleRole`]; or the access scopes of the node, which limit a token of its metadata server, do not permit reading.
    GoogleRoleOrScopes,
    /// The access scopes of the token do not permit reading.
    GoogleScopes,
    /// The credential is not accepted.
    GoogleCredential,
}

impl RoleRefusal {
    /// Whether the credential is accepted, and has no permission.
    pub(super) fn is_permission(self) -> bool {
        match self {
            Self::AzureRole | Self::GoogleRole | Self::GoogleRoleOrScopes | Self::GoogleScopes => true,
            Self::AzureAnonymous | Self::GoogleAnonymous | Self::GoogleCredential => false,
        }
    }

    /// What `host` refuses with `status` and `error`, if it is a registry of Azure or Google.
    pub(super) fn of(host: &str, status: u16, credential: CredentialKind, error: &RegistryErrorBody) -> Option<Self> {
        let host = host.parse::<Host>().ok()?;
        let (anonymous, role) = if matches!(AcrHost::of(&host), Some(AcrHost::Registry(_))) {
            (Self::AzureAnonymous, Self::AzureRole)
        } else {
            GoogleRegistryHost::of(&host)?;
            // A role that is missing is a 403: https://cloud.google.com/apis/design/errors#handling_errors.
            let about_scopes = error.excerpt().is_some_and(|text| text.escaped().contains(SCOPES));
            let permission = match credential {
                CredentialKind::Issued => Self::GoogleRoleOrScopes,
                // Their scopes, if they have some, are not those of a node.
                CredentialKind::Withheld
                | CredentialKind::NotRequested
                | CredentialKind::Anonymous
                | CredentialKind::Basic
                | CredentialKind::IdentityToken
                | CredentialKind::Bearer => Self::GoogleRole,
            };
            let permission = if about_scopes { Self::GoogleScopes } else { permission };
            (Self::GoogleAnonymous, if status == 401 { Self::GoogleCredential } else { permission })
        };
        match credential {
            CredentialKind::Withheld | CredentialKind::NotRequested => None,
            CredentialKind::Anonymous => Some(anonymous),
            CredentialKind::Basic | CredentialKind::Issued | CredentialKind::IdentityToken | CredentialKind::Bearer => {
                Some(role)
            }
        }
    }
}

impl fmt::Display for RoleRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AzureAnonymous => "set `credentials.acr` in its entry of registries",
            Self::AzureRole => {
                "assign the role AcrPull (or Container Registry Repository Reader) on the registry to the identity that the token was \
                 issued for"
            }
            Self::GoogleAnonymous => "set `credentials.google` in its entry of registries",
            Self::GoogleRole => {
                "grant the role roles/artifactregistry.reader on the repository to the account of the credential"
            }
            Self::GoogleRoleOrScopes => {
                "grant the role roles/artifactregistry.reader on the repository to the account of the credential; if the account has it and \
                 the node pool is without workload identity, give the node pool the access scope cloud-platform or devstorage.read_only"
            }
            Self::GoogleScopes => {
                "enable workload identity on the node pool (--workload-metadata=GKE_METADATA), or give it the access scope cloud-platform or \
                 devstorage.read_only; a role does not replace them"
            }
            Self::GoogleCredential => {
                "check that the account of the credential exists and is enabled, and that its key, if it is one, was not deleted"
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The refusal without an error body.
    fn of(host: &str, status: u16, credential: CredentialKind) -> Option<RoleRefusal> {
        RoleRefusal::of(host, status, credential, &RegistryErrorBody::default())
    }

    #[test]
    fn only_registries_of_azure_have_roles_of_azure() {
        assert_eq!(of("shops.azurecr.io", 401, CredentialKind::Issued), Some(RoleRefusal::AzureRole));
        assert_eq!(of("shops.azurecr.cn", 403, CredentialKind::Basic), Some(RoleRefusal::AzureRole));
        assert_eq!(of("shops.azurecr.io", 401, CredentialKind::Anonymous), Some(RoleRefusal::AzureAnonymous));
        assert_eq!(of("shops.azurecr.io", 401, CredentialKind::Withheld), None);
        assert_eq!(of("shops.azurecr.io", 403, CredentialKind::NotRequested), None);
        for host in ["shops.westeurope.data.azurecr.io", "shops.azurecr.io.evil.example", "registry.example"] {
            assert_eq!(of(host, 403, CredentialKind::Issued), None, "{host}");
        }
    }

    #[test]
    fn only_registries_of_google_have_roles_of_google() {
        for host in ["europe-west1-docker.pkg.dev", "gcr.io", "eu.gcr.io"] {
            assert_eq!(of(host, 403, CredentialKind::Issued), Some(RoleRefusal::GoogleRoleOrScopes), "{host}");
            assert_eq!(of(host, 403, CredentialKind::Basic), Some(RoleRefusal::GoogleRole), "{host}");
            assert_eq!(of(host, 403, CredentialKind::Anonymous), Some(RoleRefusal::GoogleAnonymous), "{host}");
            assert_eq!(of(host, 403, CredentialKind::Withheld), None, "{host}");
            assert_eq!(of(host, 403, CredentialKind::NotRequested), None, "{host}");
            let refused = |credential| of(host, 401, credential);
            assert_eq!(refused(CredentialKind::Issued), Some(RoleRefusal::GoogleCredential), "{host}");
            assert_eq!(refused(CredentialKind::Basic), Some(RoleRefusal::GoogleCredential), "{host}");
            assert_eq!(refused(CredentialKind::Anonymous), Some(RoleRefusal::GoogleAnonymous), "{host}");
        }
        assert_eq!(RoleRefusal::GoogleAnonymous.to_string(), "set `credentials.google` in its entry of registries");
        for host in ["mirror.gcr.io", "europe-west1-docker.pkg.dev.evil.example"] {
            assert_eq!(of(host, 403, CredentialKind::Issued), None, "{host}");
        }
    }

    #[test]
    fn an_answer_about_scopes_of_a_token_is_not_about_a_role() {
        let error = |message: &str| {
            let body = format!(r#"{{"errors":[{{"code":"DENIED","message":"{message}"}}]}}"#);
            RegistryErrorBody::parse(body.as_bytes(), 200, 200, &[])
        };
        let of = |status, credential, message: &str| RoleRefusal::of("gcr.io", status, credential, &error(message));
        let scopes = "Request had insufficient authentication scopes.";
        for credential in [CredentialKind::Issued, CredentialKind::Bearer, CredentialKind::Basic] {
            assert_eq!(of(403, credential, scopes), Some(RoleRefusal::GoogleScopes));
            assert_eq!(of(401, credential, scopes), Some(RoleRefusal::GoogleCredential));
        }
        assert_eq!(of(403, CredentialKind::Anonymous, scopes), Some(RoleRefusal::GoogleAnonymous));
        let role = "Permission \\\"artifactregistry.repositories.downloadArtifacts\\\" denied (or it may not exist)";
        assert_eq!(of(403, CredentialKind::Issued, role), Some(RoleRefusal::GoogleRoleOrScopes));
        assert_eq!(of(403, CredentialKind::Basic, role), Some(RoleRefusal::GoogleRole));
    }
}
