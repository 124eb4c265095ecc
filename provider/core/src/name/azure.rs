//! Names of Microsoft Azure: its clouds, tenants and applications, and hosts of its registries and key vaults.

mod acr;
mod cloud;
mod directory;
mod key_vault;
mod vault_certificate;

pub use acr::AcrHost;
pub use acr::AcrRegistry;
pub use cloud::AzureCloud;
pub use directory::ClientId;
pub use directory::DirectoryIdError;
pub use directory::TenantId;
pub use key_vault::VaultHost;
pub use key_vault::VaultHostError;
pub use vault_certificate::VaultCertificate;
pub use vault_certificate::VaultCertificateVersion;
pub use vault_certificate::VaultNameError;
