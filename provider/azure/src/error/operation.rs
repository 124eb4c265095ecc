//! Calls.

/// A call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// A token of Entra for a workload identity or an application.
    EntraToken,
    /// A token of Entra for a managed identity of the node.
    ManagedIdentityToken,
    /// The exchange of a token of Entra for one of a registry.
    AcrExchange,
    /// The versions of a certificate of Azure Key Vault.
    KeyVaultVersions,
    /// A certificate of Azure Key Vault.
    KeyVaultCertificate,
    /// The secret of a certificate of Azure Key Vault.
    KeyVaultSecret,
}

impl Operation {
    /// The name in messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::EntraToken => "the token request to Microsoft Entra",
            Self::ManagedIdentityToken => "the token request to the instance metadata service",
            Self::AcrExchange => "the token exchange of Azure Container Registry",
            Self::KeyVaultVersions => "the list of versions of a certificate of Azure Key Vault",
            Self::KeyVaultCertificate => "reading a certificate of Azure Key Vault",
            Self::KeyVaultSecret => "reading the secret of a certificate of Azure Key Vault",
        }
    }
}

impl countersign_cloud::Operation for Operation {
    fn step(self) -> &'static str {
        match self {
            Self::EntraToken => "the token of Microsoft Entra",
            Self::ManagedIdentityToken => "the token of the managed identity",
            Self::AcrExchange => "the token of Azure Container Registry",
            Self::KeyVaultVersions => "the versions of a certificate of Azure Key Vault",
            Self::KeyVaultCertificate => "a certificate of Azure Key Vault",
            Self::KeyVaultSecret => "the secret of a certificate of Azure Key Vault",
        }
    }
}
