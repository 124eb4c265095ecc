//! What a registry of Azure or Google refuses, and what to do. Their responses do not tell more than that a role is missing.

use std::fmt;

use countersign_core::name::AcrHost;
use countersign_core::name::GoogleRegistryHost;
use countersign_core::name::Host;

use super::credential_kind::CredentialKind;

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
    /// The credential is not accepted.
    GoogleCredential,
}

impl RoleRefusal {
    /// What `host` refuses with `status`, if it is a registry of Azure or Google.
    pub(super) fn of(host: &str, status: u16, credential: CredentialKind) -> Option<Self> {
        let host = host.parse::<Host>().ok()?;
        let (anonymous, role) = if matches!(AcrHost::of(&host), Some(AcrHost::Registry(_))) {
            (Self::AzureAnonymous, Self::AzureRole)
        } else {
            GoogleRegistryHost::of(&host)?;
            // A role that is missing is a 403: https://cloud.google.com/apis/design/errors#handling_errors.
            (Self::GoogleAnonymous, if status == 401 { Self::GoogleCredential } else { Self::GoogleRole })
        };
        match credential {
            CredentialKind::Withheld => None,
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
            Self::GoogleCredential => {
                "check that the account of the credential exists and is enabled, and that its key, if it is one, was not deleted"
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_registries_of_azure_have_roles_of_azure() {
        assert_eq!(RoleRefusal::of("shops.azurecr.io", 401, CredentialKind::Issued), Some(RoleRefusal::AzureRole));
        assert_eq!(RoleRefusal::of("shops.azurecr.cn", 403, CredentialKind::Basic), Some(RoleRefusal::AzureRole));
        assert_eq!(
            RoleRefusal::of("shops.azurecr.io", 401, CredentialKind::Anonymous),
            Some(RoleRefusal::AzureAnonymous)
        );
        assert_eq!(RoleRefusal::of("shops.azurecr.io", 401, CredentialKind::Withheld), None);
        for host in ["shops.westeurope.data.azurecr.io", "shops.azurecr.io.evil.example", "registry.example"] {
            assert_eq!(RoleRefusal::of(host, 403, CredentialKind::Issued), None, "{host}");
        }
    }

    #[test]
    fn only_registries_of_google_have_roles_of_google() {
        for host in ["europe-west1-docker.pkg.dev", "gcr.io", "eu.gcr.io"] {
            assert_eq!(RoleRefusal::of(host, 403, CredentialKind::Issued), Some(RoleRefusal::GoogleRole), "{host}");
            assert_eq!(RoleRefusal::of(host, 403, CredentialKind::Basic), Some(RoleRefusal::GoogleRole), "{host}");
            assert_eq!(
                RoleRefusal::of(host, 403, CredentialKind::Anonymous),
                Some(RoleRefusal::GoogleAnonymous),
                "{host}"
            );
            assert_eq!(RoleRefusal::of(host, 403, CredentialKind::Withheld), None, "{host}");
            let refused = |credential| RoleRefusal::of(host, 401, credential);
            assert_eq!(refused(CredentialKind::Issued), Some(RoleRefusal::GoogleCredential), "{host}");
            assert_eq!(refused(CredentialKind::Basic), Some(RoleRefusal::GoogleCredential), "{host}");
            assert_eq!(refused(CredentialKind::Anonymous), Some(RoleRefusal::GoogleAnonymous), "{host}");
        }
        assert_eq!(RoleRefusal::GoogleAnonymous.to_string(), "set `credentials.google` in its entry of registries");
        for host in ["mirror.gcr.io", "europe-west1-docker.pkg.dev.evil.example"] {
            assert_eq!(RoleRefusal::of(host, 403, CredentialKind::Issued), None, "{host}");
        }
    }
}
