//! What a registry of Azure refuses, and what to do.

use std::fmt;

use countersign_core::name::AcrHost;
use countersign_core::name::Host;

use super::credential_kind::CredentialKind;

/// A refusal by Azure Container Registry, as far as its response tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AcrRefusal {
    /// The request had no credential.
    Anonymous,
    /// The identity of the credential lacks a role on the registry.
    Role,
}

impl AcrRefusal {
    /// What `host` refuses, if it is a registry of Azure.
    pub(super) fn of(host: &str, credential: CredentialKind) -> Option<Self> {
        let Some(AcrHost::Registry(_)) = AcrHost::of(&host.parse::<Host>().ok()?) else { return None };
        match credential {
            CredentialKind::Withheld => None,
            CredentialKind::Anonymous => Some(Self::Anonymous),
            CredentialKind::Basic | CredentialKind::Issued | CredentialKind::IdentityToken | CredentialKind::Bearer => {
                Some(Self::Role)
            }
        }
    }
}

impl fmt::Display for AcrRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Anonymous => "set `credentials.acr` in its entry of registries",
            Self::Role => {
                "assign the role AcrPull (or Container Registry Repository Reader) on the registry to the identity that the token was \
                 issued for"
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_registries_of_azure_have_roles_of_azure() {
        assert_eq!(AcrRefusal::of("shops.azurecr.io", CredentialKind::Issued), Some(AcrRefusal::Role));
        assert_eq!(AcrRefusal::of("shops.azurecr.cn", CredentialKind::Basic), Some(AcrRefusal::Role));
        assert_eq!(AcrRefusal::of("shops.azurecr.io", CredentialKind::Anonymous), Some(AcrRefusal::Anonymous));
        assert_eq!(AcrRefusal::of("shops.azurecr.io", CredentialKind::Withheld), None);
        for host in ["shops.westeurope.data.azurecr.io", "shops.azurecr.io.evil.example", "registry.example"] {
            assert_eq!(AcrRefusal::of(host, CredentialKind::Issued), None, "{host}");
        }
    }
}
