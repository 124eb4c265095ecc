//! What the configuration needs of Azure: tokens for Azure Container Registry, and certificates of Azure Key Vault.

#[cfg(feature = "azure")]
mod call_counter;
#[cfg(feature = "azure")]
mod clients;
#[cfg(feature = "azure")]
mod environment;
#[cfg(feature = "azure")]
mod identity;
pub mod memory;
#[cfg(feature = "azure")]
mod vaults;
#[cfg(not(feature = "azure"))]
mod without;

#[cfg(feature = "azure")]
pub(super) use clients::AzureServices;
#[cfg(feature = "azure")]
pub(crate) use environment::warnings as environment_warnings;
#[cfg(feature = "azure")]
pub(crate) use identity::client_secret_mistake;
#[cfg(feature = "azure")]
pub(super) use vaults::Vaults;
#[cfg(not(feature = "azure"))]
pub(super) use without::AzureServices;
#[cfg(not(feature = "azure"))]
pub(super) use without::Vaults;
#[cfg(not(feature = "azure"))]
pub(crate) use without::client_secret_mistake;
#[cfg(not(feature = "azure"))]
pub(crate) use without::environment_warnings;
