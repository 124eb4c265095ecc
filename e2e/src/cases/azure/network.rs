//! The network of the chapter: private endpoints of a registry with a dedicated data endpoint and of a vault, and the public address of
//! Microsoft Entra.

use super::super::network::Network;

pub(super) const AUTHORITY: &str = "login.microsoftonline.com";
pub(super) const REGISTRY: &str = "shops.azurecr.io";
/// The dedicated data endpoint of the registry.
pub(super) const BLOBS: &str = "shops.westeurope.data.azurecr.io";
pub(super) const VAULT: &str = "shops.vault.azure.net";

/// The doubles' services.
pub(super) const NETWORK: Network = Network(&[
    ("entra", "20.190.128.10:443", &[AUTHORITY]),
    ("acr", "10.0.64.13:443", &[REGISTRY]),
    ("blob-store", "10.0.64.14:443", &[BLOBS]),
    ("key-vault", "10.0.64.15:443", &[VAULT]),
    ("imds", "169.254.169.254:80", &[]),
]);
