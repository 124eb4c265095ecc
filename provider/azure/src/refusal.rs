//! Why a service refuses a call, by its status and its code.

/// What a refusal is about, which decides what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The number of calls.
    Throttled,
    /// A failure of the service: it ends by itself.
    Failure,
    /// The tenant.
    Tenant,
    /// The application or managed identity.
    Application,
    /// The federated credential: its issuer.
    FederatedIssuer,
    /// The federated credential: its audience.
    FederatedAudience,
    /// The federated credential: its subject.
    FederatedSubject,
    /// The federated credential, without saying what of it.
    Federated,
    /// The times in the token of the service account.
    AssertionTime,
    /// The token of the service account is malformed, or its signature is not that of the issuer.
    Assertion,
    /// The secret of the application.
    Secret,
    /// The secret of the application has expired.
    SecretExpired,
    /// The service that the token is for is not known in the tenant.
    Resource,
    /// The policies of the tenant.
    ConditionalAccess,
    /// The managed identity is not one of the node.
    ManagedIdentity,
    /// The token of Entra, or the role of the identity.
    Permission,
    /// The service demands a token with other claims.
    Claims,
    /// The network of the caller.
    Network,
    /// The token for a vault.
    VaultToken,
    /// The vault demands a token for another service.
    VaultResource,
    /// The role on a vault that reads certificates.
    VaultPermission,
    /// The role on a vault that reads secrets.
    VaultSecretPermission,
    /// The network of the caller of a vault.
    VaultNetwork,
    /// A version of a certificate is disabled.
    VaultDisabled,
    /// There is no such certificate or version.
    VaultNotFound,
    /// The answer has no error of the service: something between answers in its place.
    Foreign,
    /// A code without a meaning here.
    Unclassified,
}

impl Refusal {
    /// The refusal of a call by its status alone.
    fn of_status(status: u16) -> Option<Self> {
        match status {
            429 => Some(Self::Throttled),
            408 | 500.. => Some(Self::Failure),
            _ => None,
        }
    }

    /// The same for an answer without an error of the service.
    pub(crate) fn without_error(self) -> Self {
        match self {
            Self::Unclassified | Self::VaultPermission | Self::VaultSecretPermission | Self::VaultNotFound => {
                Self::Foreign
            }
            Self::Throttled
            | Self::Failure
            | Self::Tenant
            | Self::Application
            | Self::FederatedIssuer
            | Self::FederatedAudience
            | Self::FederatedSubject
            | Self::Federated
            | Self::AssertionTime
            | Self::Assertion
            | Self::Secret
            | Self::SecretExpired
            | Self::Resource
            | Self::ConditionalAccess
            | Self::ManagedIdentity
            | Self::Permission
            | Self::Claims
            | Self::Network
            | Self::VaultToken
            | Self::VaultResource
            | Self::VaultNetwork
            | Self::VaultDisabled
            | Self::Foreign => self,
        }
    }

    /// The refusal of Entra with the number after `AADSTS`
    /// ([error codes](https://learn.microsoft.com/entra/identity-platform/reference-error-codes)).
    pub(crate) fn of_entra(status: u16, code: Option<u64>) -> Self {
        if let Some(refusal) = Self::of_status(status) {
            return refusal;
        }
        match code {
            Some(90002 | 90013 | 90014 | 900_021 | 900_023 | 900_382 | 50020) => Self::Tenant,
            Some(700_016 | 700_038 | 90019) => Self::Application,
            Some(700_211) => Self::FederatedIssuer,
            Some(700_212) => Self::FederatedAudience,
            Some(700_213) => Self::FederatedSubject,
            Some(70021 | 700_210) => Self::Federated,
            Some(700_024) => Self::AssertionTime,
            Some(50027 | 50013 | 700_021 | 700_023 | 700_027 | 5_002_730) => Self::Assertion,
            Some(7_000_215 | 7_000_218) => Self::Secret,
            Some(7_000_222) => Self::SecretExpired,
            Some(500_011 | 500_014 | 650_052) => Self::Resource,
            Some(53000..=53004 | 530_035) => Self::ConditionalAccess,
            Some(90033 | 90100 | 90024 | 90027) => Self::Failure,
            Some(50196) => Self::Throttled,
            Some(_) | None => Self::Unclassified,
        }
    }

    /// The refusal of the instance metadata service
    /// ([errors](https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token#error-handling)):
    /// 404 and 410 while it is updated, 400 for an identity that the node does not have.
    pub(crate) fn of_instance_metadata(status: u16, error: &str) -> Self {
        match (status, error) {
            (404 | 410, _) => Self::Failure,
            (400, "invalid_resource") => Self::Resource,
            (400, _) => Self::ManagedIdentity,
            _ => Self::of_status(status).unwrap_or(Self::Unclassified),
        }
    }

    /// The refusal of a vault with the code of `innererror` ([error
    /// codes](https://learn.microsoft.com/azure/key-vault/general/rest-error-codes)). `of_secret` if a secret was to be read.
    pub(crate) fn of_vault(status: u16, inner: &str, demands_claims: bool, of_secret: bool) -> Self {
        match (status, inner) {
            (401, _) if demands_claims => Self::Claims,
            (401, _) => Self::VaultToken,
            (403, "SecretDisabled" | "CertificateDisabled") => Self::VaultDisabled,
            (403, "ForbiddenByFirewall" | "ForbiddenByConnection") => Self::VaultNetwork,
            (403, _) if of_secret => Self::VaultSecretPermission,
            (403, _) => Self::VaultPermission,
            (404, _) => Self::VaultNotFound,
            _ => Self::of_status(status).unwrap_or(Self::Unclassified),
        }
    }

    /// The refusal of a registry
    /// ([causes](https://learn.microsoft.com/azure/container-registry/container-registry-troubleshoot-access)).
    pub(crate) fn of_registry(status: u16, demands_claims: bool) -> Self {
        match status {
            401 if demands_claims => Self::Claims,
            401 => Self::Permission,
            403 => Self::Network,
            _ => Self::of_status(status).unwrap_or(Self::Unclassified),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_of_entra_has_its_meaning() {
        for (status, code, meaning) in [
            (400, Some(90002), Refusal::Tenant),
            (400, Some(700_016), Refusal::Application),
            (401, Some(700_211), Refusal::FederatedIssuer),
            (401, Some(700_212), Refusal::FederatedAudience),
            (401, Some(700_213), Refusal::FederatedSubject),
            (400, Some(70021), Refusal::Federated),
            (401, Some(700_024), Refusal::AssertionTime),
            (400, Some(50027), Refusal::Assertion),
            (401, Some(700_027), Refusal::Assertion),
            (401, Some(7_000_215), Refusal::Secret),
            (401, Some(7_000_222), Refusal::SecretExpired),
            (400, Some(500_011), Refusal::Resource),
            (400, Some(53003), Refusal::ConditionalAccess),
            (400, Some(90033), Refusal::Failure),
            (503, Some(700_016), Refusal::Failure),
            (429, None, Refusal::Throttled),
            (400, Some(1), Refusal::Unclassified),
            (400, None, Refusal::Unclassified),
        ] {
            assert_eq!(Refusal::of_entra(status, code), meaning, "{status} {code:?}");
        }
    }

    #[test]
    fn statuses_of_the_other_services_have_a_meaning() {
        for (status, meaning) in [
            (400, Refusal::ManagedIdentity),
            (404, Refusal::Failure),
            (410, Refusal::Failure),
            (429, Refusal::Throttled),
            (500, Refusal::Failure),
            (403, Refusal::Unclassified),
        ] {
            assert_eq!(Refusal::of_instance_metadata(status, "invalid_request"), meaning, "{status}");
        }
        assert_eq!(Refusal::of_instance_metadata(400, "invalid_resource"), Refusal::Resource);
        for (status, inner, claims, of_secret, meaning) in [
            (401, "", true, false, Refusal::Claims),
            (401, "", false, false, Refusal::VaultToken),
            (403, "SecretDisabled", false, true, Refusal::VaultDisabled),
            (403, "CertificateDisabled", false, false, Refusal::VaultDisabled),
            (403, "ForbiddenByFirewall", false, false, Refusal::VaultNetwork),
            (403, "ForbiddenByConnection", false, true, Refusal::VaultNetwork),
            (403, "ForbiddenByRbac", false, true, Refusal::VaultSecretPermission),
            (403, "ForbiddenByRbac", false, false, Refusal::VaultPermission),
            (403, "", false, false, Refusal::VaultPermission),
            (404, "", false, false, Refusal::VaultNotFound),
            (429, "", false, false, Refusal::Throttled),
            (500, "", false, false, Refusal::Failure),
            (400, "", false, false, Refusal::Unclassified),
        ] {
            assert_eq!(Refusal::of_vault(status, inner, claims, of_secret), meaning, "{status} {inner}");
        }
        for (status, claims, meaning) in [
            (401, false, Refusal::Permission),
            (401, true, Refusal::Claims),
            (403, true, Refusal::Network),
            (404, false, Refusal::Unclassified),
            (429, false, Refusal::Throttled),
            (503, false, Refusal::Failure),
        ] {
            assert_eq!(Refusal::of_registry(status, claims), meaning, "{status}");
        }
    }
}
