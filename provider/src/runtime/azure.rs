//! What the configuration needs of Azure: tokens for Azure Container Registry.

#[cfg(feature = "azure")]
mod call_counter;
#[cfg(feature = "azure")]
mod clients;
#[cfg(feature = "azure")]
mod environment;
pub mod memory;
#[cfg(not(feature = "azure"))]
mod without;

#[cfg(feature = "azure")]
pub(super) use clients::AzureServices;
#[cfg(feature = "azure")]
pub(super) use environment::mistakes as environment_mistakes;
#[cfg(not(feature = "azure"))]
pub(super) use without::AzureServices;
#[cfg(not(feature = "azure"))]
pub(super) use without::environment_mistakes;
