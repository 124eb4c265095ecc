//! Azure: tokens of Microsoft Entra for the identity of the pod, tokens of Azure Container Registry, and certificates of Azure Key
//! Vault.
//!
//! Entry point: [`Azure`]. Requests are sent through `countersign-http`, so that the limits on bytes, time and connections, the
//! proxies and the certificate authorities are those of all other requests.
//!
//! A token of Entra leaves only to a host that [`AcrHost`](countersign_core::name::AcrHost) recognizes as a registry of Azure, or
//! [`VaultHost`](countersign_core::name::VaultHost) as a vault, over HTTPS, and no redirect is followed: a token that reaches another host can be used by it. Secrets cannot be printed.
#![warn(missing_docs)]

mod acr;
mod calls;
mod clients;
mod entra;
mod error;
mod identity;
mod instance_metadata;
mod jwt;
mod key_vault;
pub mod limits;
mod refusal;
mod secret_file;
mod settings;

pub use acr::AcrTokenKey;
pub use acr::AcrTokens;
pub use clients::Azure;
pub use clients::AzureClock;
pub use countersign_cloud::CallError;
pub use countersign_cloud::CallObserver;
pub use entra::EntraTokenKey;
pub use error::AzureError;
pub use error::Operation;
pub use identity::AzureIdentity;
pub use key_vault::Content;
pub use key_vault::FoundCertificate;
pub use key_vault::FoundVersion;
pub use key_vault::KeyVault;
pub use key_vault::KeyVaultError;
pub use key_vault::VaultFailure;
pub use key_vault::Versions;
pub use secret_file::check_client_secret_file;
pub use settings::AzureSettings;
pub use settings::WorkloadEnvironment;
